/* The seam for time: the host's clock goes on and is the monotonic one, the wall's counts from
 * 1970; another one is asked by its own self. */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "devices/base/clock.h"
#include "tests/driver/suite.h"

static uint64_t asked_ns(clockid_t id)
{
	struct timespec t;

	ck_assert_int_eq(clock_gettime(id, &t), 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

START_TEST(host_clock_is_the_monotonic_one)
{
	uint64_t before = asked_ns(CLOCK_MONOTONIC);

	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_now_ns(&clock_host), after = asked_ns(CLOCK_MONOTONIC);

		if (now < before || now > after)
			ck_abort_msg("got %llu, want %llu to %llu", (unsigned long long)now,
				     (unsigned long long)before, (unsigned long long)after);
		before = now;
	}
}
END_TEST

/* No order is judged: it may be set meanwhile. */
START_TEST(wall_clock_counts_from_1970)
{
	const uint64_t hour_ns = UINT64_C(3600) * 1000000000u;
	uint64_t want = asked_ns(CLOCK_REALTIME), now = clock_now_ns(&clock_wall);

	ck_assert_msg(now > want - hour_ns && now < want + hour_ns, "got %llu, want about %llu",
		      (unsigned long long)now, (unsigned long long)want);
}
END_TEST

static uint64_t tell(void *self) { return *(const uint64_t *)self; }

START_TEST(any_clock_is_asked_by_its_self)
{
	uint64_t time_ns = 7;
	struct clock c = { .now_ns = tell, .self = &time_ns };

	ck_assert_uint_eq(clock_now_ns(&c), 7);
	time_ns = UINT64_MAX;
	ck_assert_uint_eq(clock_now_ns(&c), UINT64_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, host_clock_is_the_monotonic_one);
	tcase_add_test(tc, wall_clock_counts_from_1970);
	tcase_add_test(tc, any_clock_is_asked_by_its_self);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
