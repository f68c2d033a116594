/* Signals that a driver lets the device hold back: the commands, and when a signal comes. The clock
 * stands still but for what the tests move it; that a signal did not come is seen by what the
 * worker did after it would have. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, CLASS = 6, TX_SET = 0, RX_SET = 1, VQ_SET = 2, VQ_GET = 3, LEN = 60 };
enum { USEC = 1000, LONG_USECS = 1000 * 1000 };

static struct rig r;
static uint8_t frame[LEN], sent[2048];
static const struct vnet_hdr plain;

static void setup(void)
{
	rig_make(&r);
	rig_stop_clock(&r);
	rig_fill(frame, LEN, 1);
}
static void teardown(void) { rig_end(&r); }

struct limits {
	uint32_t packets, usecs;
};

static void put32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static int set_kind(uint8_t command, struct limits l)
{
	uint8_t data[8];

	put32(data, l.packets);
	put32(data + 4, l.usecs);
	return rig_control(&r, CLASS, command, data, sizeof(data));
}

static int set_queue(uint16_t index, struct limits l)
{
	uint8_t data[12] = { (uint8_t)index, (uint8_t)(index >> 8), 0xee, 0xee };

	put32(data + 4, l.packets);
	put32(data + 8, l.usecs);
	return rig_control(&r, CLASS, VQ_SET, data, sizeof(data));
}

/* The ack; answered in front of it are the limits. */
static int get_queue(uint16_t index, struct limits *ret)
{
	const uint8_t bytes[6] = {
		CLASS, VQ_GET, (uint8_t)index, (uint8_t)(index >> 8), 0xee, 0xee
	};
	uint8_t answer[9];

	ck_assert_uint_eq(rig_command(&r, bytes, sizeof(bytes), 64, answer, sizeof(answer)), 9);
	ret->packets = (uint32_t)answer[0] | (uint32_t)answer[1] << 8 | (uint32_t)answer[2] << 16 |
		       (uint32_t)answer[3] << 24;
	ret->usecs = (uint32_t)answer[4] | (uint32_t)answer[5] << 8 | (uint32_t)answer[6] << 16 |
		     (uint32_t)answer[7] << 24;
	return answer[8];
}

static void assert_limits(uint16_t index, struct limits want)
{
	struct limits got;

	ck_assert_int_eq(get_queue(index, &got), VIRTIO_NET_OK);
	ck_assert_msg(got.packets == want.packets && got.usecs == want.usecs,
		      "queue %u has %u, %u, not %u, %u", index, got.packets, got.usecs,
		      want.packets, want.usecs);
}

/* ---- commands ---- */

/* rule: CTRL-28 CTRL-30 CTRL-34 */
START_TEST(the_last_set_command_decides)
{
	rig_up(&r, RIG_ALL, SIZE);
	assert_limits(RIG_RX, (struct limits){ 0, 0 });
	assert_limits(RIG_TX, (struct limits){ 0, 0 });
	ck_assert_int_eq(set_kind(RX_SET, (struct limits){ 15, 10 }), VIRTIO_NET_OK);
	assert_limits(RIG_RX, (struct limits){ 15, 10 });
	assert_limits(RIG_TX, (struct limits){ 0, 0 });
	ck_assert_int_eq(set_queue(RIG_RX, (struct limits){ UINT32_MAX, 0x01020304 }),
			 VIRTIO_NET_OK);
	assert_limits(RIG_RX, (struct limits){ UINT32_MAX, 0x01020304 });
	ck_assert_int_eq(set_queue(RIG_TX, (struct limits){ 7, 8 }), VIRTIO_NET_OK);
	assert_limits(RIG_TX, (struct limits){ 7, 8 });
	ck_assert_int_eq(set_kind(TX_SET, (struct limits){ 3, 4 }), VIRTIO_NET_OK);
	assert_limits(RIG_TX, (struct limits){ 3, 4 });
	assert_limits(RIG_RX, (struct limits){ UINT32_MAX, 0x01020304 });
	rig_up(&r, RIG_ALL, SIZE);
	assert_limits(RIG_RX, (struct limits){ 0, 0 });
	assert_limits(RIG_TX, (struct limits){ 0, 0 });
}
END_TEST

/* rule: CTRL-33 CORE-28 */
START_TEST(a_queue_that_is_enabled_again)
{
	const struct limits kind = { 15, 10 }, own = { 7, 8 };

	rig_up(&r, RIG_ALL, SIZE);
	for (uint16_t index = RIG_RX; index <= RIG_TX; index++) {
		struct limits got;

		ck_assert_int_eq(set_queue(index, own), VIRTIO_NET_OK);
		rig_stop_queue(&r, index);
		ck_assert_int_eq(get_queue(index, &got), VIRTIO_NET_ERR);
		ck_assert_int_eq(set_queue(index, own), VIRTIO_NET_ERR);
		rig_set_queue(&r, index, SIZE);
		assert_limits(index, (struct limits){ 0, 0 });
		ck_assert_int_eq(set_kind(index == RIG_TX ? TX_SET : RX_SET, kind), VIRTIO_NET_OK);
		ck_assert_int_eq(set_queue(index, own), VIRTIO_NET_OK);
		rig_stop_queue(&r, index);
		rig_set_queue(&r, index, SIZE);
		assert_limits(index, kind);
	}
	/* A reset forgets those of the kinds, too. */
	rig_up(&r, RIG_ALL, SIZE);
	for (uint16_t index = RIG_RX; index <= RIG_TX; index++) {
		rig_stop_queue(&r, index);
		rig_set_queue(&r, index, SIZE);
		assert_limits(index, (struct limits){ 0, 0 });
	}
}
END_TEST

/* rule: CTRL-32 */
START_TEST(no_such_queue)
{
	static const uint16_t none[] = { RIG_CTRL, 3, 16, 0x8000, 0xffff };
	struct limits got;

	rig_up(&r, RIG_ALL, SIZE);
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		ck_assert_int_eq(set_queue(none[i], (struct limits){ 1, 1 }), VIRTIO_NET_ERR);
		ck_assert_int_eq(get_queue(none[i], &got), VIRTIO_NET_ERR);
		ck_assert_msg(got.packets == 0 && got.usecs == 0, "an answer beside ERR");
	}
}
END_TEST

/* rule: CTRL-02 CTRL-03 */
START_TEST(each_command_by_length_and_feature)
{
	/* clang-format off */
	static const struct { uint8_t command; uint32_t len; unsigned feature; } rows[] = {
		{ TX_SET, 8, VIRTIO_NET_F_NOTF_COAL }, { RX_SET, 8, VIRTIO_NET_F_NOTF_COAL },
		{ VQ_SET, 12, VIRTIO_NET_F_VQ_NOTF_COAL }, { VQ_GET, 4, VIRTIO_NET_F_VQ_NOTF_COAL },
	};
	/* clang-format on */
	uint8_t bytes[2 + 16] = { CLASS, rows[_i].command }, answer[9];

	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CTRL_VQ) | RIG_BIT(rows[_i].feature), SIZE);
	for (uint32_t len = 0; len <= 16; len++) {
		uint32_t at = rows[_i].command == VQ_GET ? 8 : 0;

		ck_assert_uint_eq(rig_command(&r, bytes, 2 + len, 64, answer, 9), at + 1);
		ck_assert_msg(answer[at] == (len == rows[_i].len ? VIRTIO_NET_OK : VIRTIO_NET_ERR),
			      "%u bytes", len);
	}
	rig_up(&r, RIG_ALL & ~RIG_BIT(rows[_i].feature), SIZE);
	(void)rig_command(&r, bytes, 2 + rows[_i].len, 64, answer, 9);
	ck_assert_uint_eq(answer[rows[_i].command == VQ_GET ? 8 : 0], VIRTIO_NET_ERR);
}
END_TEST

/* In descriptors of any size, with any room. */
/* rule: SPLIT-03 CTRL-01 CTRL-34 */
START_TEST(the_answer_in_pieces)
{
	static const uint8_t bytes[6] = { CLASS, VQ_GET, RIG_RX };
	uint32_t piece = (uint32_t)_i + 1;
	uint8_t answer[20];

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_queue(RIG_RX, (struct limits){ 0x04030201, 0x08070605 }),
			 VIRTIO_NET_OK);
	ck_assert_uint_eq(rig_command(&r, bytes, 6, piece, answer, 9), 9);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(answer[i], i + 1);
	ck_assert_uint_eq(answer[8], VIRTIO_NET_OK);
	if (piece < 4)
		return;
	ck_assert_uint_eq(rig_command(&r, bytes, 6, piece, answer, 20), 9);
	ck_assert_uint_eq(answer[8], VIRTIO_NET_OK);
	for (unsigned i = 9; i < 20; i++)
		ck_assert_msg(answer[i] == RIG_BLANK, "byte %u behind the ack was written", i);
	/* No room for all of it: refused in the last byte there is, and nothing of the limits
	 * shows. */
	for (uint32_t room = 1; room < 9; room++) {
		ck_assert_uint_eq(rig_command(&r, bytes, 6, piece, answer, room), room);
		ck_assert_uint_eq(answer[room - 1], VIRTIO_NET_ERR);
		for (unsigned i = 0; i + 1 < room; i++)
			ck_assert_uint_eq(answer[i], 0);
	}
}
END_TEST

/* ---- signals ---- */

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
	Suite *s = suite_create("control_coal");
	TCase *tc = tcase_create("ctrl_coal");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_last_set_command_decides);
	tcase_add_test(tc, a_queue_that_is_enabled_again);
	tcase_add_test(tc, no_such_queue);
	tcase_add_loop_test(tc, each_command_by_length_and_feature, 0, 4);
	tcase_add_loop_test(tc, the_answer_in_pieces, 0, 9);
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
