/* Lines with a limit, under a clock that the test sets: one a second, and what was held back is
 * counted. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/log.h"
#include "tests/driver/suite.h"

#define SECOND UINT64_C(1000000000)

struct desk {
	uint64_t now_ns;
	unsigned lines;
	char last[1024];
};

static uint64_t now(void *self) { return ((const struct desk *)self)->now_ns; }

static void on_line(void *self, const char *text)
{
	struct desk *d = self;

	d->lines++;
	(void)snprintf(d->last, sizeof(d->last), "%s", text);
}

/* One limit, these moments one after the other; a row without a line is one that is held back. */
struct moment {
	const char *says;
	uint64_t at_ns;
	const char *line;
};
static const struct moment late_start[] = {
	{ "the first", 5 * SECOND, "event 0" },
	{ "the same moment", 5 * SECOND, NULL },
	{ "a nanosecond before the second is over", 6 * SECOND - 1, NULL },
	{ "the second is over", 6 * SECOND, "event 3 (and 2 more like it)" },
	{ "half a second on", 6 * SECOND + SECOND / 2, NULL },
	{ "an hour on", 3606 * SECOND, "event 5 (and 1 more like it)" },
	{ "a second on, none was held back", 3607 * SECOND, "event 6" },
};
static const struct moment start_at_zero[] = {
	{ "the clock says 0", 0, "event 0" },
	{ "it still says 0", 0, NULL },
	{ "half a second on", SECOND / 2, NULL },
	{ "more than a second on", SECOND + 1, "event 3 (and 2 more like it)" },
};
static const struct moment around_the_end[] = {
	{ "a clock near its end", UINT64_MAX - 10, "event 0" },
	{ "it has gone round", SECOND / 2, NULL },
	{ "a second on", SECOND, "event 2 (and 1 more like it)" },
};
static const struct {
	const char *says;
	const struct moment *moment;
	unsigned count;
} runs[] = {
	{ "from five seconds on", late_start, ARRAY_LEN(late_start) },
	{ "from 0 on", start_at_zero, ARRAY_LEN(start_at_zero) },
	{ "around the clock's end", around_the_end, ARRAY_LEN(around_the_end) },
};

START_TEST(one_line_a_second)
{
	struct desk d = { 0 };
	struct clock clock = { .now_ns = now, .self = &d };
	struct log log = { .line = on_line, .self = &d, .clock = &clock };
	struct log_limit limit = { 0 };

	for (unsigned i = 0; i < runs[_i].count; i++) {
		const struct moment *m = &runs[_i].moment[i];
		unsigned before = d.lines, want = m->line != NULL;

		d.now_ns = m->at_ns;
		log_limited(&log, &limit, "event %u", i);
		ck_assert_msg(d.lines - before == want, "%s: %s: got %u lines, want %u",
			      runs[_i].says, m->says, d.lines - before, want);
		ck_assert_msg(m->line == NULL || strcmp(d.last, m->line) == 0,
			      "%s: %s: got \"%s\", want \"%s\"", runs[_i].says, m->says, d.last,
			      m->line);
	}
}
END_TEST

START_TEST(each_limit_counts_for_itself)
{
	struct desk d = { .now_ns = SECOND };
	struct clock clock = { .now_ns = now, .self = &d };
	struct log log = { .line = on_line, .self = &d, .clock = &clock };
	struct log_limit noisy = { 0 }, quiet = { 0 };

	for (int i = 0; i < 100; i++)
		log_limited(&log, &noisy, "noise");
	log_limited(&log, &quiet, "quiet");
	ck_assert_msg(d.lines == 2, "got %u lines, want 2", d.lines);
	ck_assert_str_eq(d.last, "quiet");
	ck_assert_uint_eq(noisy.held_back, 99);
	ck_assert_uint_eq(quiet.held_back, 0);
}
END_TEST

/* The count is what tells a storm from one line: it stays when the words have to be cut. */
START_TEST(long_lines_are_cut_and_the_count_stays)
{
	static const char count[] = " (and 1 more like it)";
	char name[1001];

	for (size_t len = 300; len < sizeof(name); len++) {
		struct desk d = { .now_ns = SECOND };
		struct clock clock = { .now_ns = now, .self = &d };
		struct log log = { .line = on_line, .self = &d, .clock = &clock };
		struct log_limit limit = { 0 };

		memset(name, 'x', len);
		name[len] = '\0';
		log_limited(&log, &limit, "%s", name);
		if (strncmp(d.last, name, strlen(d.last)) != 0 || strlen(d.last) < 300)
			ck_abort_msg("%zu bytes: got a line of %zu", len, strlen(d.last));
		log_limited(&log, &limit, "%s", name);
		d.now_ns += SECOND;
		log_limited(&log, &limit, "%s", name);
		if (d.lines != 2)
			ck_abort_msg("%zu bytes: got %u lines, want 2", len, d.lines);
		if (strstr(d.last, count) == NULL)
			ck_abort_msg("%zu bytes: got \"%s\", want it to end with \"%s\"", len,
				     d.last, count);
	}
}
END_TEST

START_TEST(without_a_sink_nothing_is_called)
{
	struct desk d = { .now_ns = SECOND };
	struct clock clock = { .now_ns = now, .self = &d };
	struct log log = { .self = &d, .clock = &clock };
	struct log_limit limit = { 0 };

	log_limited(&log, &limit, "into the void");
	log_limited(&log, &limit, "into the void");
	ck_assert_uint_eq(d.lines, 0);
	ck_assert_uint_eq(limit.held_back, 1);
}
END_TEST

START_TEST(without_a_clock_it_is_the_hosts)
{
	struct desk d = { 0 };
	struct log log = { .line = on_line, .self = &d };
	struct log_limit limit = { 0 };
	uint64_t before = clock_now_ns(&clock_host);

	log_limited(&log, &limit, "now");
	ck_assert_uint_eq(d.lines, 1);
	ck_assert_msg(limit.last_ns >= before && limit.last_ns <= clock_now_ns(&clock_host),
		      "got %llu, which is not now", (unsigned long long)limit.last_ns);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/log");
	TCase *tc = tcase_create("log");

	tcase_add_loop_test(tc, one_line_a_second, 0, (int)ARRAY_LEN(runs));
	tcase_add_test(tc, each_limit_counts_for_itself);
	tcase_add_test(tc, long_lines_are_cut_and_the_count_stays);
	tcase_add_test(tc, without_a_sink_nothing_is_called);
	tcase_add_test(tc, without_a_clock_it_is_the_hosts);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
