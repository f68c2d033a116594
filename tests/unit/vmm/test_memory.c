/* tests/unit/vmm/test_memory.c: guest memory of every size: where it lies for the guest, and
 * what is refused. */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/machine/parts.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct {
	const char *says;
	uint64_t bytes, low, high;
} sizes[] = {
	{ "4 MiB", 4 * MIB, 4 * MIB, 0 },
	{ "3 GiB less a page", 3 * GIB - 4096, 3 * GIB - 4096, 0 },
	{ "3 GiB", 3 * GIB, 3 * GIB, 0 },
	{ "3 GiB and a page", 3 * GIB + 4096, 3 * GIB, 4096 },
	{ "4 GiB", 4 * GIB, 3 * GIB, GIB },
	{ "5 GiB", 5 * GIB, 3 * GIB, 2 * GIB },
};

static bool host_has(uint64_t bytes)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >= bytes;
}

/* The byte at that address and no other; in a page that is the guest's. */
static void assert_byte(const struct ram *ram, uint64_t gpa, bool there)
{
	uint8_t one = 1, back = 0;

	ck_assert_msg(mem_write(ram->mem, gpa, &one, 1) == there, "byte %#llx: want %s",
		      (unsigned long long)gpa, there ? "memory" : "none");
	ck_assert(!there || (mem_read(ram->mem, gpa, &back, 1) && back == 1));
}

START_TEST(memory_lies_around_the_hole)
{
	struct ram ram;
	struct err e;

	if (!host_has(sizes[_i].bytes))
		return;
	e = ram_init(&ram, sizes[_i].bytes);
	ck_assert_msg(!err_is(e), "%s: got \"%s\"", sizes[_i].says, e.text);
	ck_assert_msg(((uintptr_t)ram.host & (2 * MIB - 1)) == 0, "%s: not aligned for huge pages",
		      sizes[_i].says);
	assert_byte(&ram, 0, true);
	assert_byte(&ram, sizes[_i].low - 1, true);
	assert_byte(&ram, sizes[_i].low, false);
	assert_byte(&ram, 0xfeb00000, false);
	assert_byte(&ram, 4 * GIB, sizes[_i].high > 0);
	if (sizes[_i].high > 0)
		assert_byte(&ram, 4 * GIB + sizes[_i].high - 1, true);
	assert_byte(&ram, 4 * GIB + sizes[_i].high, false);
	ram_fini(&ram);
}
END_TEST

static const struct {
	const char *says;
	uint64_t bytes;
	const char *error;
} refused[] = {
	{ "none", 0, "at least" },
	{ "a byte", 1, "at least" },
	{ "more than any host", UINT64_C(1) << 60, "more than the host" },
	{ "all that 64 bits can say", UINT64_MAX, "more than the host" },
};

START_TEST(what_cannot_be_is_refused)
{
	struct ram ram;
	struct err e = ram_init(&ram, refused[_i].bytes);

	ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, refused[_i].error) != NULL,
		      "%s: got \"%s\"", refused[_i].says, e.text);
	ram_fini(&ram);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memory");
	TCase *tc = tcase_create("memory");

	tcase_add_loop_test(tc, memory_lies_around_the_hole, 0, (int)ARRAY_LEN(sizes));
	tcase_add_loop_test(tc, what_cannot_be_is_refused, 0, (int)ARRAY_LEN(refused));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
