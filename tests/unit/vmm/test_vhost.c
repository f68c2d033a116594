/* vhost= from the words of --net to the data path that a NIC begins with: what is refused, what is
 * left to workers, and what is said of it. The kernel is a scripted one. */
#include <check.h>
#include <errno.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/cli/net_option.h"
#include "vmm/keeper/keeper_priv.h"
#include "vmm/nic/nic.h"

/* ---- a kernel with vhost-net, or without ---- */

enum { FD = 7000, PAIRS = 3 };

static struct {
	unsigned opens, fail_at; /* the nth open fails, from 1 on; 0: none */
	int why;                 /* so */
	int owner_err;
	int open; /* descriptors */
	unsigned lines;
	char last[256];
} kernel;

static int fake_open(const char *path, int flags, mode_t mode)
{
	(void)flags, (void)mode;
	ck_assert_str_eq(path, "/dev/vhost-net");
	if (++kernel.opens == kernel.fail_at) {
		errno = kernel.why;
		return -1;
	}
	kernel.open++;
	return FD + (int)kernel.opens;
}

static int fake_close(int fd)
{
	ck_assert_int_gt(fd, FD);
	kernel.open--;
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	ck_assert_int_gt(fd, FD);
	if (request == VHOST_GET_FEATURES)
		*(uint64_t *)arg = UINT64_MAX;
	errno = kernel.owner_err;
	return request == VHOST_SET_OWNER && kernel.owner_err != 0 ? -1 : 0;
}

static const struct sys sys = { .open = fake_open, .close = fake_close, .ioctl = fake_ioctl };

static void on_line(void *self, const char *text)
{
	(void)self;
	kernel.lines++;
	(void)snprintf(kernel.last, sizeof(kernel.last), "%s", text);
}

static void setup(void) { memset(&kernel, 0, sizeof(kernel)); }

/* ---- the words ---- */

static const struct {
	const char *net;
	const char *error; /* NULL: taken */
	enum nic_vhost vhost;
	const char *why; /* not the kernel; NULL: it may */
} nets[] = {
	{ "tap", NULL, NIC_VHOST_OFF, NULL },
	{ "tap,vhost=off,packed=on", NULL, NIC_VHOST_OFF, "packed=on" },
	{ "tap,vhost=on", NULL, NIC_VHOST_ON, NULL },
	{ "tap,vhost=on,bus=pci,queues=4,mrg-rxbuf=off,packed=off,mtu=9000", NULL, NIC_VHOST_ON,
	  NULL },
	{ "tap,fd=9,vhost=on", NULL, NIC_VHOST_ON, NULL },
	{ "tap,vhost=auto", NULL, NIC_VHOST_AUTO, NULL },
	{ "tap,vhost=auto,bus=mmio", NULL, NIC_VHOST_AUTO, NULL }, /* for the machine to say */
	{ "tap,vhost=auto,coal=on", NULL, NIC_VHOST_AUTO,
	  "coal=on is not for vhost-net: it holds" },
	{ "tap,capture=f,vhost=auto", NULL, NIC_VHOST_AUTO, "capture= is not" },
	{ "tap,rate=tx:1G,vhost=auto", NULL, NIC_VHOST_AUTO, "rate= is not" },
	{ "tap,rate=off,vhost=auto", NULL, NIC_VHOST_AUTO, NULL },
	{ "tun,vhost=auto", NULL, NIC_VHOST_AUTO, "a TUN is not" },
	{ "tap,vhost=on,packed=on", "vhost=on: packed=on is not for vhost-net: it knows split", 0,
	  NULL },
	{ "tap,ctrl-rx=on,vhost=on", "vhost=on: ctrl-rx=on is not", 0, NULL },
	{ "tap,queues=2,vhost=on,rss=on", "vhost=on: rss=on is not", 0, NULL },
	{ "tap,vhost=on,capture=f", "vhost=on: capture= is not", 0, NULL },
	{ "tap,rate=tx:1G,vhost=on", "vhost=on: rate= is not for vhost-net: it counts no bytes", 0,
	  NULL },
	{ "tun,vhost=on", "vhost=on: a TUN is not", 0, NULL },
	{ "tap,vhost=on,bus=mmio", "vhost=on: bus=mmio is not", 0, NULL },
	{ "tap,vhost=yes", "vhost: 'yes' is none of on, off and auto", 0, NULL },
	{ "tap,vhost", "vhost needs a value: on|off|auto", 0, NULL },
	{ "tap,vhost=on,vhost=off", "vhost is given twice", 0, NULL },
};

START_TEST(words_are_taken_or_refused)
{
	char *text = strdup(nets[_i].net);
	struct nic_options o = { .fd = -1 };
	struct err e = net_option_parse(text, &o);

	if (nets[_i].error != NULL) {
		ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, nets[_i].error) != NULL,
			      "%s: got \"%s\"", nets[_i].net, e.text);
	} else {
		ck_assert_msg(!err_is(e), "%s: got \"%s\"", nets[_i].net, e.text);
		ck_assert_int_eq(o.vhost, nets[_i].vhost);
		ck_assert_msg(err_is(o.vhost_why) == (nets[_i].why != NULL), "%s: why \"%s\"",
			      nets[_i].net, o.vhost_why.text);
		ck_assert(nets[_i].why == NULL ||
			  strstr(o.vhost_why.text, nets[_i].why) == o.vhost_why.text);
	}
	free(text);
}
END_TEST

/* ---- the descriptors ---- */

static const struct {
	const char *says;
	enum nic_vhost vhost;
	bool needs_worker;
	unsigned fail_at;
	int err;
	unsigned fds;
	const char *error, *why;
} opens[] = {
	{ "off opens none", NIC_VHOST_OFF, false, 0, 0, 0, NULL, NULL },
	{ "one a pair", NIC_VHOST_ON, false, 0, 0, PAIRS, NULL, NULL },
	{ "one a pair by itself", NIC_VHOST_AUTO, false, 0, 0, PAIRS, NULL, NULL },
	{ "workers are asked for", NIC_VHOST_AUTO, true, 0, 0, 0, NULL, "words" },
	{ "no module", NIC_VHOST_ON, false, 1, ENOENT, 0,
	  "vhost=on: open /dev/vhost-net (modprobe vhost_net", NULL },
	{ "no module, and never mind", NIC_VHOST_AUTO, false, 1, ENOENT, 0, NULL,
	  "modprobe vhost_net" },
	{ "no right", NIC_VHOST_ON, false, 1, EACCES, 0, "root may", NULL },
	{ "no more of them", NIC_VHOST_ON, false, 3, EMFILE, 0, "Too many open files", NULL },
	{ "no more, and never mind", NIC_VHOST_AUTO, false, 3, EMFILE, 0, NULL,
	  "Too many open files" },
};

START_TEST(descriptors_are_opened)
{
	struct nic_options o = { .vhost = opens[_i].vhost };
	struct machine_nic nic = { .tap = { .queues = PAIRS } };
	struct err e;

	if (opens[_i].needs_worker)
		o.vhost_why = err_make(ERR_USAGE, 0, "words");
	kernel.fail_at = opens[_i].fail_at;
	kernel.why = opens[_i].err;
	e = vhost_open(&sys, &o, &nic);
	ck_assert_msg(err_is(e) == (opens[_i].error != NULL), "%s: got \"%s\"", opens[_i].says,
		      e.text);
	ck_assert_msg(opens[_i].error == NULL || strstr(e.text, opens[_i].error) != NULL,
		      "%s: got \"%s\"", opens[_i].says, e.text);
	ck_assert_msg(opens[_i].why == NULL || strstr(nic.vhost_why.text, opens[_i].why) != NULL,
		      "%s: why \"%s\"", opens[_i].says, nic.vhost_why.text);
	ck_assert_uint_eq(nic.vhost_fds, opens[_i].fds);
	ck_assert_int_eq(kernel.open, (int)opens[_i].fds);
	vhost_close(&sys, &nic);
	ck_assert_int_eq(kernel.open, 0);
}
END_TEST

/* ---- the path ---- */

static const struct {
	const char *says;
	enum nic_vhost vhost;
	enum nic_bus bus;
	unsigned fds;
	int owner_err;
	bool kernels;
	const char *error, *line;
} begins[] = {
	{ "off", NIC_VHOST_OFF, NIC_BUS_PCI, 0, 0, false, NULL, NULL },
	{ "on", NIC_VHOST_ON, NIC_BUS_PCI, PAIRS, 0, true, NULL, NULL },
	{ "auto", NIC_VHOST_AUTO, NIC_BUS_PCI, PAIRS, 0, true, NULL,
	  "net 4: vhost=auto: vhost-net moves its frames" },
	{ "on, and mmio after all", NIC_VHOST_ON, NIC_BUS_MMIO, PAIRS, 0, false,
	  "vhost=on: vhost-net needs a NIC on PCI", NULL },
	{ "auto, and mmio", NIC_VHOST_AUTO, NIC_BUS_MMIO, PAIRS, 0, false, NULL,
	  "net 4: vhost=auto: a worker moves its frames: vhost-net needs a NIC on PCI" },
	{ "auto, and a reason", NIC_VHOST_AUTO, NIC_BUS_PCI, 0, 0, false, NULL,
	  "net 4: vhost=auto: a worker moves its frames: the reason" },
	{ "on, and refused", NIC_VHOST_ON, NIC_BUS_PCI, PAIRS, ENOMEM, false,
	  "vhost=on: vhost-net of pair 0: become its owner", NULL },
	{ "auto, and refused", NIC_VHOST_AUTO, NIC_BUS_PCI, PAIRS, ENOMEM, false, NULL,
	  "net 4: vhost=auto: a worker moves its frames: vhost-net of pair 0: become its owner" },
};

START_TEST(the_path_that_it_begins_with)
{
	struct datapath_config common = {
		.pairs = PAIRS, .sys = &sys, .log = { .line = on_line }, .name = "t0"
	};
	struct machine_nic nic = { .vhost = begins[_i].vhost, .bus = begins[_i].bus };
	struct datapath *dp = NULL;
	struct err e;

	ck_assert(!err_is(loop_create(&common.loop)));
	while (nic.vhost_fds < begins[_i].fds)
		nic.vhost_fd[nic.vhost_fds++] = sys.open("/dev/vhost-net", 0, 0);
	nic.vhost_why = err_make(ERR_USAGE, 0, "the reason");
	kernel.owner_err = begins[_i].owner_err;
	e = nic_path_create(&nic, 4, &common, &dp);
	ck_assert_msg(err_is(e) == (begins[_i].error != NULL), "%s: got \"%s\"", begins[_i].says,
		      e.text);
	ck_assert_msg(!err_is(e) || strstr(e.text, begins[_i].error) == e.text, "%s: got \"%s\"",
		      begins[_i].says, e.text);
	ck_assert_msg(kernel.lines == (begins[_i].line != NULL), "%s: %u lines", begins[_i].says,
		      kernel.lines);
	ck_assert_msg(begins[_i].line == NULL ||
			      strstr(kernel.last, begins[_i].line) == kernel.last,
		      "%s: got \"%s\"", begins[_i].says, kernel.last);
	ck_assert_int_eq(kernel.open, begins[_i].kernels ? PAIRS : 0);
	ck_assert(err_is(e) || datapath_has_vhost(dp) == begins[_i].kernels);
	datapath_destroy(dp);
	loop_destroy(common.loop);
	ck_assert_int_eq(kernel.open, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/vhost");
	TCase *tc = tcase_create("vhost");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, words_are_taken_or_refused, 0, (int)ARRAY_LEN(nets));
	tcase_add_loop_test(tc, descriptors_are_opened, 0, (int)ARRAY_LEN(opens));
	tcase_add_loop_test(tc, the_path_that_it_begins_with, 0, (int)ARRAY_LEN(begins));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
