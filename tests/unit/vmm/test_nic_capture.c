/* tests/unit/vmm/test_nic_capture.c: the file of a NIC's capture, as the keeper opens it. */
#include <check.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"
#include "vmm/keeper/keeper_priv.h"

enum { LINE = 512 };

START_TEST(a_capture_is_opened_last)
{
	struct nic_options o = (struct nic_options){ .fd = -1, .owner = -1, .group = -1 };
	char path[] = "/tmp/tapvm-capture-XXXXXX", line[LINE], want[LINE];
	int there = mkstemp(path), flags;
	struct machine_nic nic;
	struct stat st;
	struct err e;

	ck_assert_int_eq(write(there, "old", 3), 3);
	o.capture = path;
	o.mtu = 1000;
	o.address_count = 1; /* which that MTU is too small for */
	ck_assert(!err_is(ip_prefix_parse("fd09::1/64", &o.address[0])));
	ck_assert(err_is(keeper_nic(&o, 0, &nic, line, sizeof(line))));
	ck_assert_int_eq(fstat(there, &st), 0);
	ck_assert_msg(st.st_size == 3, "a run that failed took an earlier one's capture");
	o.mtu = 1400;
	e = keeper_nic(&o, 0, &nic, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	(void)snprintf(want, sizeof(want), ", captured to %s", path);
	ck_assert_msg(strstr(line, want) != NULL, "got \"%s\"", line);
	flags = fcntl(nic.capture_fd, F_GETFL);
	ck_assert((flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) != 0);
	ck_assert_int_eq(fstat(nic.capture_fd, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	(void)close(nic.capture_fd);
	tap_close(&sys_host, &nic.tap);
	(void)close(there);
	(void)unlink(path);
}
END_TEST

START_TEST(a_capture_that_cannot_be_leaves_nothing)
{
	struct nic_options o = (struct nic_options){ .fd = -1, .owner = -1, .group = -1 };
	struct machine_nic nic;
	char line[LINE];
	struct err e;

	o.tap_name = "kn9";
	o.persist = true;
	o.capture = "/nonexistent/capture";
	e = keeper_nic(&o, 0, &nic, line, sizeof(line));
	ck_assert_str_eq(e.text, "net 0: capture: open /nonexistent/capture for writing: No such "
				 "file or directory");
	ck_assert_msg(if_nametoindex("kn9") == 0, "the TAP is left behind");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nic_capture");
	TCase *tc = tcase_create("nic_capture");

	if (!host_ready("nic_capture"))
		return 77;
	tcase_add_test(tc, a_capture_is_opened_last);
	tcase_add_test(tc, a_capture_that_cannot_be_leaves_nothing);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
