/* An attached TAP of the real kernel, in a network namespace of our own: names, queues, what a
 * last user left, and descriptors that others hand over. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { PLAIN = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, FRAME = 60 };

static struct tap tap;

static void setup(void) { host_fresh(); }

static struct tap_request request(const char *name)
{
	return (struct tap_request){
		.name = name, .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
}

static void open_with(struct tap_request r)
{
	struct err e = tap_open(&sys_host, &r, &tap);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
}

static int ask(int fd, unsigned long what)
{
	int value = -1;

	ck_assert_msg(ioctl(fd, what, &value) == 0, "ioctl %#lx: %s", what, strerrordesc_np(errno));
	return value;
}

/* ETHTOOL_GTXCSUM, ETHTOOL_GTSO: what TUNSETOFFLOAD left in the device. */
static unsigned offload(const char *name, unsigned what)
{
	struct ethtool_value value = { .cmd = what };
	struct ifreq r = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	ck_assert_int_eq(ioctl(fd, SIOCETHTOOL, &r), 0);
	ck_assert_int_eq(close(fd), 0);
	return value.data;
}

/* The header that this kernel's TAPs get. */
static int hdr(void) { return (tap.offloads & TUN_F_UDP_TUNNEL_GSO) != 0 ? 24 : 12; }

/* A frame to `first` (the first byte of its destination) from the host's side reaches the
 * descriptor. */
static bool arrives(const char *name, int fd, uint8_t first)
{
	uint8_t frame[FRAME] = { first, 1, 2, 3, 4, 5, 2, 0, 0, 0, 0, 9, 0x88, 0xb5 }, got[2048];
	int packet = host_packet(name, HOST_ETHERTYPE, false);
	ssize_t len;

	ck_assert_int_eq(send(packet, frame, sizeof(frame), 0), FRAME);
	ck_assert_int_eq(close(packet), 0);
	while ((len = read(fd, got, sizeof(got))) > 0)
		if (len == hdr() + FRAME && memcmp(got + hdr(), frame, FRAME) == 0)
			return true;
	return false;
}

START_TEST(a_named_tap_is_made_and_goes)
{
	struct link_info info;

	open_with(request("at0"));
	ck_assert_str_eq(tap.name, "at0");
	ck_assert_msg(tap.made && !tap.inherited && tap.queues == 1, "made %d, %u queues", tap.made,
		      tap.queues);
	info = host_info("at0");
	ck_assert_msg(
		info.tun_is_tap && info.tun_vnet_hdr && !info.tun_pi && !info.tun_multi_queue &&
			!info.tun_persist && info.tun_owner == -1 && info.tun_group == -1 &&
			!info.carrier,
		"tap %d, vnet_hdr %d, pi %d, multi_queue %d, persist %d, owner %lld, carrier %d",
		info.tun_is_tap, info.tun_vnet_hdr, info.tun_pi, info.tun_multi_queue,
		info.tun_persist, (long long)info.tun_owner, info.carrier);
	ck_assert_int_eq(ask(tap.fd[0], TUNGETVNETHDRSZ), hdr());
	ck_assert_int_eq(ask(tap.fd[0], TUNGETVNETLE), 1);
	ck_assert_int_eq(ask(tap.fd[0], TUNGETSNDBUF), INT_MAX);
	ck_assert_msg((fcntl(tap.fd[0], F_GETFL) & O_NONBLOCK) != 0 &&
			      (fcntl(tap.fd[0], F_GETFD) & FD_CLOEXEC) != 0,
		      "it blocks, or outlives an exec");
	ck_assert_uint_eq(tap.offloads & TUN_F_CSUM, TUN_F_CSUM);
	tap_close(&sys_host, &tap);
	ck_assert_msg(!host_has("at0"), "at0 is left behind");
}
END_TEST

START_TEST(the_kernel_picks_names)
{
	/* clang-format off */
	static const struct { const char *asked, *want[2]; } names[] = {
		{ NULL, { "tap0", "tap1" } }, { "", { "tap0", "tap1" } }, { "vm%d", { "vm0", "vm1" } },
		{ "%dx", { "0x", "1x" } },
	};
	/* clang-format on */
	struct tap first;

	open_with(request(names[_i].asked));
	ck_assert_str_eq(tap.name, names[_i].want[0]);
	ck_assert(tap.made);
	first = tap;
	open_with(request(names[_i].asked));
	ck_assert_str_eq(tap.name, names[_i].want[1]);
	tap_close(&sys_host, &tap);
	tap_close(&sys_host, &first);
}
END_TEST

START_TEST(queues_of_one_tap)
{
	struct tap_request r = request("mq%d");

	r.queues = 4;
	open_with(r);
	ck_assert_str_eq(tap.name, "mq0");
	ck_assert_uint_eq(tap.queues, 4);
	ck_assert(host_info("mq0").tun_multi_queue);
	tap_close(&sys_host, &tap);
	ck_assert_msg(!host_has("mq0"), "a queue is left open");
}
END_TEST

/* ---- what a last user left ---- */

START_TEST(everything_is_settled_again)
{
	struct {
		uint16_t flags, count;
		uint8_t address[6];
	} filter = { 0, 1, { 2, 9, 9 } };
	int header = 20, fd = host_tun("at1", PLAIN), sndbuf = 30000;
	unsigned mask = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &nothing };

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &header), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, mask), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETTXFILTER, &filter), 1);
	ck_assert_int_eq(ioctl(fd, TUNSETSNDBUF, &sndbuf), 0);
	ck_assert_int_eq(ioctl(fd, TUNATTACHFILTER, &program), 0);
	ck_assert_int_eq(close(fd), 0);
	host_up("at1");
	ck_assert_msg(offload("at1", ETHTOOL_GTXCSUM) != 0 && offload("at1", ETHTOOL_GTSO) != 0,
		      "the offloads went with their user: nothing to test");

	open_with(request("at1"));
	ck_assert_msg(!tap.made, "made, it says");
	ck_assert_int_eq(ask(tap.fd[0], TUNGETVNETHDRSZ), hdr());
	ck_assert_int_eq(ask(tap.fd[0], TUNGETSNDBUF), INT_MAX);
	ck_assert_msg(offload("at1", ETHTOOL_GTXCSUM) == 0 && offload("at1", ETHTOOL_GTSO) == 0,
		      "offloads are still on");
	ck_assert_int_eq(ioctl(tap.fd[0], TUNSETCARRIER, &(int){ 1 }), 0);
	ck_assert_msg(arrives("at1", tap.fd[0], 0x52), "a filter of the last user is still there");
	tap_close(&sys_host, &tap);
	ck_assert_msg(host_has("at1"), "a persistent TAP is gone");
}
END_TEST

/* Without an owner whoever can open the node could take it. */
START_TEST(a_persistent_tap_has_an_owner)
{
	struct tap_request r = request("at2");
	struct link_info info;

	r.persist = true;
	r.owner = _i == 0 ? -1 : 0;
	r.group = _i == 0 ? -1 : 0;
	open_with(r);
	tap_close(&sys_host, &tap);
	info = host_info("at2");
	ck_assert_msg(info.tun_persist && info.tun_owner == getuid(), "persist %d, owner %lld",
		      info.tun_persist, (long long)info.tun_owner);
	ck_assert_int_eq(info.tun_group, _i == 0 ? -1 : 0);
	r.persist = false;
	open_with(r);
	ck_assert(!tap.made);
	tap_close(&sys_host, &tap);
	ck_assert(host_has("at2"));
}
END_TEST

/* ---- handed over ---- */

static const struct {
	const char *says;
	int flags;
	const char *word; /* NULL: taken */
} inherited[] = {
	{ "a TAP of ours", PLAIN, NULL },
	{ "one of several queues", PLAIN | IFF_MULTI_QUEUE, NULL },
	{ "a TUN", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, "it3 is a TUN" },
	{ "with packet information", IFF_TAP | IFF_VNET_HDR, "it3 carries packet information" },
	{ "without vnet_hdr", IFF_TAP | IFF_NO_PI, "it3 has no vnet_hdr" },
};

START_TEST(descriptors_that_are_handed_over)
{
	struct tap_request r = request(NULL);
	int header = 10, fd = host_tun("it3", inherited[_i].flags);
	struct err e;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &header), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_RDWR), 0);
	r.fd = fd;
	e = tap_open(&sys_host, &r, &tap);
	ck_assert_msg(err_is(e) == (inherited[_i].word != NULL), "%s: got \"%s\"",
		      inherited[_i].says, e.text);
	if (err_is(e)) {
		ck_assert_msg(strstr(e.text, inherited[_i].word) != NULL, "got \"%s\"", e.text);
		ck_assert_msg((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0,
			      "a refused descriptor was changed");
	} else {
		ck_assert_str_eq(tap.name, "it3");
		ck_assert_int_eq(ask(fd, TUNGETVNETHDRSZ), hdr());
		ck_assert_msg((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "it blocks");
		tap_close(&sys_host, &tap);
	}
	ck_assert_msg(fcntl(fd, F_GETFD) >= 0, "it was closed");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

static const struct {
	const char *says, *path;
	int flags;
	const char *word;
} strangers[] = {
	{ "a TUN/TAP without an interface", "/dev/net/tun", O_RDWR, "TUNSETIFF" },
	{ "open for reading only", "/dev/net/tun", O_RDONLY, "reading and writing" },
	{ "null", "/dev/null", O_RDWR, "is not a TAP" },
	{ "a regular file", "/proc/self/comm", O_RDWR, "is not a TAP" },
};

START_TEST(descriptors_of_strangers)
{
	struct tap_request r = request(NULL);
	struct err e;

	r.fd = open(strangers[_i].path, strangers[_i].flags | O_CLOEXEC);
	ck_assert_int_ge(r.fd, 0);
	e = tap_open(&sys_host, &r, &tap);
	ck_assert_msg(err_is(e) && strstr(e.text, strangers[_i].word) != NULL, "%s: got \"%s\"",
		      strangers[_i].says, e.text);
	ck_assert_int_eq(close(r.fd), 0);
}
END_TEST

/* The interface was deleted under its descriptor. */
START_TEST(an_inherited_tap_that_is_gone)
{
	struct tap_request r = request(NULL);
	struct link *l;
	struct err e;

	r.fd = host_tun("at4", PLAIN);
	ck_assert_int_ge(r.fd, 0);
	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_del(l, "at4")));
	link_close(l);
	e = tap_open(&sys_host, &r, &tap);
	ck_assert_msg(err_is(e) && strstr(e.text, "without an interface") != NULL, "got \"%s\"",
		      e.text);
	ck_assert_int_eq(close(r.fd), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("attach");
	TCase *tc = tcase_create("attach");

	if (!host_ready("TAPs of the kernel"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_named_tap_is_made_and_goes);
	tcase_add_loop_test(tc, the_kernel_picks_names, 0, 4);
	tcase_add_test(tc, queues_of_one_tap);
	tcase_add_test(tc, everything_is_settled_again);
	tcase_add_loop_test(tc, a_persistent_tap_has_an_owner, 0, 2);
	tcase_add_loop_test(tc, descriptors_that_are_handed_over, 0, (int)ARRAY_LEN(inherited));
	tcase_add_loop_test(tc, descriptors_of_strangers, 0, (int)ARRAY_LEN(strangers));
	tcase_add_test(tc, an_inherited_tap_that_is_gone);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
