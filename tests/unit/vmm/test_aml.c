/* Encodings of ACPI Machine Language, by the specification's tables: integers, lengths at the
 * borders of their forms, names, identifiers, resources; and what a caller can do wrong. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/boot/aml.h"

enum { ROOM = 8192 };

struct writing {
	struct aml a;
	uint8_t bytes[ROOM];
};

static uint32_t finish(struct writing *w)
{
	uint32_t used = 0;
	struct err e = aml_finish(&w->a, &used);

	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	return used;
}

static void expect_bytes(struct writing *w, const char *says, const void *want, uint32_t count)
{
	uint32_t used = finish(w);

	ck_assert_msg(used == count, "%s: got %u bytes, want %u", says, used, count);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_msg(w->bytes[i] == ((const uint8_t *)want)[i],
			      "%s: byte %u: got %#x, want %#x", says, i, w->bytes[i],
			      ((const uint8_t *)want)[i]);
}

/* clang-format off */
static const struct { uint64_t value; uint8_t count, want[9]; } integers[] = {
	{ 0, 1, { 0x00 } },
	{ 1, 1, { 0x01 } },
	{ 2, 2, { 0x0a, 2 } },
	{ 0xff, 2, { 0x0a, 0xff } },
	{ 0x100, 3, { 0x0b, 0x00, 0x01 } },
	{ 0xffff, 3, { 0x0b, 0xff, 0xff } },
	{ 0x10000, 5, { 0x0c, 0, 0, 1, 0 } },
	{ 0xffffffff, 5, { 0x0c, 0xff, 0xff, 0xff, 0xff } },
	{ 0x100000000, 9, { 0x0e, 0, 0, 0, 0, 1, 0, 0, 0 } },
	{ 0x8877665544332211, 9, { 0x0e, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 } },
};

/* A package of so many integers of a byte: with its count of them, that is its contents. */
static const struct { uint32_t contents; uint8_t count, want[3]; } lengths[] = {
	{ 2, 1, { 0x03 } },
	{ 62, 1, { 0x3f } },
	{ 63, 2, { 0x41, 0x04 } },
	{ 64, 2, { 0x42, 0x04 } },
	{ 4093, 2, { 0x4f, 0xff } },
	{ 4094, 3, { 0x81, 0x00, 0x01 } },
	{ 5000, 3, { 0x8b, 0x38, 0x01 } },
};
/* clang-format on */

START_TEST(integers_in_their_shortest_form)
{
	struct writing w;

	aml_init(&w.a, w.bytes, ROOM);
	aml_integer(&w.a, integers[_i].value);
	expect_bytes(&w, "an integer", integers[_i].want, integers[_i].count);
}
END_TEST

START_TEST(lengths_in_their_shortest_form)
{
	uint32_t contents = lengths[_i].contents, count = lengths[_i].count;
	struct writing w;

	aml_init(&w.a, w.bytes, ROOM);
	aml_package(&w.a, 0x77);
	for (uint32_t i = 1; i < contents; i++)
		aml_integer(&w.a, 1);
	aml_close(&w.a);
	ck_assert_uint_eq(finish(&w), 1 + count + contents);
	ck_assert_uint_eq(w.bytes[0], 0x12);
	ck_assert_mem_eq(w.bytes + 1, lengths[_i].want, count);
	ck_assert_uint_eq(w.bytes[1 + count], 0x77);
	ck_assert_uint_eq(w.bytes[count + contents], 1);
}
END_TEST

START_TEST(what_is_open_within_what_is_open)
{
	static const uint8_t want[] = { 0x10, 0x18, '_', 'S', 'B',  '_', 0x5b, 0x82, 0x0b,
					'C',  'O',  'M', '1', 0x08, '_', 'U',  'I',  'D',
					0x01, 0x08, '_', 'S', '5',  '_', 0x00 };
	struct writing w;

	aml_init(&w.a, w.bytes, ROOM);
	aml_scope(&w.a, "_SB_");
	aml_device(&w.a, "COM1");
	aml_name(&w.a, "_UID");
	aml_integer(&w.a, 1);
	aml_close(&w.a);
	aml_name(&w.a, "_S5_");
	aml_integer(&w.a, 0);
	aml_close(&w.a);
	expect_bytes(&w, "a device in a scope", want, sizeof(want));
}
END_TEST

START_TEST(values_of_names)
{
	static const uint8_t want[] = { 0x0d, 'L', 'N', 'R', 'O', 0, 0x0c, 0x41, 0xd0, 0x0a, 0x08 };
	struct writing w;

	aml_init(&w.a, w.bytes, ROOM);
	aml_text(&w.a, "LNRO");
	aml_eisa_id(&w.a, "PNP0A08");
	expect_bytes(&w, "a text and an identifier", want, sizeof(want));
}
END_TEST

/* A buffer: its length, the number of its bytes, an interrupt, the end tag without a sum. */
START_TEST(resources)
{
	static const uint8_t want[] = { 0x11, 0x0e, 0x0a, 0x0b, 0x89, 6,    0, 3,
					1,    0x17, 0,    0,    0,    0x79, 0 };
	struct writing w;

	aml_init(&w.a, w.bytes, ROOM);
	aml_resources(&w.a);
	aml_interrupt(&w.a, 0x17);
	aml_close(&w.a);
	expect_bytes(&w, "resources", want, sizeof(want));
}
END_TEST

START_TEST(many_resources)
{
	static const uint8_t want[] = {
		0x11, 0x47, 0x14, 0x0b, 0x42, 0x01, 0x47, 1, 0xf8, 3, 0xf8
	};
	struct writing w;

	aml_init(&w.a, w.bytes, ROOM);
	aml_resources(&w.a);
	for (unsigned i = 0; i < 40; i++)
		aml_ports(&w.a, 0x3f8, 8);
	aml_close(&w.a);
	ck_assert_uint_eq(finish(&w), 1 + 2 + 3 + 320 + 2);
	ck_assert_mem_eq(w.bytes, want, sizeof(want));
}
END_TEST

static void too_deep(struct aml *a)
{
	for (unsigned i = 0; i <= AML_DEPTH_MAX; i++)
		aml_package(a, 1);
	for (unsigned i = 0; i < AML_DEPTH_MAX; i++)
		aml_close(a);
}
static void not_closed(struct aml *a) { aml_scope(a, "_SB_"); }
static void closed_twice(struct aml *a)
{
	aml_scope(a, "_SB_");
	aml_close(a);
	aml_close(a);
}
static void short_name(struct aml *a) { aml_name(a, "_S5"); }
static void long_name(struct aml *a) { aml_name(a, "_SB_X"); }
static void small_letters(struct aml *a) { aml_name(a, "nic0"); }
static void digit_first(struct aml *a) { aml_name(a, "0NIC"); }
static void text_as_identifier(struct aml *a) { aml_eisa_id(a, "LNRO0005"); }
static void short_identifier(struct aml *a) { aml_eisa_id(a, "PNP050"); }
static void no_hexadecimal(struct aml *a) { aml_eisa_id(a, "PNP05x1"); }
static void too_long(struct aml *a)
{
	for (unsigned i = 0; i < ROOM; i++)
		aml_integer(a, 2);
}

static const struct {
	const char *says;
	void (*act)(struct aml *a);
	const char *want;
} mistakes[] = {
	{ "nine levels", too_deep, "too deep" },
	{ "a scope left open", not_closed, "not closed" },
	{ "a close too many", closed_twice, "more was closed" },
	{ "a name of three", short_name, "four characters" },
	{ "a name of five", long_name, "four characters" },
	{ "a name of small letters", small_letters, "four characters" },
	{ "a name that begins with a digit", digit_first, "four characters" },
	{ "an identifier of four letters", text_as_identifier, "three letters" },
	{ "an identifier of three digits", short_identifier, "three letters" },
	{ "an identifier of no digit", no_hexadecimal, "three letters" },
	{ "more than there is room for", too_long, "no room" },
};

START_TEST(mistakes_are_told_at_the_end)
{
	struct writing w;
	uint32_t used = 77;
	struct err e;

	aml_init(&w.a, w.bytes, ROOM);
	mistakes[_i].act(&w.a);
	aml_integer(&w.a, 1);
	e = aml_finish(&w.a, &used);
	ck_assert_msg(err_is(e) && used == 77 && strstr(e.text, mistakes[_i].want) != NULL,
		      "%s: got \"%s\", want \"%s\"", mistakes[_i].says,
		      err_is(e) ? e.text : "success", mistakes[_i].want);
}
END_TEST

/* In a block of just that size: a sanitizer sees a write behind it. */
START_TEST(never_behind_its_room)
{
	for (uint32_t size = 0; size < 40; size++) {
		uint8_t *bytes = malloc(size > 0 ? size : 1);
		uint32_t used = 77;
		struct aml a;
		struct err e;

		ck_assert_ptr_nonnull(bytes);
		aml_init(&a, bytes, size);
		aml_device(&a, "COM1");
		aml_name(&a, "_CRS");
		aml_resources(&a);
		aml_ports(&a, 0x3f8, 8);
		aml_close(&a);
		aml_close(&a);
		e = aml_finish(&a, &used);
		ck_assert_msg(err_is(e) == (size < 26), "room for %u: got \"%s\"", size, e.text);
		ck_assert_uint_eq(used, size < 26 ? 77 : 26);
		free(bytes);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("aml");
	TCase *tc = tcase_create("aml");

	tcase_add_loop_test(tc, integers_in_their_shortest_form, 0, (int)ARRAY_LEN(integers));
	tcase_add_loop_test(tc, lengths_in_their_shortest_form, 0, (int)ARRAY_LEN(lengths));
	tcase_add_test(tc, what_is_open_within_what_is_open);
	tcase_add_test(tc, values_of_names);
	tcase_add_test(tc, resources);
	tcase_add_test(tc, many_resources);
	tcase_add_loop_test(tc, mistakes_are_told_at_the_end, 0, (int)ARRAY_LEN(mistakes));
	tcase_add_test(tc, never_behind_its_room);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
