/* What a PVH kernel finds at its entry: start_info, memory map, command line and device tree, read
 * back from guest memory by the offsets of Xen's start_info.h. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "tests/driver/suite.h"
#include "vmm/boot/pvh_boot.h"

enum { REGION_BYTES = 1 << 20, LOW_MEMORY = 0x100000 };
#define GIB(n) ((uint64_t)(n) << 30)

static uint64_t number(struct driver_memory *m, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	ck_assert_msg(mem_read(m->mem, at, &v, bytes), "%#llx is no memory",
		      (unsigned long long)at);
	return v;
}

static void expect(struct driver_memory *m, const char *says, uint64_t at, unsigned bytes,
		   uint64_t want)
{
	uint64_t got = number(m, at, bytes);

	ck_assert_msg(got == want, "%s: got %#llx, want %#llx", says, (unsigned long long)got,
		      (unsigned long long)want);
}

static uint32_t boot_with(struct driver_memory *m, const struct boot_info *boot)
{
	uint32_t at = 0;
	struct err e = pvh_boot_write(m->mem, boot, &at);

	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	ck_assert_msg(at >= 0x6000 && at < LOW_MEMORY,
		      "start_info at %#x, want it between 0x6000 and 1 MiB", at);
	return at;
}

START_TEST(start_info_without_a_tree)
{
	const struct boot_info boot = { .cmdline = "console=ttyS0",
					.memory_bytes = 2 * REGION_BYTES };
	struct driver_memory m;
	uint32_t at;

	driver_memory_init(&m, REGION_BYTES);
	at = boot_with(&m, &boot);
	expect(&m, "magic", at, 4, 0x336ec578);
	expect(&m, "version", at + 4, 4, 1);
	expect(&m, "flags", at + 8, 4, 0);
	expect(&m, "modules", at + 12, 4, 0);
	expect(&m, "their list", at + 16, 8, 0);
	expect(&m, "RSDP", at + 32, 8, 0);
	ck_assert_str_eq(driver_at(&m, number(&m, at + 24, 8)), "console=ttyS0");
	driver_memory_fini(&m);
}
END_TEST

START_TEST(the_tree_is_a_module)
{
	static const uint8_t tree[] = { 0xd0, 0x0d, 0xfe, 0xed, 1, 2, 3, 4, 5 };
	const struct boot_info boot = { .cmdline = "",
					.memory_bytes = 2 * REGION_BYTES,
					.fdt = tree,
					.fdt_bytes = sizeof(tree) };
	struct driver_memory m;
	uint64_t list;
	uint32_t at;

	driver_memory_init(&m, REGION_BYTES);
	at = boot_with(&m, &boot);
	expect(&m, "modules", at + 12, 4, 1);
	list = number(&m, at + 16, 8);
	expect(&m, "its size", list + 8, 8, sizeof(tree));
	expect(&m, "its command line", list + 16, 8, 0);
	ck_assert_mem_eq(driver_at(&m, number(&m, list, 8)), tree, sizeof(tree));
	driver_memory_fini(&m);
}
END_TEST

/* Linux takes the first module for its initrd. */
START_TEST(the_initrd_is_the_first_module)
{
	static const uint8_t tree[] = { 0xd0, 0x0d, 0xfe, 0xed };
	struct boot_info boot = { .cmdline = "",
				  .memory_bytes = 2 * REGION_BYTES,
				  .initrd_at = 0x123000,
				  .initrd_bytes = 4567 };
	struct driver_memory m;
	uint64_t list;
	uint32_t at;

	driver_memory_init(&m, REGION_BYTES);
	for (unsigned count = 1; count <= 2; count++) {
		at = boot_with(&m, &boot);
		expect(&m, "modules", at + 12, 4, count);
		list = number(&m, at + 16, 8);
		expect(&m, "the initrd", list, 8, 0x123000);
		expect(&m, "its size", list + 8, 8, 4567);
		boot.fdt = tree;
		boot.fdt_bytes = sizeof(tree);
	}
	expect(&m, "the tree's size", list + 32 + 8, 8, sizeof(tree));
	driver_memory_fini(&m);
}
END_TEST

struct range {
	uint64_t at, bytes;
};
static const struct {
	const char *says;
	uint64_t memory;
	unsigned count;
	struct range range[3];
} maps[] = {
	{ "less than the old hole begins at", 0x80000, 1, { { 0, 0x80000 } } },
	{ "one MiB", LOW_MEMORY, 1, { { 0, 0xa0000 } } },
	{ "a page more", LOW_MEMORY + 4096, 2, { { 0, 0xa0000 }, { LOW_MEMORY, 4096 } } },
	{ "512 MiB", GIB(1) / 2, 2, { { 0, 0xa0000 }, { LOW_MEMORY, GIB(1) / 2 - LOW_MEMORY } } },
	{ "up to the hole", GIB(3), 2, { { 0, 0xa0000 }, { LOW_MEMORY, GIB(3) - LOW_MEMORY } } },
	{ "a page more",
	  GIB(3) + 4096,
	  3,
	  { { 0, 0xa0000 }, { LOW_MEMORY, GIB(3) - LOW_MEMORY }, { GIB(4), 4096 } } },
	{ "much",
	  GIB(64),
	  3,
	  { { 0, 0xa0000 }, { LOW_MEMORY, GIB(3) - LOW_MEMORY }, { GIB(4), GIB(61) } } },
};

START_TEST(memory_maps)
{
	const struct boot_info boot = { .cmdline = "", .memory_bytes = maps[_i].memory };
	struct driver_memory m;
	uint64_t list;
	uint32_t at;

	driver_memory_init(&m, REGION_BYTES);
	at = boot_with(&m, &boot);
	expect(&m, maps[_i].says, at + 48, 4, maps[_i].count);
	list = number(&m, at + 40, 8);
	for (unsigned i = 0; i < maps[_i].count; i++) {
		expect(&m, maps[_i].says, list + 24 * i, 8, maps[_i].range[i].at);
		expect(&m, maps[_i].says, list + 24 * i + 8, 8, maps[_i].range[i].bytes);
		expect(&m, "it is RAM", list + 24 * i + 16, 4, 1);
	}
	driver_memory_fini(&m);
}
END_TEST

/* With ACPI the kernel is told where its tables and the PCI configuration space are. */
START_TEST(a_map_with_acpi)
{
	static const struct {
		uint64_t at, bytes, type;
	} want[] = {
		{ 0, 0xa0000, 1 },
		{ 0xe0000, 0x20000, 2 },
		{ 0x100000, GIB(3) - 0x100000, 1 },
		{ 0xe0000000, 0x100000, 2 },
		{ GIB(4), GIB(5), 1 },
	};
	const struct boot_info boot = { .cmdline = "", .memory_bytes = GIB(8), .rsdp = 0xe0000 };
	struct driver_memory m;
	uint64_t list;
	uint32_t at;

	driver_memory_init(&m, REGION_BYTES);
	at = boot_with(&m, &boot);
	expect(&m, "RSDP", at + 32, 8, 0xe0000);
	expect(&m, "entries", at + 48, 4, ARRAY_LEN(want));
	list = number(&m, at + 40, 8);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		expect(&m, "address", list + 24 * i, 8, want[i].at);
		expect(&m, "size", list + 24 * i + 8, 8, want[i].bytes);
		expect(&m, "type", list + 24 * i + 16, 4, want[i].type);
	}
	driver_memory_fini(&m);
}
END_TEST

static const struct {
	const char *says;
	size_t len;
	bool ok;
} lengths[] = {
	{ "an empty one", 0, true },
	{ "the longest", BOOT_CMDLINE_MAX, true },
	{ "a byte longer", BOOT_CMDLINE_MAX + 1, false },
	{ "far too long", 100000, false },
};

START_TEST(command_lines)
{
	char *line = malloc(lengths[_i].len + 1);
	const struct boot_info boot = { .cmdline = line, .memory_bytes = 2 * REGION_BYTES };
	struct driver_memory m;
	uint32_t at = 77;
	struct err e;

	ck_assert_ptr_nonnull(line);
	memset(line, 'c', lengths[_i].len);
	line[lengths[_i].len] = '\0';
	driver_memory_init(&m, REGION_BYTES);
	e = pvh_boot_write(m.mem, &boot, &at);
	ck_assert_msg(err_is(e) != lengths[_i].ok, "%s: got \"%s\"", lengths[_i].says, e.text);
	if (lengths[_i].ok)
		ck_assert_str_eq(driver_at(&m, number(&m, at + 24, 8)), line);
	else
		ck_assert_msg(e.kind == ERR_USAGE && at == 77, "%s: got kind %d, address %#x",
			      lengths[_i].says, (int)e.kind, at);
	driver_memory_fini(&m);
	free(line);
}
END_TEST

START_TEST(too_little_memory_is_told)
{
	static const uint8_t tree[0x4000] = { 0 };
	const struct boot_info boot = {
		.cmdline = "", .memory_bytes = 0x10000, .fdt = tree, .fdt_bytes = sizeof(tree)
	};
	struct driver_memory m;
	uint32_t at = 77;

	for (uint64_t region = 0x1000; region <= 0x6000; region += 0x1000) {
		struct err e;

		driver_memory_init(&m, region);
		e = pvh_boot_write(m.mem, &boot, &at);
		ck_assert_msg(err_is(e) && strstr(e.text, "--memory") != NULL && at == 77,
			      "%#llx bytes: got \"%s\", want words about --memory",
			      2 * (unsigned long long)region, e.text);
		driver_memory_fini(&m);
	}
}
END_TEST

/* What lies behind 0xd000 may be the kernel's. */
START_TEST(a_tree_keeps_to_its_place)
{
	static const uint8_t tree[0x4001] = { 0 };
	struct boot_info boot = { .cmdline = "",
				  .memory_bytes = 2 * REGION_BYTES,
				  .fdt = tree,
				  .fdt_bytes = sizeof(tree) };
	struct driver_memory m;
	uint32_t at = 77;
	struct err e;

	driver_memory_init(&m, REGION_BYTES);
	e = pvh_boot_write(m.mem, &boot, &at);
	ck_assert_msg(err_is(e) && strstr(e.text, "device tree of 16385 bytes") != NULL && at == 77,
		      "got \"%s\"", e.text);
	boot.fdt_bytes--;
	(void)boot_with(&m, &boot);
	driver_memory_fini(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pvh_boot");
	TCase *tc = tcase_create("pvh_boot");

	tcase_add_test(tc, start_info_without_a_tree);
	tcase_add_test(tc, the_tree_is_a_module);
	tcase_add_test(tc, the_initrd_is_the_first_module);
	tcase_add_test(tc, a_map_with_acpi);
	tcase_add_loop_test(tc, memory_maps, 0, (int)ARRAY_LEN(maps));
	tcase_add_loop_test(tc, command_lines, 0, (int)ARRAY_LEN(lengths));
	tcase_add_test(tc, too_little_memory_is_told);
	tcase_add_test(tc, a_tree_keeps_to_its_place);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
