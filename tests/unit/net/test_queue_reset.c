/* Single queues reset while the others run, kicks with data, and queues of any size. */
#include <check.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <unistd.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	SIZE = 32,
	LEN = 100,
	ROOM = 256,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_SIZE_MAX = 0x034,
	REG_QUEUE_SIZE = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_STATUS = 0x070,
	REG_QUEUE_RESET = 0x0c0,
};

static struct rig r;
static const struct vnet_hdr plain;
static uint8_t frame[LEN], got[ROOM];

static void setup(void)
{
	rig_make(&r);
	rig_fill(frame, LEN, 1);
}
static void teardown(void) { rig_end(&r); }

static uint64_t layout(int i) { return i == 0 ? RIG_ALL : RIG_PACKED; }

static uint64_t access_faults(void)
{
	struct device_counters c;

	device_counters(net_device(r.net), &c);
	return c.fault[DEVICE_FAULT_ACCESS];
}

static void sent(void)
{
	struct vnet_hdr h;

	rig_send(&r, plain, frame, LEN);
	ck_assert_int_eq(rig_await_sent(&r, &h, got, sizeof(got)), LEN);
}

static void received(void)
{
	struct driver_queue *q = &r.queue[RIG_RX];

	(void)rig_post(&r, 1, ROOM);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_await_used(&r, RIG_RX, q->avail_index);
}

static void reset_queue(uint32_t index)
{
	rig_write(&r, REG_QUEUE_SEL, index);
	rig_write(&r, REG_QUEUE_RESET, 1);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_RESET), 0);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_READY), 0);
}

/* Transmit is reset and comes back in another place with another size; receive runs all the
 * while. */
/* rule: CORE-27 CORE-28 CORE-29 MMIO-17 MMIO-18 */
START_TEST(one_queue_is_reset_the_other_runs)
{
	rig_up(&r, layout(_i), SIZE);
	for (unsigned round = 0; round < 5; round++) {
		struct driver_queue *tx = &r.queue[RIG_TX];
		uint64_t ring_bytes = 16u * tx->size;
		uint8_t before[16 * SIZE];

		sent();
		received();
		reset_queue(RIG_TX);
		/* What is posted there now is nobody's. */
		rig_send(&r, plain, frame, LEN);
		rig_kick(&r, RIG_TX);
		memcpy(before, driver_at(&r.memory, tx->desc), ring_bytes);
		received();
		ck_assert(memcmp(before, driver_at(&r.memory, tx->desc), ring_bytes) == 0);
		ck_assert_int_eq(loopback_taken(r.backend, 0, &(struct vnet_hdr){ 0 }, got, ROOM),
				 -1);
		rig_set_queue(&r, RIG_TX, round % 2 == 0 ? SIZE / 2 : SIZE);
		ck_assert_uint_eq(rig_read(&r, REG_QUEUE_RESET), 0);
		sent();
	}
}
END_TEST

/* A frame that waits for buffers goes with its queue, and is counted. */
/* rule: CORE-28 */
START_TEST(what_a_receive_queue_holds_goes_with_it)
{
	struct net_stats s;

	rig_up(&r, layout(_i), SIZE);
	/* Of five buffers the first frame takes three; the second would need as many. */
	(void)rig_post(&r, 5, 40);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_await_used(&r, RIG_RX, 3);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	do
		s = rig_stats(&r);
	while (s.rx_held == 0);
	reset_queue(RIG_RX);
	s = rig_stats(&r);
	ck_assert_uint_eq(s.drop[DROP_RX_RESET], 1);
	ck_assert_uint_eq(s.rx_held, 0);
	rig_set_queue(&r, RIG_RX, SIZE);
	received();
	sent();
}
END_TEST

/* Its registers are as at power-on: what was written before the reset is forgotten. */
/* rule: CORE-28 CORE-29 */
START_TEST(a_reset_queue_forgets_its_addresses)
{
	struct net_stats before, after;

	rig_up(&r, layout(_i), SIZE);
	/* Receive too: where a ring of power-on lies the rig's rings are. */
	reset_queue(RIG_TX);
	reset_queue(RIG_RX);
	rig_send(&r, plain, frame, LEN);
	memset(driver_at(&r.memory, 0), 0, 64);
	rig_write(&r, REG_QUEUE_SEL, RIG_TX);
	rig_write(&r, REG_QUEUE_READY, 1);
	/* Size and addresses of power-on: a ring of 256 at 0, which may be, but is not that. */
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_READY), 1);
	before = rig_stats(&r);
	rig_kick(&r, RIG_TX);
	do
		after = rig_stats(&r);
	while (after.kicks_tx == before.kicks_tx);
	ck_assert_uint_eq(rig_stats(&r).tx.packets, 0);
}
END_TEST

/* The control queue as well. */
START_TEST(the_control_queue_is_reset)
{
	const uint8_t on = 1;

	rig_up(&r, layout(_i), SIZE);
	ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), 0);
	reset_queue(RIG_CTRL);
	rig_kick(&r, RIG_CTRL);
	ck_assert(!err_is(loop_once(r.loop, 0)));
	rig_set_queue(&r, RIG_CTRL, 16);
	ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), 0);
	sent();
}
END_TEST

/* rule: MMIO-19 */
START_TEST(without_the_feature_it_is_ignored)
{
	uint64_t before;

	rig_up(&r, layout(_i) & ~RIG_BIT(VIRTIO_F_RING_RESET), SIZE);
	before = access_faults();
	rig_write(&r, REG_QUEUE_SEL, RIG_TX);
	rig_write(&r, REG_QUEUE_RESET, 1);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_RESET), 0);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_READY), 1);
	ck_assert_uint_eq(access_faults(), before + 1);
	sent();
}
END_TEST

START_TEST(a_queue_that_is_none_or_another_value)
{
	uint64_t before;

	rig_up(&r, layout(_i), SIZE);
	before = access_faults();
	rig_write(&r, REG_QUEUE_SEL, 77);
	rig_write(&r, REG_QUEUE_RESET, 1);
	ck_assert_uint_eq(access_faults(), before + 1);
	rig_write(&r, REG_QUEUE_SEL, RIG_TX);
	rig_write(&r, REG_QUEUE_RESET, 0);
	rig_write(&r, REG_QUEUE_RESET, 2);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_READY), 1);
	sent();
}
END_TEST

/* ---- kicks with data ---- */

/* Doorbells rung since the last look: nobody else reads the eventfd. */
static uint64_t kicked(uint32_t queue)
{
	uint64_t count = 0;
	ssize_t bytes = read(device_kick_fd(net_device(r.net), queue), &count, sizeof(count));

	ck_assert(bytes == sizeof(count) || errno == EAGAIN);
	return count;
}

/* Any offset and wrap bit: the ring decides. Without the feature the upper half is a part of the
 * index, of which there is no queue. */
/* rule: MMIO-16 CORE-30 */
START_TEST(kicks_with_data)
{
	const uint32_t data[] = { 0, 0x7fff0000, 0x80000000, 0xffff0000, 0x12340000 };

	rig_end(&r);
	rig_make_with(&r, 256, RIG_BIT(VIRTIO_F_NOTIFICATION_DATA));
	rig_up(&r, layout(_i), SIZE);
	ck_assert(rig_has(&r, VIRTIO_F_NOTIFICATION_DATA));
	for (unsigned i = 0; i < ARRAY_LEN(data); i++) {
		(void)kicked(RIG_TX);
		rig_write(&r, MMIO_QUEUE_NOTIFY, data[i] | RIG_TX);
		ck_assert_uint_eq(kicked(RIG_TX), 1);
		sent();
	}
	rig_write(&r, MMIO_QUEUE_NOTIFY, 0xffff0000u | 99);
	rig_up(&r, layout(_i) & ~RIG_BIT(VIRTIO_F_NOTIFICATION_DATA), SIZE);
	sent();
	(void)kicked(RIG_TX);
	rig_write(&r, MMIO_QUEUE_NOTIFY, 0x12340000 | RIG_TX);
	ck_assert_uint_eq(kicked(RIG_TX), 0);
	received();
}
END_TEST

START_TEST(it_is_off_unless_asked_for)
{
	rig_up(&r, layout(_i), SIZE);
	ck_assert(!rig_has(&r, VIRTIO_F_NOTIFICATION_DATA));
	ck_assert(rig_has(&r, VIRTIO_F_IN_ORDER) && rig_has(&r, VIRTIO_F_RING_RESET));
}
END_TEST

/* ---- sizes ---- */

/* clang-format off */
static const struct { uint16_t most; uint64_t features; uint32_t shown, size; bool good; } sizes[] = {
	{ 256, RIG_ALL, 256, 256, true }, { 256, RIG_ALL, 256, 2, true }, { 256, RIG_ALL, 256, 100, false },
	{ 256, RIG_ALL, 256, 512, false }, { 256, RIG_ALL, 256, 0, false },
	{ 256, RIG_PACKED, 256, 100, true }, { 256, RIG_PACKED, 256, 1, true }, { 256, RIG_PACKED, 256, 257, false },
	{ 256, RIG_PACKED, 256, 0, false },
	{ 100, RIG_PACKED, 100, 100, true }, { 100, RIG_PACKED, 100, 101, false },
	{ 100, RIG_ALL, 64, 64, true }, { 100, RIG_ALL, 64, 128, false }, { 100, RIG_ALL, 64, 100, false },
	{ 2, RIG_ALL, 2, 2, true }, { 2, RIG_PACKED, 2, 1, true }, { 32768, RIG_ALL, 32768, 32768, true },
	{ 32767, RIG_PACKED, 32767, 32767, true }, { 32767, RIG_ALL, 16384, 16384, true },
};
/* clang-format on */

/* rule: SPLIT-01 PACKED-01 MMIO-06 */
START_TEST(sizes_that_a_queue_may_have)
{
	const uint32_t part[] = { 0x080, 0x090, 0x0a0 };
	uint64_t at[3];

	rig_end(&r);
	rig_make_with(&r, sizes[_i].most, 0);
	rig_up(&r,
	       sizes[_i].features & (RIG_BIT(VIRTIO_F_RING_PACKED) | RIG_BIT(VIRTIO_F_RING_RESET)),
	       2);
	reset_queue(RIG_TX);
	at[0] = driver_alloc(&r.memory, 16u * 32768, 16);
	at[1] = driver_alloc(&r.memory, 6u + 2u * 32768, 4);
	at[2] = driver_alloc(&r.memory, 6u + 8u * 32768, 4);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_SIZE_MAX), sizes[_i].shown);
	rig_write(&r, REG_QUEUE_SIZE, sizes[_i].size);
	for (unsigned i = 0; i < 3; i++)
		rig_write(&r, part[i], (uint32_t)at[i]);
	rig_write(&r, REG_QUEUE_READY, 1);
	ck_assert_uint_eq(rig_read(&r, REG_QUEUE_READY), sizes[_i].good);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/queue_reset");
	TCase *tc = tcase_create("queue_reset");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, one_queue_is_reset_the_other_runs, 0, 2);
	tcase_add_loop_test(tc, what_a_receive_queue_holds_goes_with_it, 0, 2);
	tcase_add_loop_test(tc, a_reset_queue_forgets_its_addresses, 0, 2);
	tcase_add_loop_test(tc, the_control_queue_is_reset, 0, 2);
	tcase_add_loop_test(tc, without_the_feature_it_is_ignored, 0, 2);
	tcase_add_loop_test(tc, a_queue_that_is_none_or_another_value, 0, 2);
	tcase_add_loop_test(tc, kicks_with_data, 0, 2);
	tcase_add_loop_test(tc, it_is_off_unless_asked_for, 0, 2);
	tcase_add_loop_test(tc, sizes_that_a_queue_may_have, 0, (int)ARRAY_LEN(sizes));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
