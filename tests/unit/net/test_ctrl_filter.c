/* Commands that say which frames a driver wants: modes, tables, VLANs; and what comes then. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/net/addressed.h"

enum { SIZE = 256 };

static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

/* ---- the commands by themselves ---- */

/* clang-format off */
static const struct {
	const char *what;
	uint8_t class, command;
	uint32_t len;
	uint8_t data[8];
	int ack;
	unsigned feature;
} commands[] = {
	{ "all unicast on", 0, 2, 1, { 1 }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "no multicast off", 0, 3, 1, { 0 }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "no unicast on", 0, 4, 1, { 1 }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "no broadcast on", 0, 5, 1, { 1 }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "all unicast of 2", 0, 2, 1, { 2 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "no multicast of 255", 0, 3, 1, { 255 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "no unicast of no byte", 0, 4, 0, { 0 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "no broadcast of two bytes", 0, 5, 2, { 1, 0 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "a mode that does not exist", 0, 6, 1, { 1 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_RX_EXTRA },
	{ "VLAN 0 added", 2, 0, 2, { 0, 0 }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_VLAN },
	{ "VLAN 4095 added", 2, 0, 2, { 0xff, 0x0f }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_VLAN },
	{ "an absent VLAN removed", 2, 1, 2, { 7, 0 }, VIRTIO_NET_OK, VIRTIO_NET_F_CTRL_VLAN },
	{ "VLAN 4096 added", 2, 0, 2, { 0, 0x10 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
	{ "VLAN 4096 removed", 2, 1, 2, { 0, 0x10 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
	{ "VLAN 65535 added", 2, 0, 2, { 0xff, 0xff }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
	{ "a VLAN of no byte", 2, 0, 0, { 0 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
	{ "a VLAN of one byte", 2, 0, 1, { 1 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
	{ "a VLAN of three bytes", 2, 1, 3, { 1, 0, 0 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
	{ "a VLAN command that does not exist", 2, 2, 2, { 1, 0 }, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_VLAN },
};
/* clang-format on */

static int give(const uint8_t class, uint8_t command, uint8_t byte)
{
	return rig_control(&r, class, command, &byte, 1);
}

/* rule: CTRL-02 CTRL-03 CTRL-07 CTRL-14 */
START_TEST(each_command)
{
	const uint64_t only = RIG_BIT(VIRTIO_NET_F_CTRL_VQ) | RIG_BIT(commands[_i].feature);

	rig_up(&r, only, SIZE);
	ck_assert_msg(rig_control(&r, commands[_i].class, commands[_i].command, commands[_i].data,
				  commands[_i].len) == commands[_i].ack,
		      "%s", commands[_i].what);
	rig_up(&r, RIG_ALL & ~RIG_BIT(commands[_i].feature), SIZE);
	ck_assert_msg(rig_control(&r, commands[_i].class, commands[_i].command, commands[_i].data,
				  commands[_i].len) == VIRTIO_NET_ERR,
		      "without its feature: %s", commands[_i].what);
}
END_TEST

/* rule: CTRL-11 */
START_TEST(an_address_needs_either_feature)
{
	static const unsigned either[] = { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_MAC_ADDR };
	uint64_t rest = RIG_ALL & ~RIG_BIT(either[0]) & ~RIG_BIT(either[1]);

	for (unsigned i = 0; i < 2; i++) {
		rig_up(&r, rest | RIG_BIT(either[i]), SIZE);
		ck_assert_int_eq(rig_control(&r, 1, 1, other, 6), VIRTIO_NET_OK);
	}
	rig_up(&r, rest, SIZE);
	ck_assert_int_eq(rig_control(&r, 1, 1, other, 6), VIRTIO_NET_ERR);
}
END_TEST

/* rule: NET-02 */
START_TEST(extra_modes_are_offered_with_a_control_queue)
{
	struct backend be = { .caps = { .queues = 1 } };
	struct net_config c = { .backend = &be };
	struct features f = net_offer(&c);

	ck_assert(features_has(&f, VIRTIO_NET_F_CTRL_RX_EXTRA));
	features_set(&c.switches.off, VIRTIO_NET_F_CTRL_VQ, true);
	f = net_offer(&c);
	ck_assert(!features_has(&f, VIRTIO_NET_F_CTRL_RX_EXTRA));
	/* A driver may take the one without the other: it just cannot give a command. */
	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA), SIZE);
}
END_TEST

/* ---- what comes ---- */

/* rule: CTRL-04 CTRL-05 CTRL-06 */
START_TEST(extra_modes)
{
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert_int_eq(give(0, 2, 1), VIRTIO_NET_OK);
	ck_assert(comes(us) && comes(other) && !comes(group) && comes(all));
	ck_assert_int_eq(give(0, 4, 1), VIRTIO_NET_OK);
	ck_assert(!comes(us) && !comes(other) && comes(all));
	ck_assert_int_eq(give(0, 4, 0), VIRTIO_NET_OK);
	ck_assert_int_eq(give(0, 2, 0), VIRTIO_NET_OK);
	ck_assert(comes(us) && !comes(other));
	ck_assert_int_eq(give(0, 1, 1), VIRTIO_NET_OK);
	ck_assert(comes(group));
	ck_assert_int_eq(give(0, 3, 1), VIRTIO_NET_OK);
	ck_assert(!comes(group) && comes(all) && comes(us));
	ck_assert_int_eq(give(0, 5, 1), VIRTIO_NET_OK);
	ck_assert(!comes(all) && comes(us));
	ck_assert_int_eq(give(0, 0, 1), VIRTIO_NET_OK);
	ck_assert(comes(us) && comes(other) && comes(group) && comes(all));
	/* The same modes as before show when it is off again, and none after a reset. */
	ck_assert_int_eq(give(0, 0, 0), VIRTIO_NET_OK);
	ck_assert(comes(us) && !comes(other) && !comes(group) && !comes(all));
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert(comes(us) && comes(other) && comes(group) && comes(all));
}
END_TEST

/* rule: CTRL-07 */
START_TEST(a_refused_mode_changes_nothing)
{
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert_int_eq(give(0, 5, 1), VIRTIO_NET_OK);
	ck_assert_int_eq(give(0, 5, 2), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, 0, 5, "\0\0", 2), VIRTIO_NET_ERR);
	ck_assert(!comes(all) && comes(us));
}
END_TEST

/* rule: CTRL-13 CTRL-14 */
START_TEST(vlans)
{
	static const uint8_t seven[2] = { 7, 0 }, last[2] = { 0xff, 0x0f }, past[2] = { 7, 0x10 };

	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_CTRL_VLAN), SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert_msg(comes_tagged(us, 7), "without CTRL_VLAN tags are nobody's business");
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert(!comes_tagged(us, 7) && !comes_tagged(us, 4095) && comes(us));
	ck_assert_int_eq(rig_control(&r, 2, 0, seven, 2), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 2, 0, seven, 2), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 2, 0, last, 2), VIRTIO_NET_OK);
	ck_assert(comes_tagged(us, 7) && comes_tagged(us, 4095) && !comes_tagged(us, 8));
	ck_assert_int_eq(rig_control(&r, 2, 1, past, 2), VIRTIO_NET_ERR);
	ck_assert_msg(comes_tagged(us, 7), "a refused command took VLAN 7 away");
	ck_assert_int_eq(rig_control(&r, 2, 1, seven, 2), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 2, 1, seven, 2), VIRTIO_NET_OK);
	ck_assert(!comes_tagged(us, 7) && comes_tagged(us, 4095));
	/* A command of the other classes leaves the table alone, a reset empties it. */
	ck_assert_int_eq(give(0, 1, 1), VIRTIO_NET_OK);
	ck_assert(comes_tagged(us, 4095) && !comes_tagged(us, 7));
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert(!comes_tagged(us, 4095) && comes(us));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_filter");
	TCase *tc = tcase_create("ctrl_filter");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_command, 0, (int)ARRAY_LEN(commands));
	tcase_add_test(tc, an_address_needs_either_feature);
	tcase_add_test(tc, extra_modes_are_offered_with_a_control_queue);
	tcase_add_test(tc, extra_modes);
	tcase_add_test(tc, a_refused_mode_changes_nothing);
	tcase_add_test(tc, vlans);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
