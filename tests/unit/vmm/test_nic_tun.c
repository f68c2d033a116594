/* tests/unit/vmm/test_nic_tun.c: a NIC on a TUN, with the real kernel: it has no link-layer
 * address, so what the guest sees as its neighbour's is said or made up. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/host/host.h"
#include "vmm/keeper/keeper_priv.h"

enum { LINE = 512 };

static void setup(void) { host_fresh(); }

static void add_address(struct nic_options *o, const char *text)
{
	struct err e = ip_prefix_parse(text, &o->address[o->address_count++]);

	ck_assert_msg(!err_is(e), "%s: %s", text, e.text);
}

START_TEST(a_tun_has_a_neighbours_address)
{
	struct nic_options o = {
		.kind = TAP_KIND_TUN,
		.tap_name = "kn4",
		.fd = -1,
		.owner = -1,
		.group = -1,
		.mtu = 1300,
		.has_mac = true,
		.mac = { 2, 0, 0, 0, 0, 2 },
	};
	struct machine_nic nic, again;
	struct link_info info;
	char line[LINE], want[LINE];
	struct err e;

	add_address(&o, "10.9.4.1/24");
	add_address(&o, "fd94::1/64");
	e = keeper_nic(&o, 2, &nic, line, sizeof(line));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	(void)snprintf(want, sizeof(want),
		       "net 2: TUN kn4 made, 10.9.4.1/24 fd94::1/64, MTU 1300, guest "
		       "02:00:00:00:00:02, its neighbour %02x:%02x:%02x:%02x:%02x:%02x",
		       nic.host_mac[0], nic.host_mac[1], nic.host_mac[2], nic.host_mac[3],
		       nic.host_mac[4], nic.host_mac[5]);
	ck_assert_str_eq(line, want);
	ck_assert_msg((nic.host_mac[0] & 3) == 2, "%02x is not locally administered",
		      nic.host_mac[0]);
	info = host_info("kn4");
	ck_assert_msg(!info.tun_is_tap && info.mtu == 1300 && (info.flags & IFF_UP) != 0,
		      "kn4 is no TUN, or not up, or has MTU %u", info.mtu);
	tap_close(&sys_host, &nic.tap);
	ck_assert(!err_is(keeper_nic(&o, 2, &again, line, sizeof(line))));
	ck_assert_msg(memcmp(nic.host_mac, again.host_mac, 6) == 0, "another at the second start");
	tap_close(&sys_host, &again.tap);
	o.has_host_mac = true;
	memcpy(o.host_mac, o.mac, 6);
	e = keeper_nic(&o, 2, &again, line, sizeof(line));
	ck_assert_msg(strstr(e.text, "needs another") != NULL, "got \"%s\"", e.text);
	o.host_mac[5] = 1;
	ck_assert(!err_is(keeper_nic(&o, 2, &again, line, sizeof(line))));
	ck_assert_mem_eq(again.host_mac, o.host_mac, 6);
	tap_close(&sys_host, &again.tap);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nic on a TUN");
	TCase *tc = tcase_create("tun");

	if (!host_ready("a NIC on a TUN"))
		return 77;
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_tun_has_a_neighbours_address);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
