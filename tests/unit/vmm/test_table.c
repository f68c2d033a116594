/* The self test's table: what the guests on two buses say of a check becomes one row, counted once,
 * with the verdict of both. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "tests/driver/suite.h"
#include "vmm/selftest/table.h"

static struct table table;
static char *text;
static size_t text_bytes;

static void two_buses(void)
{
	table = (struct table){ .bus = { "mmio", "pci" }, .buses = 2 };
	table.out = open_memstream(&text, &text_bytes);
	ck_assert_ptr_nonnull(table.out);
}

static void end(void)
{
	(void)fclose(table.out);
	free(text);
}

/* Without the two lines of the head. */
static const char *rows(void)
{
	const char *at;

	(void)fflush(table.out);
	at = text;
	for (unsigned i = 0; i < 2; i++)
		at = strchr(at, '\n') + 1;
	return at;
}

/* clang-format off */
static const struct {
	const char *says, *mmio, *pci, *row;
	unsigned passed, failed, skipped;
} joined[] = {
	{ "well on both", "ok arp ok ok it is at home", "ok arp ok ok it is at work",
	  "ok   arp                        ok     ok     ok     ok     it is at home\n", 1, 0, 0 },
	{ "a failure on the first", "FAIL arp FAIL ok lost", "ok arp ok ok found",
	  "FAIL arp                        FAIL   ok     ok     ok     mmio: lost; pci: found\n", 0, 1, 0 },
	{ "a failure on the second", "ok arp ok ok found", "FAIL arp ok FAIL lost",
	  "FAIL arp                        ok     ok     ok     FAIL   mmio: found; pci: lost\n", 0, 1, 0 },
	{ "a failure on both", "FAIL arp FAIL ok one", "FAIL arp FAIL ok two",
	  "FAIL arp                        FAIL   ok     FAIL   ok     mmio: one; pci: two\n", 0, 1, 0 },
	{ "skipped on one", "skip arp skip skip not there", "ok arp ok ok found",
	  "ok   arp                        skip   skip   ok     ok     mmio: not there; pci: found\n", 1, 0, 0 },
	{ "skipped on both", "skip arp skip skip not there", "skip arp skip skip not there",
	  "skip arp                        skip   skip   skip   skip   not there\n", 0, 0, 1 },
	{ "asked on neither", "- arp - - no such thing", "- arp - - no such thing",
	  "-    arp                        -      -      -      -      no such thing\n", 0, 0, 0 },
};
/* clang-format on */

START_TEST(both_guests_make_one_row)
{
	ck_assert(table_take(&table, 0, joined[_i].mmio));
	ck_assert_uint_eq(table.passed + table.failed + table.skipped, 0);
	ck_assert(table_take(&table, 1, joined[_i].pci));
	ck_assert_msg(strcmp(rows(), joined[_i].row) == 0, "%s: got %s", joined[_i].says, rows());
	ck_assert_uint_eq(table.passed, joined[_i].passed);
	ck_assert_uint_eq(table.failed, joined[_i].failed);
	ck_assert_uint_eq(table.skipped, joined[_i].skipped);
}
END_TEST

START_TEST(a_row_that_one_guest_never_told_is_printed_at_the_end)
{
	ck_assert(table_take(&table, 0, "ok arp ok ok here"));
	ck_assert(table_take(&table, 0, "FAIL mtu FAIL FAIL 9"));
	ck_assert(table_take(&table, 1, "ok arp ok ok here"));
	table_end(&table);
	ck_assert_str_eq(rows(),
			 "ok   arp                        ok     ok     ok     ok     here\n"
			 "FAIL mtu                        FAIL   FAIL                 mmio: 9\n");
	ck_assert_uint_eq(table.passed, 1);
	ck_assert_uint_eq(table.failed, 1);
}
END_TEST

START_TEST(what_is_no_row_is_left_to_the_caller)
{
	static const char *const others[] = { "", "okay then", "@hello", "remark FAIL x" };

	for (unsigned i = 0; i < ARRAY_LEN(others); i++)
		ck_assert_msg(!table_take(&table, 0, others[i]), "'%s' was taken", others[i]);
	ck_assert_uint_eq(table.rows, 0);
}
END_TEST

START_TEST(more_rows_than_there_is_room_for_are_refused)
{
	char line[32];

	for (unsigned i = 0; i <= TABLE_ROWS; i++) {
		(void)snprintf(line, sizeof(line), "ok n%u ok ok", i);
		ck_assert_int_eq(table_take(&table, 0, line), i < TABLE_ROWS);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_add_checked_fixture(tc, two_buses, end);
	tcase_add_loop_test(tc, both_guests_make_one_row, 0, ARRAY_LEN(joined));
	tcase_add_test(tc, a_row_that_one_guest_never_told_is_printed_at_the_end);
	tcase_add_test(tc, what_is_no_row_is_left_to_the_caller);
	tcase_add_test(tc, more_rows_than_there_is_room_for_are_refused);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
