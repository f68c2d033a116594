/* Where an initial RAM disk is put, and that there is room for it; how long a command line may be.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "tests/driver/suite.h"
#include "vmm/boot/boot_info.h"

enum { REGION_BYTES = 1 << 20, MEMORY_BYTES = 2 * REGION_BYTES, KERNEL_END = 0x180000 };

/* clang-format off */
static const struct {
	const char *says;
	uint64_t size, kernel_end;
	uint32_t last;
	uint64_t want_at; /* 0: no room */
} places[] = {
	{ "a byte, as high as it can", 1, KERNEL_END, UINT32_MAX, 0x1ff000 },
	{ "a page", 4096, KERNEL_END, UINT32_MAX, 0x1ff000 },
	{ "a byte more", 4097, KERNEL_END, UINT32_MAX, 0x1fe000 },
	{ "all that is there", 0x80000, KERNEL_END, UINT32_MAX, KERNEL_END },
	{ "a byte more than is there", 0x80001, KERNEL_END, UINT32_MAX, 0 },
	{ "larger than memory", 0x300000, KERNEL_END, UINT32_MAX, 0 },
	{ "a kernel that ends in a page", 0x7f000, KERNEL_END + 1, UINT32_MAX, 0x181000 },
	{ "a byte more behind it", 0x7f001, KERNEL_END + 1, UINT32_MAX, 0 },
	{ "below the kernel's limit", 4096, KERNEL_END, 0x1bffff, 0x1bf000 },
	{ "a limit a byte lower", 4096, KERNEL_END, 0x1bfffe, 0x1be000 },
	{ "a limit below the kernel's end", 1, KERNEL_END, 0xfffff, 0 },
	{ "no address at all is allowed", 1, KERNEL_END, 0, 0 },
	{ "all from 1 MiB on, with a kernel below", 0x100000, 0x20000, UINT32_MAX, 0x100000 },
	{ "a byte more", 0x100001, 0x20000, UINT32_MAX, 0 },
	{ "a kernel up to the end of memory", 1, MEMORY_BYTES, UINT32_MAX, 0 },
};
/* clang-format on */

START_TEST(placed_as_high_as_it_can)
{
	struct initrd initrd = { .size = places[_i].size, .what = "initrd-here" };
	uint8_t *bytes = malloc(initrd.size);
	struct driver_memory m;
	uint64_t at = 77;
	struct err e;

	ck_assert_ptr_nonnull(bytes);
	for (uint64_t i = 0; i < initrd.size; i++)
		bytes[i] = (uint8_t)(i % 251 + 1);
	initrd.bytes = bytes;
	driver_memory_init(&m, REGION_BYTES);
	e = initrd_load(m.mem, &initrd, MEMORY_BYTES, places[_i].kernel_end, places[_i].last, &at);
	if (places[_i].want_at == 0) {
		ck_assert_msg(err_is(e) && at == 77, "%s: got %#llx, want no room", places[_i].says,
			      (unsigned long long)at);
		ck_assert_msg(strstr(e.text, "initrd initrd-here has ") != NULL &&
				      strstr(e.text, "--memory") != NULL,
			      "%s: got \"%s\"", places[_i].says, e.text);
	} else {
		uint8_t *got = malloc(initrd.size);

		ck_assert_msg(!err_is(e), "%s: got \"%s\"", places[_i].says, e.text);
		ck_assert_msg(at == places[_i].want_at, "%s: got %#llx, want %#llx",
			      places[_i].says, (unsigned long long)at,
			      (unsigned long long)places[_i].want_at);
		ck_assert(got != NULL && mem_read(m.mem, at, got, initrd.size));
		ck_assert_mem_eq(got, bytes, initrd.size);
		free(got);
	}
	driver_memory_fini(&m);
	free(bytes);
}
END_TEST

/* With memory above 4 GiB it still ends below 3 GiB, where this test has none: that is told. */
START_TEST(below_the_hole)
{
	static const uint8_t byte = 1;
	const struct initrd initrd = { &byte, 1, "initrd-here" };
	struct driver_memory m;
	uint64_t at = 77;
	struct err e;

	driver_memory_init(&m, REGION_BYTES);
	e = initrd_load(m.mem, &initrd, UINT64_C(8) << 30, KERNEL_END, UINT32_MAX, &at);
	ck_assert_msg(err_is(e) && at == 77 && strstr(e.text, "at 0xbffff000") != NULL,
		      "got \"%s\"", e.text);
	driver_memory_fini(&m);
}
END_TEST

START_TEST(an_empty_initrd)
{
	const struct initrd initrd = { NULL, 0, "initrd-here" };
	struct driver_memory m;
	uint64_t at = 77;
	struct err e;

	driver_memory_init(&m, REGION_BYTES);
	e = initrd_load(m.mem, &initrd, MEMORY_BYTES, KERNEL_END, UINT32_MAX, &at);
	ck_assert_msg(err_is(e) && at == 77 && strstr(e.text, "initrd-here is empty") != NULL,
		      "got \"%s\"", e.text);
	driver_memory_fini(&m);
}
END_TEST

static const struct {
	size_t len;
	uint32_t max;
	const char *want; /* NULL: it is taken */
} lines[] = {
	{ 0, 0, NULL },
	{ 1, 0, "has 1 bytes: the guest takes at most 0" },
	{ 255, 255, NULL },
	{ 256, 255, "has 256 bytes: the guest takes at most 255" },
	{ 2047, UINT32_MAX, NULL },
	{ 2048, UINT32_MAX, "has 2048 bytes: the guest takes at most 2047" },
};

START_TEST(command_lines)
{
	char line[4096] = "";
	struct driver_memory m;
	struct err e;

	memset(line, 'c', lines[_i].len);
	driver_memory_init(&m, REGION_BYTES);
	e = cmdline_write(m.mem, line, lines[_i].max);
	if (lines[_i].want == NULL) {
		ck_assert_msg(!err_is(e), "%zu of %u: got \"%s\"", lines[_i].len, lines[_i].max,
			      e.text);
		ck_assert_str_eq(driver_at(&m, BOOT_CMDLINE), line);
	} else {
		ck_assert_msg(err_is(e) && e.kind == ERR_USAGE &&
				      strstr(e.text, lines[_i].want) != NULL,
			      "%zu of %u: got \"%s\"", lines[_i].len, lines[_i].max, e.text);
	}
	driver_memory_fini(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("boot_info");
	TCase *tc = tcase_create("boot_info");

	tcase_add_loop_test(tc, placed_as_high_as_it_can, 0, (int)ARRAY_LEN(places));
	tcase_add_test(tc, below_the_hole);
	tcase_add_test(tc, an_empty_initrd);
	tcase_add_loop_test(tc, command_lines, 0, (int)ARRAY_LEN(lines));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
