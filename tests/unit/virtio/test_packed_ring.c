/* The packed ring in motion: wrap counters, what is published when, and who is notified. */
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

enum { AT = 0x80000, EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2, WRAP = 0x8000 };

static void post(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)driver_post(&d, AT, 64, true);
}

static void take_all(struct chain *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(queue_take(q, &c[i]), TAKE_CHAIN);
}

/* Uses `count` chains in one publish. */
static bool use(unsigned count)
{
	struct chain c[SIZE];

	take_all(c, count);
	for (unsigned i = 0; i < count; i++)
		queue_push(q, &c[i], 1);
	return queue_publish(q);
}

/* What a used descriptor says, and what it does not.
 * rule: PACKED-08 PACKED-09 PACKED-15 PACKED-16 */
START_TEST(a_used_descriptor)
{
	const struct driver_buffer two[] = { { AT, 64, false }, { AT, 64, true } };
	struct driver_packed_used u;
	struct chain c[2];

	begin_packed(SIZE, false, false);
	(void)driver_post_chain(&d, two, 2);
	(void)driver_post(&d, AT, 64, false);
	take_all(c, 2);
	queue_push(q, &c[0], 33);
	queue_push(q, &c[1], 0);
	publish();
	u = driver_packed_at(&d, 0);
	ck_assert(u.id == 0 && u.len == 33 && u.flags == (D_AVAIL | D_USED | D_WRITE));
	u = driver_packed_at(&d, 2);
	ck_assert(u.id == 1 && u.flags == (D_AVAIL | D_USED));
	/* The list's second slot is skipped: it stays as the driver wrote it. */
	ck_assert_uint_eq(driver_packed_at(&d, 1).flags, D_AVAIL | D_WRITE);
}
END_TEST

/* In the next round the marks are the other way round. rule: PACKED-03 PACKED-08 */
START_TEST(the_marks_flip_with_each_round)
{
	begin_packed(SIZE, false, false);
	for (unsigned round = 0; round < 4; round++) {
		uint16_t both = round % 2 == 0 ? D_AVAIL | D_USED : 0;
		struct driver_used u;

		for (uint16_t slot = 0; slot < SIZE; slot++) {
			post(1);
			(void)use(1);
			ck_assert_uint_eq(driver_packed_at(&d, slot).flags, both | D_WRITE);
			ck_assert(driver_collect(&d, &u));
		}
	}
	ck_assert_uint_eq(queue_stop(q).index, 0);
}
END_TEST

/* A driver reads in ring order: until publish the first of them is not there, so none is.
 * rule: PACKED-07 PACKED-24 CORE-19 */
START_TEST(nothing_shows_before_publish_and_all_at_once)
{
	struct chain c[4];
	struct driver_used u;

	begin_packed(SIZE, false, false);
	post(4);
	take_all(c, 4);
	for (unsigned i = 0; i < 3; i++) {
		queue_push(q, &c[i], 1);
		ck_assert_uint_eq(driver_used_index(&d), 0);
	}
	queue_rewind(q, &c[3]);
	ck_assert_uint_eq(driver_used_index(&d), 0);
	publish();
	for (unsigned i = 0; i < 3; i++)
		ck_assert(driver_collect(&d, &u) && u.id == i && u.len == 1);
	ck_assert(!driver_collect(&d, &u));
	ck_assert_uint_eq(queue_held(q), 0);
	ck_assert_uint_eq(queue_available(q), 1);
	(void)use(1);
	ck_assert(driver_collect(&d, &u) && u.id == 3);
}
END_TEST

/* Given back and taken again, over the end of the ring too. */
START_TEST(rewind_takes_back)
{
	const struct driver_buffer three[] = { { AT, 1, true }, { AT, 2, true }, { AT, 3, true } };
	struct chain c[4], again;

	begin_packed(SIZE, false, false);
	post(6);
	(void)use(5);
	(void)driver_post_chain(&d, three, 3); /* slots 6, 7, 0 */
	take_all(c, 2);
	ck_assert_uint_eq(queue_available(q), 0);
	queue_rewind(q, &c[0]);
	ck_assert_uint_eq(queue_held(q), 0);
	ck_assert_uint_eq(queue_available(q), 2);
	take_all(c, 2);
	ck_assert(c[1].position == 6 && c[1].wrap && c[1].writable_bytes == 6);
	queue_push(q, &c[0], 0);
	queue_rewind(q, &c[1]);
	publish();
	ck_assert_uint_eq(queue_available(q), 1);
	ck_assert_int_eq(queue_take(q, &again), TAKE_CHAIN);
	ck_assert_uint_eq(again.id, c[1].id);
	queue_push(q, &again, 6);
	publish();
	ck_assert_uint_eq(queue_stop(q).index, 1);
}
END_TEST

/* Every slot taken and given back is every slot, not none. */
START_TEST(rewind_of_the_whole_ring)
{
	struct chain c[SIZE];

	begin_packed(SIZE, false, false);
	post(SIZE);
	take_all(c, SIZE);
	queue_rewind(q, &c[0]);
	ck_assert_uint_eq(queue_available(q), SIZE);
	(void)use(SIZE);
	ck_assert_uint_eq(queue_available(q), 0);
}
END_TEST

START_TEST(available_counts_chains_not_descriptors)
{
	const struct driver_buffer three[] = { { AT, 1, true }, { AT, 2, true }, { AT, 3, true } };

	begin_packed(SIZE, false, false);
	(void)driver_post_chain(&d, three, 3);
	ck_assert_uint_eq(queue_available(q), 1);
	(void)driver_post_chain(&d, three, 3);
	(void)driver_post_chain(&d, three, 2);
	ck_assert_uint_eq(queue_available(q), 3);
	(void)use(3);
	ck_assert_uint_eq(queue_available(q), 0);
}
END_TEST

/* A driver that takes back what it made available: there is nothing, and nobody spins on it. */
START_TEST(taken_back_by_the_driver)
{
	struct chain c;

	begin_packed(SIZE, false, false);
	post(2);
	ck_assert_uint_eq(queue_available(q), 2);
	driver_packed_desc(&d, 0, AT, 64, 0, 0);
	ck_assert_int_eq(queue_take(q, &c), TAKE_EMPTY);
	ck_assert_uint_eq(queue_available(q), 0);
	ck_assert(!queue_kick_enable(q));
}
END_TEST

/* ---- signals ---- */

/* rule: PACKED-19 */
START_TEST(signals_by_flags)
{
	/* clang-format off */
	static const struct { uint16_t flags; bool event_idx, wants; } rows[] = {
		{ EVENT_ENABLE, false, true }, { EVENT_DISABLE, false, false },
		{ EVENT_ENABLE, true, true }, { EVENT_DISABLE, true, false },
		{ EVENT_DESC, false, true }, { 3, false, true }, { 3, true, true },
	};
	/* clang-format on */

	begin_packed(SIZE, rows[_i].event_idx, false);
	driver_packed_set_event(&d, 5 | WRAP, rows[_i].flags);
	post(1);
	ck_assert(use(1) == rows[_i].wants);
}
END_TEST

/* From every place of the ring, batches of every length, each place asked for: a signal comes if
 * the place is among the slots just used, in the right round. rule: PACKED-20 */
START_TEST(signals_by_place)
{
	for (unsigned from = 0; from < SIZE; from++)
		for (unsigned batch = 1; batch <= SIZE; batch++)
			for (unsigned named = 0; named < 2 * SIZE; named++) {
				struct driver_used u;
				bool wanted = false;

				begin_packed(SIZE, true, false);
				driver_packed_set_event(&d, 0, EVENT_DISABLE);
				for (unsigned i = 0; i < from; i++) {
					post(1);
					(void)use(1);
					(void)driver_collect(&d, &u);
				}
				post(batch);
				driver_packed_set_event(
					&d, (uint16_t)(named % SIZE | (named < SIZE ? WRAP : 0)),
					EVENT_DESC);
				for (unsigned i = from; i < from + batch; i++)
					wanted = wanted || named == i;
				if (use(batch) != wanted)
					ck_abort_msg("from %u, %u used, %u named", from, batch,
						     named);
				(void)queue_stop(q);
				m.next = 0;
			}
}
END_TEST

/* ---- kicks ---- */

/* rule: PACKED-21 */
START_TEST(kicks_are_asked_for_by_flags)
{
	begin_packed(SIZE, false, false);
	ck_assert_uint_eq(driver_packed_device_event(&d) >> 16, EVENT_ENABLE);
	queue_kick_disable(q);
	ck_assert_uint_eq(driver_packed_device_event(&d) >> 16, EVENT_DISABLE);
	ck_assert(!queue_kick_enable(q));
	ck_assert_uint_eq(driver_packed_device_event(&d) >> 16, EVENT_ENABLE);
	queue_kick_disable(q);
	post(1);
	ck_assert(queue_kick_enable(q));
}
END_TEST

/* At the first slot that was not seen: what was seen and not taken is no news.
 * rule: PACKED-21 */
START_TEST(kicks_are_asked_for_by_place)
{
	struct chain c[2];

	begin_packed(SIZE, true, false);
	post(2);
	ck_assert_uint_eq(queue_available(q), 2);
	take_all(c, 2);
	queue_rewind(q, &c[0]);
	ck_assert(!queue_kick_enable(q));
	ck_assert_uint_eq(driver_packed_device_event(&d), (uint32_t)EVENT_DESC << 16 | WRAP | 2);
	post(1);
	ck_assert(queue_kick_enable(q));
	(void)use(3);
	for (unsigned i = 0; i < 5; i++) {
		post(1);
		(void)use(1);
	}
	ck_assert(!queue_kick_enable(q));
	ck_assert_uint_eq(driver_packed_device_event(&d), (uint32_t)EVENT_DESC << 16);
	queue_kick_disable(q);
	ck_assert_uint_eq(driver_packed_device_event(&d) >> 16, EVENT_DISABLE);
}
END_TEST

/* ---- state ---- */

START_TEST(a_queue_goes_on_where_another_left_it)
{
	struct queue_config c;
	struct queue_state at;
	struct driver_used u;

	begin_packed(SIZE, true, false);
	c = driver_config(&d, false);
	for (unsigned i = 0; i < SIZE + 3; i++) {
		post(1);
		(void)use(1);
		ck_assert(driver_collect(&d, &u));
	}
	at = queue_stop(q);
	ck_assert(at.index == 3 && !at.wrap && at.restored);
	driver_packed_set_event(&d, 0, EVENT_DISABLE);
	ck_assert(queue_start(q, m.mem, &c, at));
	post(2);
	ck_assert_msg(use(1), "the first publish after a restore says signal");
	ck_assert(!use(1));
	ck_assert(driver_collect(&d, &u) && driver_collect(&d, &u));
}
END_TEST

START_TEST(a_state_past_the_ring_is_none)
{
	struct queue_config c;

	driver_packed_init(&d, &m, SIZE, false);
	c = driver_config(&d, false);
	ck_assert(!queue_start(q, m.mem, &c,
			       (struct queue_state){ .index = SIZE, .restored = true }));
	ck_assert(!queue_running(q));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/packed_ring");
	TCase *tc = tcase_create("packed_ring");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_used_descriptor);
	tcase_add_test(tc, the_marks_flip_with_each_round);
	tcase_add_test(tc, nothing_shows_before_publish_and_all_at_once);
	tcase_add_test(tc, rewind_takes_back);
	tcase_add_test(tc, rewind_of_the_whole_ring);
	tcase_add_test(tc, available_counts_chains_not_descriptors);
	tcase_add_test(tc, taken_back_by_the_driver);
	tcase_add_loop_test(tc, signals_by_flags, 0, 7);
	tcase_add_test(tc, signals_by_place);
	tcase_add_test(tc, kicks_are_asked_for_by_flags);
	tcase_add_test(tc, kicks_are_asked_for_by_place);
	tcase_add_test(tc, a_queue_goes_on_where_another_left_it);
	tcase_add_test(tc, a_state_past_the_ring_is_none);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
