/* What vhost-net cannot do: a user who wrote it is told which of it and why; a user who did not has
 * it silently off. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/datapath/datapath.h"
#include "tests/driver/suite.h"

static struct net_switches with(unsigned bit)
{
	struct net_switches s = { 0 };

	features_set(&s.on, bit, true);
	return s;
}

static void assert_refused(const struct datapath_wish *wish, const char *what, const char *why)
{
	char want[160];
	struct err e = datapath_check_vhost(wish);

	(void)snprintf(want, sizeof(want), "%s is not for vhost-net: %s", what, why);
	ck_assert_msg(err_is(e) && e.kind == ERR_USAGE && strcmp(e.text, want) == 0,
		      "got \"%s\", want \"%s\"", e.text, want);
}

START_TEST(each_is_named_with_its_reason)
{
	const struct datapath_limit *limit = &vhost_limits[_i];
	const struct net_switches written = with(limit->feature);
	char what[64];
	struct err e;

	(void)snprintf(what, sizeof(what), "%s=on", net_feature_name(limit->feature));
	assert_refused(&(struct datapath_wish){ .switches = &written }, what, limit->why);
	e = datapath_check_agreed(&written.on);
	ck_assert_msg(err_is(e) && strstr(e.text, net_feature_name(limit->feature)) != NULL &&
			      strstr(e.text, limit->why) != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

START_TEST(so_are_kinds_and_stages)
{
	const struct net_switches none = { 0 };

	assert_refused(&(struct datapath_wish){ .switches = &none, .tun = true }, "a TUN",
		       "it moves frames, not packets");
	assert_refused(&(struct datapath_wish){ .switches = &none, .capture = true },
		       "capture=", "nobody sees its frames");
	assert_refused(&(struct datapath_wish){ .switches = &none, .rate = true },
		       "rate=", "it counts no bytes");
}
END_TEST

/* Every feature that is in no row may be written, and off may be of each. */
START_TEST(the_others_go_together)
{
	struct net_switches s = { 0 };

	for (unsigned i = 0; i < net_feature_count; i++)
		features_set(&s.on, net_features[i].bit, true);
	for (unsigned i = 0; i < vhost_limit_count; i++) {
		features_set(&s.on, vhost_limits[i].feature, false);
		features_set(&s.off, vhost_limits[i].feature, true);
	}
	ck_assert(!err_is(datapath_check_vhost(&(struct datapath_wish){ .switches = &s })));
	ck_assert(!err_is(datapath_check_agreed(&s.on)));
	ck_assert(features_has(&s.on, VIRTIO_NET_F_MRG_RXBUF));
}
END_TEST

START_TEST(what_nobody_wrote_is_off)
{
	struct net_switches s = { 0 };

	datapath_limit_to_vhost(&s);
	for (unsigned i = 0; i < vhost_limit_count; i++)
		ck_assert_msg(features_has(&s.off, vhost_limits[i].feature), "%s is not off",
			      net_feature_name(vhost_limits[i].feature));
	ck_assert(!features_has(&s.off, VIRTIO_NET_F_MRG_RXBUF));
	ck_assert(!features_has(&s.off, VIRTIO_NET_F_MQ));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datapath/limits");
	TCase *tc = tcase_create("limits");

	tcase_add_loop_test(tc, each_is_named_with_its_reason, 0, (int)vhost_limit_count);
	tcase_add_test(tc, so_are_kinds_and_stages);
	tcase_add_test(tc, the_others_go_together);
	tcase_add_test(tc, what_nobody_wrote_is_off);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
