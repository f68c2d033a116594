/* The device tree as a guest reads it, and the NICs on a command line. */
#include <check.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/boot/fdt.h"

enum { TREE_BYTES = 16384, CELLS_MAX = 8 };
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

static const struct {
	const char *says;
	struct fdt_request request;
	unsigned cell_count;
	uint32_t cells[CELLS_MAX];
} trees[] = {
	{ "a small machine without NICs", { "", MIB(64), 0 }, 4, { 0, 0, 0, 0x4000000 } },
	{ "one NIC", { "console=ttyS0 root=/dev/vda", MIB(512), 1 }, 4, { 0, 0, 0, 0x20000000 } },
	{ "memory up to the hole", { "quiet", GIB(3), 3 }, 4, { 0, 0, 0, 0xc0000000 } },
	{ "a page more than that",
	  { "quiet", GIB(3) + 4096, 2 },
	  8,
	  { 0, 0, 0, 0xc0000000, 1, 0, 0, 4096 } },
	{ "much memory, all NICs",
	  { "a=\"b c\"", GIB(16), 0xff },
	  8,
	  { 0, 0, 0, 0xc0000000, 1, 0, 3, 0x40000000 } },
};

struct tree {
	uint8_t bytes[TREE_BYTES];
	uint32_t len;
};

static void build(struct tree *t, const struct fdt_request *request)
{
	struct err e = fdt_build(request, t->bytes, sizeof(t->bytes), &t->len);

	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	ck_assert_msg(fdt_check_full(t->bytes, t->len) == 0, "libfdt does not take the tree: %s",
		      fdt_strerror(fdt_check_full(t->bytes, t->len)));
}

static int node_at(const struct tree *t, const char *path)
{
	int node = fdt_path_offset(t->bytes, path);

	ck_assert_msg(node >= 0, "no node %s: %s", path, fdt_strerror(node));
	return node;
}

static void expect_text(const struct tree *t, const char *path, const char *name, const char *want)
{
	int len;
	const char *got = fdt_getprop(t->bytes, node_at(t, path), name, &len);

	ck_assert_msg(got != NULL && (size_t)len == strlen(want) + 1 && strcmp(got, want) == 0,
		      "%s/%s: got \"%s\", want \"%s\"", path, name, got != NULL ? got : "nothing",
		      want);
}

static void expect_cells(const struct tree *t, const char *path, const char *name,
			 const uint32_t *want, unsigned count)
{
	int len;
	const uint8_t *got = fdt_getprop(t->bytes, node_at(t, path), name, &len);

	ck_assert_msg(got != NULL && (unsigned)len == count * 4, "%s/%s: got %d bytes, want %u",
		      path, name, len, count * 4);
	for (unsigned i = 0; i < count; i++) {
		uint32_t cell = (uint32_t)got[4 * i] << 24 | (uint32_t)got[4 * i + 1] << 16 |
				(uint32_t)got[4 * i + 2] << 8 | got[4 * i + 3];

		ck_assert_msg(cell == want[i], "%s/%s: cell %u: got %#x, want %#x", path, name, i,
			      cell, want[i]);
	}
}

START_TEST(memory_and_command_line)
{
	static const uint32_t two = 2;
	struct tree t;

	build(&t, &trees[_i].request);
	expect_cells(&t, "/", "#address-cells", &two, 1);
	expect_cells(&t, "/", "#size-cells", &two, 1);
	expect_text(&t, "/memory@0", "device_type", "memory");
	expect_cells(&t, "/memory@0", "reg", trees[_i].cells, trees[_i].cell_count);
	expect_text(&t, "/chosen", "bootargs", trees[_i].request.cmdline);
}
END_TEST

START_TEST(a_node_for_each_nic)
{
	unsigned nics = trees[_i].request.nics;
	int want = __builtin_popcount(nics), found = 0;
	struct tree t;

	build(&t, &trees[_i].request);
	for (unsigned i = 0; i < NICS_MAX; i++) {
		const uint32_t base = 0xfeb00000u + 0x1000 * i;
		const uint32_t reg[] = { 0, base, 0, 0x1000 }, interrupts[] = { 16 + i, 1 };
		char path[40];

		if ((nics & 1u << i) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "/virtio_mmio@%x", base);
		expect_text(&t, path, "compatible", "virtio,mmio");
		expect_cells(&t, path, "reg", reg, 4);
		expect_cells(&t, path, "interrupts", interrupts, 2);
	}
	for (int node = fdt_node_offset_by_compatible(t.bytes, -1, "virtio,mmio"); node >= 0;
	     node = fdt_node_offset_by_compatible(t.bytes, node, "virtio,mmio"))
		found++;
	ck_assert_msg(found == want, "%s: got %d NICs, want %d", trees[_i].says, found, want);
}
END_TEST

START_TEST(the_serial_line)
{
	static const uint32_t reg[] = { 1, 0x3f8, 0, 8 }, interrupts[] = { 4, 1 };
	struct tree t;

	build(&t, &trees[_i].request);
	expect_text(&t, "/serial@3f8", "compatible", "ns16550a");
	expect_cells(&t, "/serial@3f8", "reg", reg, 4);
	expect_cells(&t, "/serial@3f8", "interrupts", interrupts, 2);
}
END_TEST

/* At each size that is too small: words, the length untouched, nothing written behind. */
START_TEST(too_little_room_is_told)
{
	const struct fdt_request request = { "console=ttyS0", GIB(4), 0xff };
	struct tree whole;
	uint32_t failures = 0;

	build(&whole, &request);
	for (uint32_t size = 0; size < whole.len; size++) {
		uint8_t *block = malloc(size > 0 ? size : 1);
		uint32_t len = 77;
		struct err e;

		if (block == NULL)
			ck_abort_msg("out of memory");
		e = fdt_build(&request, block, size, &len);
		if (err_is(e)) {
			failures++;
			if (len != 77)
				ck_abort_msg("%u bytes: the length was touched", size);
			if (strstr(e.text, "device tree") == NULL)
				ck_abort_msg("%u bytes: got \"%s\"", size, e.text);
		}
		free(block);
	}
	ck_assert_msg(failures == whole.len, "%u of %u sizes were too small", failures, whole.len);
}
END_TEST

/* ---- the same on a command line ---- */

static const struct {
	const char *says, *before;
	unsigned size;
	uint8_t nics;
	const char *after;
} lines[] = {
	{ "none", "quiet", 256, 0, "quiet" },
	{ "one, alone", "", 256, 1, "virtio_mmio.device=4K@0xfeb00000:16" },
	{ "one behind others", "quiet", 256, 1, "quiet virtio_mmio.device=4K@0xfeb00000:16" },
	{ "two", "q", 256, 3,
	  "q virtio_mmio.device=4K@0xfeb00000:16 virtio_mmio.device=4K@0xfeb01000:17" },
	{ "just enough room", "", 36, 1, "virtio_mmio.device=4K@0xfeb00000:16" },
	{ "a byte too little", "", 35, 1, NULL },
	{ "room for one of two", "", 64, 3, NULL },
	{ "the second alone", "q", 256, 2, "q virtio_mmio.device=4K@0xfeb01000:17" },
	{ "no room at all", "quiet", 6, 1, NULL },
};

START_TEST(command_lines)
{
	char *line = malloc(lines[_i].size);
	struct err e;

	ck_assert_ptr_nonnull(line);
	(void)snprintf(line, lines[_i].size, "%s", lines[_i].before);
	e = cmdline_add_nics(line, lines[_i].size, lines[_i].nics);
	if (lines[_i].after != NULL)
		ck_assert_msg(!err_is(e) && strcmp(line, lines[_i].after) == 0,
			      "%s: got \"%s\" (%s), want \"%s\"", lines[_i].says, line, e.text,
			      lines[_i].after);
	else
		ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, "--append") != NULL,
			      "%s: got \"%s\", want words about --append", lines[_i].says, e.text);
	free(line);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fdt");
	TCase *tc = tcase_create("fdt");

	tcase_add_loop_test(tc, memory_and_command_line, 0, (int)ARRAY_LEN(trees));
	tcase_add_loop_test(tc, a_node_for_each_nic, 0, (int)ARRAY_LEN(trees));
	tcase_add_loop_test(tc, the_serial_line, 0, (int)ARRAY_LEN(trees));
	tcase_add_test(tc, too_little_room_is_told);
	tcase_add_loop_test(tc, command_lines, 0, (int)ARRAY_LEN(lines));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
