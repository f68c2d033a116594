/* A TUN of the real kernel, in a network namespace of our own: as it is opened and taken over, and
 * what is said when it is a TAP that is there, or the reverse. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { PLAIN = IFF_NO_PI | IFF_VNET_HDR };

static void setup(void) { host_fresh(); }

static struct tap_request request(enum tap_kind kind, const char *name, int fd)
{
	return (struct tap_request){
		.kind = kind, .name = name, .fd = fd, .queues = 1, .owner = -1, .group = -1
	};
}

static struct err open_as(struct tap_request r, struct tap *ret)
{
	return tap_open(&sys_host, &r, ret);
}

START_TEST(a_tun_is_made)
{
	struct tap tun = { .kind = TAP_KIND_TAP };
	struct err e = open_as(request(TAP_KIND_TUN, "tu0", -1), &tun);
	struct link_info info;
	struct ifreq is = { 0 };
	int hdr = 0;

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_int_eq(tun.kind, TAP_KIND_TUN);
	ck_assert(tun.made && tun.carrier && tun.queues == 1);
	info = host_info("tu0");
	ck_assert(strcmp(info.kind, "tun") == 0 && !info.tun_is_tap && !info.tun_pi &&
		  info.tun_vnet_hdr);
	ck_assert_msg(!info.carrier, "carrier before the guest's driver is up");
	ck_assert_int_eq(ioctl(tun.fd[0], TUNGETIFF, &is), 0);
	ck_assert_int_eq(is.ifr_flags & TUN_TYPE_MASK, IFF_TUN);
	ck_assert_int_eq(ioctl(tun.fd[0], TUNGETVNETHDRSZ, &hdr), 0);
	ck_assert_int_eq(hdr, (tun.offloads & TUN_F_UDP_TUNNEL_GSO) != 0 ? 24 : 12);
	ck_assert_uint_eq(tun.offloads & (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6),
			  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
	tap_close(&sys_host, &tun);
	ck_assert(!host_has("tu0"));
}
END_TEST

/* ---- what others opened ---- */

static const struct {
	const char *says;
	int flags;
	enum tap_kind wanted;
	const char *word; /* NULL: taken */
			  /* clang-format off */
} handed[] = {
	{ "a TUN", IFF_TUN | PLAIN, TAP_KIND_TUN, NULL },
	{ "a TAP", IFF_TAP | PLAIN, TAP_KIND_TAP, NULL },
	{ "a TUN for a TAP", IFF_TUN | PLAIN, TAP_KIND_TAP, "tu1 is a TUN (IP only), not a TAP: make it by 'ip tuntap add tu1 mode tap', or take --net tun" },
	{ "a TAP for a TUN", IFF_TAP | PLAIN, TAP_KIND_TUN, "tu1 is a TAP (Ethernet), not a TUN: make it by 'ip tuntap add tu1 mode tun', or take --net tap" },
	{ "a TUN without vnet_hdr", IFF_TUN | IFF_NO_PI, TAP_KIND_TUN, "IFF_VNET_HDR" },
	{ "a TUN with packet information", IFF_TUN | IFF_VNET_HDR, TAP_KIND_TUN, "IFF_NO_PI" },
};
/* clang-format on */

START_TEST(a_tun_that_is_handed_over)
{
	int fd = host_tun("tu1", handed[_i].flags);
	struct tap tun;
	struct err e;

	ck_assert_msg(fd >= 0, "%s: %s", handed[_i].says, strerrordesc_np(errno));
	e = open_as(request(handed[_i].wanted, NULL, fd), &tun);
	if (handed[_i].word == NULL)
		ck_assert_msg(!err_is(e) && tun.inherited && tun.kind == handed[_i].wanted,
			      "%s: got \"%s\"", handed[_i].says, e.text);
	else
		ck_assert_msg(strstr(e.text, handed[_i].word) != NULL, "%s: got \"%s\"",
			      handed[_i].says, e.text);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Packet information is asked for in the namespace where the TUN is, not where we are. */
START_TEST(a_tun_of_another_namespace)
{
	static const int flags[] = { IFF_TUN | PLAIN, IFF_TUN | IFF_VNET_HDR };
	int fd = host_tun("tu2", flags[_i]), here;
	struct tap tun;
	struct err e;

	ck_assert_int_ge(fd, 0);
	host_fresh();
	here = host_tun("tu2", flags[1 - _i]);
	ck_assert_int_ge(here, 0);
	e = open_as(request(TAP_KIND_TUN, NULL, fd), &tun);
	ck_assert_msg(err_is(e) == (_i == 1), "got \"%s\"", e.text);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_msg(host_has("tu2"), "we are in another namespace now");
	ck_assert_int_eq(close(here), 0);
}
END_TEST

/* ---- what is there ---- */

START_TEST(one_of_the_other_kind_is_told)
{
	enum tap_kind wanted = _i == 0 ? TAP_KIND_TAP : TAP_KIND_TUN;
	const char *is = _i == 0 ? "TUN (IP only)" : "TAP (Ethernet)",
		   *mend = _i == 0 ? "ip tuntap del tu3 mode tun; ip tuntap add tu3 mode tap"
				   : "ip tuntap del tu3 mode tap; ip tuntap add tu3 mode tun";
	int fd = host_tun("tu3", (_i == 0 ? IFF_TUN : IFF_TAP) | PLAIN);
	struct tap tun;
	struct err e;

	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1), 0);
	ck_assert_int_eq(close(fd), 0);
	e = open_as(request(wanted, "tu3", -1), &tun);
	ck_assert_msg(err_is(e) && strstr(e.text, is) != NULL && strstr(e.text, mend) != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tun");
	TCase *tc = tcase_create("tun");

	if (!host_ready("a TUN of the kernel's"))
		return 77;
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_tun_is_made);
	tcase_add_loop_test(tc, a_tun_that_is_handed_over, 0, (int)ARRAY_LEN(handed));
	tcase_add_loop_test(tc, a_tun_of_another_namespace, 0, 2);
	tcase_add_loop_test(tc, one_of_the_other_kind_is_told, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
