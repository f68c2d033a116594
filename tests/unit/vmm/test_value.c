/* tests/unit/vmm/test_value.c: words as values, what a mistyped word was meant to be, and ends as
 * exit statuses. */
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/cli/value.h"

/* ---- values ---- */

static const struct {
	const char *says, *text;
	bool ok;
	uint64_t bytes;
} sizes[] = {
	{ "bytes", "4096", true, 4096 },
	{ "K", "4K", true, 4096 },
	{ "M", "128M", true, (uint64_t)128 << 20 },
	{ "small letters", "2g", true, (uint64_t)2 << 30 },
	{ "zero is a size", "0", true, 0 },
	{ "the largest", "18446744073709551615", true, UINT64_MAX },
	{ "one more", "18446744073709551616", false, 0 },
	{ "overflow by the unit", "18014398509481984K", false, 0 },
	{ "the last that the unit leaves room for", "18014398509481983K", true, UINT64_MAX - 1023 },
	{ "no digits", "M", false, 0 },
	{ "nothing", "", false, 0 },
	{ "a sign", "-1", false, 0 },
	{ "a plus", "+1", false, 0 },
	{ "a blank in front", " 1", false, 0 },
	{ "a blank behind", "1 ", false, 0 },
	{ "two units", "1MM", false, 0 },
	{ "MB", "1MB", false, 0 },
	{ "a fraction", "1.5G", false, 0 },
	{ "hexadecimal", "0x1000", false, 0 },
};

START_TEST(sizes_are_read)
{
	uint64_t got = 77;
	struct err e = value_bytes(sizes[_i].text, &got);

	ck_assert_msg(err_is(e) != sizes[_i].ok, "%s: '%s': got \"%s\", want %s", sizes[_i].says,
		      sizes[_i].text, e.text, sizes[_i].ok ? "success" : "failure");
	ck_assert_msg(got == (sizes[_i].ok ? sizes[_i].bytes : 77), "%s: got %llu", sizes[_i].says,
		      (unsigned long long)got);
}
END_TEST

static const struct {
	const char *says, *text, *error;
} macs[] = {
	{ "an address", "02:00:00:00:00:01", NULL },
	{ "capitals", "02:AB:cd:EF:00:01", NULL },
	{ "multicast", "03:00:00:00:00:01", "multicast" },
	{ "broadcast", "ff:ff:ff:ff:ff:ff", "multicast" },
	{ "zero", "00:00:00:00:00:00", "nobody" },
	{ "five bytes", "02:00:00:00:00", "no MAC" },
	{ "seven bytes", "02:00:00:00:00:01:02", "no MAC" },
	{ "one digit", "2:0:0:0:0:1", "no MAC" },
	{ "dashes", "02-00-00-00-00-01", "no MAC" },
	{ "no hexadecimal", "0g:00:00:00:00:01", "no MAC" },
	{ "something behind", "02:00:00:00:00:01x", "no MAC" },
	{ "cut after a digit", "0", "no MAC" },
};

START_TEST(macs_are_read)
{
	uint8_t mac[6] = { 9, 9, 9, 9, 9, 9 };
	struct err e = value_mac(macs[_i].text, mac);

	if (macs[_i].error == NULL) {
		ck_assert_msg(!err_is(e), "%s: got \"%s\", want success", macs[_i].says, e.text);
		ck_assert_msg(mac[0] == 2 && mac[5] == 1, "%s: wrong bytes", macs[_i].says);
	} else {
		ck_assert_msg(err_is(e) && strstr(e.text, macs[_i].error) != NULL,
			      "%s: got \"%s\", want \"%s\"", macs[_i].says, e.text, macs[_i].error);
		ck_assert_msg(mac[0] == 9, "%s: touched on failure", macs[_i].says);
	}
}
END_TEST

/* ---- suggestions ---- */

static const struct {
	const char *a, *b;
	unsigned want;
} distances[] = {
	{ "", "", 0 },
	{ "run", "run", 0 },
	{ "", "run", 3 },
	{ "run", "", 3 },
	{ "run", "rum", 1 },
	{ "run", "rn", 1 },
	{ "run", "runn", 1 },
	{ "run", "rnu", 1 },
	{ "memory", "memroy", 1 },
	{ "kitten", "sitting", 3 },
	{ "abcd", "dcba", 3 },
	{ "selftest", "self-test", 1 },
	{ "a", "0123456789012345678901234567890123456789x", WORD_MAX },
};

START_TEST(distances_are_counted)
{
	const char *a = distances[_i].a, *b = distances[_i].b;
	unsigned got = edit_distance(a, strlen(a), b, strlen(b));

	ck_assert_msg(got == distances[_i].want, "'%s' to '%s': got %u, want %u", a, b, got,
		      distances[_i].want);
}
END_TEST

static const struct {
	const char *word, *want;
} commands_near[] = {
	{ "rnu", "run" },       { "ru", "run" },
	{ "runn", "run" },      { "self-test", "selftest" },
	{ "docter", "doctor" }, { "hlep", "help" },
	{ "x", NULL },          { "start", NULL },
	{ "", NULL },           { "self", "selftest" },
	{ "helpme", "help" },   { "-", NULL },
};

START_TEST(commands_are_suggested)
{
	const char *got = command_nearest(commands_near[_i].word);
	const char *want = commands_near[_i].want;

	ck_assert_msg((got == NULL) == (want == NULL) && (got == NULL || strcmp(got, want) == 0),
		      "'%s': got %s, want %s", commands_near[_i].word,
		      got == NULL ? "nothing" : got, want == NULL ? "nothing" : want);
}
END_TEST

/* ---- exit statuses ---- */

static const struct {
	const char *says;
	struct keeper_end end;
	int want;
} ends[] = {
	{ "verdict 0", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_VERDICT, .value = 0 }, 1 },
	{ "verdict 1", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_VERDICT, .value = 1 }, 3 },
	{ "verdict 63",
	  { .kind = KEEPER_MACHINE, .machine = MACHINE_END_VERDICT, .value = 63 },
	  127 },
	{ "reset", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_RESET }, 0 },
	{ "quit by the escape", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_STOPPED }, 0 },
	{ "crash", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_CRASH }, 6 },
	{ "panic", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_PANIC }, 8 },
	{ "not set up", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_ERROR }, 4 },
	{ "timeout", { .kind = KEEPER_TIMEOUT }, 124 },
};

START_TEST(ends_have_a_status)
{
	int got = status_of_end(&ends[_i].end);

	ck_assert_msg(got == ends[_i].want, "%s: got %d, want %d", ends[_i].says, got,
		      ends[_i].want);
}
END_TEST

START_TEST(errors_have_a_status)
{
	struct err usage = err_make(ERR_USAGE, 0, "x");
	struct err setup = err_make(ERR_SETUP, 0, "x");

	ck_assert_int_eq(status_of_error(&usage), 2);
	ck_assert_int_eq(status_of_error(&setup), 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("value");
	TCase *tc = tcase_create("value");

	tcase_add_loop_test(tc, sizes_are_read, 0, ARRAY_LEN(sizes));
	tcase_add_loop_test(tc, macs_are_read, 0, ARRAY_LEN(macs));
	tcase_add_loop_test(tc, distances_are_counted, 0, ARRAY_LEN(distances));
	tcase_add_loop_test(tc, commands_are_suggested, 0, ARRAY_LEN(commands_near));
	tcase_add_loop_test(tc, ends_have_a_status, 0, ARRAY_LEN(ends));
	tcase_add_test(tc, errors_have_a_status);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
