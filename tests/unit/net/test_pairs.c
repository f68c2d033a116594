/* Several queue pairs: what is offered, where the control queue is, and which pairs move frames. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	PAIRS = 4,
	SIZE = 16,
	LEN = 60,
	ROOM = 256,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_SIZE_MAX = 0x034,
	REG_STATUS = 0x070,
	REG_CONFIG = 0x100,
	SEEN = 3,
	FEATURES_OK = 8,
};
#define MQ RIG_BIT(VIRTIO_NET_F_MQ)
#define CTRL RIG_BIT(VIRTIO_NET_F_CTRL_VQ)

static struct rig r;
static uint8_t frame[LEN], got[2048];
static const struct vnet_hdr plain;

static void setup(void)
{
	rig_make_pairs(&r, PAIRS);
	rig_fill(frame, LEN, 1);
}
static void teardown(void) { rig_end(&r); }

static void assert_comes(unsigned pair)
{
	struct driver_queue *q = &r.queue[2 * pair];
	uint16_t used = driver_used_index(q);

	(void)rig_post_on(&r, pair, 1, ROOM);
	ck_assert_msg(loopback_give(r.backend, pair, plain, frame, LEN), "queue %u is off", pair);
	rig_await_used(&r, 2 * pair, (uint16_t)(used + 1));
}

static void assert_goes(unsigned pair)
{
	struct vnet_hdr h;

	rig_send_on(&r, pair, plain, frame, LEN);
	ck_assert_int_eq(rig_await_sent_on(&r, pair, &h, got, sizeof(got)), LEN);
}

static uint64_t dropped(enum drop_reason why) { return rig_stats(&r).drop[why]; }

/* ---- what is offered ---- */

/* rule: NET-03 NET-06 CORE-26 */
START_TEST(the_number_of_pairs_is_told)
{
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 8) & 0xffff, PAIRS);
	rig_end(&r);
	rig_make(&r);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 8) & 0xffff, 0);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_msg(!rig_has(&r, VIRTIO_NET_F_MQ), "several pairs of one are offered");
}
END_TEST

static bool sticks(uint64_t features)
{
	rig_write(&r, REG_STATUS, 0);
	rig_write(&r, REG_STATUS, SEEN);
	for (uint32_t word = 0; word < 2; word++) {
		rig_write(&r, 0x024, word);
		rig_write(&r, 0x020, (uint32_t)(features >> 32 * word));
	}
	rig_write(&r, REG_STATUS, SEEN | FEATURES_OK);
	return (rig_read(&r, REG_STATUS) & FEATURES_OK) != 0;
}

/* rule: CORE-16 */
START_TEST(pairs_need_the_control_queue)
{
	ck_assert(!sticks(RIG_BIT(VIRTIO_F_VERSION_1) | MQ));
	ck_assert(sticks(RIG_BIT(VIRTIO_F_VERSION_1) | MQ | CTRL));
}
END_TEST

static unsigned queues_that_exist(void)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < 64; i++) {
		rig_write(&r, REG_QUEUE_SEL, i);
		count += rig_read(&r, REG_QUEUE_SIZE_MAX) != 0;
	}
	return count;
}

/* rule: NET-01 */
START_TEST(the_control_queue_goes_by_what_is_accepted)
{
	static const uint8_t on = 1;

	rig_up(&r, RIG_ALL & ~MQ & ~RIG_BIT(VIRTIO_NET_F_RSS), SIZE);
	ck_assert_uint_eq(rig_ctrl(&r), 2);
	ck_assert_uint_eq(queues_that_exist(), 3);
	ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_set_pairs(&r, 1), VIRTIO_NET_ERR);
	assert_goes(0);
	assert_comes(0);
	rig_stop_queue(&r, 2);
	rig_set_queue(&r, 2, SIZE);
	ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), VIRTIO_NET_OK);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(rig_ctrl(&r), 2 * PAIRS);
	ck_assert_uint_eq(queues_that_exist(), 2 * PAIRS + 1);
	ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
}
END_TEST

/* ---- how many move frames ---- */

/* rule: NET-43 CTRL-18 */
START_TEST(one_pair_at_first_and_after_a_reset)
{
	ck_assert_uint_eq(rig_queues_on(&r), 1);
	for (unsigned life = 0; life < 3; life++) {
		rig_up(&r, RIG_ALL, SIZE);
		ck_assert_uint_eq(rig_queues_on(&r), 1);
		assert_comes(0);
		ck_assert_int_eq(rig_set_pairs(&r, PAIRS), VIRTIO_NET_OK);
		ck_assert_uint_eq(rig_queues_on(&r), 0xf);
		for (unsigned i = 0; i < PAIRS; i++) {
			assert_comes(i);
			assert_goes(i);
		}
	}
	rig_write(&r, REG_STATUS, 0);
	ck_assert_uint_eq(rig_queues_on(&r), 1);
}
END_TEST

/* rule: CTRL-17 */
START_TEST(a_count_that_cannot_be_is_an_error)
{
	static const uint8_t bytes[3] = { 2, 0, 0 };

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(rig_set_pairs(&r, 3), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_set_pairs(&r, 0), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_set_pairs(&r, PAIRS + 1), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_set_pairs(&r, 0x0101), VIRTIO_NET_ERR);
	for (uint32_t len = 0; len <= 3; len++)
		ck_assert_int_eq(rig_control(&r, VIRTIO_NET_CTRL_MQ,
					     VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, bytes, len),
				 len == 2 ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
	ck_assert_uint_eq(rig_queues_on(&r), 3);
	ck_assert_int_eq(rig_set_pairs(&r, PAIRS + 1), VIRTIO_NET_ERR);
	ck_assert_uint_eq(rig_queues_on(&r), 3);
}
END_TEST

static void set_ops(const struct backend_ops *ops)
{
	device_lock(net_device(r.net));
	device_pause(net_device(r.net));
	r.backend->ops = ops;
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
}

static struct err refuse(struct backend *be, unsigned queue, bool on)
{
	(void)be;
	return queue == 2 && on ? err_make(ERR_SETUP, 0, "no") : err_none();
}

/* A backend that cannot: nothing is changed, not even in part. */
START_TEST(what_the_backend_refuses_is_an_error)
{
	struct backend_ops ops = *r.backend->ops;
	const struct backend_ops *before = r.backend->ops;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
	ops.set_queue = refuse;
	set_ops(&ops);
	ck_assert_int_eq(rig_set_pairs(&r, PAIRS), VIRTIO_NET_ERR);
	ck_assert_uint_ge(rig_log_lines(&r), 1);
	set_ops(before);
	rig_send_on(&r, 2, plain, frame, LEN);
	assert_goes(1);
	assert_comes(1);
	ck_assert_uint_eq(driver_used_index(&r.queue[5]), 0);
}
END_TEST

/* Neither does a worker look, nor is there anything to send for one that does. */
/* rule: NET-44 */
START_TEST(beyond_the_count_nothing_is_read_yet)
{
	struct vnet_hdr h;

	rig_up(&r, RIG_ALL, SIZE);
	device_lock(net_device(r.net));
	device_pause(net_device(r.net)); /* the pairs are ours */
	for (unsigned i = 1; i < PAIRS; i++) {
		rig_send_on(&r, i, plain, frame, LEN);
		rig_kick(&r, 2 * i + 1);
		ck_assert(!net_tx_waiting(net_pair(r.net, i)));
		ck_assert_int_eq(net_tx(net_pair(r.net, i)), RUN_IDLE);
		ck_assert(!net_tx_wait(net_pair(r.net, i)));
	}
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
	assert_goes(0);
	for (unsigned pairs = 1; pairs < PAIRS; pairs++) {
		for (unsigned i = pairs; i < PAIRS; i++) {
			ck_assert_uint_eq(driver_used_index(&r.queue[2 * i + 1]), 0);
			ck_assert_int_lt(loopback_taken(r.backend, i, &h, got, sizeof(got)), 0);
		}
		ck_assert_int_eq(rig_set_pairs(&r, (uint16_t)(pairs + 1)), VIRTIO_NET_OK);
		ck_assert_int_eq(rig_await_sent_on(&r, pairs, &h, got, sizeof(got)), LEN);
	}
	ck_assert_int_eq(rig_set_pairs(&r, 1), VIRTIO_NET_OK);
	rig_send_on(&r, 3, plain, frame, LEN);
	assert_goes(0);
	ck_assert_int_lt(loopback_taken(r.backend, 3, &h, got, sizeof(got)), 0);
}
END_TEST

/* What waits for a pair that goes, in its hands or in the backend, is dropped and counted. */
START_TEST(what_waits_for_a_pair_that_goes)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
	(void)rig_post_on(&r, 1, 1, RIG_HDR + LEN - 1);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(loopback_give(r.backend, 1, plain, frame, LEN));
	assert_comes(0);
	ck_assert_int_eq(rig_set_pairs(&r, 1), VIRTIO_NET_OK);
	ck_assert(!loopback_give(r.backend, 1, plain, frame, LEN));
	ck_assert_uint_eq(dropped(DROP_RX_STALE) + dropped(DROP_RX_RESET) +
				  dropped(DROP_RX_TOO_BIG) + dropped(DROP_RX_NO_BUFFERS),
			  3);
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
	assert_comes(0);
}
END_TEST

/* ---- queues that are not there ---- */

/* rule: CTRL-17 */
START_TEST(a_queue_that_is_not_set_up_gets_nothing)
{
	rig_prepare(&r, RIG_ALL, SIZE);
	rig_stop_queue(&r, 2);
	rig_go(&r);
	ck_assert_int_eq(rig_set_pairs(&r, 3), VIRTIO_NET_OK);
	ck_assert_uint_eq(rig_queues_on(&r), 5);
	assert_comes(2);
	assert_goes(1);
	rig_set_queue(&r, 2, SIZE);
	ck_assert_uint_eq(rig_queues_on(&r), 7);
	assert_comes(1);
}
END_TEST

/* rule: NET-46 CORE-27 */
START_TEST(a_queue_being_reset_is_passed_over)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(rig_set_pairs(&r, 3), VIRTIO_NET_OK);
	ck_assert(loopback_give(r.backend, 1, plain, frame, LEN));
	rig_stop_queue(&r, 2);
	ck_assert_uint_eq(rig_queues_on(&r), 5);
	ck_assert_uint_eq(dropped(DROP_RX_STALE), 1);
	assert_comes(0);
	assert_comes(2);
	rig_set_queue(&r, 2, SIZE);
	ck_assert_uint_eq(rig_queues_on(&r), 7);
	assert_comes(1);
	rig_stop_queue(&r, 6); /* not of those that receive */
	ck_assert_uint_eq(rig_queues_on(&r), 7);
}
END_TEST

/* rule: NET-46 */
START_TEST(with_every_queue_being_reset_all_is_dropped)
{
	rig_up(&r, RIG_ALL, SIZE);
	rig_stop_queue(&r, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_set_queue(&r, 0, SIZE);
	ck_assert_uint_eq(dropped(DROP_RX_STALE), 3);
	assert_comes(0);
	ck_assert_uint_eq(driver_used_index(&r.queue[0]), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pairs");
	TCase *tc = tcase_create("pairs");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_number_of_pairs_is_told);
	tcase_add_test(tc, pairs_need_the_control_queue);
	tcase_add_test(tc, the_control_queue_goes_by_what_is_accepted);
	tcase_add_test(tc, one_pair_at_first_and_after_a_reset);
	tcase_add_test(tc, a_count_that_cannot_be_is_an_error);
	tcase_add_test(tc, what_the_backend_refuses_is_an_error);
	tcase_add_test(tc, beyond_the_count_nothing_is_read_yet);
	tcase_add_test(tc, what_waits_for_a_pair_that_goes);
	tcase_add_test(tc, a_queue_that_is_not_set_up_gets_nothing);
	tcase_add_test(tc, a_queue_being_reset_is_passed_over);
	tcase_add_test(tc, with_every_queue_being_reset_all_is_dropped);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
