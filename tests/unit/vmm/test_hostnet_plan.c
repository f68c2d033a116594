/* tests/unit/vmm/test_hostnet_plan.c: from a NIC's wishes to the changes of its host, in their
 * order; the host answers as it is told. */
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/hostnet.h"

struct fake {
	const char *values[8][2]; /* a sysctl, and what it is; others are not there */
	const char *uplink[2];    /* NULL: none */
	enum change_kind bridge;
	bool is_port; /* of it already */
};

static bool fake_value(void *self, const struct change *c, char ret_value[static SYSCTL_VALUE])
{
	const struct fake *f = self;

	for (unsigned i = 0; i < 8 && f->values[i][0] != NULL; i++) {
		if (strcmp(f->values[i][0], c->what) != 0)
			continue;
		(void)snprintf(ret_value, SYSCTL_VALUE, "%s", f->values[i][1]);
		return true;
	}
	return false;
}

static struct err fake_uplink(void *self, int family, char ret_name[static IFNAMSIZ])
{
	const struct fake *f = self;
	const char *name = f->uplink[family == AF_INET6];

	(void)snprintf(ret_name, IFNAMSIZ, "%s", name == NULL ? "" : name);
	return err_none();
}

static struct err fake_bridge(void *self, const char *tap, const char *name,
			      enum change_kind *ret_kind, bool *ret_is_port)
{
	const struct fake *f = self;

	(void)tap;
	(void)name;
	*ret_kind = f->bridge;
	*ret_is_port = f->is_port;
	return err_none();
}

/* clang-format off */
#define V4_OFF { "net/ipv4/conf/vm0/forwarding", "0" }, { "net/ipv4/conf/eth0/forwarding", "0" }
#define V6_OFF { "net/ipv6/conf/vm0/forwarding", "0" }, { "net/ipv6/conf/all/forwarding", "0" }, \
	{ "net/ipv6/conf/eth6/forwarding", "0" }, { "net/ipv6/conf/vm0/force_forwarding", "0" }, \
	{ "net/ipv6/conf/eth6/force_forwarding", "0" }
/* clang-format on */

static const struct {
	const char *says;
	struct hostnet_wish wish;
	const char *address[ADDRESSES];
	struct fake host;
	const char *changes; /* NULL: an error */
	const char *error;
} plans[] = {
	{ "nothing", { 0 }, { "10.0.0.1/24" }, { .uplink = { NULL } }, "", NULL },
	{ "DHCP alone changes nothing",
	  { .dhcp = true },
	  { "10.0.0.1/24" },
	  { .uplink = { NULL } },
	  "",
	  NULL },
	{ "IPv4: the rules, then what they guard",
	  { .nat = true },
	  { "10.0.0.1/24" },
	  { .values = { V4_OFF }, .uplink = { "eth0" } },
	  "table tapvm-vm0 -;sysctl net/ipv4/conf/vm0/forwarding 0;sysctl "
	  "net/ipv4/conf/eth0/forwarding 0;",
	  NULL },
	{ "an uplink that forwards already",
	  { .nat = true },
	  { "10.0.0.1/24" },
	  { .values = { { "net/ipv4/conf/vm0/forwarding", "0" },
			{ "net/ipv4/conf/eth0/forwarding", "1" } },
	    .uplink = { "eth0" } },
	  "table tapvm-vm0 -;sysctl net/ipv4/conf/vm0/forwarding 0;",
	  NULL },
	{ "two networks by one uplink",
	  { .nat = true },
	  { "10.0.0.1/24", "10.1.0.1/24" },
	  { .values = { V4_OFF }, .uplink = { "eth0" } },
	  "table tapvm-vm0 -;sysctl net/ipv4/conf/vm0/forwarding 0;sysctl "
	  "net/ipv4/conf/eth0/forwarding 0;",
	  NULL },
	{ "IPv6 by another uplink",
	  { .nat = true },
	  { "fd00::1/64" },
	  { .values = { V6_OFF }, .uplink = { "eth0", "eth6" } },
	  "table tapvm-vm0 -;sysctl net/ipv6/conf/vm0/forwarding 0;"
	  "sysctl net/ipv6/conf/vm0/force_forwarding 0;sysctl net/ipv6/conf/eth6/force_forwarding "
	  "0;",
	  NULL },
	{ "IPv6 that is forwarded as a whole",
	  { .nat = true },
	  { "fd00::1/64" },
	  { .values = { { "net/ipv6/conf/vm0/forwarding", "0" },
			{ "net/ipv6/conf/all/forwarding", "1" },
			{ "net/ipv6/conf/eth6/forwarding", "1" },
			{ "net/ipv6/conf/eth6/force_forwarding", "0" } },
	    .uplink = { NULL, "eth6" } },
	  "table tapvm-vm0 -;sysctl net/ipv6/conf/vm0/forwarding 0;",
	  NULL },
	{ "IPv6 of an older kernel",
	  { .nat = true },
	  { "fd00::1/64" },
	  { .values = { { "net/ipv6/conf/vm0/forwarding", "0" },
			{ "net/ipv6/conf/eth6/forwarding", "0" },
			{ "net/ipv6/conf/all/forwarding", "0" } },
	    .uplink = { NULL, "eth6" } },
	  NULL,
	  "net.ipv6.conf.all.forwarding=1" },
	{ "no default route",
	  { .nat = true },
	  { "10.0.0.1/24" },
	  { .values = { V4_OFF } },
	  NULL,
	  "no default route of IPv4; name the interface" },
	{ "no default route of the second",
	  { .nat = true },
	  { "10.0.0.1/24", "fd00::1/64" },
	  { .values = { V4_OFF }, .uplink = { "eth0" } },
	  NULL,
	  "no default route of IPv6" },
	{ "an uplink by name",
	  { .nat = true, .uplink = "eth0" },
	  { "10.0.0.1/24" },
	  { .values = { V4_OFF } },
	  "table tapvm-vm0 -;sysctl net/ipv4/conf/vm0/forwarding 0;sysctl "
	  "net/ipv4/conf/eth0/forwarding 0;",
	  NULL },
	{ "an uplink that is not there",
	  { .nat = true, .uplink = "eth9" },
	  { "10.0.0.1/24" },
	  { .values = { V4_OFF } },
	  NULL,
	  "there is no interface eth9 here that carries IPv4" },
	{ "the TAP as its own uplink",
	  { .nat = true, .uplink = "vm0" },
	  { "10.0.0.1/24" },
	  { .values = { V4_OFF } },
	  NULL,
	  "that is the TAP itself" },
	{ "an uplink whose name is a rule",
	  { .nat = true, .uplink = "a\"drop" },
	  { "10.0.0.1/24" },
	  { .values = { V4_OFF } },
	  NULL,
	  "is made of letters" },
	{ "a bridge of Linux",
	  { .bridge = "br0" },
	  { NULL },
	  { .bridge = CHANGE_BRIDGE },
	  "bridge vm0 br0;",
	  NULL },
	{ "a bridge of Open vSwitch",
	  { .bridge = "br0" },
	  { NULL },
	  { .bridge = CHANGE_OVS },
	  "ovs vm0 br0;",
	  NULL },
	{ "a bridge that the TAP is in already",
	  { .bridge = "br0" },
	  { NULL },
	  { .bridge = CHANGE_BRIDGE, .is_port = true },
	  "",
	  NULL },
	{ "the TAP as its own bridge",
	  { .bridge = "vm0" },
	  { NULL },
	  { .bridge = CHANGE_OVS },
	  NULL,
	  "that is the TAP itself" },
	{ "a bridge whose name is an option",
	  { .bridge = "-x" },
	  { NULL },
	  { .bridge = CHANGE_OVS },
	  NULL,
	  "begins with none" },
};

static struct err make_plan(const struct hostnet_nic *nic, struct fake *fake, struct plan *ret)
{
	const struct plan_host host = {
		.self = fake, .value = fake_value, .uplink = fake_uplink, .bridge = fake_bridge
	};

	return hostnet_plan(nic, &host, ret);
}

START_TEST(wishes_become_changes)
{
	struct ip_prefix address[ADDRESSES];
	struct hostnet_nic nic = nic_of(address, plans[_i].address);
	struct fake fake = plans[_i].host;
	char got[512] = "";
	struct plan plan;
	struct err e;

	nic.wish = plans[_i].wish;
	e = make_plan(&nic, &fake, &plan);
	if (plans[_i].changes == NULL) {
		ck_assert_msg(err_is(e) && strstr(e.text, plans[_i].error) != NULL,
			      "%s: got \"%s\", want \"%s\"", plans[_i].says, e.text,
			      plans[_i].error);
		return;
	}
	ck_assert_msg(!err_is(e), "%s: got \"%s\"", plans[_i].says, e.text);
	for (unsigned i = 0; i < plan.count; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s %s %s;",
			       change_word(plan.change[i].kind), plan.change[i].what,
			       plan.change[i].with);
	ck_assert_msg(strcmp(got, plans[_i].changes) == 0, "%s: got %s, want %s", plans[_i].says,
		      got, plans[_i].changes);
}
END_TEST

START_TEST(a_name_that_is_no_word_is_refused)
{
	static const char *const names[] = {
		"a;b", "a\"", "-x", ".x", "a*", "a,b", "a{", "\xc3\xa9"
	};
	static const char *const text[ADDRESSES] = { "10.0.0.1/24" };
	struct ip_prefix address[ADDRESSES];
	struct hostnet_nic nic = nic_of(address, text);
	struct fake fake = { .uplink = { "eth0" } };
	struct plan plan;

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct err e;

		nic.tap = names[i];
		nic.wish = (struct hostnet_wish){ .dhcp = true };
		e = make_plan(&nic, &fake, &plan);
		ck_assert_msg(e.kind == ERR_USAGE, "%s with a server: got \"%s\"", names[i],
			      e.text);
		nic.wish = (struct hostnet_wish){ .nat = true };
		e = make_plan(&nic, &fake, &plan);
		ck_assert_msg(e.kind == ERR_USAGE, "%s with rules: got \"%s\"", names[i], e.text);
		nic.wish = (struct hostnet_wish){ .uplink = NULL };
		e = make_plan(&nic, &fake, &plan);
		ck_assert_msg(!err_is(e), "%s alone: got \"%s\"", names[i], e.text);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostnet plan");
	TCase *tc = tcase_create("hostnet plan");

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, wishes_become_changes, 0, ARRAY_LEN(plans));
	tcase_add_test(tc, a_name_that_is_no_word_is_refused);
	return suite_run(s);
}
