/* tests/unit/vmm/test_host_option.c: dhcp, nat, guest-ip and bridge of --net. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/cli/net_option.h"

/* clang-format off */
static const struct {
	const char *says, *text, *error; /* NULL: it is taken */
} nets[] = {
	{ "all in one", "tap,ip=192.168.77.1/24,dhcp=on,nat=on", NULL },
	{ "the guest's address before the TAP's", "tap,guest-ip=10.0.0.9,ip=10.0.0.1/24", NULL },
	{ "a guest in the second network", "tap,ip=fd00::1/64,ip=10.0.0.1/24,guest-ip=10.0.0.9", NULL },
	{ "nat over a TUN", "tun,ip=10.0.0.1/24,nat=on", NULL },
	{ "nat by a named interface", "tap,ip=10.0.0.1/24,nat=eth0.5", NULL },
	{ "nat in a named namespace", "tap,ip=10.0.0.1/24,nat=on,netns=x", NULL },
	{ "all off", "tap,dhcp=off,nat=off", NULL },
	{ "a bridge", "tap,bridge=br0,name=vm0", NULL },
	{ "a server in a private namespace", "tap,ip=10.0.0.1/24,dhcp=on,netns=private", NULL },

	{ "a server without a network", "tap,dhcp=on", "dhcp=on needs an IPv4 network" },
	{ "a server of IPv6 alone", "tap,dhcp=on,ip=fd00::1/64", "dhcp=on needs an IPv4 network" },
	{ "a server where there is no room", "tap,dhcp=on,ip=10.0.0.1", "dhcp=on needs an IPv4 network" },
	{ "a server that is neither", "tap,ip=10.0.0.1/24,dhcp=yes", "dhcp: 'yes' is neither on nor off" },
	{ "a server for a TUN", "tun,ip=10.0.0.1/24,dhcp=on", "a TUN does not carry" },
	{ "a guest without a network", "tap,guest-ip=10.0.0.9", "guest-ip needs an IPv4 network" },
	{ "a guest elsewhere", "tap,ip=10.0.0.1/24,guest-ip=10.0.1.9", "guest-ip=10.0.1.9 is no address for a guest" },
	{ "a guest at the TAP's address", "tap,ip=10.0.0.1/24,guest-ip=10.0.0.1", "choose another" },
	{ "a guest of IPv6", "tap,ip=fd00::1/64,guest-ip=fd00::2", "'fd00::2' is no IPv4 address" },
	{ "a guest with a length", "tap,ip=10.0.0.1/24,guest-ip=10.0.0.2/24", "is no IPv4 address" },
	{ "nat of nothing", "tap,nat=on", "nat needs an address" },
	{ "nat by what is no interface", "tap,ip=10.0.0.1/24,nat=eth0/1", "eth0/1" },
	{ "nat where nothing leads out", "tap,ip=10.0.0.1/24,nat=on,netns=private", "netns=private, from which nothing leads out" },
	{ "a bridge where there is none", "tap,bridge=br0,netns=private", "bridge does not go with netns=private" },
	{ "an address of nobody", "tap,ip=0.0.0.0/24", "ip: 0.0.0.0/24 is no address of an interface" },
	{ "an address of many", "tap,ip=224.0.0.1/4", "is no address of an interface" },
	{ "an address of all", "tap,ip=255.255.255.255", "is no address of an interface" },
	{ "an IPv6 address of nobody", "tap,ip=::/64", "is no address of an interface" },
	{ "an IPv6 address of many", "tap,ip=ff02::1/64", "is no address of an interface" },
	{ "a bridge and an address", "tap,ip=10.0.0.1/24,bridge=br0", "addresses go to the bridge" },
	{ "a bridge and a server", "tap,bridge=br0,dhcp=on", "dhcp=on needs an IPv4 network" },
	{ "a bridge for a TUN", "tun,bridge=br0", "bridge needs Ethernet" },
	{ "a bridge of no name", "tap,bridge=", "bridge has an empty value" },
	{ "a bridge whose name is too long", "tap,bridge=a234567890123456", "at most 15" },
	{ "a server on a descriptor", "tap,fd=7,dhcp=on", "dhcp does not go with fd" },
	{ "nat on a descriptor", "tap,fd=7,nat=on", "nat does not go with fd" },
	{ "a bridge for a descriptor", "tap,fd=7,bridge=br0", "bridge does not go with fd" },
	{ "a guest's address on a descriptor", "tap,fd=7,guest-ip=10.0.0.2", "guest-ip does not go with fd" },
};
/* clang-format on */

static struct err parse(const char *text, struct nic_options *ret_nic)
{
	static char copy[128];

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	return net_option_parse(copy, ret_nic);
}

START_TEST(keys_are_taken_or_refused)
{
	struct nic_options nic;
	struct err e = parse(nets[_i].text, &nic);

	if (nets[_i].error == NULL)
		ck_assert_msg(!err_is(e), "%s: got \"%s\"", nets[_i].says, e.text);
	else
		ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, nets[_i].error) != NULL,
			      "%s: got \"%s\", want \"%s\"", nets[_i].says, e.text, nets[_i].error);
}
END_TEST

START_TEST(keys_fill_the_wishes)
{
	struct nic_options nic;
	char guest[INET_ADDRSTRLEN];
	struct err e = parse("tap,ip=10.0.0.1/24,dhcp=on,nat=eth7,guest-ip=10.0.0.9", &nic);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert(nic.host.dhcp && nic.host.nat && nic.host.has_guest);
	ck_assert_str_eq(nic.host.uplink, "eth7");
	ck_assert_str_eq(inet_ntop(AF_INET, &nic.host.guest, guest, sizeof(guest)), "10.0.0.9");
	e = parse("tap,ip=10.0.0.1/24,nat=on", &nic);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert(nic.host.nat && !nic.host.dhcp && !nic.host.has_guest);
	ck_assert_ptr_null(nic.host.uplink);
	e = parse("tap,nat=off,bridge=br7", &nic);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert(!nic.host.nat);
	ck_assert_str_eq(nic.host.bridge, "br7");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("host_option");
	TCase *tc = tcase_create("host_option");

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, keys_are_taken_or_refused, 0, ARRAY_LEN(nets));
	tcase_add_test(tc, keys_fill_the_wishes);
	return suite_run(s);
}
