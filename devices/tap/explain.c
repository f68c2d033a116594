/* devices/tap/explain.c: what a failing step on a TAP means, in words, with the command that mends it.
 * The kernel's errno alone does not tell: EINVAL has five causes. So the host is looked at. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/tap/link.h"
#include "devices/tap/tap_priv.h"

/* ---- who holds it: fdinfo of a tun descriptor has a line "iff:\tNAME" ---- */

static bool fdinfo_names(const char *path, const char *name)
{
	char line[128];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "iff:\t", 5) == 0 && strcmp(line + 5, name) == 0;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static bool process_holds(const char *pid, const char *name)
{
	char path[64 + 256];
	const struct dirent *d;
	bool found = false;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/fdinfo", pid);
	dir = opendir(path);
	while (dir != NULL && !found && (d = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%s", pid, d->d_name);
		found = isdigit((unsigned char)d->d_name[0]) && fdinfo_names(path, name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return found;
}

static void read_line(const char *path, char *ret, size_t size)
{
	FILE *f = fopen(path, "re");

	ret[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(ret, (int)size, f) == NULL)
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	(void)fclose(f);
}

/* "process 123 (qemu)", or "another process". */
static void holder(const char *name, char *ret, size_t size)
{
	DIR *proc = opendir("/proc");
	const struct dirent *d;

	(void)snprintf(ret, size, "another process");
	while (proc != NULL && (d = readdir(proc)) != NULL) {
		char path[64], comm[32];

		if (!isdigit((unsigned char)d->d_name[0]) || !process_holds(d->d_name, name))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", d->d_name);
		read_line(path, comm, sizeof(comm));
		(void)snprintf(ret, size, "process %.20s (%s)", d->d_name, comm);
		break;
	}
	if (proc != NULL)
		(void)closedir(proc);
}

/* ---- each step ---- */

static struct err explain_open(const char *what, const char *name, int err)
{
	switch (err) {
	case ENOENT:
		return err_make(ERR_SETUP, 0, "%s %s: there is no such node: make it by 'mkdir -p /dev/net "
				"&& mknod " TUN_NODE " c 10 200 && chmod 666 " TUN_NODE "' as root", what, name);
	case ENODEV:
	case ENXIO:
		return err_make(ERR_SETUP, 0, "%s %s: the node is there, but the kernel has no TUN/TAP driver: "
				"'modprobe tun' as root, or a kernel with CONFIG_TUN", what, name);
	case EACCES:
		return err_make(ERR_SETUP, 0, "%s %s: its file mode does not let you: 'chmod 666 " TUN_NODE
				"' as root", what, name);
	case EPERM:
		return err_make(ERR_SETUP, 0, "%s %s: needs root: run it once as root, or make the node by "
				"'mknod " TUN_NODE " c 10 200 && chmod 666 " TUN_NODE "'", what, name);
	case ENOTTY:
		return err_make(ERR_SETUP, 0, "%s %s: it is another device, not TUN/TAP: 'rm " TUN_NODE
				" && mknod " TUN_NODE " c 10 200' as root", what, name);
	default:
		return err_make(ERR_SETUP, err, "%s %s", what, name);
	}
}

/* What there is of that name, if anything; false if there is nothing. */
static bool look(const char *name, struct link_info *ret_info)
{
	struct link *l;
	bool there = false;

	if (name[0] != '\0' && !err_is(link_open(&l))) {
		there = !err_is(link_get(l, name, ret_info));
		link_close(l);
	}
	return there;
}

static struct err explain_permission(const char *name)
{
	struct link_info info;

	if (!look(name, &info))
		return err_make(ERR_SETUP, 0, "make TAP '%s': needs CAP_NET_ADMIN in this network namespace: "
				"run as root, or have root make it for you by 'ip tuntap add %s mode tap "
				"vnet_hdr user %u'", name, name[0] != '\0' ? name : "tap0", (unsigned)getuid());
	if (info.tun_owner >= 0 && info.tun_owner != (int64_t)getuid())
		return err_make(ERR_SETUP, 0, "attach to TAP %s: it belongs to user %lld, you are %u: have root "
				"give it to you by 'ip tuntap del %s mode tap; ip tuntap add %s mode tap vnet_hdr "
				"user %u'", name, (long long)info.tun_owner, (unsigned)getuid(), name, name,
				(unsigned)getuid());
	return err_make(ERR_SETUP, 0, "attach to TAP %s: it belongs to group %lld, in which you are not (owner "
			"and group must both match)", name, (long long)info.tun_group);
}

static struct err explain_invalid(const char *name, bool multi)
{
	struct link_info info;
	struct err bad = name[0] != '\0' ? tap_name_check(name) : err_none();

	if (err_is(bad))
		return bad;
	if (!look(name, &info))
		return err_make(ERR_SETUP, EINVAL, "make TAP '%s'", name);
	if (strcmp(info.kind, "tun") != 0)
		return err_make(ERR_SETUP, 0, "attach to '%s': it is an interface of kind '%s', not a TAP: choose "
				"another name", name, info.kind[0] != '\0' ? info.kind : "device");
	if (!info.tun_is_tap)
		return err_make(ERR_SETUP, 0, "attach to %s: it was made as a TUN (IP only), not as a TAP: 'ip "
				"tuntap del %s mode tun; ip tuntap add %s mode tap vnet_hdr'", name, name, name);
	if (info.tun_multi_queue != multi)
		return err_make(ERR_SETUP, 0, "attach to TAP %s: it was made %s multi_queue, and is asked for %s: "
				"make it anew, or choose queues=%s", name, info.tun_multi_queue ? "with" : "without",
				multi ? "with" : "without", info.tun_multi_queue ? "2 or more" : "1");
	return err_make(ERR_SETUP, EINVAL, "attach to TAP %s", name);
}

static struct err explain_attach(const char *what, const char *name, int err)
{
	char who[64];
	struct link_info info;

	switch (err) {
	case EPERM: return explain_permission(name);
	case EINVAL: return explain_invalid(name, strcmp(what, "multi_queue") == 0);
	case EBUSY:
		if (look(name, &info) && strcmp(info.kind, "tun") != 0)
			return explain_invalid(name, false);
		holder(name, who, sizeof(who));
		return err_make(ERR_SETUP, 0, "attach to TAP %s: %s uses it: end that, or choose another name",
				name, who);
	case E2BIG:
		return err_make(ERR_SETUP, 0, "attach to TAP %s: it has its 256 queues already", name);
	case EEXIST:
		return err_make(ERR_SETUP, 0, "attach to TAP %s: this descriptor has an interface already", name);
	default:
		return err_make(ERR_SETUP, err, "attach to TAP '%s'", name);
	}
}

struct err tap_explain(const struct sys *sys, enum tap_step step, const char *what, const char *name, int err)
{
	(void)sys;
	switch (step) {
	case TAP_STEP_NODE:
	case TAP_STEP_OPEN: return explain_open(what, name, err);
	case TAP_STEP_ATTACH: return explain_attach(what, name, err);
	case TAP_STEP_SET:
		if (err == EBADFD)
			return err_make(ERR_SETUP, 0, "TAP %s: %s: the interface was deleted meanwhile: make it "
					"again", name, what);
		return err_make(ERR_SETUP, err, "TAP %s: %s", name, what);
	}
	return err_make(ERR_SETUP, err, "TAP %s", name);
}
