/* Little-endian integers: which byte lies where, whatever the host is. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/base/le.h"
#include "tests/driver/suite.h"

static const struct {
	const char *says;
	uint64_t value;
	uint8_t bytes[8];
} values[] = {
	{ "zero", 0, { 0 } },
	{ "one", 1, { 1 } },
	{ "each byte another", UINT64_C(0x0807060504030201), { 1, 2, 3, 4, 5, 6, 7, 8 } },
	{ "the top bit of 16", 0x8000, { 0, 0x80 } },
	{ "the top bit of 32", 0x80000000, { 0, 0, 0, 0x80 } },
	{ "the top bit of 64", UINT64_C(1) << 63, { 0, 0, 0, 0, 0, 0, 0, 0x80 } },
	{ "all ones", UINT64_MAX, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
};

START_TEST(bytes_of_a_value)
{
	uint64_t v = values[_i].value;
	le16 a = le16_put((uint16_t)v);
	le32 b = le32_put((uint32_t)v);
	le64 c = le64_put(v);

	ck_assert_msg(memcmp(&a, values[_i].bytes, 2) == 0, "%s: le16 %#x has other bytes",
		      values[_i].says, a.wire);
	ck_assert_msg(memcmp(&b, values[_i].bytes, 4) == 0, "%s: le32 %#x has other bytes",
		      values[_i].says, b.wire);
	ck_assert_msg(memcmp(&c, values[_i].bytes, 8) == 0, "%s: le64 %#llx has other bytes",
		      values[_i].says, (unsigned long long)c.wire);
}
END_TEST

START_TEST(value_of_bytes)
{
	uint64_t want = values[_i].value;
	le16 a;
	le32 b;
	le64 c;

	memcpy(&a, values[_i].bytes, sizeof(a));
	memcpy(&b, values[_i].bytes, sizeof(b));
	memcpy(&c, values[_i].bytes, sizeof(c));
	ck_assert_msg(le16_get(a) == (uint16_t)want, "%s: got %#x, want %#x", values[_i].says,
		      le16_get(a), (uint16_t)want);
	ck_assert_msg(le32_get(b) == (uint32_t)want, "%s: got %#x, want %#x", values[_i].says,
		      le32_get(b), (uint32_t)want);
	ck_assert_msg(le64_get(c) == want, "%s: got %#llx, want %#llx", values[_i].says,
		      (unsigned long long)le64_get(c), (unsigned long long)want);
}
END_TEST

/* Structs of them are laid over guest memory: no type may be wider than its number. */
START_TEST(no_byte_is_added)
{
	ck_assert_uint_eq(sizeof(le16), 2);
	ck_assert_uint_eq(sizeof(le32), 4);
	ck_assert_uint_eq(sizeof(le64), 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/le");
	TCase *tc = tcase_create("le");

	tcase_add_loop_test(tc, bytes_of_a_value, 0, (int)ARRAY_LEN(values));
	tcase_add_loop_test(tc, value_of_bytes, 0, (int)ARRAY_LEN(values));
	tcase_add_test(tc, no_byte_is_added);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
