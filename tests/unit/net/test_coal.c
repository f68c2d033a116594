/* When a signal is due: packets and time, by a clock that stands still until it is moved. */
#include <check.h>

#include "devices/base/err.h"
#include "devices/net/coal.h"
#include "tests/driver/suite.h"

static uint64_t now_ns;
static uint64_t fake_now(void *self)
{
	(void)self;
	return now_ns;
}
static const struct clock fake = { .now_ns = fake_now };
static uint64_t never_asked(void *self)
{
	(void)self;
	ck_abort_msg("the time was asked for");
	return 0;
}
static const struct clock none = { .now_ns = never_asked };

/* rule: CTRL-28 */
START_TEST(either_limit_of_0_means_after_every_packet)
{
	static const struct coal_limits limits[] = { { 0, 0 }, { 0, 1000 }, { 1000, 0 } };
	struct coal c = { .limits = limits[_i] };

	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(coal_wait(&c, &none), COAL_NEVER);
		coal_count(&c);
		ck_assert_uint_eq(coal_wait(&c, &none), 0);
		coal_done(&c);
	}
}
END_TEST

/* rule: CTRL-29 */
START_TEST(so_many_packets)
{
	struct coal c = { .limits = { 5, 1000 } };

	now_ns = 1;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 4; i++) {
			coal_count(&c);
			ck_assert_uint_eq(coal_wait(&c, &fake), 1000 * 1000);
		}
		coal_count(&c);
		ck_assert_uint_eq(coal_wait(&c, &fake), 0);
		coal_done(&c);
		ck_assert_uint_eq(coal_wait(&c, &fake), COAL_NEVER);
	}
}
END_TEST

/* The time begins with the first packet, again after each signal. */
/* rule: CTRL-29 */
START_TEST(so_much_time)
{
	struct coal c = { .limits = { UINT32_MAX, 10 } };

	now_ns = 1000000;
	ck_assert_uint_eq(coal_wait(&c, &fake), COAL_NEVER);
	now_ns += 1000000;
	coal_count(&c);
	ck_assert_uint_eq(coal_wait(&c, &fake), 10 * 1000);
	now_ns += 9999;
	coal_count(&c);
	ck_assert_uint_eq(coal_wait(&c, &fake), 1);
	now_ns += 1;
	ck_assert_uint_eq(coal_wait(&c, &fake), 0);
	now_ns += 1;
	ck_assert_uint_eq(coal_wait(&c, &fake), 0);
	coal_done(&c);
	coal_count(&c);
	ck_assert_uint_eq(coal_wait(&c, &fake), 10 * 1000);
}
END_TEST

/* rule: CTRL-30 */
START_TEST(what_was_counted_is_held_against_new_limits)
{
	struct coal c = { .limits = { 15, 1000 } };

	for (unsigned i = 0; i < 10; i++)
		coal_count(&c);
	ck_assert_uint_ne(coal_wait(&c, &fake), 0);
	c.limits.max_packets = 8;
	ck_assert_uint_eq(coal_wait(&c, &fake), 0);
}
END_TEST

START_TEST(the_largest_limits)
{
	struct coal c = { .limits = { UINT32_MAX, UINT32_MAX } };

	now_ns = 5;
	c.packets = UINT32_MAX - 1;
	ck_assert_uint_eq(coal_wait(&c, &fake), UINT64_C(1000) * UINT32_MAX);
	coal_count(&c);
	coal_count(&c);
	ck_assert_uint_eq(coal_wait(&c, &fake), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/coal");
	TCase *tc = tcase_create("coal");

	tcase_add_loop_test(tc, either_limit_of_0_means_after_every_packet, 0, 3);
	tcase_add_test(tc, so_many_packets);
	tcase_add_test(tc, so_much_time);
	tcase_add_test(tc, what_was_counted_is_held_against_new_limits);
	tcase_add_test(tc, the_largest_limits);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
