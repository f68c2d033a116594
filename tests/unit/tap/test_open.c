/* The road to an attached TAP through a scripted kernel: the node, TUNSETIFF, queues, owner, and
 * that nothing stays open when a step fails. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/tap/opening.h"

static void assert_call(unsigned at, const char *want)
{
	const char *got = at < fake.call_count ? fake.call[at] : "nothing";

	ck_assert_msg(strcmp(got, want) == 0, "call %u: got \"%s\", want \"%s\"", at, got, want);
}

/* ---- the node ---- */

START_TEST(a_node_that_is_there_is_left_alone)
{
	assert_open(tap_node(&fake_sys));
	ck_assert_uint_eq(fake.call_count, 2);
	assert_call(0, "open /dev/net/tun");
	assert_call(1, "close 1000");
}
END_TEST

START_TEST(a_missing_node_is_made)
{
	unsigned at = 0;

	fake.node = false;
	fake.dir = _i != 0;
	assert_open(tap_node(&fake_sys));
	assert_call(at++, "open /dev/net/tun");
	assert_call(at++, "mkdir /dev/net 755");
	assert_call(at++, "mknod /dev/net/tun 20666 10:200");
	assert_call(at++, "chmod /dev/net/tun 666");
	ck_assert_uint_eq(fake.call_count, at);
}
END_TEST

/* Another process was faster: its node will do. */
START_TEST(a_node_made_meanwhile_is_taken)
{
	fake.node = false;
	fake_fail("mknod", 1, EEXIST);
	assert_open(tap_node(&fake_sys));
	ck_assert_uint_eq(fake_count("chmod"), 1);
}
END_TEST

static const struct {
	const char *call;
	int err;
	const char *thing, *mend;
	bool made;
} node_fails[] = {
	{ "mkdir", EACCES, "/dev/net", "root", true }, /* what an ordinary user gets */
	{ "mkdir", EPERM, "/dev/net", "root", true },
	{ "mkdir", EROFS, "/dev/net", "read-only", true },
	{ "mknod", EACCES, "/dev/net/tun", "root", true },
	{ "mknod", EPERM, "/dev/net/tun", "root", true },
	{ "mknod", ENOSPC, "/dev/net/tun", "No space", true },
	{ "chmod", EPERM, "/dev/net/tun", "root", true },
	{ "open", ENODEV, "/dev/net/tun", "modprobe tun", false },
	{ "open", ENXIO, "/dev/net/tun", "modprobe tun", false },
	{ "open", EACCES, "/dev/net/tun", "file mode", false },
	{ "open", EPERM, "/dev/net/tun", "root", false },
	{ "open", EMFILE, "/dev/net/tun", "ulimit -n", false },
	{ "open", ENFILE, "/dev/net/tun", "Too many open files in system", false },
};

/* node_fails[i].made: the step is one of making the node. */
START_TEST(a_node_that_cannot_be_had_is_told)
{
	struct err e;

	fake.node = !node_fails[_i].made;
	fake.dir = false;
	fake_fail(node_fails[_i].call, 1, node_fails[_i].err);
	e = open_with(request());
	assert_refused(e, node_fails[_i].thing, node_fails[_i].mend);
	ck_assert_int_eq(e.kind, ERR_SETUP);
	/* A file mode cannot be the fault of a node that is not there. */
	ck_assert_msg(!node_fails[_i].made || strstr(e.text, "file mode") == NULL, "got \"%s\"",
		      e.text);
	ck_assert_uint_eq(fake_count("TUN"), 0);
}
END_TEST

START_TEST(a_node_of_another_device_is_told)
{
	fake_fail("TUNGETFEATURES", 1, ENOTTY);
	assert_refused(open_with(request()), "/dev/net/tun", "another device");
}
END_TEST

START_TEST(a_module_that_is_absent_is_told_after_the_node_was_made)
{
	fake.node = false;
	fake_fail("open", 2, ENODEV);
	assert_refused(open_with(request()), "/dev/net/tun", "modprobe tun");
}
END_TEST

/* ---- TUNSETIFF ---- */

static const struct {
	unsigned features, queues;
	unsigned flags;
} attaches[] = {
	{ 0x7173, 1, PLAIN | IFF_NO_CARRIER },
	{ 0x7173 & ~(unsigned)IFF_NO_CARRIER, 1, PLAIN },
	{ 0x7173, 2, PLAIN | IFF_NO_CARRIER | IFF_MULTI_QUEUE },
	{ 0x7173 & ~(unsigned)IFF_NO_CARRIER, 8, PLAIN | IFF_MULTI_QUEUE },
	{ 0xffff, 1, PLAIN | IFF_NO_CARRIER }, /* what else it has is not asked for */
};

START_TEST(flags_that_are_asked_for)
{
	struct tap_request r = request();
	char want[FAKE_LINE];

	fake.features = attaches[_i].features;
	r.queues = attaches[_i].queues;
	(void)snprintf(want, sizeof(want), "TUNSETIFF fake0 %#x", attaches[_i].flags);
	assert_open(open_with(r));
	ck_assert_msg(fake_count(want) == r.queues, "\"%s\" was seen %u times, not %u", want,
		      fake_count(want), r.queues);
	ck_assert_uint_eq(fake_count("TUNSETIFF"), r.queues);
	ck_assert_uint_eq(tap.queues, r.queues);
	ck_assert_msg(tap.made && !tap.inherited, "made %d, inherited %d", tap.made, tap.inherited);
	tap_close(&fake_sys, &tap);
	ck_assert_int_eq(fake.open_fds, 0);
	ck_assert_uint_eq(tap.queues, 0);
}
END_TEST

static const struct {
	const char *asked, *picked;
} automatic[] = {
	{ NULL, "tap0" },
	{ "", "tap3" },
	{ "vm%d", "vm7" },
	{ "fake0", NULL },
};

/* What the kernel made of it counts, also for the second queue. */
START_TEST(the_name_is_read_back)
{
	struct tap_request r = request();
	const char *want =
		automatic[_i].picked != NULL ? automatic[_i].picked : automatic[_i].asked;
	char call[FAKE_LINE];

	r.name = automatic[_i].asked;
	r.queues = 2;
	fake.picked = automatic[_i].picked;
	assert_open(open_with(r));
	ck_assert_str_eq(tap.name, want);
	(void)snprintf(call, sizeof(call), "TUNSETIFF %s 0x", r.name != NULL ? r.name : "");
	ck_assert_msg(fake_place(call, 1) == fake_place("TUNSETIFF", 1), "no \"%s\" first", call);
	(void)snprintf(call, sizeof(call), "TUNSETIFF %s 0x", want);
	ck_assert_msg(fake_place(call, automatic[_i].picked != NULL ? 1 : 2) ==
			      fake_place("TUNSETIFF", 2),
		      "the second queue is not of \"%s\"", want);
}
END_TEST

static const char *const bad_names[] = {
	"sixteen-bytes-xy", "a/b", ".", "all", "vm%s", "a b", "%d%d"
};

START_TEST(bad_names_never_reach_the_kernel)
{
	struct tap_request r = request();
	struct err e;

	r.name = bad_names[_i];
	e = open_with(r);
	assert_refused(e, bad_names[_i], "interface name");
	ck_assert_int_eq(e.kind, ERR_USAGE);
	ck_assert_uint_eq(fake.call_count, 0);
}
END_TEST

START_TEST(numbers_of_queues)
{
	struct tap_request r = request();

	r.queues = _i == 0 ? 0 : QUEUE_PAIRS_MAX + 1;
	assert_refused(open_with(r), "queues", "1 to 8");
	ck_assert_uint_eq(fake.call_count, 0);
}
END_TEST

START_TEST(one_queue_is_all_that_an_old_driver_has)
{
	struct tap_request r = request();

	fake.features &= ~(unsigned)IFF_MULTI_QUEUE;
	r.queues = 2;
	assert_refused(open_with(r), "2 TAP queues", "Linux 3.8");
	ck_assert_uint_eq(fake_count("TUNSETIFF"), 0);
	ck_assert_int_eq(fake.open_fds, 0);
	r.queues = 1;
	assert_open(open_with(r));
}
END_TEST

/* A program to steer by, for several queues alone; without it the TAP is as good. */
START_TEST(a_program_steers_several_queues)
{
	static const char *const failing[] = { NULL, "bpf 0", "bpf 5" };
	struct tap_request r = request();

	r.queues = 2;
	for (unsigned i = 0; i < ARRAY_LEN(failing); i++) {
		setup();
		if (failing[i] != NULL)
			fake_fail(failing[i], 1, EPERM);
		assert_open(open_with(r));
		ck_assert_int_eq(tap.steers, i == 0);
		ck_assert_int_eq(fake.open_fds, i == 0 ? 4 : 2);
		tap_close(&fake_sys, &tap);
		ck_assert_int_eq(fake.open_fds, 0);
		ck_assert_int_eq(fake.bad_closes, 0);
	}
	setup();
	assert_open(open_with(request()));
	ck_assert_uint_eq(fake_count("bpf"), 0);
	ck_assert(!tap.steers);
}
END_TEST

/* ---- owner, group, persist ---- */

static const struct {
	bool persist;
	int64_t owner, group;
	const char *want[3];
} owners[] = {
	{ false, -1, -1, { NULL } },
	{ false, 1000, -1, { "TUNSETOWNER 1000" } },
	{ false, 0, 0, { "TUNSETOWNER 0", "TUNSETGROUP 0" } },
	{ false, -1, 44, { "TUNSETGROUP 44" } },
	{ true, 1000, -1, { "TUNSETOWNER 1000", "TUNSETPERSIST 1" } },
	{ true, 1000, 44, { "TUNSETOWNER 1000", "TUNSETGROUP 44", "TUNSETPERSIST 1" } },
	{ true, -1, -1, { "TUNSETOWNER own", "TUNSETPERSIST 1" } },
};

START_TEST(the_owner_is_set_before_persist)
{
	struct tap_request r = request();
	char own[FAKE_LINE];
	int at;

	r.persist = owners[_i].persist;
	r.owner = owners[_i].owner;
	r.group = owners[_i].group;
	assert_open(open_with(r));
	(void)snprintf(own, sizeof(own), "TUNSETOWNER %u", (unsigned)getuid());
	at = fake_place("TUNSETCARRIER", 1) + 1;
	for (unsigned i = 0; i < 3 && owners[_i].want[i] != NULL; i++, at++)
		assert_call((unsigned)at,
			    strstr(owners[_i].want[i], "own") != NULL ? own : owners[_i].want[i]);
	ck_assert_uint_eq(fake.call_count, (unsigned)at);
}
END_TEST

START_TEST(without_an_owner_nothing_is_persistent)
{
	struct tap_request r = request();

	r.persist = true;
	fake_fail("TUNSETOWNER", 1, EPERM);
	assert_refused(open_with(r), "fake0", "owner");
	ck_assert_uint_eq(fake_count("TUNSETPERSIST"), 0);
}
END_TEST

/* ---- whatever fails ---- */

/* Each call of a whole run fails in turn, with one errno after the other: one line that names
 * the TAP or the node, and nothing is left open. TUNSETCARRIER, probes of offloads and eBPF
 * programs may fail. */
START_TEST(each_step_may_fail)
{
	static const int errnos[] = { EPERM, EINVAL, EBADFD, ENOMEM, ENOTTY };
	struct tap_request r = request();
	unsigned calls;

	r.queues = 3;
	r.persist = true;
	r.group = 5;
	assert_open(open_with(r));
	calls = fake.call_count;
	for (unsigned nth = 1; nth <= calls; nth++) {
		struct err e;

		setup();
		fake_fail("", nth, errnos[_i]);
		e = open_with(r);
		if (!err_is(e)) {
			const char *line = fake.call[nth - 1];

			ck_assert_msg(strncmp(line, "close", 5) == 0 ||
					      strncmp(line, "TUNSETOFFLOAD", 13) == 0 ||
					      strncmp(line, "TUNSETCARRIER", 13) == 0 ||
					      strstr(line, "EBPF") != NULL ||
					      strncmp(line, "bpf", 3) == 0 ||
					      strstr(line, "TACHFILTER") != NULL,
				      "\"%s\" failed unseen", line);
			tap_close(&fake_sys, &tap);
			ck_assert_int_eq(fake.open_fds, 0);
			continue;
		}
		ck_assert_msg(strstr(e.text, "handed over") == NULL,
			      "\"%s\": of a TAP of ours: \"%s\"", fake.call[nth - 1], e.text);
		ck_assert_msg(strstr(e.text, "fake0") != NULL ||
				      strstr(e.text, "/dev/net/tun") != NULL,
			      "\"%s\": got \"%s\"", fake.call[nth - 1], e.text);
		assert_refused(e, "", "");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("open");
	TCase *tc = tcase_create("open");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_node_that_is_there_is_left_alone);
	tcase_add_loop_test(tc, a_missing_node_is_made, 0, 2);
	tcase_add_test(tc, a_node_made_meanwhile_is_taken);
	tcase_add_loop_test(tc, a_node_that_cannot_be_had_is_told, 0, (int)ARRAY_LEN(node_fails));
	tcase_add_test(tc, a_node_of_another_device_is_told);
	tcase_add_test(tc, a_module_that_is_absent_is_told_after_the_node_was_made);
	tcase_add_loop_test(tc, flags_that_are_asked_for, 0, (int)ARRAY_LEN(attaches));
	tcase_add_loop_test(tc, the_name_is_read_back, 0, (int)ARRAY_LEN(automatic));
	tcase_add_loop_test(tc, bad_names_never_reach_the_kernel, 0, (int)ARRAY_LEN(bad_names));
	tcase_add_loop_test(tc, numbers_of_queues, 0, 2);
	tcase_add_test(tc, one_queue_is_all_that_an_old_driver_has);
	tcase_add_test(tc, a_program_steers_several_queues);
	tcase_add_loop_test(tc, the_owner_is_set_before_persist, 0, (int)ARRAY_LEN(owners));
	tcase_add_test(tc, without_an_owner_nothing_is_persistent);
	tcase_add_loop_test(tc, each_step_may_fail, 0, 5);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
