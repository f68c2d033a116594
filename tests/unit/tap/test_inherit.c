/* A descriptor that is handed over, through a scripted kernel: what is taken, what is refused,
 * and in which words. */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/tap/opening.h"

static int inherit(int fd, struct err *ret)
{
	struct tap_request r = request();

	r.fd = fd;
	*ret = open_with(r);
	return fd;
}

START_TEST(an_inherited_tap_is_taken_as_it_is)
{
	struct err e;
	int fd = inherit(eventfd(0, EFD_CLOEXEC), &e);

	assert_open(e);
	ck_assert_str_eq(tap.name, "inherited0");
	ck_assert_msg(tap.inherited && !tap.made && tap.queues == 1 && tap.fd[0] == fd,
		      "inherited %d, made %d", tap.inherited, tap.made);
	ck_assert_msg((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "it still blocks");
	ck_assert_uint_eq(fake_count("open"), 0);
	ck_assert_uint_eq(fake_count("TUNSETIFF"), 0);
	ck_assert_msg(fake_place("TUNGETIFF", 1) < fake_place("TUNSETVNETHDRSZ 24", 1),
		      "it is not asked first and settled then");
	ck_assert_msg(fake_count("TUNATTACHFILTER") == fake_count("TUNDETACHFILTER"),
		      "a filter is left on it");
	tap_close(&fake_sys, &tap);
	ck_assert_uint_eq(fake_count("close"), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

static const struct {
	const char *says;
	int is_flags, err;
	const char *thing, *mend;
} inherited[] = {
	{ "a TUN", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, 0, "inherited0", "not a TAP" },
	{ "with packet information", IFF_TAP | IFF_VNET_HDR, 0, "inherited0", "IFF_NO_PI" },
	{ "without vnet_hdr", IFF_TAP | IFF_NO_PI, 0, "inherited0", "IFF_VNET_HDR" },
	{ "a queue that is detached",
	  IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_DETACH_QUEUE, 0, "inherited0",
	  "IFF_ATTACH_QUEUE" },
	{ "without an interface", 0, EBADFD, "descriptor", "TUNSETIFF" },
	{ "not a TUN/TAP", 0, ENOTTY, "descriptor", "/dev/net/tun" },
	{ "not a TUN/TAP (of another kernel)", 0, EINVAL, "descriptor", "/dev/net/tun" },
};

START_TEST(what_is_no_tap_of_ours_is_refused)
{
	struct err e;
	int fd;

	fake.is_flags = inherited[_i].is_flags;
	fake_fail("TUNGETIFF", 1, inherited[_i].err);
	fd = inherit(eventfd(0, EFD_CLOEXEC), &e);
	assert_refused(e, inherited[_i].thing, inherited[_i].mend);
	ck_assert_msg(strncmp(e.text, "descriptor ", 11) == 0, "%s: which descriptor? \"%s\"",
		      inherited[_i].says, e.text);
	ck_assert_msg((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0, "%s: the descriptor was changed",
		      inherited[_i].says);
	ck_assert_uint_eq(fake_count("TUNSET"), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(a_descriptor_that_is_not_open)
{
	struct err e;

	(void)inherit(987, &e);
	assert_refused(e, "descriptor 987", "not open");
	ck_assert_int_eq(e.kind, ERR_USAGE);
	ck_assert_uint_eq(fake.call_count, 0);
}
END_TEST

START_TEST(a_descriptor_for_one_way_only)
{
	struct err e;
	int fd = inherit(open("/dev/null", (_i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC), &e);

	assert_refused(e, "descriptor", "reading and writing");
	ck_assert_int_eq(e.kind, ERR_USAGE);
	ck_assert_uint_eq(fake.call_count, 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* A step that fails later never closes what is the caller's. */
START_TEST(an_inherited_descriptor_is_never_closed)
{
	struct err e;
	int fd;

	fake_fail("TUNSETVNETHDRSZ", 1, EINVAL);
	fd = inherit(eventfd(0, EFD_CLOEXEC), &e);
	assert_refused(e, "inherited0", "vnet_hdr");
	ck_assert_uint_eq(fake_count("close"), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inherit");
	TCase *tc = tcase_create("inherit");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, an_inherited_tap_is_taken_as_it_is);
	tcase_add_loop_test(tc, what_is_no_tap_of_ours_is_refused, 0, (int)ARRAY_LEN(inherited));
	tcase_add_test(tc, a_descriptor_that_is_not_open);
	tcase_add_loop_test(tc, a_descriptor_for_one_way_only, 0, 2);
	tcase_add_test(tc, an_inherited_descriptor_is_never_closed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
