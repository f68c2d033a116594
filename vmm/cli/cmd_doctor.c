/* vmm/cli/cmd_doctor.c: tapvm doctor: each thing that tapvm needs of this host, one row each, and
 * for a failure the command that mends it. Changes nothing but a missing /dev/net/tun. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "devices/base/sys.h"
#include "devices/base/uapi_compat.h"
#include "devices/tap/link.h"
#include "devices/tap/netns.h"
#include "devices/tap/tap.h"
#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/hostnet/hostnet.h"
#include "vmm/machine/kvm_report.h"

static const char TUN_NODE[] = "/dev/net/tun";
enum { TUN_MAJOR = 10, TUN_MINOR = 200, CAPABILITY_NET_ADMIN = 12, CAPABILITY_SYS_ADMIN = 21 };

enum verdict { VERDICT_OK, VERDICT_FAIL, VERDICT_NOTE };
struct doctor {
	unsigned count[3];
};

static void row(struct doctor *d, enum verdict v, const char *name, const char *format, ...)
	PRINTF_LIKE(4, 5);

static void row(struct doctor *d, enum verdict v, const char *name, const char *format, ...)
{
	static const char *const words[] = { "ok", "FAIL", "note" };
	va_list args;

	d->count[v]++;
	(void)printf("%-4s %-16s ", words[v], name);
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
}

static void row_err(struct doctor *d, const char *name, const struct err *e)
{
	row(d, VERDICT_FAIL, name, "%s", e->text);
}

/* ---- the host ---- */

static void check_kernel(struct doctor *d)
{
	struct utsname u;
	struct sysinfo s;

	if (uname(&u) == 0)
		row(d, VERDICT_NOTE, "kernel", "%s %s", u.release, u.machine);
	if (sysinfo(&s) == 0)
		row(d, VERDICT_NOTE, "memory",
		    "%llu MiB, %llu MiB free: the most that --memory can take",
		    (unsigned long long)s.totalram * s.mem_unit >> 20,
		    (unsigned long long)s.freeram * s.mem_unit >> 20);
}

/* Effective capabilities of this process, from /proc; 0 if it cannot be read. */
static uint64_t capabilities(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	unsigned long long set = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "CapEff: %llx", &set) == 1)
			break;
	(void)fclose(f);
	return set;
}

static bool has(uint64_t set, unsigned capability) { return (set >> capability & 1) != 0; }

static void check_capabilities(struct doctor *d, uint64_t set)
{
	if (has(set, CAPABILITY_NET_ADMIN))
		row(d, VERDICT_OK, "cap-net-admin", "TAPs can be made, addressed and set up");
	else
		row(d, VERDICT_NOTE, "cap-net-admin",
		    "missing: use TAPs that you own (ip tuntap add dev vm0 mode tap vnet_hdr user "
		    "%u && ip link set vm0 up), --net tap,netns=private, or sudo",
		    geteuid());
	if (has(set, CAPABILITY_SYS_ADMIN))
		row(d, VERDICT_OK, "cap-sys-admin", "network namespaces can be made and entered");
	else
		row(d, VERDICT_NOTE, "cap-sys-admin",
		    "missing: netns=NAME needs it; netns=private takes a user namespace");
}

static void check_programs(struct doctor *d)
{
	for (unsigned i = 0; i < HOSTNET_PROGRAMS; i++) {
		const struct hostnet_program *p = &hostnet_programs[i];

		if (hostnet_has(p))
			row(d, VERDICT_OK, p->name, "%s works", p->wish);
		else
			row(d, VERDICT_NOTE, p->name,
			    "not in PATH; %s needs it: apt install %s, as root", p->wish,
			    p->package);
	}
}

/* ---- TAP ---- */

static bool misc_lists(const char *name)
{
	FILE *f = fopen("/proc/misc", "re");
	char line[128], word[64];
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, " %*u %63s", word) == 1 && strcmp(word, name) == 0;
	(void)fclose(f);
	return found;
}

static void check_node(struct doctor *d)
{
	struct stat st;
	bool was_there = stat(TUN_NODE, &st) == 0;
	struct err e = tap_node(&sys_host);

	if (err_is(e)) {
		row_err(d, "tun-node", &e);
	} else if (stat(TUN_NODE, &st) != 0 || !S_ISCHR(st.st_mode) ||
		   st.st_rdev != makedev(TUN_MAJOR, TUN_MINOR)) {
		row(d, VERDICT_FAIL, "tun-node",
		    "%s is not character device 10:200; rm %s && tapvm doctor, as root", TUN_NODE,
		    TUN_NODE);
	} else {
		row(d, VERDICT_OK, "tun-node", "%s, mode %03o%s", TUN_NODE, st.st_mode & 0777u,
		    was_there ? "" : ", was missing and is made");
	}
}

static void check_module(struct doctor *d)
{
	if (misc_lists("tun"))
		row(d, VERDICT_OK, "tun-module", "the kernel has tun");
	else
		row(d, VERDICT_FAIL, "tun-module", "the kernel has no tun; modprobe tun, as root");
}

static void check_access(struct doctor *d)
{
	if (faccessat(AT_FDCWD, TUN_NODE, R_OK | W_OK, AT_EACCESS) == 0)
		row(d, VERDICT_OK, "tun-permission", "user %u may open %s", geteuid(), TUN_NODE);
	else
		row(d, VERDICT_FAIL, "tun-permission",
		    "user %u may not open %s (%s); chmod 666 %s, as root", geteuid(), TUN_NODE,
		    strerrordesc_np(errno), TUN_NODE);
}

struct flag {
	unsigned bit;
	const char *name;
};

static void flags_print(unsigned have, const struct flag *flags, size_t count, bool wanted,
			char *ret_text, size_t size)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		if (((have & flags[i].bit) == flags[i].bit) == wanted)
			used += (size_t)snprintf(ret_text + used, size - used, "%s%s",
						 used == 0 ? "" : " ", flags[i].name);
}

static void check_features(struct doctor *d)
{
	static const struct flag needed[] = { { IFF_TAP, "tap" },
					      { IFF_TUN, "tun" },
					      { IFF_NO_PI, "no_pi" },
					      { IFF_VNET_HDR, "vnet_hdr" } };
	static const struct flag good[] = { { IFF_MULTI_QUEUE, "multi_queue" },
					    { IFF_NO_CARRIER, "no_carrier" } };
	unsigned have = 0;
	char missing[64], with[64];
	struct err e = tap_features(&sys_host, &have);

	if (err_is(e)) {
		row_err(d, "tap-features", &e);
		return;
	}
	flags_print(have, needed, ARRAY_LEN(needed), false, missing, sizeof(missing));
	flags_print(have, good, ARRAY_LEN(good), true, with, sizeof(with));
	if (missing[0] != '\0')
		row(d, VERDICT_FAIL, "tap-features",
		    "the kernel's tun lacks %s; boot Linux 5.10 or newer", missing);
	else
		row(d, VERDICT_OK, "tap-features", "tap tun no_pi vnet_hdr %s", with);
}

/* A namespace to try things in. As an ordinary user we become root of one of our own, for good. */
static bool enter_private(struct doctor *d)
{
	int fd;
	struct err e = netns_private(&fd);

	if (err_is(e) && e.sys_errno == EPERM) {
		e = netns_become_root();
		if (!err_is(e)) {
			row(d, VERDICT_OK, "namespace", "netns=private works, by a user namespace");
			return true;
		}
	} else if (!err_is(e)) {
		e = netns_enter(fd);
		(void)close(fd);
		if (!err_is(e)) {
			row(d, VERDICT_OK, "namespace", "netns=private works");
			return true;
		}
	}
	row_err(d, "namespace", &e);
	return false;
}

static void check_probe(struct doctor *d)
{
	static const struct flag offloads[] = {
		{ TUN_F_CSUM, "csum" },
		{ TUN_F_TSO4, "tso4" },
		{ TUN_F_TSO6, "tso6" },
		{ TUN_F_TSO_ECN, "ecn" },
		{ TUN_F_USO4 | TUN_F_USO6, "uso" },
		{ TUN_F_UDP_TUNNEL_GSO, "tunnel" },
		{ TUN_F_UDP_TUNNEL_GSO_CSUM, "tunnel-csum" },
	};
	const struct tap_request request = { .fd = -1, .queues = 1, .owner = -1, .group = -1 };
	char with[64], without[64];
	struct tap tap;
	struct link *link;
	struct err e = tap_open(&sys_host, &request, &tap);

	if (err_is(e)) {
		row_err(d, "tap-probe", &e);
		return;
	}
	flags_print(tap.offloads, offloads, ARRAY_LEN(offloads), true, with, sizeof(with));
	flags_print(tap.offloads, offloads, ARRAY_LEN(offloads), false, without, sizeof(without));
	row(d, VERDICT_OK, "tap-probe", "TAP made, header of %u bytes", tap.hdr_bytes);
	row(d, without[0] == '\0' ? VERDICT_OK : VERDICT_NOTE, "tap-offloads", "%s%s%s", with,
	    without[0] == '\0' ? "" : "; not in this kernel: ", without);
	row(d, tap.carrier ? VERDICT_OK : VERDICT_NOTE, "tap-carrier", "%s",
	    tap.carrier ? "the host sees whether the guest's driver is up"
			: "not in this kernel: always on");
	e = link_open(&link);
	if (!err_is(e)) {
		e = link_set_up(link, tap.name, true);
		link_close(link);
	}
	if (err_is(e))
		row_err(d, "netlink", &e);
	else
		row(d, VERDICT_OK, "netlink", "the TAP can be set up");
	tap_close(&sys_host, &tap);
}

static void check_queues(struct doctor *d)
{
	const struct tap_request request = { .fd = -1, .queues = 2, .owner = -1, .group = -1 };
	struct tap tap;
	struct err e = tap_open(&sys_host, &request, &tap);

	if (err_is(e)) {
		row(d, VERDICT_NOTE, "tap-queues", "one alone: %s", e.text);
		return;
	}
	row(d, VERDICT_OK, "tap-queues", "queues= works");
	row(d, tap.steers ? VERDICT_OK : VERDICT_NOTE, "tap-steering", "%s",
	    tap.steers ? "by flow, and by hash (rss)"
		       : "by flow; the kernel lets root alone load the program for rss");
	tap_close(&sys_host, &tap);
}

static void check_tun(struct doctor *d)
{
	const struct tap_request request = {
		.kind = TAP_KIND_TUN, .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
	struct tap tun;
	struct err e = tap_open(&sys_host, &request, &tun);

	if (err_is(e)) {
		row_err(d, "tun-probe", &e);
		return;
	}
	row(d, VERDICT_OK, "tun-probe", "TUN made: --net tun works");
	tap_close(&sys_host, &tun);
}

/* ---- KVM ---- */

static void check_kvm(struct doctor *d)
{
	struct kvm_report_row rows[KVM_REPORT_ROWS];
	unsigned count = 0;
	int fd;
	struct err e = kvm_open(&fd);

	if (err_is(e)) {
		row_err(d, "kvm", &e);
		row(d, VERDICT_NOTE, "kvm",
		    "without it tapvm selftest --no-kvm still checks NIC and TAP");
		return;
	}
	row(d, VERDICT_OK, "kvm", "/dev/kvm opens");
	e = kvm_report(fd, rows, &count);
	(void)close(fd);
	if (err_is(e))
		row_err(d, "kvm-report", &e);
	for (unsigned i = 0; i < count; i++) {
		if (rows[i].ok)
			row(d, VERDICT_OK, "kvm-capability", "%s %d", rows[i].name, rows[i].value);
		else
			row(d, rows[i].needed ? VERDICT_FAIL : VERDICT_NOTE, "kvm-capability",
			    "%s is missing%s", rows[i].name,
			    rows[i].needed ? "; boot a newer kernel" : ", not needed");
	}
}

static const struct option_table no_options = { .count = 0 };

static int run(const struct command *self, int count, char *const words[], uint64_t started_ns)
{
	struct doctor d = { .count = { 0 } };
	int status;

	(void)started_ns;
	if (!command_options(self, count, words, NULL, &status))
		return status;
	check_kernel(&d);
	check_kvm(&d);
	check_node(&d);
	check_access(&d);
	check_features(&d);
	/* After the node was opened: that loads the module where it can be loaded. */
	check_module(&d);
	check_capabilities(&d, capabilities());
	check_programs(&d);
	/* Last: we may not come back from there. */
	if (enter_private(&d)) {
		check_probe(&d);
		check_queues(&d);
		check_tun(&d);
	}
	(void)printf("= %u ok, %u failed, %u notes\n", d.count[VERDICT_OK], d.count[VERDICT_FAIL],
		     d.count[VERDICT_NOTE]);
	return command_printed(d.count[VERDICT_FAIL] == 0 ? STATUS_DONE : STATUS_CHECK);
}

const struct command command_doctor = {
	.name = "doctor",
	.synopsis = "",
	.summary = "checks what tapvm needs of this host, and says what mends it",
	.options = &no_options,
	.run = run,
};
