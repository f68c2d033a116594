/* Signals that are held back: what was used shows at once, and the driver's wish is looked at
 * later, over all that was shown since. Both layouts, by flags and by event index. */
#include <stdlib.h>

#include "devices/base/err.h"
#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

/* _i: bit 0 packed, bit 1 EVENT_IDX. */
static void begin_as(int i)
{
	if ((i & 1) != 0)
		begin_packed(SIZE, (i & 2) != 0, false);
	else
		begin((i & 2) != 0, false);
}

/* Posts a buffer, uses it and shows it; false: it need not be asked yet. */
static bool use_one(void)
{
	struct chain c;
	struct driver_used u;
	bool ask;

	(void)driver_post(&d, 0x80000, 5, false);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	queue_push(q, &c, 0);
	ask = queue_show(q);
	ck_assert_msg(driver_collect(&d, &u), "what was used does not show");
	return ask;
}

/* The driver wants to know of the next chain used, and looks at all that shows before it is told.
 */
/* rule: CTRL-31 SPLIT-22 SPLIT-23 PACKED-19 */
START_TEST(the_wish_counts_from_where_it_was_last_looked_at)
{
	begin_as(_i);
	for (unsigned round = 0; round < 10; round++) {
		driver_ask(&d, true);
		for (unsigned i = 0; i < 3; i++)
			ck_assert(!use_one());
		ck_assert_msg(queue_wants_signal(q), "round %u: the first of three was wanted",
			      round);
		ck_assert_msg(!queue_wants_signal(q), "told twice");
	}
}
END_TEST

/* It asks for more than was used until now: nothing is owed by what comes before that. */
START_TEST(a_wish_that_lies_ahead)
{
	begin(true, false);
	driver_set_used_event(&d, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(!use_one());
	ck_assert(!queue_wants_signal(q));
	ck_assert(!use_one());
	ck_assert(queue_wants_signal(q));
}
END_TEST

/* A wish that was withdrawn before it was looked at is none, and leaves no debt. */
/* rule: CTRL-31 */
START_TEST(a_wish_that_was_withdrawn)
{
	begin(false, false);
	ck_assert(!use_one());
	driver_set_avail_flags(&d, 1);
	ck_assert(!queue_wants_signal(q));
	driver_set_avail_flags(&d, 0);
	ck_assert(!queue_wants_signal(q));
	ck_assert(!use_one());
	ck_assert(queue_wants_signal(q));
}
END_TEST

/* A place in the ring comes round again: who holds back longer than that would miss the wish. */
START_TEST(a_ring_full_must_be_asked_for)
{
	begin_as(_i);
	for (unsigned round = 0; round < 3; round++) {
		driver_ask(&d, true);
		for (unsigned i = 1; i < SIZE; i++)
			ck_assert_msg(!use_one(), "asked for after %u of %u", i, SIZE);
		ck_assert(use_one());
		ck_assert(use_one());
		ck_assert(queue_wants_signal(q));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/signal");
	TCase *tc = tcase_create("signal");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_wish_counts_from_where_it_was_last_looked_at, 0, 4);
	tcase_add_test(tc, a_wish_that_lies_ahead);
	tcase_add_test(tc, a_wish_that_was_withdrawn);
	tcase_add_loop_test(tc, a_ring_full_must_be_asked_for, 0, 4);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
