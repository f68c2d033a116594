/* The device asks its driver to tell the network where it is; and what it tells of its link. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	SIZE = 64,
	REG_INTERRUPT = 0x060,
	REG_ACK = 0x064,
	REG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100
};
enum { UP = 1, ANNOUNCE = 2, CLASS = 3 };

static struct rig r;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static uint32_t status(void) { return rig_read(&r, REG_CONFIG + 4) >> 16; }
static int acknowledge(void) { return rig_control(&r, CLASS, 0, "", 0); }
static void plug_in_again(void)
{
	net_set_link(r.net, false);
	net_set_link(r.net, true);
}
static void ack_interrupts(void) { rig_write(&r, REG_ACK, rig_read(&r, REG_INTERRUPT)); }

/* rule: CTRL-16 CTRL-15 CORE-24 CORE-25 */
START_TEST(asked_told_and_acknowledged)
{
	uint32_t generation;

	rig_up(&r, RIG_ALL, SIZE);
	ack_interrupts();
	ck_assert_uint_eq(status(), UP);
	generation = rig_read(&r, REG_GENERATION);
	plug_in_again();
	ck_assert_uint_eq(status(), UP | ANNOUNCE);
	ck_assert_uint_ne(rig_read(&r, REG_GENERATION), generation);
	ck_assert_uint_eq(rig_read(&r, REG_INTERRUPT), DEVICE_INT_CONFIG);
	ack_interrupts();
	generation = rig_read(&r, REG_GENERATION);
	ck_assert_int_eq(acknowledge(), VIRTIO_NET_OK);
	ck_assert_uint_eq(status(), UP);
	ck_assert_uint_ne(rig_read(&r, REG_GENERATION), generation);
	ck_assert_msg((rig_read(&r, REG_INTERRUPT) & DEVICE_INT_CONFIG) == 0,
		      "the driver's own command is told to it");
	ck_assert_msg(acknowledge() == VIRTIO_NET_OK, "clear already is as good");
}
END_TEST

/* The link that comes up again may be to another switch. One interrupt tells of both. */
/* rule: CTRL-16 NET-05 */
START_TEST(a_link_that_comes_up)
{
	struct device_counters before, after;

	rig_up(&r, RIG_ALL, SIZE);
	net_set_link(r.net, true);
	ck_assert_msg(status() == UP, "it was up before");
	net_set_link(r.net, false);
	ck_assert_uint_eq(status(), 0);
	device_counters(net_device(r.net), &before);
	net_set_link(r.net, true);
	device_counters(net_device(r.net), &after);
	ck_assert_uint_eq(status(), UP | ANNOUNCE);
	ck_assert_uint_eq(after.signals, before.signals + 1);
	/* Not yet acknowledged: it stays over a change of the link. */
	net_set_link(r.net, false);
	ck_assert_uint_eq(status(), ANNOUNCE);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_msg(status() == 0, "it outlives a reset");
}
END_TEST

/* rule: CTRL-16 CTRL-03 */
START_TEST(a_driver_that_cannot)
{
	static const uint64_t lacks[] = { RIG_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE),
					  RIG_BIT(VIRTIO_NET_F_STATUS) };

	plug_in_again();
	ck_assert_msg(status() == UP, "no driver is up");
	rig_up(&r, RIG_ALL & ~lacks[_i], SIZE);
	plug_in_again();
	ck_assert_uint_eq(status(), UP);
	ck_assert_int_eq(acknowledge(), _i == 0 ? VIRTIO_NET_ERR : VIRTIO_NET_OK);
}
END_TEST

/* rule: CTRL-02 */
START_TEST(an_acknowledge_that_is_none)
{
	rig_up(&r, RIG_ALL, SIZE);
	plug_in_again();
	ck_assert_int_eq(rig_control(&r, CLASS, 0, "\0", 1), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, CLASS, 1, "", 0), VIRTIO_NET_ERR);
	ck_assert_uint_eq(status(), UP | ANNOUNCE);
}
END_TEST

START_TEST(not_offered_without_the_status_that_holds_it)
{
	struct backend be = { .caps = { .queues = 1 } };
	struct net_config c = { .backend = &be };
	struct features f = net_offer(&c);

	ck_assert(features_has(&f, VIRTIO_NET_F_GUEST_ANNOUNCE));
	features_set(&c.switches.off, VIRTIO_NET_F_STATUS, true);
	f = net_offer(&c);
	ck_assert(!features_has(&f, VIRTIO_NET_F_GUEST_ANNOUNCE));
}
END_TEST

/* rule: NET-12 */
START_TEST(what_the_link_is_said_to_be)
{
	/* clang-format off */
	static const struct { struct net_speed speed; uint32_t mbits; uint8_t duplex; } rows[] = {
		{ { 0 }, UINT32_MAX, 0xff },
		{ { .known = true, .mbits = 0 }, 0, 0xff },
		{ { .known = true, .mbits = NET_SPEED_MAX, .duplex = NET_DUPLEX_FULL }, NET_SPEED_MAX, 1 },
		{ { .duplex = NET_DUPLEX_HALF }, UINT32_MAX, 0 },
	};
	/* clang-format on */
	struct backend *backend;
	struct net *n;
	uint8_t bytes[5];
	struct net_config c = { .name = "t1",
				.queue_size = 16,
				.pairs = 1,
				.speed = rows[_i].speed,
				.mem = r.memory.mem,
				.loop = r.loop };

	for (unsigned off = 0; off < 2; off++) {
		ck_assert(!err_is(loopback_create(1, &backend)));
		c.backend = backend;
		features_set(&c.switches.off, VIRTIO_NET_F_SPEED_DUPLEX, off == 1);
		ck_assert(!err_is(net_create(&c, &datapath_runner, r.datapath, &n)));
		device_config_read(net_device(n), 12, bytes, sizeof(bytes));
		for (unsigned i = 0; i < 4; i++)
			ck_assert_uint_eq(bytes[i], off == 1 ? 0 : rows[_i].mbits >> 8 * i & 0xff);
		ck_assert_uint_eq(bytes[4], off == 1 ? 0 : rows[_i].duplex);
		net_destroy(n);
		backend->ops->destroy(backend);
	}
}
END_TEST

/* Only a user who asks for it gets a NIC that stands in for another. */
START_TEST(standby_by_request_alone)
{
	struct backend be = { .caps = { .queues = 1 } };
	struct net_config c = { .backend = &be };
	struct features f = net_offer(&c);

	ck_assert(!features_has(&f, VIRTIO_NET_F_STANDBY));
	features_set(&c.switches.on, VIRTIO_NET_F_STANDBY, true);
	f = net_offer(&c);
	ck_assert(features_has(&f, VIRTIO_NET_F_STANDBY));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_announce");
	TCase *tc = tcase_create("ctrl_announce");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, asked_told_and_acknowledged);
	tcase_add_test(tc, a_link_that_comes_up);
	tcase_add_loop_test(tc, a_driver_that_cannot, 0, 2);
	tcase_add_test(tc, an_acknowledge_that_is_none);
	tcase_add_test(tc, not_offered_without_the_status_that_holds_it);
	tcase_add_loop_test(tc, what_the_link_is_said_to_be, 0, 4);
	tcase_add_test(tc, standby_by_request_alone);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
