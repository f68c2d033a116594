/* tests/unit/vmm/test_nic_user.c: a TAP that root made for an ordinary user (B63): he may attach to
 * it, and what the options say of it is set only where it is not so already. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/host/host.h"
#include "vmm/keeper/keeper_priv.h"

static const char name[] = "nu0";

static void add_address(struct nic_options *o, const char *text)
{
	struct err e = ip_prefix_parse(text, &o->address[o->address_count++]);

	ck_assert_msg(!err_is(e), "%s: %s", text, e.text);
}

static struct err try_nic(void *self)
{
	struct machine_nic nic;
	char line[512];
	struct err e = keeper_nic(self, 0, &nic, line, sizeof(line));

	if (!err_is(e))
		tap_close(&sys_host, &nic.tap);
	return e;
}

/* As root makes it; then as the user asks for it. */
static struct nic_options made_for_a_user(void)
{
	struct nic_options o = {
		.tap_name = name,
		.fd = -1,
		.persist = true,
		.owner = HOST_NOBODY,
		.group = -1,
		.mtu = 1400,
		.has_host_mac = true,
		.host_mac = { 2, 0, 0, 0, 0, 9 },
	};
	struct err e;

	host_fresh();
	host_empty_dev_net(); /* the node that we make is for everybody */
	add_address(&o, "10.9.9.1/24");
	add_address(&o, "fd99::9/64");
	e = try_nic(&o);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	o.persist = false;
	o.owner = -1;
	return o;
}

START_TEST(what_is_so_already_needs_no_right)
{
	struct nic_options o = made_for_a_user();
	struct err e = host_as(HOST_NOBODY, try_nic, &o);

	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
}
END_TEST

START_TEST(what_is_not_so_needs_one)
{
	struct nic_options o = made_for_a_user();
	struct err e;

	add_address(&o, "10.9.9.1/25");
	e = host_as(HOST_NOBODY, try_nic, &o);
	ck_assert_msg(strstr(e.text, "10.9.9.1/25: give an address to nu0") != NULL &&
			      strstr(e.text, "CAP_NET_ADMIN") != NULL,
		      "got \"%s\"", e.text);
	o.address_count = 0;
	o.mtu = 1401;
	e = host_as(HOST_NOBODY, try_nic, &o);
	ck_assert_msg(strstr(e.text, "set the MTU of nu0") != NULL, "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/nic_user");
	TCase *tc = tcase_create("nic_user");

	if (!host_is_root()) {
		(void)printf("skip: nic_user: needs root and an ordinary user\n");
		return 77;
	}
	if (!host_ready("nic_user"))
		return 77;
	tcase_add_test(tc, what_is_so_already_needs_no_right);
	tcase_add_test(tc, what_is_not_so_needs_one);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
