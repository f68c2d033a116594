/* Where an interface is a port and where packets to everywhere go, with the real kernel, in a
 * network namespace of our own. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/host/host.h"

static struct link *l;

static void assert_done(struct err e) { ck_assert_msg(!err_is(e), "got \"%s\"", e.text); }

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_done(ip_prefix_parse(text, &p));
	return p;
}

static void setup(void)
{
	host_fresh();
	assert_done(link_open(&l));
	assert_done(link_add_veth(l, "ln0", "ln1", -1));
}

static void teardown(void) { link_close(l); }

START_TEST(a_port_of_a_bridge)
{
	struct err e;

	ck_assert_int_eq(host_add_bridge("br0"), 0);
	ck_assert_uint_eq(host_info("ln0").master, 0);
	for (unsigned i = 0; i < 2; i++) { /* twice is no error */
		assert_done(link_set_master(l, "ln0", "br0"));
		ck_assert_uint_eq(host_info("ln0").master, host_info("br0").index);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_done(link_set_master(l, "ln0", NULL));
		ck_assert_uint_eq(host_info("ln0").master, 0);
	}
	e = link_set_master(l, "ln0", "br9");
	ck_assert_msg(e.sys_errno == ENODEV && strstr(e.text, "br9") != NULL, "got \"%s\"", e.text);
	e = link_set_master(l, "ln0", "ln1");
	ck_assert_msg(err_is(e) && strstr(e.text, "ln0") != NULL, "got \"%s\"", e.text);
}
END_TEST

static void assert_default(int family, const char *want)
{
	char name[IFNAMSIZ] = "?";

	assert_done(link_default_route(l, family, name));
	ck_assert_msg(strcmp(name, want) == 0, "family %d: got '%s', want '%s'", family, name,
		      want);
}

/* Others are not it: one to a part of the world, one of the other family. */
START_TEST(the_default_route)
{
	struct ip_prefix own = prefix("10.7.0.1/24"), own6 = prefix("fd07::1/64"),
			 half = prefix("0.0.0.0/1"), all = prefix("0.0.0.0/0"),
			 all6 = prefix("::/0"), gateway = prefix("10.7.0.2");

	assert_done(link_set_up(l, "lo", true));
	assert_done(link_set_up(l, "ln0", true));
	assert_done(link_set_up(l, "ln1", true));
	assert_done(link_add_address(l, "ln0", &own));
	assert_done(link_add_address(l, "ln1", &own6));
	assert_done(link_add_route(l, "ln0", &half, &gateway));
	assert_default(AF_INET, "");
	assert_default(AF_INET6, "");
	assert_done(link_add_route(l, "ln0", &all, &gateway));
	assert_default(AF_INET, "ln0");
	assert_default(AF_INET6, "");
	assert_done(link_add_route(l, "ln1", &all6, NULL));
	assert_default(AF_INET, "ln0");
	assert_default(AF_INET6, "ln1");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link_route");
	TCase *tc = tcase_create("link_route");

	if (host_ready("bridges and routes of the kernel")) {
		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_test(tc, a_port_of_a_bridge);
		tcase_add_test(tc, the_default_route);
	}
	suite_add_tcase(s, tc);
	return suite_run(s);
}
