/* tests/unit/net/test_rate.c: a bucket of tokens under a clock that stands where it is put, byte by
 * byte; and how a limit is written. */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "devices/net/rate.h"
#include "tests/driver/suite.h"

enum { BURST = 65536, MOST = 1 << 20, THREADS = 4 };
static const uint64_t SECOND = UINT64_C(1000000000);

static uint64_t now;
static uint64_t read_clock(void *self) { return *(uint64_t *)self; }
static const struct clock clock_here = { read_clock, &now };
static struct rate r;

static void full(uint64_t bytes_a_second)
{
	now = 12345;
	rate_set(&r, &(struct rate_limit){ bytes_a_second, BURST }, &clock_here);
}

static void empty(uint64_t bytes_a_second)
{
	full(bytes_a_second);
	ck_assert_uint_eq(rate_take(&r, &clock_here, MOST), BURST);
}

START_TEST(without_a_limit_all_goes)
{
	full(0);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), MOST);
	rate_used(&r, MOST, 0);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(a_burst_goes_at_once_and_no_more)
{
	full(1000);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, 60000), 60000);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, 60000), 5536);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, 60000), 0);
}
END_TEST

static const struct {
	const char *says;
	uint64_t bytes_a_second, after_ns, tokens;
} refills[] = {
	{ "a byte, when it is whole", 1000, 1000000, 1 },
	{ "none, a nanosecond before", 1000, 999999, 0 },
	{ "a third of a second", 1000, 333333333, 333 },
	{ "three bytes of ten nanoseconds each", 100000000, 30, 3 },
	{ "100 Gbit/s: 25 bytes in two nanoseconds", 12500000000, 2, 25 },
	{ "a second", 50000, 1000000000, 50000 },
	{ "a burst and no more after a minute", 50000, 60000000000, BURST },
	{ "nor after forty years", 12500000000, 40ull * 365 * 86400 * 1000000000, BURST },
};

START_TEST(tokens_come_as_time_goes)
{
	uint64_t got;

	empty(refills[_i].bytes_a_second);
	now += refills[_i].after_ns;
	got = rate_allow(&r, &clock_here, MOST);
	ck_assert_msg(got == refills[_i].tokens, "%s: got %" PRIu64, refills[_i].says, got);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 0);
}
END_TEST

/* Nothing is lost by asking often: the sum is as exact as one question at the end. */
START_TEST(a_thousand_questions_lose_no_byte)
{
	uint64_t sum = 0;

	empty(333333);
	for (unsigned i = 0; i < 1000; i++) {
		now += 777;
		sum += rate_allow(&r, &clock_here, MOST);
	}
	ck_assert_uint_eq(sum, 777000ull * 333333 / SECOND);
}
END_TEST

START_TEST(what_was_not_used_goes_back)
{
	full(1000);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), BURST);
	rate_used(&r, BURST, 1000);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), BURST - 1000);
}
END_TEST

START_TEST(what_was_used_beyond_is_owed)
{
	full(1000);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), BURST);
	rate_used(&r, BURST, BURST + 1500);
	now += SECOND; /* 1000 of them are back */
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 0);
	now += SECOND / 2;
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 0);
	now += SECOND / 1000;
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 1);
}
END_TEST

static const struct {
	uint64_t bytes_a_second, owed, wait_ns, tokens;
} waits[] = {
	{ 1000, 0, 1000000, 1 },
	{ 1000, 1500, 1501000000, 1 },
	{ 1000000, 0, 1000000, 1000 },
	{ 300000000, 7, 218477, BURST }, /* a millisecond's worth is more than the burst */
	{ 7000, 0, 1000000, 7 },
	{ 7777, 0, 900091, 7 },
	{ 12500000000, 65589, 10490, BURST },
};

START_TEST(the_wait_is_for_a_milliseconds_worth_to_the_nanosecond)
{
	empty(waits[_i].bytes_a_second);
	rate_used(&r, 0, waits[_i].owed);
	ck_assert_uint_eq(rate_wait(&r, &clock_here), waits[_i].wait_ns);
	now += waits[_i].wait_ns - 1;
	ck_assert_uint_gt(rate_wait(&r, &clock_here), 0);
	now++;
	ck_assert_uint_eq(rate_wait(&r, &clock_here), 0);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), waits[_i].tokens);
}
END_TEST

START_TEST(a_new_limit_begins_with_a_full_bucket)
{
	empty(1000);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 0);
	rate_set(&r, &(struct rate_limit){ 2000, 2 * BURST }, &clock_here);
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 2 * BURST);
	now += SECOND;
	ck_assert_uint_eq(rate_allow(&r, &clock_here, MOST), 2000);
}
END_TEST

static void *take_all(void *sum)
{
	uint64_t took;

	while ((took = rate_allow(&r, &clock_here, 100)) != 0) {
		rate_used(&r, took, took - took / 2); /* half of it back */
		*(uint64_t *)sum += took - took / 2;
	}
	return NULL;
}

START_TEST(several_workers_share_one_bucket)
{
	uint64_t sum[THREADS] = { 0 }, all = 0;
	pthread_t thread[THREADS];

	full(1000);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, take_all, &sum[i]), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(thread[i], NULL);
		all += sum[i];
	}
	ck_assert_uint_eq(all, BURST);
}
END_TEST

/* ---- words ---- */

static const struct {
	const char *text;
	struct net_rate want;
} rates[] = {
	{ "100M", { { 12500000, 125000 }, { 12500000, 125000 } } },
	{ "8000", { { 1000, 65536 }, { 1000, 65536 } } },
	{ "8k", { { 1000, 65536 }, { 1000, 65536 } } },
	{ "1G/256K", { { 125000000, 262144 }, { 125000000, 262144 } } },
	{ "100G/1g", { { 12500000000, 1 << 30 }, { 12500000000, 1 << 30 } } },
	{ "rx:1G", { { 125000000, 1250000 }, { 7, 8 } } },
	{ "tx:10m/64k", { { 5, 6 }, { 1250000, 65536 } } },
	{ "off", { { 0, 0 }, { 0, 0 } } },
	{ "rx:off", { { 0, 0 }, { 7, 8 } } },
	{ "tx:off", { { 5, 6 }, { 0, 0 } } },
};

START_TEST(a_rate_is_read)
{
	struct net_rate got = { { 5, 6 }, { 7, 8 } };
	struct err e = rate_parse(rates[_i].text, &got);

	ck_assert_msg(!err_is(e), "%s: %s", rates[_i].text, e.text);
	ck_assert_msg(memcmp(&got, &rates[_i].want, sizeof(got)) == 0,
		      "%s: got %" PRIu64 "/%" PRIu64 " and %" PRIu64 "/%" PRIu64, rates[_i].text,
		      got.rx.bytes_a_second, got.rx.burst_bytes, got.tx.bytes_a_second,
		      got.tx.burst_bytes);
}
END_TEST

static const struct {
	const char *text, *words;
} refused[] = {
	{ "0", "8K to 100G bits a second, or off" },
	{ "0M", "8K to 100G bits a second, or off" },
	{ "7999", "out of range" },
	{ "101G", "out of range" },
	{ "18446744073709551617", "out of range" },
	{ "99999999999G", "out of range" },
	{ "", "is no rate" },
	{ "rx:", "is no rate" },
	{ "fast", "is no rate" },
	{ "M", "is no rate" },
	{ "-1M", "is no rate" },
	{ " 1M", "is no rate" },
	{ "1M ", "is no rate" },
	{ "1MM", "is no rate" },
	{ "1T", "is no rate" },
	{ "1.5M", "is no rate" },
	{ "100M/", "is no rate" },
	{ "100M/x", "is no rate" },
	{ "100M/64Kx", "is no rate" },
	{ "100M/64K/1", "is no rate" },
	{ "both:1M", "is no rate" },
	{ "RX:1M", "is no rate" },
	{ "rx:tx:1M", "is no rate" },
	{ "OFF", "is no rate" },
	{ "off/64K", "is no rate" },
	{ "100M/0", "64K to 1G bytes" },
	{ "100M/65535", "the burst is out of range" },
	{ "100M/2G", "the burst is out of range" },
	{ "100M/99999999999999999999", "the burst is out of range" },
};

START_TEST(what_is_no_rate_changes_nothing)
{
	const struct net_rate before = { { 5, 6 }, { 7, 8 } };
	struct net_rate got = before;
	struct err e = rate_parse(refused[_i].text, &got);

	ck_assert_msg(err_is(e) && strstr(e.text, refused[_i].words) != NULL, "'%s': got \"%s\"",
		      refused[_i].text, e.text);
	ck_assert_int_eq(e.kind, ERR_USAGE);
	ck_assert_msg(memcmp(&got, &before, sizeof(got)) == 0, "'%s' changed it", refused[_i].text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rate");
	TCase *tc = tcase_create("rate");

	tcase_add_test(tc, without_a_limit_all_goes);
	tcase_add_test(tc, a_burst_goes_at_once_and_no_more);
	tcase_add_loop_test(tc, tokens_come_as_time_goes, 0, ARRAY_LEN(refills));
	tcase_add_test(tc, a_thousand_questions_lose_no_byte);
	tcase_add_test(tc, what_was_not_used_goes_back);
	tcase_add_test(tc, what_was_used_beyond_is_owed);
	tcase_add_loop_test(tc, the_wait_is_for_a_milliseconds_worth_to_the_nanosecond, 0,
			    ARRAY_LEN(waits));
	tcase_add_test(tc, a_new_limit_begins_with_a_full_bucket);
	tcase_add_test(tc, several_workers_share_one_bucket);
	tcase_add_loop_test(tc, a_rate_is_read, 0, ARRAY_LEN(rates));
	tcase_add_loop_test(tc, what_is_no_rate_changes_nothing, 0, ARRAY_LEN(refused));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
