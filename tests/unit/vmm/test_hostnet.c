/* tests/unit/vmm/test_hostnet.c: the guest's address, and what nft and dnsmasq are told. Pure. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/hostnet.h"

/* ---- the guest's address ---- */

static const struct {
	const char *says, *address[ADDRESSES];
	const char *asked; /* NULL: to be chosen */
	const char *guest; /* NULL: there is none */
	const char *tap;
} guests[] = {
	{ "the one behind the TAP's",
	  { "192.168.77.1/24" },
	  NULL,
	  "192.168.77.2",
	  "192.168.77.1/24" },
	{ "the first where the TAP has the second",
	  { "10.0.0.2/24" },
	  NULL,
	  "10.0.0.1",
	  "10.0.0.2/24" },
	{ "the only one", { "10.0.0.2/30" }, NULL, "10.0.0.1", "10.0.0.2/30" },
	{ "of two the other", { "10.0.0.1/31" }, NULL, "10.0.0.0", "10.0.0.1/31" },
	{ "none of one", { "10.0.0.1/32" }, NULL, NULL, NULL },
	{ "none of IPv6 alone", { "fd00::1/64" }, NULL, NULL, NULL },
	{ "of the first network with room",
	  { "fd00::1/64", "10.0.0.1/32", "10.1.0.1/16" },
	  NULL,
	  "10.1.0.2",
	  "10.1.0.1/16" },
	{ "of everything", { "1.2.3.4/0" }, NULL, "0.0.0.1", "1.2.3.4/0" },
	{ "as asked",
	  { "192.168.77.1/24" },
	  "192.168.77.254",
	  "192.168.77.254",
	  "192.168.77.1/24" },
	{ "as asked, of the second network",
	  { "10.0.0.1/24", "10.1.0.1/24" },
	  "10.1.0.9",
	  "10.1.0.9",
	  "10.1.0.1/24" },
	{ "asked for the TAP's own", { "192.168.77.1/24" }, "192.168.77.1", NULL, NULL },
	{ "asked for the network", { "192.168.77.1/24" }, "192.168.77.0", NULL, NULL },
	{ "asked for everybody", { "192.168.77.1/24" }, "192.168.77.255", NULL, NULL },
	{ "asked for one elsewhere", { "192.168.77.1/24" }, "192.168.78.2", NULL, NULL },
};

static void ask_guest(struct hostnet_nic *nic, const char *asked)
{
	nic->wish.has_guest = asked != NULL;
	if (asked != NULL)
		ck_assert_int_eq(inet_pton(AF_INET, asked, &nic->wish.guest), 1);
}

START_TEST(the_guest_has_an_address)
{
	struct ip_prefix address[ADDRESSES], tap;
	struct hostnet_nic nic = nic_of(address, guests[_i].address);
	struct in_addr guest;
	char text[64];
	bool some;

	ask_guest(&nic, guests[_i].asked);
	some = hostnet_guest(&nic, &guest, &tap);
	ck_assert_msg(some == (guests[_i].guest != NULL), "%s: got %s", guests[_i].says,
		      some ? "one" : "none");
	if (!some)
		return;
	ck_assert_str_eq(inet_ntop(AF_INET, &guest, text, sizeof(text)), guests[_i].guest);
	ip_prefix_print(&tap, text, sizeof(text));
	ck_assert_str_eq(text, guests[_i].tap);
}
END_TEST

START_TEST(a_linux_kernel_is_told_it)
{
	static const char *const text[ADDRESSES] = { "192.168.77.1/20" };
	struct ip_prefix address[ADDRESSES];
	struct hostnet_nic nic = nic_of(address, text);
	char words[128];

	hostnet_kernel_words(&nic, 0, words, sizeof(words));
	ck_assert_str_eq(words, "");
	ask_guest(&nic, "192.168.70.9");
	hostnet_kernel_words(&nic, 3, words, sizeof(words));
	ck_assert_str_eq(words, "ip=192.168.70.9::192.168.77.1:255.255.240.0::eth3:off");
	nic.wish.dhcp = true;
	hostnet_kernel_words(&nic, 0, words, sizeof(words));
	ck_assert_str_eq(words,
			 "ip=192.168.70.9::192.168.77.1:255.255.240.0::eth0:off:192.168.77.1");
}
END_TEST

static const char rules_of_two[] =
	"table inet tapvm-vm0\n"
	"delete table inet tapvm-vm0\n"
	"table inet tapvm-vm0 {\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority filter; policy accept;\n"
	"\t\tiifname \"vm0\" oifname \"eth0\" ip saddr 10.1.16.0/20 accept\n"
	"\t\tiifname \"eth0\" oifname \"vm0\" ip daddr 10.1.16.0/20 ct state established,related "
	"accept\n"
	"\t\tiifname \"vm0\" oifname \"eth6\" ip6 saddr fd00:0:0:80::/57 accept\n"
	"\t\tiifname \"eth6\" oifname \"vm0\" ip6 daddr fd00:0:0:80::/57 ct state "
	"established,related "
	"accept\n"
	"\t\tiifname \"vm0\" drop\n"
	"\t\toifname \"vm0\" drop\n"
	"\t\tiifname \"eth6\" meta nfproto ipv6 ct state new,invalid,untracked drop\n"
	"\t}\n"
	"\tchain postrouting {\n"
	"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
	"\t\toifname \"eth0\" ip saddr 10.1.16.0/20 masquerade\n"
	"\t\toifname \"eth6\" ip6 saddr fd00:0:0:80::/57 masquerade\n"
	"\t}\n"
	"}\n";

START_TEST(rules_let_the_guests_network_alone_through)
{
	static const char *const text[ADDRESSES] = { "10.1.17.1/20", "fd00:0:0:ff::1/57" };
	struct ip_prefix address[ADDRESSES];
	struct rules_leg legs[2];
	char got[2048];
	struct err e;

	(void)prefixes(text, address);
	legs[0] = (struct rules_leg){ .address = &address[0], .uplink = "eth0", .opened = false };
	legs[1] = (struct rules_leg){ .address = &address[1], .uplink = "eth6", .opened = true };
	e = rules_print("vm0", legs, 2, got, sizeof(got));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	ck_assert_str_eq(got, rules_of_two);
	for (size_t size = 0; size < sizeof(rules_of_two); size++) {
		e = rules_print("vm0", legs, 2, got, size);
		ck_assert_msg(err_is(e), "%zu bytes were enough", size);
	}
}
END_TEST

START_TEST(rules_of_all_addresses_fit)
{
	struct ip_prefix address[HOSTNET_ADDRESSES_MAX];
	struct rules_leg legs[HOSTNET_ADDRESSES_MAX];
	char got[PLAN_RULES];
	struct err e;

	for (unsigned i = 0; i < HOSTNET_ADDRESSES_MAX; i++) {
		e = ip_prefix_parse("1111:2222:3333:4444:5555:6666:7777:8888/128", &address[i]);
		ck_assert(!err_is(e));
		legs[i] = (struct rules_leg){ &address[i], "a23456789012345", true };
	}
	e = rules_print("b23456789012345", legs, HOSTNET_ADDRESSES_MAX, got, sizeof(got));
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
}
END_TEST

START_TEST(the_server_serves_one_guest_and_writes_nothing)
{
	static const char *const text[ADDRESSES] = { "192.168.77.1/24", "fd00::1/64",
						     "fd01::1/96" };
	static const char *const want[] = {
		"--conf-file=/dev/null",
		"--no-hosts",
		"--pid-file=",
		"--leasefile-ro",
		"--interface=vm0",
		"--bind-interfaces",
		"--except-interface=lo",
		"--dhcp-range=192.168.77.2,static,infinite",
		"--dhcp-host=02:00:00:00:00:fe,192.168.77.2,infinite",
		"--dhcp-range=fd00::,ra-only,64",
		"--enable-ra",
	};
	struct ip_prefix address[ADDRESSES];
	struct hostnet_nic nic = nic_of(address, text);
	struct dhcp_words words;

	dhcp_print(&nic, &words);
	ck_assert_str_eq(words.argv[0], "dnsmasq");
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		unsigned found = 0;

		for (unsigned j = 1; words.argv[j] != NULL; j++) {
			found += strcmp(words.argv[j], want[i]) == 0;
			ck_assert_msg(strstr(words.argv[j], "fd01") == NULL, "got %s",
				      words.argv[j]);
		}
		ck_assert_msg(found == 1, "%s: %u times", want[i], found);
	}
}
END_TEST

START_TEST(the_server_s_words_of_all_addresses_fit)
{
	struct ip_prefix address[HOSTNET_ADDRESSES_MAX];
	struct hostnet_nic nic = { .tap = "b23456789012345",
				   .address = address,
				   .address_count = HOSTNET_ADDRESSES_MAX };
	struct dhcp_words words;
	unsigned count = 0;

	ck_assert(!err_is(ip_prefix_parse("255.255.255.253/30", &address[0])));
	for (unsigned i = 1; i < HOSTNET_ADDRESSES_MAX; i++)
		ck_assert(!err_is(ip_prefix_parse("1111:2222:3333:4444:5555:6666:7777:8888/64",
						  &address[i])));
	dhcp_print(&nic, &words);
	while (words.argv[count] != NULL)
		ck_assert_uint_lt(++count, DHCP_ARGS);
	ck_assert_str_eq(words.argv[count - 1], "--enable-ra");
}
END_TEST

START_TEST(a_program_that_ended_without_a_word_is_told_as_such)
{
	const struct program p = { .which = HOSTNET_NFT };
	struct err e = program_failed(&p, 137, "");

	ck_assert_str_eq(e.text, "nat=on: nft ended with status 137");
	e = program_failed(&p, 1, "Error: no");
	ck_assert_str_eq(e.text, "nat=on: nft ended with status 1: Error: no");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostnet");
	TCase *tc = tcase_create("hostnet");

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, the_guest_has_an_address, 0, ARRAY_LEN(guests));
	tcase_add_test(tc, a_linux_kernel_is_told_it);
	tcase_add_test(tc, rules_let_the_guests_network_alone_through);
	tcase_add_test(tc, rules_of_all_addresses_fit);
	tcase_add_test(tc, the_server_serves_one_guest_and_writes_nothing);
	tcase_add_test(tc, the_server_s_words_of_all_addresses_fit);
	tcase_add_test(tc, a_program_that_ended_without_a_word_is_told_as_such);
	return suite_run(s);
}
