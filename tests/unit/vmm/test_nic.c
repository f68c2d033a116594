/* tests/unit/vmm/test_nic.c: a NIC's host side with the real kernel, in a network namespace of our
 * own: what the options say is set, the link is watched, and what failed leaves nothing. */
#include <check.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/tap/link.h"
#include "devices/tap/netns.h"
#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"
#include "vmm/keeper/keeper_priv.h"

enum { LINE = 512 };

static struct nic_options default_nic(void)
{
	return (struct nic_options){ .fd = -1, .owner = -1, .group = -1 };
}

static void add_address(struct nic_options *o, const char *text)
{
	struct err e = ip_prefix_parse(text, &o->address[o->address_count++]);

	ck_assert_msg(!err_is(e), "%s: %s", text, e.text);
}

/* ret: whether there is one; *ret_info is filled then. */
static bool look_up(const char *name, struct link_info *ret_info)
{
	struct link *l;
	struct err e = link_open(&l);

	ck_assert_msg(!err_is(e), "%s", e.text);
	e = link_get(l, name, ret_info);
	link_close(l);
	return !err_is(e);
}

static void set_up(const char *name, bool up)
{
	struct link *l;
	struct err e = link_open(&l);

	ck_assert_msg(!err_is(e), "%s", e.text);
	e = link_set_up(l, name, up);
	ck_assert_msg(!err_is(e), "%s", e.text);
	link_close(l);
}

static bool has_address(const char *name, const char *hex)
{
	FILE *f = fopen("/proc/self/net/if_inet6", "re");
	char address[64], device[64];
	bool found = false;

	while (f != NULL && !found && fscanf(f, "%63s %*s %*s %*s %*s %63s", address, device) == 2)
		found = strcmp(address, hex) == 0 && strcmp(device, name) == 0;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

START_TEST(options_are_set_on_the_tap)
{
	struct nic_options o = default_nic();
	struct machine_nic nic;
	struct link_info info;
	char line[LINE];
	struct err e;

	o.tap_name = "kn0";
	o.mtu = 1400;
	o.has_mac = o.has_host_mac = true;
	memcpy(o.mac, "\x02\0\0\0\0\x02", 6);
	memcpy(o.host_mac, "\x02\0\0\0\0\x01", 6);
	add_address(&o, "10.9.0.1/24");
	add_address(&o, "fd09::1/64");
	e = keeper_nic(&o, 3, &nic, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_str_eq(
		line,
		"net 3: TAP kn0 made, 10.9.0.1/24 fd09::1/64, MTU 1400, guest 02:00:00:00:00:02");
	ck_assert_msg(look_up("kn0", &info), "no kn0");
	ck_assert_msg(info.mtu == 1400 && nic.mtu == 1400, "got MTU %u, the guest's %u, want 1400",
		      info.mtu, nic.mtu);
	ck_assert_msg(memcmp(info.mac, o.host_mac, 6) == 0, "host-mac is not set");
	ck_assert_msg((info.flags & IFF_UP) != 0 && nic.link_up, "not up");
	ck_assert_msg(!info.carrier, "carrier before the guest's driver is up");
	ck_assert_msg(has_address("kn0", "fd090000000000000000000000000001"), "no IPv6 address");
	ck_assert_uint_eq(nic.queue_size, 256);
	tap_close(&sys_host, &nic.tap);
	ck_assert_msg(!look_up("kn0", &info), "kn0 is left behind");
}
END_TEST

START_TEST(queue_pairs_are_queues_of_the_tap)
{
	struct nic_options o = default_nic();
	struct machine_nic nic;
	struct link_info info;
	char line[LINE];

	o.tap_name = "kn0";
	o.queues = 4;
	ck_assert(!err_is(keeper_nic(&o, 0, &nic, line, sizeof(line))));
	ck_assert_msg(strstr(line, ", MTU 1500, 4 queue pairs, guest ") != NULL, "got \"%s\"",
		      line);
	ck_assert_msg(look_up("kn0", &info) && info.tun_multi_queue, "no kn0 of several queues");
	ck_assert_uint_eq(info.tun_queues, 4);
	ck_assert_uint_eq(nic.tap.queues, 4);
	tap_close(&sys_host, &nic.tap);
	ck_assert_msg(!look_up("kn0", &info), "kn0 is left behind");
}
END_TEST

START_TEST(a_mac_of_ours_is_the_same_at_each_start)
{
	struct nic_options o = default_nic();
	struct machine_nic first, again, other;
	char line[LINE];

	ck_assert(!err_is(keeper_nic(&o, 0, &first, line, sizeof(line))));
	/* Another guest's first NIC, whose automatic name is another. */
	ck_assert(!err_is(keeper_nic(&o, 0, &other, line, sizeof(line))));
	ck_assert_msg(memcmp(first.mac, other.mac, 6) != 0, "two guests with one address");
	ck_assert_msg((first.mac[0] & 3) == 2, "got first byte %02x, want locally administered",
		      first.mac[0]);
	tap_close(&sys_host, &first.tap);
	ck_assert(!err_is(keeper_nic(&o, 0, &again, line, sizeof(line))));
	ck_assert_msg(memcmp(first.mac, again.mac, 6) == 0, "another address at the second start");
	tap_close(&sys_host, &again.tap);
	tap_close(&sys_host, &other.tap);
}
END_TEST

static const struct {
	const char *says, *name;
	unsigned mtu;
	bool same_mac;
	const char *error;
} failing[] = {
	{ "the guest has the TAP's address", "kn1", 0, true, "needs another" },
	{ "an MTU that IPv6 does not take", "kn1", 1000, false, "kn1" },
};

START_TEST(what_fails_leaves_nothing)
{
	struct nic_options o = default_nic();
	struct machine_nic nic;
	struct link_info info;
	char line[LINE];
	struct err e;

	o.tap_name = failing[_i].name;
	o.persist = true;
	o.mtu = failing[_i].mtu;
	o.has_mac = o.has_host_mac = true;
	memcpy(o.mac, "\x02\0\0\0\0\x02", 6);
	memcpy(o.host_mac, failing[_i].same_mac ? "\x02\0\0\0\0\x02" : "\x02\0\0\0\0\x01", 6);
	add_address(&o, "fd09::1/64");
	e = keeper_nic(&o, 0, &nic, line, sizeof(line));
	ck_assert_msg(err_is(e) && strstr(e.text, failing[_i].error) != NULL &&
			      strncmp(e.text, "net 0: ", 7) == 0,
		      "%s: got \"%s\"", failing[_i].says, e.text);
	ck_assert_msg(!look_up(failing[_i].name, &info), "%s: the TAP is left behind",
		      failing[_i].says);
}
END_TEST

START_TEST(a_persistent_tap_stays_and_goes)
{
	struct net_home home = { .home = -1, .private = -1 };
	struct nic_options o = default_nic();
	struct machine_nic nic;
	struct nic_watch watch;
	struct link_info info;
	char line[LINE];
	struct err e;

	o.tap_name = "kn2";
	o.persist = true;
	add_address(&o, "10.9.2.1/24");
	e = net_open(&home, &o, 0, false, &nic, &watch, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	net_close(&o, &nic, &watch, false);
	ck_assert_msg(look_up("kn2", &info) && info.tun_persist && info.tun_owner >= 0,
		      "kn2 is gone, or nobody's");
	o.address_count = 0; /* it has one by now, and the line tells it */
	e = net_open(&home, &o, 0, false, &nic, &watch, line, sizeof(line));
	ck_assert_msg(!err_is(e) && strstr(line, "kn2 attached, 10.9.2.1/24") != NULL,
		      "got \"%s\", \"%s\"", e.text, line);
	net_close(&o, &nic, &watch, true);
	ck_assert_msg(look_up("kn2", &info), "a failed run took away a TAP that it had not made");
	e = net_open(&home, &o, 0, false, &nic, &watch, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	nic.tap.made = true;
	net_close(&o, &nic, &watch, true);
	ck_assert_msg(!look_up("kn2", &info), "a failed run left the TAP that it had made");
	net_home_close(&home);
}
END_TEST

START_TEST(the_link_is_watched)
{
	struct net_home home = { .home = -1, .private = -1 };
	struct nic_options o = default_nic();
	struct machine_nic nic;
	struct nic_watch watch;
	char line[LINE];
	struct err e;

	o.tap_name = "kn3";
	e = net_open(&home, &o, 0, false, &nic, &watch, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	watch_read(&watch);
	ck_assert_msg(watch.up && watch.told, "not up at start");
	set_up("kn3", false);
	watch_read(&watch);
	ck_assert_msg(!watch.up, "down on the host, up here");
	set_up("kn3", true);
	watch_read(&watch);
	ck_assert_msg(watch.up, "up on the host, down here");
	tap_close(&sys_host, &nic.tap);
	nic.tap.queues = 0;
	watch_read(&watch);
	ck_assert_msg(!watch.up, "gone on the host, up here");
	watch_close(&watch);
	net_home_close(&home);
}
END_TEST

START_TEST(a_private_namespace_is_left_again)
{
	struct net_home home = { .home = -1, .private = -1 };
	struct nic_options o = default_nic();
	struct machine_nic nic[2];
	struct nic_watch watch[2];
	struct link_info info;
	struct stat before, after;
	char line[LINE];
	struct err e;

	ck_assert_int_eq(stat("/proc/self/ns/net", &before), 0);
	o.netns = "private";
	for (unsigned i = 0; i < 2; i++) {
		o.tap_name = i == 0 ? "kn4" : "kn5";
		e = net_open(&home, &o, i, true, &nic[i], &watch[i], line, sizeof(line));
		ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	}
	ck_assert_int_eq(stat("/proc/self/ns/net", &after), 0);
	ck_assert_msg(before.st_ino == after.st_ino, "not back home");
	ck_assert_msg(!look_up("kn4", &info) && !look_up("kn5", &info), "the TAP is not private");
	ck_assert_msg(strstr(line, "in a private namespace") != NULL, "got \"%s\"", line);
	ck_assert(!err_is(netns_enter(home.private)));
	ck_assert_msg(look_up("kn4", &info) && look_up("kn5", &info), "not in one namespace");
	set_up("kn4", false);
	ck_assert(!err_is(netns_enter(home.home)));
	watch_read(&watch[0]);
	ck_assert_msg(!watch[0].up, "the watch does not look there");
	for (unsigned i = 0; i < 2; i++)
		net_close(&o, &nic[i], &watch[i], false);
	net_home_close(&home);
}
END_TEST

START_TEST(an_inherited_tap_elsewhere_is_found)
{
	struct net_home home = { .home = -1, .private = -1 }, other = { .home = -1, .private = -1 };
	struct nic_options o = default_nic();
	struct machine_nic first, nic;
	struct nic_watch unused, watch;
	char line[LINE];
	struct err e;

	o.netns = "private";
	o.tap_name = "kn6";
	e = net_open(&other, &o, 0, true, &first, &unused, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	o = default_nic();
	o.fd = first.tap.fd[0];
	e = net_open(&home, &o, 0, false, &nic, &watch, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_msg(nic.tap.inherited && strcmp(nic.tap.name, "kn6") == 0 && watch.watch != NULL,
		      "got \"%s\"", line);
	net_close(&o, &nic, &watch, false);
	ck_assert_msg(fcntl(first.tap.fd[0], F_GETFD) >= 0, "an inherited descriptor was closed");
	net_close(&o, &first, &unused, false);
	net_home_close(&home);
	net_home_close(&other);
}
END_TEST

/* A guest on an inherited TAP of 9000 bytes is told of them like any other. */
START_TEST(an_inherited_tap_tells_its_mtu)
{
	struct net_home home = { .home = -1, .private = -1 };
	struct nic_options o = default_nic();
	struct machine_nic first, nic;
	struct nic_watch unused, watch;
	char line[LINE];
	struct err e;

	o.tap_name = "kn7";
	o.mtu = 9000;
	add_address(&o, "10.9.7.1/24");
	e = net_open(&home, &o, 0, false, &first, &unused, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	o = default_nic();
	o.fd = first.tap.fd[0];
	e = net_open(&home, &o, 0, false, &nic, &watch, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_msg(nic.mtu == 9000, "the guest is told %u, want 9000", nic.mtu);
	ck_assert_msg(strstr(line, ", 10.9.7.1/24, MTU 9000") != NULL, "got \"%s\"", line);
	ck_assert_msg(nic.link_up && watch.up, "the link is down");
	net_close(&o, &nic, &watch, false);
	net_close(&o, &first, &unused, false);
	net_home_close(&home);
}
END_TEST

/* Attaching with persist=on must not take a TAP away from whom it belongs to. */
START_TEST(persist_leaves_a_tap_its_owner)
{
	struct nic_options o = default_nic();
	struct machine_nic nic;
	struct link_info info;
	char line[LINE];
	struct err e;

	o.tap_name = "kn8";
	o.persist = true;
	o.owner = (int64_t)getuid() + 1; /* root of this namespace may attach all the same */
	if (geteuid() != 0 || getuid() != 0)
		return;
	e = keeper_nic(&o, 0, &nic, line, sizeof(line));
	if (err_is(e) && strstr(e.text, "owner") != NULL)
		return; /* that user is not in our user namespace */
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	tap_close(&sys_host, &nic.tap);
	o.owner = -1;
	e = keeper_nic(&o, 0, &nic, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_msg(look_up("kn8", &info) && info.tun_owner == (int64_t)getuid() + 1,
		      "got owner %lld, want %lld", (long long)info.tun_owner,
		      (long long)getuid() + 1);
	ck_assert(sys_host.ioctl(nic.tap.fd[0], TUNSETPERSIST, NULL) == 0);
	tap_close(&sys_host, &nic.tap);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nic");
	TCase *tc = tcase_create("nic");

	if (!host_ready("nic"))
		return 77;
	tcase_add_test(tc, options_are_set_on_the_tap);
	tcase_add_test(tc, queue_pairs_are_queues_of_the_tap);
	tcase_add_test(tc, a_mac_of_ours_is_the_same_at_each_start);
	tcase_add_loop_test(tc, what_fails_leaves_nothing, 0, ARRAY_LEN(failing));
	tcase_add_test(tc, a_persistent_tap_stays_and_goes);
	tcase_add_test(tc, the_link_is_watched);
	tcase_add_test(tc, a_private_namespace_is_left_again);
	tcase_add_test(tc, an_inherited_tap_elsewhere_is_found);
	tcase_add_test(tc, an_inherited_tap_tells_its_mtu);
	tcase_add_test(tc, persist_leaves_a_tap_its_owner);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
