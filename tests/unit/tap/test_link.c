/* Interfaces by rtnetlink with the real kernel, in a network namespace of our own: state, MTU,
 * addresses. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { PLAIN = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

static struct link *l;
static int tap_fd;

static void setup(void)
{
	host_fresh();
	tap_fd = host_tun("ln0", PLAIN);
	ck_assert_int_ge(tap_fd, 0);
	ck_assert(!err_is(link_open(&l)));
}

static void teardown(void)
{
	link_close(l);
	ck_assert_int_eq(close(tap_fd), 0);
}

static void assert_done(struct err e) { ck_assert_msg(!err_is(e), "got \"%s\"", e.text); }

static void assert_told(struct err e, int why, const char *name)
{
	ck_assert_msg(err_is(e) && e.sys_errno == why && strstr(e.text, name) != NULL,
		      "got \"%s\" (%d)", e.text, e.sys_errno);
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_done(ip_prefix_parse(text, &p));
	return p;
}

/* ---- addresses as text ---- */

static const struct {
	const char *text, *want; /* NULL: refused */
} prefixes[] = {
	{ "192.168.77.1/24", "192.168.77.1/24" },
	{ "10.0.0.1", "10.0.0.1/32" },
	{ "0.0.0.0/0", "0.0.0.0/0" },
	{ "fd00::1/64", "fd00::1/64" },
	{ "fd00:0:0::0:1", "fd00::1/128" },
	{ "::/0", "::/0" },
	{ "::ffff:1.2.3.4/96", "::ffff:1.2.3.4/96" },
	{ "", NULL },
	{ "/24", NULL },
	{ "10.0.0.1/", NULL },
	{ "10.0.0.1/33", NULL },
	{ "10.0.0.1/-1", NULL },
	{ "10.0.0.1/ 4", NULL },
	{ "10.0.0.1/+4", NULL },
	{ "10.0.0.1/4x", NULL },
	{ "10.0.0.1/24/24", NULL },
	{ "10.0.0.1/18446744073709551620", NULL },
	{ "10.0.0", NULL },
	{ "10.0.0.256/8", NULL },
	{ "fd00::1/129", NULL },
	{ "fd00::1%lo/64", NULL },
	{ "host/24", NULL },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64", NULL },
};

START_TEST(prefixes_are_read)
{
	struct ip_prefix p = { .family = 77 };
	struct err e = ip_prefix_parse(prefixes[_i].text, &p);
	char text[64];

	ck_assert_msg(err_is(e) == (prefixes[_i].want == NULL), "'%s': got \"%s\"",
		      prefixes[_i].text, e.text);
	if (err_is(e)) {
		ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, prefixes[_i].text) != NULL,
			      "got \"%s\"", e.text);
		ck_assert_int_eq(p.family, 77);
		return;
	}
	ip_prefix_print(&p, text, sizeof(text));
	ck_assert_str_eq(text, prefixes[_i].want);
}
END_TEST

/* ---- state ---- */

START_TEST(up_and_down)
{
	struct link_info info;

	for (unsigned i = 0; i < 2; i++) { /* twice is no error */
		assert_done(link_set_up(l, "ln0", true));
		assert_done(link_get(l, "ln0", &info));
		ck_assert_msg((info.flags & IFF_UP) != 0 && info.carrier, "flags %#x, carrier %d",
			      info.flags, info.carrier);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_done(link_set_up(l, "ln0", false));
		assert_done(link_get(l, "ln0", &info));
		ck_assert_uint_eq(info.flags & IFF_UP, 0);
	}
}
END_TEST

START_TEST(mtu)
{
	static const struct {
		uint32_t mtu;
		bool taken;
	} mtus[] = {
		{ 67, false },  { 68, true },    { 1500, true },
		{ 9000, true }, { 65521, true }, { 65522, false },
	};
	struct err e = link_set_mtu(l, "ln0", mtus[_i].mtu);
	struct link_info info;

	ck_assert_msg(err_is(e) != mtus[_i].taken, "%u: got \"%s\"", mtus[_i].mtu, e.text);
	assert_done(link_get(l, "ln0", &info));
	ck_assert_uint_eq(info.mtu, mtus[_i].taken ? mtus[_i].mtu : 1500);
	if (!mtus[_i].taken)
		assert_told(e, EINVAL, "ln0");
}
END_TEST

START_TEST(mac)
{
	static const uint8_t mine[6] = { 2, 1, 2, 3, 4, 5 }, multicast[6] = { 3, 1, 2, 3, 4, 5 };
	struct link_info info;

	assert_done(link_set_mac(l, "ln0", mine));
	assert_told(link_set_mac(l, "ln0", multicast), EADDRNOTAVAIL, "ln0");
	assert_done(link_get(l, "ln0", &info));
	ck_assert_mem_eq(info.mac, mine, 6);
}
END_TEST

START_TEST(what_is_not_there)
{
	struct ip_prefix p = prefix("10.0.0.1/24");
	struct link_info info = { .index = 77 };
	static const uint8_t mac_bytes[6] = { 2 };

	assert_told(link_get(l, "ln9", &info), ENODEV, "ln9");
	ck_assert_uint_eq(info.index, 77);
	assert_told(link_set_up(l, "ln9", true), ENODEV, "ln9");
	assert_told(link_set_mtu(l, "ln9", 1500), ENODEV, "ln9");
	assert_told(link_set_mac(l, "ln9", mac_bytes), ENODEV, "ln9");
	assert_told(link_add_address(l, "ln9", &p), ENODEV, "ln9");
	assert_told(link_del(l, "ln9"), ENODEV, "ln9");
	/* The socket goes on. */
	assert_done(link_get(l, "ln0", &info));
}
END_TEST

START_TEST(kinds)
{
	struct link_info info;

	assert_done(link_add_veth(l, "ln1", "ln2", -1));
	assert_done(link_get(l, "ln1", &info));
	ck_assert_str_eq(info.kind, "veth");
	ck_assert(!info.tun_is_tap && info.tun_owner == -1);
	assert_done(link_get(l, "lo", &info));
	ck_assert_str_eq(info.kind, "");
	assert_done(link_get(l, "ln0", &info));
	ck_assert_str_eq(info.kind, "tun");
	assert_told(link_add_veth(l, "ln1", "ln3", -1), EEXIST, "ln1");
	assert_done(link_del(l, "ln1"));
	ck_assert_msg(!host_has("ln1") && !host_has("ln2"), "a half of it is left");
}
END_TEST

/* ---- addresses ---- */

static unsigned count_addresses(const char *name, const char *want)
{
	struct ifaddrs *all, *a;
	unsigned count = 0;

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (a = all; a != NULL; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN] = "";
		const void *at = NULL;

		if (a->ifa_addr == NULL || strcmp(a->ifa_name, name) != 0)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			at = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		else if (a->ifa_addr->sa_family == AF_INET6)
			at = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		if (at != NULL && inet_ntop(a->ifa_addr->sa_family, at, text, sizeof(text)) != NULL)
			count += strcmp(text, want) == 0;
	}
	freeifaddrs(all);
	return count;
}

START_TEST(an_address_twice_is_no_error)
{
	static const char *const text[] = { "10.7.0.1/24", "fd07::1/64" }, *const bare[] = {
		"10.7.0.1", "fd07::1"
	};
	struct ip_prefix p = prefix(text[_i]);

	for (unsigned i = 0; i < 2; i++) {
		assert_done(link_add_address(l, "ln0", &p));
		ck_assert_uint_eq(count_addresses("ln0", bare[_i]), 1);
	}
}
END_TEST

/* An IPv6 address of an interface that is up can be bound at once: no duplicate address
 * detection. */
START_TEST(an_ipv6_address_works_at_once)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6 };
	struct ip_prefix p = prefix("fd07::2/64");
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_done(link_set_up(l, "ln0", true));
	assert_done(link_add_address(l, "ln0", &p));
	at.sin6_addr = p.addr.v6;
	ck_assert_msg(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "bind: %s",
		      strerrordesc_np(errno));
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* IPv6 takes no MTU under 1280; the words name interface and address. */
START_TEST(an_address_that_cannot_be)
{
	struct ip_prefix p = prefix("fd07::1/64");
	struct err e;

	assert_done(link_set_mtu(l, "ln0", 1000));
	e = link_add_address(l, "ln0", &p);
	ck_assert_msg(err_is(e) && strstr(e.text, "fd07::1/64") != NULL &&
			      strstr(e.text, "ln0") != NULL && strstr(e.text, "1280") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

START_TEST(ipv6_that_is_switched_off)
{
	struct ip_prefix p = prefix("fd07::1/64");
	int fd = open("/proc/sys/net/ipv6/conf/ln0/disable_ipv6", O_WRONLY | O_CLOEXEC);
	struct err e;

	ck_assert_int_eq(write(fd, "1", 1), 1);
	ck_assert_int_eq(close(fd), 0);
	e = link_add_address(l, "ln0", &p);
	ck_assert_msg(err_is(e) && strstr(e.text, "fd07::1/64") != NULL &&
			      strstr(e.text, "sysctl net.ipv6.conf.ln0.disable_ipv6=0") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

/* All of this interface and none of another; what the kernel gave by itself is not told. */
START_TEST(addresses_are_listed)
{
	static const char *const texts[] = { "10.7.0.1/24", "10.8.0.1/32", "fd07::1/64" };
	struct ip_prefix list[4], p;
	char text[64];
	unsigned count = 77;

	p = prefix("10.9.0.1/24");
	assert_done(link_set_up(l, "lo", true));
	assert_done(link_add_address(l, "lo", &p));
	assert_done(link_set_up(l, "ln0", true)); /* it has an fe80:: by then */
	assert_done(link_addresses(l, "ln0", list, ARRAY_LEN(list), &count));
	ck_assert_uint_eq(count, 0);
	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		p = prefix(texts[i]);
		assert_done(link_add_address(l, "ln0", &p));
	}
	assert_done(link_addresses(l, "ln0", list, ARRAY_LEN(list), &count));
	ck_assert_uint_eq(count, ARRAY_LEN(texts));
	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		ip_prefix_print(&list[i], text, sizeof(text));
		ck_assert_str_eq(text, texts[i]);
	}
	assert_done(link_addresses(l, "ln0", list, 2, &count));
	ck_assert_msg(count == 2, "got %u, where there is room for 2", count);
	assert_told(link_addresses(l, "ln9", list, 2, &count), ENODEV, "ln9");
}
END_TEST

START_TEST(routes_and_neighbours)
{
	struct ip_prefix own = prefix("10.7.0.1/24"), gateway = prefix("10.7.0.2"),
			 to = prefix("10.8.0.0/16");
	struct ip_prefix direct = prefix("10.9.0.0/16"), far = prefix("10.200.0.1");
	static const uint8_t its[6] = { 2, 7, 7, 7, 7, 7 };

	assert_done(link_set_up(l, "ln0", true));
	assert_done(link_add_address(l, "ln0", &own));
	assert_done(link_add_route(l, "ln0", &to, &gateway));
	assert_done(link_add_route(l, "ln0", &direct, NULL));
	assert_told(link_add_route(l, "ln0", &direct, NULL), EEXIST, "ln0");
	assert_told(link_add_route(l, "ln0", &far, &far), ENETUNREACH, "ln0");
	for (unsigned i = 0; i < 2; i++) /* replaced */
		assert_done(link_add_neighbour(l, "ln0", &gateway, its));
}
END_TEST

/* ---- without the right to ---- */

static struct err try_up(void *self)
{
	struct link *mine;
	struct err e = link_open(&mine);

	(void)self;
	if (err_is(e))
		return e;
	e = link_set_up(mine, "ln0", true);
	link_close(mine);
	return e;
}

START_TEST(changes_need_the_right)
{
	assert_told(host_as(HOST_NOBODY, try_up, NULL), EPERM, "CAP_NET_ADMIN");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *tc = tcase_create("link"), *text = tcase_create("text");

	tcase_set_timeout(text, 60);
	tcase_add_loop_test(text, prefixes_are_read, 0, (int)ARRAY_LEN(prefixes));
	suite_add_tcase(s, text);
	if (host_ready("interfaces of the kernel")) {
		tcase_set_timeout(tc, 60);
		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_test(tc, up_and_down);
		tcase_add_loop_test(tc, mtu, 0, 6);
		tcase_add_test(tc, mac);
		tcase_add_test(tc, what_is_not_there);
		tcase_add_test(tc, kinds);
		tcase_add_loop_test(tc, an_address_twice_is_no_error, 0, 2);
		tcase_add_test(tc, an_ipv6_address_works_at_once);
		tcase_add_test(tc, an_address_that_cannot_be);
		tcase_add_test(tc, ipv6_that_is_switched_off);
		tcase_add_test(tc, addresses_are_listed);
		tcase_add_test(tc, routes_and_neighbours);
		if (host_is_root())
			tcase_add_test(tc, changes_need_the_right);
	}
	suite_add_tcase(s, tc);
	return suite_run(s);
}
