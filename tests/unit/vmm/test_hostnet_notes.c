/* tests/unit/vmm/test_hostnet_notes.c: who changed what of a host, as a file says it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/hostnet/hostnet_priv.h"

static const struct {
	const char *says, *text;
	unsigned bad_line; /* 0: all are good */
} texts[] = {
	{ "nothing", "", 0 },
	{ "two notes",
	  "12 345 vm0 sysctl net/ipv4/conf/eth0/forwarding 0\n12 345 vm0 table tapvm-vm0 -\n", 0 },
	{ "bridges", "1 18446744073709551615 a ovs a br0\n1 2 b bridge b br0\n", 0 },
	{ "a line without its end", "12 345 vm0 table tapvm-vm0 -", 1 },
	{ "a line that is cut", "12 345 vm0 table tapvm-vm0 -\n12 345 vm0 sysctl\n", 2 },
	{ "a word too many", "12 345 vm0 table tapvm-vm0 - x\n", 1 },
	{ "a kind that is not there", "12 345 vm0 route x -\n", 1 },
	{ "no process", "0 345 vm0 table tapvm-vm0 -\n", 1 },
	{ "a process below zero", "-5 345 vm0 table tapvm-vm0 -\n", 1 },
	{ "a name that is too long", "12 345 a234567890123456 table tapvm-vm0 -\n", 1 },
	{ "an empty line", "\n", 1 },
	{ "another file", "#!/bin/sh\n", 1 },
};

START_TEST(notes_are_read_and_written_again)
{
	struct notes *n = calloc(1, sizeof(*n));
	struct err e = notes_parse(texts[_i].text, n);
	char again[512], line[32];

	if (texts[_i].bad_line != 0) {
		(void)snprintf(line, sizeof(line), "line %u ", texts[_i].bad_line);
		ck_assert_msg(err_is(e) && strncmp(e.text, line, strlen(line)) == 0,
			      "%s: got \"%s\"", texts[_i].says, e.text);
	} else {
		ck_assert_msg(!err_is(e), "%s: got \"%s\"", texts[_i].says, e.text);
		notes_print(n, again, sizeof(again));
		ck_assert_str_eq(again, texts[_i].text);
	}
	free(n);
}
END_TEST

START_TEST(notes_have_an_end)
{
	const struct user user = { .pid = 1, .tap = "vm0" };
	const struct change c = { .kind = CHANGE_TABLE, .what = "t", .with = "-" };
	struct notes *n = calloc(1, sizeof(*n));

	for (unsigned i = 0; i < NOTES_MAX; i++)
		ck_assert(!err_is(notes_add(n, &user, &c)));
	ck_assert(err_is(notes_add(n, &user, &c)));
	ck_assert_uint_eq(n->count, NOTES_MAX);
	free(n);
}
END_TEST

/* What the second user finds is what the first one noted, and the last one is left with it. */
START_TEST(what_two_changed_is_shared)
{
	const struct change c = { .kind = CHANGE_SYSCTL, .what = "net/x", .with = "0" };
	const struct change other = { .kind = CHANGE_SYSCTL, .what = "net/y", .with = "0" };
	const struct change same_word = { .kind = CHANGE_TABLE, .what = "net/x", .with = "-" };
	const struct user first = { .pid = 1, .tap = "a" }, second = { .pid = 1, .tap = "b" };
	struct notes *n = calloc(1, sizeof(*n));

	ck_assert_ptr_null(notes_find(n, &c));
	ck_assert(!err_is(notes_add(n, &first, &c)));
	ck_assert_ptr_nonnull(notes_find(n, &c));
	ck_assert_ptr_null(notes_find(n, &other));
	ck_assert_ptr_null(notes_find(n, &same_word));
	ck_assert(!notes_shared(n, 0));
	ck_assert(!err_is(notes_add(n, &second, &c)));
	ck_assert(notes_shared(n, 0));
	ck_assert(notes_shared(n, 1));
	notes_remove(n, 0);
	ck_assert_uint_eq(n->count, 1);
	ck_assert_str_eq(n->list[0].user.tap, "b");
	ck_assert(!notes_shared(n, 0));
	free(n);
}
END_TEST

START_TEST(a_pid_that_is_used_again_is_another)
{
	struct user u = user_self("vm0");

	ck_assert_uint_ne(u.started, 0);
	ck_assert(!user_is_gone(&u));
	u.started++;
	ck_assert(user_is_gone(&u));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostnet notes");
	TCase *tc = tcase_create("hostnet notes");

	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc, notes_are_read_and_written_again, 0, ARRAY_LEN(texts));
	tcase_add_test(tc, notes_have_an_end);
	tcase_add_test(tc, what_two_changed_is_shared);
	tcase_add_test(tc, a_pid_that_is_used_again_is_another);
	return suite_run(s);
}
