/* The clock in CMOS memory: each byte at some moments, and a reader as Linux has one. */
#include <check.h>
#include <time.h>

#include "devices/base/err.h"
#include "devices/platform/cmos.h"
#include "tests/driver/suite.h"

static const uint64_t SECOND = 1000000000;

static const struct {
	const char *says;
	uint64_t seconds;
	uint8_t second, minute, hour, weekday, day, month, year, century;
} moments[] = {
	{ "the epoch, a Thursday", 0, 0, 0, 0, 5, 1, 1, 0x70, 0x19 },
	{ "before the century turns", 946684799, 0x59, 0x59, 0x23, 6, 0x31, 0x12, 0x99, 0x19 },
	{ "after it", 946684800, 0, 0, 0, 7, 1, 1, 0, 0x20 },
	{ "a leap day", 1709208000, 0, 0, 0x12, 5, 0x29, 2, 0x24, 0x20 },
	{ "31 bits of seconds", 2147483647, 7, 0x14, 3, 3, 0x19, 1, 0x38, 0x20 },
	{ "the next century", 4102444800, 0, 0, 0, 6, 1, 1, 0, 0x21 },
};

START_TEST(a_moment)
{
	const uint8_t want[][2] = {
		{ 0, moments[_i].second },  { 2, moments[_i].minute },     { 4, moments[_i].hour },
		{ 6, moments[_i].weekday }, { 7, moments[_i].day },        { 8, moments[_i].month },
		{ 9, moments[_i].year },    { 0x32, moments[_i].century },
	};

	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		uint8_t got = cmos_read(want[i][0], moments[_i].seconds * SECOND);

		ck_assert_msg(got == want[i][1], "%s: byte %#x: got %#x, want %#x",
			      moments[_i].says, want[i][0], got, want[i][1]);
	}
}
END_TEST

/* Linux takes a clock for broken whose register D has bit 6, and reads no other form than what
 * register B says: BCD, 24 hours, no interrupt. */
START_TEST(how_it_is_to_be_read)
{
	ck_assert_uint_eq(cmos_read(0xb, 0), 0x02);
	ck_assert_uint_eq(cmos_read(0xc, 0), 0);
	ck_assert_uint_eq(cmos_read(0xd, 0), 0x80);
	for (unsigned i = 0xe; i < CMOS_BYTES; i++)
		if (i != 0x32)
			ck_assert_msg(cmos_read((uint8_t)i, 0) == 0, "byte %#x", i);
}
END_TEST

START_TEST(an_update_is_told_before_it_comes)
{
	ck_assert_uint_eq(cmos_read(0xa, 7 * SECOND), 0x26);
	ck_assert_uint_eq(cmos_read(0xa, 7 * SECOND + 999755999), 0x26);
	ck_assert_uint_eq(cmos_read(0xa, 7 * SECOND + 999756000), 0xa6);
	ck_assert_uint_eq(cmos_read(0xa, 8 * SECOND - 1), 0xa6);
}
END_TEST

/* A reader that begins anywhere around midnight, and takes a step of 20 us for each byte. */
START_TEST(a_read_after_none_was_told_is_of_one_moment)
{
	static const uint8_t bytes[] = { 0, 2, 4, 7, 8, 9, 0x32 };
	const uint64_t midnight = 951782400 * SECOND; /* 29 February 2000 */
	unsigned polls = 0;

	for (uint64_t at = midnight - 1000000; at < midnight + 1000000; at += 7001) {
		uint64_t now = at;
		uint8_t got[ARRAY_LEN(bytes)];

		while ((cmos_read(0xa, now) & 0x80) != 0 && polls++ < 100000)
			now += 20000;
		for (unsigned i = 0; i < ARRAY_LEN(bytes); i++, now += 20000)
			got[i] = cmos_read(bytes[i], now);
		for (unsigned i = 0; i < ARRAY_LEN(bytes); i++)
			ck_assert_msg(
				got[i] == cmos_read(bytes[i], now - 20000),
				"from %llu us before midnight: byte %#x is older than the last",
				(unsigned long long)(midnight - at) / 1000, bytes[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform/cmos");
	TCase *tc = tcase_create("cmos");

	tcase_add_loop_test(tc, a_moment, 0, (int)ARRAY_LEN(moments));
	tcase_add_test(tc, how_it_is_to_be_read);
	tcase_add_test(tc, an_update_is_told_before_it_comes);
	tcase_add_test(tc, a_read_after_none_was_told_is_of_one_moment);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
