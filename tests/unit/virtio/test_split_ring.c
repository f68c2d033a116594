/* The split ring in motion: indices that jump and wrap, what is published when, and who is
 * notified. */
#include <linux/virtio_ring.h>
#include <string.h>

#include "devices/virtio/ring_math.h"
#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

/* ---- indices ---- */

/* A jump of exactly the queue size is legal, one more is not. rule: SPLIT-20 */
START_TEST(available_index_jumps)
{
	/* clang-format off */
	static const struct { uint16_t jump; bool good; } jumps[] = {
		{ SIZE, true }, { SIZE + 1, false }, { 0xffff, false }, { 0x8000, false },
	};
	/* clang-format on */
	struct chain c;

	for (unsigned i = 0; i < ARRAY_LEN(jumps); i++) {
		unsigned taken = 0;
		enum take got;

		begin(false, false);
		for (uint16_t k = 0; k < SIZE; k++) {
			driver_desc(&d, k, 0x80000, 5, 0, 0);
			driver_offer(&d, k);
		}
		driver_show_index(&d, jumps[i].jump);
		while ((got = queue_take(q, &c)) == TAKE_CHAIN) {
			queue_push(q, &c, 0);
			taken++;
		}
		publish();
		ck_assert_msg(got == (jumps[i].good ? TAKE_EMPTY : TAKE_BROKEN), "jump of %u",
			      jumps[i].jump);
		ck_assert_uint_eq(taken, jumps[i].good ? SIZE : 0);
		(void)queue_stop(q);
	}
}
END_TEST

/* What is held counts: the ring is full until it is given back. rule: SPLIT-20 */
START_TEST(available_index_ahead_of_what_is_held)
{
	struct chain c;

	begin(_i == 1, false);
	for (unsigned i = 0; i < SIZE; i++)
		(void)driver_post(&d, 0x80000, 5, false);
	for (unsigned i = 0; i < SIZE; i++) {
		ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
		queue_push(q, &c, 0);
	}
	(void)driver_post(&d, 0x80000, 5, false);
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_AVAIL);
	publish();
}
END_TEST

/* Behind what was taken, though not behind what was given back. rule: SPLIT-20 */
START_TEST(available_index_back_among_what_is_held)
{
	struct chain c;

	begin(_i == 1, false);
	for (unsigned i = 0; i < 3; i++)
		(void)driver_post(&d, 0x80000, 5, false);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	driver_show_index(&d, 2);
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_AVAIL);
}
END_TEST

/* rule: SPLIT-20 SPLIT-26 SPLIT-27 */
START_TEST(indices_wrap_many_times)
{
	struct driver_used u;
	struct chain c;

	begin(true, false);
	/* ck_assert would tell its parent of each round: 200,000 messages. */
	for (uint32_t i = 0; i < 3 * 65536; i++) {
		uint16_t head = driver_post(&d, 0x80000, 64, true);
		bool good = queue_take(q, &c) == TAKE_CHAIN && c.id == head;

		if (good) {
			queue_push(q, &c, i % 64);
			publish();
			good = driver_collect(&d, &u) && u.id == head && u.len == i % 64;
		}
		if (!good)
			ck_abort_msg("round %u: head %u, taken %u, used %u of %u bytes", i, head,
				     c.id, u.id, u.len);
	}
	ck_assert_uint_eq(queue_stop(q).index, (uint16_t)(3u * 65536));
}
END_TEST

START_TEST(nothing_shows_before_publish_and_rewind_takes_back)
{
	struct chain a, b, again;
	struct driver_used u;

	begin(false, false);
	(void)driver_post(&d, 0x80000, 64, true);
	(void)driver_post(&d, 0x81000, 64, true);
	ck_assert_int_eq(queue_take(q, &a), TAKE_CHAIN);
	ck_assert_int_eq(queue_take(q, &b), TAKE_CHAIN);
	ck_assert_uint_eq(queue_held(q), 2);
	queue_push(q, &a, 1);
	ck_assert_uint_eq(driver_used_index(&d), 0);
	queue_rewind(q, &b);
	ck_assert_uint_eq(queue_held(q), 1);
	publish();
	ck_assert_uint_eq(queue_held(q), 0);
	ck_assert(driver_collect(&d, &u));
	ck_assert(!driver_collect(&d, &u));
	ck_assert_int_eq(queue_take(q, &again), TAKE_CHAIN);
	ck_assert_uint_eq(again.position, b.position);
	ck_assert_ptr_eq(again.writable[0].iov_base, driver_at(&m, 0x81000));
	queue_rewind(q, &again);
}
END_TEST

/* A guest that names one long table in every slot cannot run the slices over. */
START_TEST(slices_run_out_between_chains_only)
{
	struct chain c[SIZE];
	unsigned taken = 0;
	enum take got = TAKE_CHAIN;

	begin(false, true);
	for (uint16_t i = 0; i < 1024; i++)
		driver_desc_at(&m, 0x90000, i, 0x80000, 1, i < 1023 ? D_NEXT : 0,
			       (uint16_t)(i + 1));
	for (uint16_t i = 0; i < SIZE; i++) {
		driver_desc(&d, i, 0x90000, 1024 * 16, D_INDIRECT, 0);
		driver_offer(&d, i);
	}
	driver_show(&d);
	for (unsigned rounds = 0; rounds < 2 * SIZE && taken < SIZE; rounds++) {
		got = queue_take(q, &c[taken]);
		if (got == TAKE_CHAIN) {
			ck_assert_int_eq(c[taken].readable_count, 1024);
			queue_push(q, &c[taken++], 0);
			continue;
		}
		ck_assert_int_eq(got, TAKE_FULL);
		ck_assert_uint_gt(queue_held(q), 0);
		publish();
	}
	ck_assert_uint_eq(taken, SIZE);
	publish();
}
END_TEST

/* Entries of no bytes take no slices, but they take time: a batch of them is bounded all the
 * same. */
START_TEST(steps_run_out_as_slices_do)
{
	struct chain c[SIZE];

	begin(false, true);
	for (uint16_t i = 0; i < 1024; i++)
		driver_desc_at(&m, 0x90000, i, 0x80000, 0, i < 1023 ? D_NEXT : 0,
			       (uint16_t)(i + 1));
	for (uint16_t i = 0; i < SIZE; i++) {
		driver_desc(&d, i, 0x90000, 1024 * 16, D_INDIRECT, 0);
		driver_offer(&d, i);
	}
	driver_show(&d);
	for (unsigned taken = 0; taken < SIZE; taken++) {
		ck_assert_int_eq(queue_take(q, &c[taken]), TAKE_CHAIN);
		ck_assert_int_eq(c[taken].readable_count, 0);
		ck_assert_int_eq(queue_take(q, &c[taken]), TAKE_FULL);
		if (taken % 2 == 0) {
			queue_push(q, &c[taken], 0);
			publish();
		} else {
			queue_rewind(q, &c[taken]);
			ck_assert_int_eq(queue_take(q, &c[taken]), TAKE_CHAIN);
			queue_push(q, &c[taken], 0);
			publish();
		}
	}
	ck_assert_uint_eq(driver_used_index(&d), SIZE);
}
END_TEST

/* ---- notifications ---- */

/* rule: SPLIT-23 */
START_TEST(event_math_is_the_kernels)
{
	for (uint32_t i = 0; i < 200000; i++) {
		uint16_t event = (uint16_t)(i * 7919), now = (uint16_t)(i * 104729),
			 old = (uint16_t)(now - i % 70);

		if (ring_event_passed(event, now, old) != (vring_need_event(event, now, old) != 0))
			ck_abort_msg("event %u, now %u, old %u", event, now, old);
	}
}
END_TEST

static bool use_one(void)
{
	struct chain c;

	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	queue_push(q, &c, 1);
	return queue_publish(q);
}

/* rule: SPLIT-22 */
START_TEST(signals_by_flags)
{
	begin(false, false);
	ck_assert(use_one());
	driver_set_avail_flags(&d, 1);
	ck_assert(!use_one());
	driver_set_avail_flags(&d, 0xfffe);
	ck_assert_msg(use_one(), "only bit 0 counts (SPLIT-22)");
	ck_assert_msg(!queue_publish(q), "a publish of nothing signals nothing");
}
END_TEST

/* rule: SPLIT-23 */
START_TEST(signals_by_event_index)
{
	struct chain c[3];

	begin(true, false);
	driver_set_avail_flags(&d, 1); /* ignored (SPLIT-23) */
	driver_set_used_event(&d, 0);
	ck_assert(use_one());
	ck_assert_msg(!use_one(), "used_event 0 is passed already");
	driver_set_used_event(&d, 3); /* two on: the batch jumps over it */
	for (unsigned i = 0; i < 3; i++)
		(void)driver_post(&d, 0x80000, 64, true);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(queue_take(q, &c[i]), TAKE_CHAIN);
		queue_push(q, &c[i], 1);
	}
	ck_assert(queue_publish(q));
}
END_TEST

/* Both event words, each round, three times around. rule: SPLIT-23 SPLIT-30 */
START_TEST(event_indices_wrap)
{
	struct chain c;

	begin(true, false);
	for (uint32_t i = 0; i < 3 * 65536; i++) {
		uint16_t now = (uint16_t)i;
		bool asked = i % 3 != 0, good = !queue_kick_enable(q);

		/* Not asked: the event is the element before, which is used already. */
		driver_set_used_event(&d, asked ? now : (uint16_t)(now - 1));
		(void)driver_post(&d, 0x80000, 64, true);
		good = good && driver_wants_kick(&d, now) && queue_take(q, &c) == TAKE_CHAIN;
		if (!good)
			ck_abort_msg("round %u: no kick", i);
		queue_push(q, &c, 1);
		if (queue_publish(q) != asked)
			ck_abort_msg("round %u: signal is not %d", i, asked);
		(void)driver_post(&d, 0x80000, 0, true);
		if (driver_wants_kick(&d, (uint16_t)(now + 1)))
			ck_abort_msg("round %u: a kick that nobody asked for", i);
		/* Taken back: the next round has this index again. */
		d.avail_index--;
		driver_show(&d);
		d.next_desc = (uint16_t)((d.next_desc + SIZE - 1) % SIZE);
	}
}
END_TEST

/* rule: SPLIT-29 SPLIT-32 */
START_TEST(kicks_by_flags)
{
	begin(false, false);
	queue_kick_disable(q);
	ck_assert_uint_eq(driver_used_flags(&d), 1);
	ck_assert(!queue_kick_enable(q));
	ck_assert_uint_eq(driver_used_flags(&d), 0);
	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert_msg(queue_kick_enable(q), "what came in between is told");
}
END_TEST

/* rule: SPLIT-30 SPLIT-32 */
START_TEST(kicks_by_event_index)
{
	struct chain c;

	begin(true, false);
	queue_kick_disable(q);
	ck_assert_msg(driver_used_flags(&d) == 0, "with EVENT_IDX the flags stay 0 (SPLIT-30)");
	ck_assert(!queue_kick_enable(q));
	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert(driver_wants_kick(&d, 0));
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	queue_rewind(q, &c);
	ck_assert_msg(!queue_kick_enable(q), "what was seen and did not suffice is not told again");
	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert_msg(driver_wants_kick(&d, 1), "but what comes after it is");
	ck_assert(queue_kick_enable(q));
}
END_TEST

/* After a hand-over: used index from the ring, and the first publish signals whatever is asked
 * for. */
START_TEST(restore)
{
	struct queue_config c;
	struct queue_state state;
	struct driver_used u;

	begin(true, false);
	ck_assert(use_one());
	ck_assert(driver_collect(&d, &u));
	driver_set_used_event(&d, 0x4000);
	state = queue_stop(q);
	ck_assert_uint_eq(state.index, 1);
	ck_assert(state.restored);
	c = driver_config(&d, false);
	ck_assert(queue_start(q, m.mem, &c, state));
	ck_assert_msg(use_one(), "the first publish after a restore signals");
	ck_assert(!use_one());
	ck_assert_uint_eq(driver_used_index(&d), 3);
}
END_TEST

/* rule: SPLIT-33 */
START_TEST(junk_in_the_used_ring_is_not_read)
{
	struct queue_config c;
	struct driver_used u;

	driver_queue_init(&d, &m, SIZE, false);
	memset(driver_at(&m, d.used), 0xee, 6 + 8 * SIZE);
	c = driver_config(&d, false);
	ck_assert(queue_start(q, m.mem, &c, (struct queue_state){ 0 }));
	ck_assert_uint_eq(driver_used_flags(&d), 0);
	ck_assert(use_one());
	ck_assert_uint_eq(driver_used_index(&d), 1);
	ck_assert(driver_collect(&d, &u));
	ck_assert_uint_eq(u.len, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/split_ring");
	TCase *tc = tcase_create("split_ring");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, available_index_jumps);
	tcase_add_loop_test(tc, available_index_ahead_of_what_is_held, 0, 2);
	tcase_add_loop_test(tc, available_index_back_among_what_is_held, 0, 2);
	tcase_add_test(tc, indices_wrap_many_times);
	tcase_add_test(tc, nothing_shows_before_publish_and_rewind_takes_back);
	tcase_add_test(tc, slices_run_out_between_chains_only);
	tcase_add_test(tc, steps_run_out_as_slices_do);
	tcase_add_test(tc, event_math_is_the_kernels);
	tcase_add_test(tc, signals_by_flags);
	tcase_add_test(tc, signals_by_event_index);
	tcase_add_test(tc, event_indices_wrap);
	tcase_add_test(tc, kicks_by_flags);
	tcase_add_test(tc, kicks_by_event_index);
	tcase_add_test(tc, restore);
	tcase_add_test(tc, junk_in_the_used_ring_is_not_read);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
