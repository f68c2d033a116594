/* What a bzImage finds at its 64-bit entry: itself, the zero page, page tables and a GDT, read back
 * from guest memory by the offsets of boot.rst and zero-page.rst, and by the processor's rules. */
#include <check.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "tests/driver/suite.h"
#include "vmm/boot/bzimage_boot.h"

enum {
	REGION_BYTES = 1 << 20,
	MEMORY_BYTES = 2 * REGION_BYTES,
	HEADER_BYTES = 0x268 - 0x1f1,
	KERNEL_BYTES = 0x400,
	LOAD_AT = 0x180000,
	ROOM = 0x40000,
};
#define GIB(n) ((uint64_t)(n) << 30)

struct setting {
	uint8_t header[HEADER_BYTES], kernel[KERNEL_BYTES];
	struct bzimage image;
	struct driver_memory m;
};

static void set_up(struct setting *s)
{
	memset(s->header, 0xa7, sizeof(s->header));
	memset(s->kernel, 0x5c, sizeof(s->kernel));
	s->image = (struct bzimage){ .header = s->header,
				     .header_bytes = sizeof(s->header),
				     .kernel = s->kernel,
				     .kernel_bytes = sizeof(s->kernel),
				     .load_at = LOAD_AT,
				     .room = ROOM,
				     .cmdline_max = 100,
				     .initrd_last = UINT32_MAX,
				     .entry64 = true };
	driver_memory_init(&s->m, REGION_BYTES);
}

static uint64_t number(struct setting *s, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	if (!mem_read(s->m.mem, at, &v, bytes))
		ck_abort_msg("%#llx is no memory", (unsigned long long)at);
	return v;
}

static void expect(struct setting *s, const char *says, uint64_t at, unsigned bytes, uint64_t want)
{
	uint64_t got = number(s, at, bytes);

	ck_assert_msg(got == want, "%s: got %#llx, want %#llx", says, (unsigned long long)got,
		      (unsigned long long)want);
}

static struct entry64 boot_with(struct setting *s, const struct boot_info *boot)
{
	struct entry64 entry = { 0 };
	struct err e = bzimage_boot_write(s->m.mem, &s->image, boot, &entry);

	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	return entry;
}

/* clang-format off */
static const struct {
	const char *says;
	uint64_t load_at, memory;
	uint32_t room;
	bool entry64, fits;
} loads[] = {
	{ "a kernel that fits", LOAD_AT, MEMORY_BYTES, ROOM, true, true },
	{ "one that ends with memory", LOAD_AT, MEMORY_BYTES, 0x80000, true, true },
	{ "one a byte longer", LOAD_AT, MEMORY_BYTES, 0x80001, true, false },
	{ "one behind memory", MEMORY_BYTES, MEMORY_BYTES, ROOM, true, false },
	{ "one in the hole", GIB(3), GIB(8), ROOM, true, false },
	{ "one that reaches into it", GIB(3) - ROOM + 1, GIB(8), ROOM, true, false },
	{ "one without a 64-bit entry", LOAD_AT, MEMORY_BYTES, ROOM, false, false },
};
/* clang-format on */

START_TEST(loaded_where_it_prefers)
{
	struct setting s;
	uint64_t end = 77;
	struct err e;

	set_up(&s);
	s.image.load_at = loads[_i].load_at;
	s.image.room = loads[_i].room;
	s.image.entry64 = loads[_i].entry64;
	e = bzimage_load(&s.image, "vmlinuz-here", s.m.mem, loads[_i].memory, &end);
	if (loads[_i].fits) {
		ck_assert_msg(!err_is(e), "%s: got \"%s\"", loads[_i].says, e.text);
		ck_assert_uint_eq(end, loads[_i].load_at + loads[_i].room);
		ck_assert_mem_eq(driver_at(&s.m, LOAD_AT), s.kernel, KERNEL_BYTES);
		expect(&s, "behind it", LOAD_AT + KERNEL_BYTES, 1, 0);
	} else {
		ck_assert_msg(err_is(e) && end == 77 && strstr(e.text, "vmlinuz-here") != NULL,
			      "%s: got \"%s\"", loads[_i].says, e.text);
		ck_assert_msg(strstr(e.text, loads[_i].entry64 ? "--memory" : "64-bit") != NULL,
			      "%s: got \"%s\"", loads[_i].says, e.text);
	}
	driver_memory_fini(&s.m);
}
END_TEST

START_TEST(the_zero_page)
{
	const struct boot_info boot = { .cmdline = "console=ttyS0 -- single",
					.memory_bytes = GIB(4),
					.initrd_at = 0xb0000000,
					.initrd_bytes = 0x1234567,
					.rsdp = 0xe0000 };
	struct setting s;
	uint64_t at;

	set_up(&s);
	memset(driver_at(&s.m, 0x6000), 0xee, 0x1000);
	at = boot_with(&s, &boot).rsi;
	expect(&s, "screen_info", at, 8, 0);
	expect(&s, "RSDP", at + 0x70, 8, 0xe0000);
	expect(&s, "the header's first byte", at + 0x1f1, 1, 0xa7);
	expect(&s, "before the header", at + 0x1f0, 1, 0);
	expect(&s, "the header's last byte", at + 0x267, 1, 0xa7);
	expect(&s, "behind the header", at + 0x268, 1, 0);
	expect(&s, "video mode", at + 0x1fa, 2, 0xffff);
	expect(&s, "loader", at + 0x210, 1, 0xff);
	expect(&s, "initrd", at + 0x218, 4, 0xb0000000);
	expect(&s, "its size", at + 0x21c, 4, 0x1234567);
	ck_assert_str_eq(driver_at(&s.m, number(&s, at + 0x228, 4)), boot.cmdline);
	expect(&s, "its upper half", at + 0xc8, 4, 0);
	expect(&s, "memory ranges", at + 0x1e8, 1, 5);
	expect(&s, "the last one's address", at + 0x2d0 + 4 * 20, 8, GIB(4));
	expect(&s, "its size", at + 0x2d0 + 4 * 20 + 8, 8, GIB(1));
	expect(&s, "its type", at + 0x2d0 + 4 * 20 + 16, 4, 1);
	expect(&s, "configuration space's type", at + 0x2d0 + 3 * 20 + 16, 4, 2);
	expect(&s, "behind them", at + 0x2d0 + 5 * 20, 8, 0);
	driver_memory_fini(&s.m);
}
END_TEST

START_TEST(without_anything)
{
	const struct boot_info boot = { .cmdline = "", .memory_bytes = MEMORY_BYTES };
	struct setting s;
	uint64_t at;

	set_up(&s);
	at = boot_with(&s, &boot).rsi;
	expect(&s, "RSDP", at + 0x70, 8, 0);
	expect(&s, "initrd", at + 0x218, 8, 0);
	expect(&s, "memory ranges", at + 0x1e8, 1, 2);
	expect(&s, "the first one's size", at + 0x2d0 + 8, 8, 0xa0000);
	expect(&s, "the second one", at + 0x2d0 + 20, 8, 0x100000);
	driver_memory_fini(&s.m);
}
END_TEST

/* What the processor finds for an address by these tables, UINT64_MAX for nothing. */
static uint64_t walk(struct setting *s, uint64_t cr3, uint64_t address)
{
	uint64_t table = cr3;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		uint64_t entry = number(s, table + (address >> shift & 511) * 8, 8);

		if ((entry & 3) != 3)
			return UINT64_MAX;
		if (shift == 21)
			return (entry & 0x80) == 0
				       ? UINT64_MAX
				       : (entry & ~UINT64_C(0x1fffff)) + (address & 0x1fffff);
		if ((entry & 0x80) != 0)
			return UINT64_MAX;
		table = entry & ~UINT64_C(0xfff);
	}
	return UINT64_MAX;
}

START_TEST(four_gib_are_mapped_to_themselves)
{
	const struct boot_info boot = { .cmdline = "", .memory_bytes = MEMORY_BYTES };
	struct entry64 entry;
	struct setting s;

	set_up(&s);
	entry = boot_with(&s, &boot);
	for (uint64_t at = 0x1234; at < GIB(4); at += 0x200000)
		if (walk(&s, entry.cr3, at) != at)
			ck_abort_msg("%#llx is mapped to %#llx", (unsigned long long)at,
				     (unsigned long long)walk(&s, entry.cr3, at));
	ck_assert_msg(walk(&s, entry.cr3, GIB(4)) == UINT64_MAX, "more than 4 GiB is mapped");
	ck_assert_msg(walk(&s, entry.cr3, GIB(512)) == UINT64_MAX, "more than 512 GiB is mapped");
	driver_memory_fini(&s.m);
}
END_TEST

START_TEST(the_entry)
{
	const struct boot_info boot = { .cmdline = "", .memory_bytes = MEMORY_BYTES };
	struct entry64 entry;
	struct setting s;

	set_up(&s);
	entry = boot_with(&s, &boot);
	ck_assert_uint_eq(entry.rip, LOAD_AT + 0x200);
	ck_assert_uint_eq(entry.gdt_limit, 31);
	/* Present, ring 0, execute and read, long; present, ring 0, read and write, 32-bit. */
	expect(&s, "code's access byte", entry.gdt + 0x10 + 5, 1, 0x9b);
	expect(&s, "its flags and limit", entry.gdt + 0x10 + 6, 1, 0xaf);
	expect(&s, "data's access byte", entry.gdt + 0x18 + 5, 1, 0x93);
	expect(&s, "its flags and limit", entry.gdt + 0x18 + 6, 1, 0xcf);
	driver_memory_fini(&s.m);
}
END_TEST

START_TEST(a_command_line_longer_than_the_kernel_takes)
{
	char line[102] = "";
	const struct boot_info boot = { .cmdline = line, .memory_bytes = MEMORY_BYTES };
	struct entry64 entry = { .rip = 77 };
	struct setting s;
	struct err e;

	set_up(&s);
	memset(line, 'c', 100);
	(void)boot_with(&s, &boot);
	line[100] = 'c';
	e = bzimage_boot_write(s.m.mem, &s.image, &boot, &entry);
	ck_assert_msg(err_is(e) && entry.rip == 77 && strstr(e.text, "at most 100") != NULL,
		      "got \"%s\"", e.text);
	driver_memory_fini(&s.m);
}
END_TEST

START_TEST(too_little_memory_is_told)
{
	const struct boot_info boot = { .cmdline = "", .memory_bytes = 0xe000 };
	struct entry64 entry = { .rip = 77 };
	struct setting s;
	struct err e;

	set_up(&s);
	driver_memory_fini(&s.m);
	driver_memory_init(&s.m, 0x7000);
	e = bzimage_boot_write(s.m.mem, &s.image, &boot, &entry);
	ck_assert_msg(err_is(e) && entry.rip == 77 && strstr(e.text, "--memory") != NULL,
		      "got \"%s\"", e.text);
	driver_memory_fini(&s.m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bzimage_boot");
	TCase *tc = tcase_create("bzimage_boot");

	tcase_add_loop_test(tc, loaded_where_it_prefers, 0, (int)ARRAY_LEN(loads));
	tcase_add_test(tc, the_zero_page);
	tcase_add_test(tc, without_anything);
	tcase_add_test(tc, four_gib_are_mapped_to_themselves);
	tcase_add_test(tc, the_entry);
	tcase_add_test(tc, a_command_line_longer_than_the_kernel_takes);
	tcase_add_test(tc, too_little_memory_is_told);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
