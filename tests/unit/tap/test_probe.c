/* What a TAP has, and what is set again after each attach, through a scripted kernel. */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/tap_priv.h"
#include "tests/driver/suite.h"
#include "tests/host/fake_sys.h"

enum {
	USO = TUN_F_USO4 | TUN_F_USO6,
	ALL = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | USO
};

static struct tap tap;

static void setup(void)
{
	fake_reset();
	tap = (struct tap){
		.name = "t0", .fd = { FAKE_FD }, .queues = 1, .offloads = 0x7777, .carrier = true
	};
}

static void assert_call(unsigned at, const char *want)
{
	const char *got = at < fake.call_count ? fake.call[at] : "nothing";

	ck_assert_msg(strcmp(got, want) == 0, "call %u: got \"%s\", want \"%s\"", at, got, want);
}

/* Header size and byte order before offloads: those are probed one after the other, then off. This
 * kernel has no tunnels (before Linux 6.17): the short header again. */
START_TEST(the_order_after_attach)
{
	static const char *const want[] = {
		"TUNSETVNETHDRSZ 24",  "TUNSETVNETLE 1",        "TUNSETOFFLOAD 0x1",
		"TUNSETOFFLOAD 0x3",   "TUNSETOFFLOAD 0x7",     "TUNSETOFFLOAD 0xf",
		"TUNSETOFFLOAD 0x6f",  "TUNSETOFFLOAD 0xef",    "TUNSETOFFLOAD 0x16f",
		"TUNSETOFFLOAD 0",     "TUNSETVNETHDRSZ 12",    "TUNSETTXFILTER 0",
		"TUNSETFILTEREBPF -1", "TUNSETSTEERINGEBPF -1", "TUNSETSNDBUF 2147483647",
		"TUNSETCARRIER 0",
	};
	struct err e = tap_settle(&fake_sys, &tap);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		assert_call(i, want[i]);
	ck_assert_uint_eq(fake.call_count, ARRAY_LEN(want));
	ck_assert_uint_eq(tap.hdr_bytes, 12);
	ck_assert_uint_eq(tap.offloads, ALL);
	ck_assert(tap.carrier);
}
END_TEST

/* What the kernel takes is offered, and what it refuses takes nothing else with it. */
static const struct {
	const char *says;
	unsigned takes, want;
} kernels[] = {
	{ "everything", 0x1ff, 0x1ef },
	{ "tunnels, their checksums not", 0xff, 0xef },
	{ "tunnels, but nothing that they carry", TUN_F_CSUM | 0x180, TUN_F_CSUM },
	{ "no USO (before Linux 6.2)", ALL & ~(unsigned)USO, ALL & ~(unsigned)USO },
	{ "one half of USO", ALL & ~(unsigned)TUN_F_USO6, ALL & ~(unsigned)USO },
	{ "no ECN", ALL & ~(unsigned)TUN_F_TSO_ECN, ALL & ~(unsigned)TUN_F_TSO_ECN },
	{ "IPv4 only", TUN_F_CSUM | TUN_F_TSO4, TUN_F_CSUM | TUN_F_TSO4 },
	{ "IPv6 only", TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO_ECN,
	  TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO_ECN },
	{ "checksums only", TUN_F_CSUM, TUN_F_CSUM },
	{ "no checksums, so nothing", ALL & ~(unsigned)TUN_F_CSUM, 0 },
	{ "nothing", 0, 0 },
};

START_TEST(offloads_are_tried_one_by_one)
{
	struct err e;
	unsigned last = 0;

	fake.offloads = kernels[_i].takes;
	e = tap_settle(&fake_sys, &tap);
	ck_assert_msg(!err_is(e), "%s: got \"%s\"", kernels[_i].says, e.text);
	ck_assert_uint_eq(tap.hdr_bytes, (tap.offloads & TUN_F_UDP_TUNNEL_GSO) != 0 ? 24 : 12);
	ck_assert_msg(tap.offloads == kernels[_i].want, "%s: got %#x, want %#x", kernels[_i].says,
		      tap.offloads, kernels[_i].want);
	while (fake_place("TUNSETOFFLOAD", last + 1) >= 0)
		last++;
	assert_call((unsigned)fake_place("TUNSETOFFLOAD", last), "TUNSETOFFLOAD 0");
}
END_TEST

/* Linux before 5.0. */
START_TEST(a_kernel_without_carrier)
{
	struct err e;

	fake_fail("TUNSETCARRIER", 1, EINVAL);
	e = tap_settle(&fake_sys, &tap);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_msg(!tap.carrier, "a carrier that is none");
}
END_TEST

static const struct {
	const char *call;
	unsigned nth;
	int err;
	const char *word[2];
} fails[] = {
	{ "TUNSETVNETHDRSZ", 1, EINVAL, { "vnet_hdr size", "Linux 4.1" } },
	{ "TUNSETVNETHDRSZ", 2, EINVAL, { "vnet_hdr size", "Linux 4.1" } },
	{ "TUNSETVNETLE", 1, ENOTTY, { "little-endian", "Linux 4.1" } },
	{ "TUNSETOFFLOAD 0", 8, EINVAL, { "offloads off", "Linux" } },
	{ "TUNSETTXFILTER", 1, EBADFD, { "filter", "was deleted" } },
	{ "TUNSETSNDBUF", 1, ENOMEM, { "send buffer", "Cannot allocate memory" } },
	{ "TUNSETVNETHDRSZ", 1, EPERM, { "vnet_hdr size", "CAP_NET_ADMIN" } },
	{ "TUNSETVNETHDRSZ", 1, EBADFD, { "deleted meanwhile", "make it again" } },
};

START_TEST(a_setting_that_fails_is_told)
{
	struct err e;

	fake_fail(fails[_i].call, fails[_i].nth, fails[_i].err);
	e = tap_settle(&fake_sys, &tap);
	ck_assert_msg(err_is(e), "%s failed unseen", fails[_i].call);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_msg(strstr(e.text, fails[_i].word[i]) != NULL,
			      "got \"%s\", want \"%s\" in it", e.text, fails[_i].word[i]);
	ck_assert_msg(strncmp(e.text, "TAP t0: ", 8) == 0, "got \"%s\"", e.text);
}
END_TEST

START_TEST(features_of_a_fresh_descriptor)
{
	unsigned flags = 77;
	struct err e;

	fake.features = 0x1234;
	e = tap_features(&fake_sys, &flags);
	ck_assert_msg(!err_is(e) && flags == 0x1234, "got %#x, \"%s\"", flags, e.text);
	ck_assert_int_eq(fake.open_fds, 0);
	flags = 77;
	fake_fail("TUNGETFEATURES", 1, ENOTTY);
	e = tap_features(&fake_sys, &flags);
	ck_assert_msg(err_is(e) && flags == 77 && strstr(e.text, "another device") != NULL,
		      "got %#x, \"%s\"", flags, e.text);
	ck_assert_int_eq(fake.open_fds, 0);
	fake.node = false;
	e = tap_features(&fake_sys, &flags);
	ck_assert_msg(err_is(e) && strstr(e.text, "mknod /dev/net/tun c 10 200") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("probe");
	TCase *tc = tcase_create("probe");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, the_order_after_attach);
	tcase_add_loop_test(tc, offloads_are_tried_one_by_one, 0, (int)ARRAY_LEN(kernels));
	tcase_add_test(tc, a_kernel_without_carrier);
	tcase_add_loop_test(tc, a_setting_that_fails_is_told, 0, (int)ARRAY_LEN(fails));
	tcase_add_test(tc, features_of_a_fresh_descriptor);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
