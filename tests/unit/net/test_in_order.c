/* IN_ORDER: each chain is used, in the order in which it was made available, whatever becomes of
 * its frame. */
#include <check.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LEN = 100, ROOM = 256, FRAMES = 3 * SIZE };

static struct rig r;
static const struct vnet_hdr plain;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static uint64_t layout(int i) { return i == 0 ? RIG_ALL : RIG_PACKED; }

/* Good frames among those that are dropped for each reason that there is for one alone. */
static void send_number(unsigned i)
{
	/* clang-format off */
	static const struct { struct vnet_hdr h; uint32_t len; } kinds[] = {
		{ { 0 }, LEN }, { { 0 }, 13 }, { { .gso_type = 9 }, LEN }, { { 0 }, LEN },
		{ { .flags = 1, .csum_start = 200 }, LEN }, { { 0 }, 1600 },
	};
	/* clang-format on */
	uint8_t frame[1600];

	rig_fill(frame, sizeof(frame), i);
	rig_send(&r, kinds[i % ARRAY_LEN(kinds)].h, frame, kinds[i % ARRAY_LEN(kinds)].len);
}

/* rule: CORE-19 SPLIT-28 PACKED-23 */
START_TEST(sent_or_dropped_each_is_used_in_order)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	struct driver_used u;

	rig_up(&r, layout(_i), SIZE);
	ck_assert(rig_has(&r, VIRTIO_F_IN_ORDER));
	for (unsigned from = 0; from < FRAMES; from += SIZE) {
		for (unsigned i = from; i < from + SIZE; i++)
			send_number(i);
		rig_await_used(&r, RIG_TX, q->avail_index);
		for (unsigned i = from; i < from + SIZE; i++) {
			ck_assert(driver_collect(q, &u));
			ck_assert_uint_eq(u.id, i % SIZE);
			ck_assert_uint_eq(u.len, 0);
		}
		ck_assert(!driver_collect(q, &u));
	}
	ck_assert_uint_gt(rig_stats(&r).tx.drops, 0);
	ck_assert_uint_eq(rig_stats(&r).tx.packets, FRAMES / 3);
}
END_TEST

/* Frames over several buffers, and one that none of them takes. */
/* rule: CORE-19 SPLIT-28 PACKED-23 */
START_TEST(received_over_several_buffers_each_is_used_in_order)
{
	struct driver_queue *q = &r.queue[RIG_RX];
	uint8_t frame[1514];
	struct driver_used u;
	unsigned used = 0;

	rig_up(&r, layout(_i), SIZE);
	(void)rig_post(&r, SIZE, 128);
	rig_fill(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 5; i++)
		ck_assert(loopback_give(r.backend, 0, plain, frame, 60 + 300 * (i % 3)));
	/* Headers and frames of 60, 360, 660, 60, 360 bytes: 1 + 3 + 6 + 1 + 3 buffers. */
	rig_await_used(&r, RIG_RX, 14);
	while (driver_collect(q, &u))
		ck_assert_uint_eq(u.id, used++);
	ck_assert_uint_eq(used, 14);
}
END_TEST

/* A driver that does not keep its side of it: the next field is followed as written, and order is
 * not guessed. */
/* rule: SPLIT-12 */
START_TEST(descriptors_out_of_sequence_are_followed)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	struct driver_used u;
	struct vnet_hdr h;
	uint8_t frame[LEN], got[ROOM];
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	at = driver_alloc(&r.memory, ROOM, 16);
	rig_fill(frame, LEN, 7);
	memset(driver_at(&r.memory, at), 0, RIG_HDR);
	memcpy(driver_at(&r.memory, at + RIG_HDR), frame, LEN);
	driver_desc(q, 9, at, RIG_HDR, D_NEXT, 4);
	driver_desc(q, 4, at + RIG_HDR, 40, D_NEXT, 60);
	driver_desc(q, 60, at + RIG_HDR + 40, LEN - 40, 0, 0);
	driver_offer(q, 9);
	driver_show(q);
	rig_kick(&r, RIG_TX);
	ck_assert_int_eq(rig_await_sent(&r, &h, got, sizeof(got)), LEN);
	ck_assert_mem_eq(got, frame, LEN);
	rig_await_used(&r, RIG_TX, 1);
	ck_assert(driver_collect(q, &u));
	ck_assert_uint_eq(u.id, 9);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/in_order");
	TCase *tc = tcase_create("in_order");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, sent_or_dropped_each_is_used_in_order, 0, 2);
	tcase_add_loop_test(tc, received_over_several_buffers_each_is_used_in_order, 0, 2);
	tcase_add_test(tc, descriptors_out_of_sequence_are_followed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
