/* When a signal that may be held back comes. The clock stands still but for what the tests move it;
 * that a signal did not come is seen by what the worker did after it would have. */
#include <linux/virtio_ring.h>

#include "tests/driver/suite.h"
#include "tests/unit/net/limits.h"

enum { LEN = 60, USEC = 1000, LONG_USECS = 1000 * 1000 };

static uint8_t frame[LEN], sent[2048];
static const struct vnet_hdr plain;

static void setup_frame(void)
{
	setup();
	rig_fill(frame, LEN, 1);
}

static uint64_t signals(void)
{
	struct device_counters c;

	device_counters(net_device(r.net), &c);
	return c.signals;
}

static void await_signals(uint64_t want)
{
	for (unsigned i = 0; i < RIG_WAIT_MS && signals() < want; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert_uint_eq(signals(), want);
}

/* Frames one by one, each used before the next comes. */
static void receive(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint16_t used = driver_used_index(&r.queue[RIG_RX]);

		ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
		rig_await_used(&r, RIG_RX, (uint16_t)(used + 1));
	}
}

static void transmit(unsigned count)
{
	struct vnet_hdr h;

	for (unsigned i = 0; i < count; i++) {
		uint16_t used = driver_used_index(&r.queue[RIG_TX]);

		rig_send(&r, plain, frame, LEN);
		rig_await_used(&r, RIG_TX, (uint16_t)(used + 1));
		(void)rig_await_sent(&r, &h, sent, sizeof(sent));
	}
}

/* The driver has seen all that was used, and wants to hear of the next. */
static void ask_again(unsigned queue)
{
	struct driver_used u;

	while (driver_collect(&r.queue[queue], &u))
		continue;
	driver_ask(&r.queue[queue], true);
}

/* _i: bit 0 packed, bit 1 by event index, bit 2 transmit. */
static void (*up_as(int i, struct limits l, unsigned *ret_queue))(unsigned)
{
	uint64_t features = (i & 1) != 0 ? RIG_PACKED : RIG_ALL;

	if ((i & 2) == 0)
		features &= ~RIG_BIT(VIRTIO_RING_F_EVENT_IDX);
	*ret_queue = (i & 4) != 0 ? RIG_TX : RIG_RX;
	rig_up(&r, features, SIZE);
	ck_assert_int_eq(set_kind(*ret_queue == RIG_TX ? TX_SET : RX_SET, l), VIRTIO_NET_OK);
	(void)rig_post(&r, SIZE - 1, 128);
	ask_again(*ret_queue);
	return *ret_queue == RIG_TX ? transmit : receive;
}

/* What would have come before the last of the packets did not come; with it one signal comes. */
/* rule: CTRL-29 CTRL-31 */
START_TEST(a_signal_for_so_many_packets)
{
	unsigned queue;
	void (*packets)(unsigned) = up_as(_i, (struct limits){ 4, LONG_USECS }, &queue);
	uint64_t before = signals();

	for (unsigned round = 1; round <= 3; round++) {
		packets(4);
		await_signals(before + round);
		ask_again(queue);
	}
}
END_TEST

/* rule: CTRL-29 */
START_TEST(a_signal_after_so_much_time)
{
	unsigned queue;
	void (*packets)(unsigned) = up_as(_i, (struct limits){ 1000, USEC }, &queue);
	uint64_t before = signals();

	for (unsigned round = 1; round <= 3; round++) {
		packets(3);
		ck_assert_uint_eq(signals(), before + round - 1);
		rig_move_clock(&r, USEC * 1000 - 1);
		packets(2);
		ck_assert_uint_eq(signals(), before + round - 1);
		rig_move_clock(&r, 1);
		await_signals(before + round);
		ask_again(queue);
	}
}
END_TEST

/* rule: CTRL-28 */
START_TEST(a_signal_for_each_with_a_limit_of_0)
{
	unsigned queue;
	struct limits limits =
		(_i & 4) != 0 ? (struct limits){ 0, LONG_USECS } : (struct limits){ 1000, 0 };
	void (*packets)(unsigned) = up_as(_i, limits, &queue);
	uint64_t before = signals();

	for (unsigned i = 1; i <= 4; i++) {
		packets(1);
		await_signals(before + i);
		ask_again(queue);
	}
}
END_TEST

/* Nothing is sent to a driver that wants nothing, though it is due, nor later. */
/* rule: CTRL-31 */
START_TEST(what_is_suppressed_is_not_sent)
{
	unsigned queue;
	void (*packets)(unsigned) = up_as(_i & ~2, (struct limits){ 2, LONG_USECS }, &queue);
	uint64_t before = signals();

	driver_ask(&r.queue[queue], false);
	packets(5);
	ask_again(queue);
	packets(1);
	await_signals(before + 1);
}
END_TEST

/* rule: CTRL-30 */
START_TEST(new_limits_are_held_against_what_was_counted)
{
	unsigned queue;
	void (*packets)(unsigned) = up_as(_i, (struct limits){ 15, LONG_USECS }, &queue);
	uint64_t before = signals();

	packets(10);
	ck_assert_uint_eq(signals(), before);
	driver_ask(&r.queue[RIG_CTRL], false);
	ck_assert_int_eq(set_queue((uint16_t)queue, (struct limits){ 8, LONG_USECS }),
			 VIRTIO_NET_OK);
	ck_assert_uint_ge(signals(), before + 1);
}
END_TEST

/* Contract of a pause: a data path that is paused owes nothing. */
START_TEST(a_pause_gives_what_is_owed)
{
	unsigned queue;
	void (*packets)(unsigned) = up_as(_i, (struct limits){ 15, LONG_USECS }, &queue);
	uint64_t before = signals();

	packets(3);
	ck_assert_uint_eq(signals(), before);
	device_lock(net_device(r.net));
	device_pause(net_device(r.net));
	ck_assert_uint_eq(signals(), before + 1);
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
	/* Counting starts again with the next packet. */
	ask_again(queue);
	packets(14);
	ck_assert_uint_eq(signals(), before + 1);
	packets(1);
	await_signals(before + 2);
}
END_TEST

/* A driver that has no buffers left waits for nothing but this signal. */
START_TEST(the_last_buffer_is_told)
{
	uint64_t before;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_kind(RX_SET, (struct limits){ 1000, LONG_USECS }), VIRTIO_NET_OK);
	(void)rig_post(&r, 3, 128);
	ask_again(RIG_RX);
	before = signals();
	receive(3);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	await_signals(before + 1);
}
END_TEST

/* rule: CTRL-29 */
START_TEST(each_queue_counts_for_itself)
{
	uint64_t before;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_kind(RX_SET, (struct limits){ 4, LONG_USECS }), VIRTIO_NET_OK);
	ck_assert_int_eq(set_kind(TX_SET, (struct limits){ 4, LONG_USECS }), VIRTIO_NET_OK);
	(void)rig_post(&r, SIZE - 1, 128);
	ask_again(RIG_RX);
	ask_again(RIG_TX);
	before = signals();
	for (unsigned i = 0; i < 3; i++) {
		receive(1);
		transmit(1);
	}
	ck_assert_uint_eq(signals(), before);
	transmit(1);
	await_signals(before + 1);
	receive(1);
	await_signals(before + 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("coal_signals");
	TCase *tc = tcase_create("coal_signals");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_frame, teardown);
	tcase_add_loop_test(tc, a_signal_for_so_many_packets, 0, 8);
	tcase_add_loop_test(tc, a_signal_after_so_much_time, 0, 8);
	tcase_add_loop_test(tc, a_signal_for_each_with_a_limit_of_0, 0, 8);
	tcase_add_loop_test(tc, what_is_suppressed_is_not_sent, 0, 8);
	tcase_add_loop_test(tc, new_limits_are_held_against_what_was_counted, 0, 8);
	tcase_add_loop_test(tc, a_pause_gives_what_is_owed, 0, 8);
	tcase_add_test(tc, the_last_buffer_is_told);
	tcase_add_test(tc, each_queue_counts_for_itself);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
