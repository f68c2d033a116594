/* Errors as values: their words, what goes in front of them, and the one line that they stay. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "tests/driver/suite.h"

enum { TEXT_BYTES = sizeof(((struct err *)NULL)->text), NAME_MAX_HERE = 3 * TEXT_BYTES };

/* 524 is the kernel's own ENOTSUPP, which some drivers let out. */
static const struct {
	const char *says, *name;
	int sys_errno;
	const char *want;
} made[] = {
	{ "words alone", "tap0", 0, "attach to tap0" },
	{ "a failed call, in words", "tap0", EBUSY, "attach to tap0: Device or resource busy" },
	{ "an errno that libc has no words for", "tap0", 524, "attach to tap0: errno 524" },
	{ "no errno at all", "tap0", -1, "attach to tap0: errno -1" },
	{ "an empty name", "", ENOENT, "attach to : No such file or directory" },
	{ "a name with a per cent sign", "%s%n", 0, "attach to %s%n" },
	{ "a name that is two lines", "tap\n0", 0, "attach to tap?0" },
	{ "a name that ends its line", "tap0\r\n", EPERM,
	  "attach to tap0??: Operation not permitted" },
	{ "a name that moves the cursor", "\x1b[2J", 0, "attach to ?[2J" },
	{ "a name that is not ASCII", "t\xc3\xa4p", 0, "attach to t\xc3\xa4p" },
};

START_TEST(words_and_errno)
{
	struct err e = err_make(ERR_SETUP, made[_i].sys_errno, "attach to %s", made[_i].name);

	ck_assert_msg(strcmp(e.text, made[_i].want) == 0, "%s: got \"%s\", want \"%s\"",
		      made[_i].says, e.text, made[_i].want);
	ck_assert_msg(e.sys_errno == made[_i].sys_errno, "%s: got errno %d, want %d", made[_i].says,
		      e.sys_errno, made[_i].sys_errno);
	ck_assert_msg(err_is(e) && e.kind == ERR_SETUP, "%s: got kind %d", made[_i].says,
		      (int)e.kind);
}
END_TEST

START_TEST(success_is_no_error)
{
	struct err e = err_none();

	ck_assert(!err_is(e));
	ck_assert_int_eq(e.sys_errno, 0);
	ck_assert_str_eq(e.text, "");
}
END_TEST

START_TEST(within_puts_where_in_front_and_keeps_the_rest)
{
	struct err e = err_make(ERR_USAGE, ENODEV, "attach to tap0");

	e = err_within(e, "net device %d", 3);
	e = err_within(e, "%s", "two\nlines");
	ck_assert_str_eq(e.text, "two?lines: net device 3: attach to tap0: No such device");
	ck_assert_int_eq(e.kind, ERR_USAGE);
	ck_assert_int_eq(e.sys_errno, ENODEV);
}
END_TEST

static void fill(char *name, size_t len)
{
	memset(name, 'n', len);
	name[len] = '\0';
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* What is longer than the text loses its middle: what was tried and the reason stay. */
START_TEST(long_names_are_cut_and_the_reason_stays)
{
	static const char why[] = ": No such file or directory";
	char name[NAME_MAX_HERE + 1];

	for (size_t len = 0; len <= NAME_MAX_HERE; len++) {
		struct err e;
		size_t got, want = strlen("open ") + len + strlen(why);

		fill(name, len);
		e = err_make(ERR_SETUP, ENOENT, "open %s", name);
		got = strnlen(e.text, TEXT_BYTES);
		if (want > TEXT_BYTES - 1)
			want = TEXT_BYTES - 1;
		if (got != want)
			ck_abort_msg("a name of %zu bytes: got a text of %zu, want %zu", len, got,
				     want);
		if (!ends_with(e.text, why))
			ck_abort_msg("a name of %zu bytes: got the end \"%s\", want \"%s\"", len,
				     e.text + (got < 40 ? 0 : got - 40), why);
		if (e.kind != ERR_SETUP || e.sys_errno != ENOENT)
			ck_abort_msg("a name of %zu bytes: got kind %d and errno %d", len,
				     (int)e.kind, e.sys_errno);
	}
}
END_TEST

/* Where no call failed, the end says what mends it. */
START_TEST(long_names_do_not_cost_the_mend)
{
	static const char begin[] = "TAP name 'n", mend[] = "' is too long: at most 15 bytes";
	char name[NAME_MAX_HERE + 1];

	for (size_t len = 1; len <= NAME_MAX_HERE; len++) {
		struct err e;

		fill(name, len);
		e = err_make(ERR_USAGE, 0, "TAP name '%s' is too long: at most 15 bytes", name);
		if (strncmp(e.text, begin, strlen(begin)) != 0 || !ends_with(e.text, mend))
			ck_abort_msg("a name of %zu bytes: got \"%s\"", len, e.text);
		e = err_within(e, "net %d", 3);
		if (strncmp(e.text, "net 3: TAP", 10) != 0 || !ends_with(e.text, mend))
			ck_abort_msg("a name of %zu bytes, within: got \"%s\"", len, e.text);
	}
}
END_TEST

START_TEST(long_places_are_cut)
{
	char name[NAME_MAX_HERE + 1];

	for (size_t len = 0; len <= NAME_MAX_HERE; len++) {
		struct err e = err_make(ERR_SETUP, 0, "failed");
		size_t got, want = len + strlen(": failed");

		fill(name, len);
		e = err_within(e, "%s", name);
		got = strnlen(e.text, TEXT_BYTES);
		if (want > TEXT_BYTES - 1)
			want = TEXT_BYTES - 1;
		if (got != want)
			ck_abort_msg("a place of %zu bytes: got a text of %zu, want %zu", len, got,
				     want);
		if (strncmp(e.text, name, len < TEXT_BYTES / 4 ? len : TEXT_BYTES / 4) != 0)
			ck_abort_msg("a place of %zu bytes: got another one in front", len);
		if (!ends_with(e.text, ": failed"))
			ck_abort_msg("a place of %zu bytes: what failed is cut off", len);
	}
}
END_TEST

START_TEST(places_upon_places_never_overflow)
{
	struct err e = err_make(ERR_SETUP, EIO, "read");

	for (int i = 0; i < 200; i++) {
		e = err_within(e, "layer %d", i);
		ck_assert_msg(strnlen(e.text, TEXT_BYTES) < TEXT_BYTES,
			      "layer %d: no end inside the text", i);
		ck_assert_int_eq(e.sys_errno, EIO);
	}
	ck_assert_msg(strncmp(e.text, "layer 199: layer 198: ", 22) == 0, "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/err");
	TCase *tc = tcase_create("err");

	tcase_add_loop_test(tc, words_and_errno, 0, (int)ARRAY_LEN(made));
	tcase_add_test(tc, success_is_no_error);
	tcase_add_test(tc, within_puts_where_in_front_and_keeps_the_rest);
	tcase_add_test(tc, long_names_are_cut_and_the_reason_stays);
	tcase_add_test(tc, long_names_do_not_cost_the_mend);
	tcase_add_test(tc, long_places_are_cut);
	tcase_add_test(tc, places_upon_places_never_overflow);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
