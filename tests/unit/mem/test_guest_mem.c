/* Ranges and the table of regions: what is inside, what wraps, what crosses a border. */
#include <check.h>
#include <string.h>

#include "devices/mem/range.h"
#include "tests/driver/driver.h"
#include "tests/driver/suite.h"

static const struct {
	const char *says;
	uint64_t base, size, at, len;
	int want;
} ranges[] = {
	{ "the whole", 0x1000, 0x1000, 0x1000, 0x1000, 1 },
	{ "the last byte", 0x1000, 0x1000, 0x1fff, 1, 1 },
	{ "one past the last byte", 0x1000, 0x1000, 0x1fff, 2, 0 },
	{ "nothing, at the end", 0x1000, 0x1000, 0x2000, 0, 1 },
	{ "one byte, at the end", 0x1000, 0x1000, 0x2000, 1, 0 },
	{ "before it", 0x1000, 0x1000, 0xfff, 2, 0 },
	{ "a length that wraps", 0x1000, 0x1000, 0x1800, UINT64_MAX, 0 },
	{ "an address whose end wraps", 0, 0x1000, UINT64_MAX - 7, 16, 0 },
	{ "the top of the address space", UINT64_MAX - 0xfff, 0x1000, UINT64_MAX, 1, 1 },
};

START_TEST(range_inside_says)
{
	ck_assert_msg(range_inside(ranges[_i].base, ranges[_i].size, ranges[_i].at,
				   ranges[_i].len) == ranges[_i].want,
		      "%s", ranges[_i].says);
}
END_TEST

START_TEST(overlap_says)
{
	ck_assert(range_overlap(0, 10, 9, 1) && !range_overlap(0, 10, 10, 1) &&
		  range_overlap(5, 1, 0, 10));
	ck_assert(!range_overlap(5, 0, 0, 10) && range_overlap(UINT64_MAX, 1, UINT64_MAX - 1, 2));
}
END_TEST

static uint8_t bytes[0x3000];
#define REGION(at, len)                                                                            \
	{                                                                                          \
		.gpa = (at), .size = (len), .host = bytes, .fd = -1                                \
	}
static const struct {
	const char *says;
	struct mem_region r[2];
	bool good;
} tables[] = {
	{ "two that touch", { REGION(0, 0x1000), REGION(0x1000, 0x1000) }, true },
	{ "two in the wrong order", { REGION(0x1000, 0x1000), REGION(0, 0x1000) }, true },
	{ "two that overlap by a byte", { REGION(0, 0x1001), REGION(0x1000, 0x1000) }, false },
	{ "the same twice", { REGION(0, 0x1000), REGION(0, 0x1000) }, false },
	{ "an empty one", { REGION(0, 0x1000), REGION(0x1000, 0) }, false },
	{ "one that wraps", { REGION(0, 0x1000), REGION(UINT64_MAX - 1, 3) }, false },
	{ "one that ends with the address space",
	  { REGION(0, 0x1000), REGION(UINT64_MAX - 1, 2) },
	  true },
};

START_TEST(replace_judges_the_table)
{
	struct guest_mem *mem = guest_mem_create();
	struct err e = guest_mem_replace(mem, tables[_i].r, 2);

	ck_assert_msg(err_is(e) != tables[_i].good, "%s: %s", tables[_i].says, e.text);
	guest_mem_destroy(mem);
}
END_TEST

START_TEST(the_table_as_it_is)
{
	const struct mem_region unsorted[] = { REGION(0x1000, 0x2000), REGION(0, 0x1000) };
	struct guest_mem *mem = guest_mem_create();
	struct mem_region table[GUEST_MEM_REGIONS_MAX];

	ck_assert_uint_eq(guest_mem_table(mem, table), 0);
	ck_assert(!err_is(guest_mem_replace(mem, unsorted, 2)));
	ck_assert_uint_eq(guest_mem_table(mem, table), 2);
	ck_assert(table[0].gpa == 0 && table[0].size == 0x1000 && table[0].host == bytes);
	ck_assert(table[1].gpa == 0x1000 && table[1].size == 0x2000);
	guest_mem_destroy(mem);
}
END_TEST

/* B05 and B04: regions of 0x2000 bytes at 0 and 0x2000, guard pages around each. */
static const struct {
	const char *says;
	uint64_t gpa, len;
	int max, want;
} slices[] = {
	{ "inside the first", 0x10, 0x100, 4, 1 },
	{ "across the border", 0x1ff0, 0x20, 4, 2 },
	{ "across the border with room for one slice", 0x1ff0, 0x20, 1, -1 },
	{ "the last 64 bytes", 0x4000 - 64, 64, 4, 1 },
	{ "65 bytes from there", 0x4000 - 64, 65, 4, -1 },
	{ "4096 bytes from there", 0x4000 - 64, 4096, 4, -1 },
	{ "all of it", 0, 0x4000, 4, 2 },
	{ "a wrap", UINT64_MAX - 7, 16, 4, -1 },
	{ "nothing, anywhere", 0xdead0000, 0, 4, 0 },
};

START_TEST(slices_of)
{
	struct driver_memory m;
	struct iovec iov[4];
	uint64_t sum = 0;
	int got;

	driver_memory_init(&m, 0x2000);
	got = mem_slice(m.mem, slices[_i].gpa, slices[_i].len, iov, slices[_i].max);
	ck_assert_msg(got == slices[_i].want, "%s: got %d", slices[_i].says, got);
	for (int i = 0; i < got; i++) {
		memset(iov[i].iov_base, 0x5a, iov[i].iov_len); /* a guard page would be hit here */
		sum += iov[i].iov_len;
	}
	ck_assert(got < 0 || sum == slices[_i].len);
	driver_memory_fini(&m);
}
END_TEST

START_TEST(copies_cross_borders)
{
	struct driver_memory m;
	uint8_t out[64], in[64];

	driver_memory_init(&m, 0x2000);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i + 1);
	ck_assert(mem_write(m.mem, 0x2000 - 20, out, sizeof(out)));
	ck_assert(mem_read(m.mem, 0x2000 - 20, in, sizeof(in)));
	ck_assert_mem_eq(in, out, sizeof(in));
	ck_assert(!mem_read(m.mem, 0x4000 - 20, in, sizeof(in)));
	driver_memory_fini(&m);
}
END_TEST

/* Memory at both ends of the address space is not one piece. */
START_TEST(copies_do_not_wrap)
{
	const struct mem_region ends[] = { REGION(0, 0x1000), REGION(UINT64_MAX - 0xfff, 0x1000) };
	struct guest_mem *mem = guest_mem_create();
	uint8_t in[16];

	ck_assert(!err_is(guest_mem_replace(mem, ends, 2)));
	ck_assert(mem_read(mem, UINT64_MAX - 15, in, 16));
	ck_assert(!mem_read(mem, UINT64_MAX - 7, in, 16));
	ck_assert(!mem_write(mem, UINT64_MAX - 7, in, 16));
	guest_mem_destroy(mem);
}
END_TEST

START_TEST(rings_lie_in_one_region_and_aligned)
{
	struct driver_memory m;

	driver_memory_init(&m, 0x2000);
	ck_assert_ptr_nonnull(mem_ring(m.mem, 0x1000, 0x1000, 16));
	ck_assert_ptr_null(mem_ring(m.mem, 0x1010, 0x1000, 16));
	ck_assert_ptr_null(mem_ring(m.mem, 0x1008, 0x10, 16));
	ck_assert_ptr_null(mem_ring(m.mem, 0x1000, UINT64_MAX, 16));
	ck_assert_ptr_null(mem_ring(m.mem, 0x4000, 1, 1));
	driver_memory_fini(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mem");
	TCase *tc = tcase_create("mem");

	tcase_add_loop_test(tc, range_inside_says, 0, (int)ARRAY_LEN(ranges));
	tcase_add_test(tc, overlap_says);
	tcase_add_loop_test(tc, replace_judges_the_table, 0, (int)ARRAY_LEN(tables));
	tcase_add_test(tc, the_table_as_it_is);
	tcase_add_loop_test(tc, slices_of, 0, (int)ARRAY_LEN(slices));
	tcase_add_test(tc, copies_cross_borders);
	tcase_add_test(tc, copies_do_not_wrap);
	tcase_add_test(tc, rings_lie_in_one_region_and_aligned);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
