/* A bzImage's setup header: a sound one, the same with one field spoiled at a time, and cut at each
 * byte. Offsets are those of Linux Documentation/arch/x86/boot.rst. The file lies in a block of
 * just its length, so that a sanitizer sees a read behind its end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/boot/bzimage.h"

enum {
	SETUP_BYTES = 3 * 512,
	KERNEL_BYTES = 1024,
	FILE_BYTES = SETUP_BYTES + KERNEL_BYTES,
	HEADER_END = 0x268,
	PAYLOAD_AT = 0x210,
	PAYLOAD_BYTES = 100,
	ROOM = 0x3600000,
};

static void put(uint8_t *file, size_t at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		file[at + i] = (uint8_t)(value >> (8 * i));
}

/* Protocol 2.15, as Debian's kernels have it. */
static void make_sound(uint8_t file[static FILE_BYTES])
{
	memset(file, 0xc5, FILE_BYTES);
	put(file, 0x1f1, 1, SETUP_BYTES / 512 - 1);
	put(file, 0x1f4, 4, KERNEL_BYTES / 16);
	put(file, 0x1fe, 2, 0xaa55);
	put(file, 0x200, 1, 0xeb);
	put(file, 0x201, 1, HEADER_END - 0x202);
	memcpy(file + 0x202, "HdrS", 4);
	put(file, 0x206, 2, 0x20f);
	put(file, 0x211, 1, 1);
	put(file, 0x22c, 4, 0x7fffffff);
	put(file, 0x236, 2, 0x7f);
	put(file, 0x238, 4, 2047);
	put(file, 0x248, 4, PAYLOAD_AT);
	put(file, 0x24c, 4, PAYLOAD_BYTES);
	put(file, 0x258, 8, 0x1000000);
	put(file, 0x260, 4, ROOM);
}

/* The first len bytes of it, in *ret_block, for free(). */
static struct err parse(const uint8_t *file, size_t len, uint8_t **ret_block, struct bzimage *ret)
{
	struct err e;

	*ret_block = malloc(len > 0 ? len : 1);
	if (*ret_block == NULL)
		ck_abort_msg("out of memory");
	memcpy(*ret_block, file, len);
	*ret = (struct bzimage){ .room = 77 };
	e = bzimage_parse(*ret_block, len, "vmlinuz-here", ret);
	if (!err_is(e))
		return e;
	if (strstr(e.text, "kernel vmlinuz-here") == NULL || strpbrk(e.text, "\n\r") != NULL)
		ck_abort_msg("got \"%s\", want one line that names the file", e.text);
	if (ret->room != 77 || ret->header != NULL)
		ck_abort_msg("\"%s\", and yet the image was touched", e.text);
	return e;
}

START_TEST(a_sound_image)
{
	uint8_t file[FILE_BYTES], *block;
	struct bzimage got;
	struct err e;

	make_sound(file);
	e = parse(file, sizeof(file), &block, &got);
	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	ck_assert_ptr_eq(got.header, block + 0x1f1);
	ck_assert_uint_eq(got.header_bytes, HEADER_END - 0x1f1);
	ck_assert_ptr_eq(got.kernel, block + SETUP_BYTES);
	ck_assert_uint_eq(got.kernel_bytes, KERNEL_BYTES);
	ck_assert_ptr_eq(got.payload, block + SETUP_BYTES + PAYLOAD_AT);
	ck_assert_uint_eq(got.payload_bytes, PAYLOAD_BYTES);
	ck_assert_uint_eq(got.load_at, 0x1000000);
	ck_assert_uint_eq(got.room, ROOM);
	ck_assert_uint_eq(got.cmdline_max, 2047);
	ck_assert_uint_eq(got.initrd_last, 0x7fffffff);
	ck_assert(got.entry64);
	free(block);
}
END_TEST

/* clang-format off */
static const struct { const char *says; size_t at; unsigned bytes; uint64_t value; const char *want; } spoiled[] = {
	{ "no boot flag", 0x1fe, 2, 0x55aa, "neither an ELF file nor a bzImage" },
	{ "no magic number", 0x202, 1, 'h', "neither an ELF file nor a bzImage" },
	{ "a protocol a step too old", 0x206, 2, 0x20b, "boot protocol 2.11: at least 2.12" },
	{ "the first protocol", 0x206, 2, 0x200, "boot protocol 2.00: at least 2.12" },
	{ "the oldest that is taken", 0x206, 2, 0x20c, NULL },
	{ "one from the future", 0x206, 2, 0x300, NULL },
	{ "loaded low", 0x211, 1, 0x80, "is a zImage" },
	{ "a header without its last field", 0x201, 1, 0x61, "its setup header ends at 0x263, of 0x264" },
	{ "a header that just has it", 0x201, 1, 0x62, NULL },
	{ "a header of no bytes", 0x201, 1, 0, "its setup header ends at 0x202" },
	{ "the longest header", 0x201, 1, 0x7f, NULL },
	{ "a header that ends by a jump backwards", 0x201, 1, 0x80, "its setup header ends at 0x282, of 0x264 to 0x281" },
	{ "no sectors stand for four", 0x1f1, 1, 0, "truncated: it has 2560 bytes, of 3584" },
	{ "more sectors than the file has", 0x1f1, 1, 255, "truncated: it has 2560 bytes, of 132096" },
	{ "a paragraph more than there is", 0x1f4, 4, KERNEL_BYTES / 16 + 1, "truncated: it has 2560 bytes, of 2576" },
	{ "as many as can be written", 0x1f4, 4, UINT32_MAX, "truncated" },
	{ "no kernel", 0x1f4, 4, 0, "only 0 bytes of kernel" },
	{ "a kernel without its 64-bit entry", 0x1f4, 4, 0x20, "only 512 bytes of kernel" },
	{ "a payload behind the kernel", 0x248, 4, KERNEL_BYTES, "not within the 1024 bytes" },
	{ "a payload that ends a byte behind it", 0x248, 4, KERNEL_BYTES - PAYLOAD_BYTES + 1, "not within the 1024 bytes" },
	{ "a payload that ends with it", 0x248, 4, KERNEL_BYTES - PAYLOAD_BYTES, NULL },
	{ "a payload whose end wraps", 0x248, 4, UINT32_MAX, "not within the 1024 bytes" },
	{ "a payload longer than the kernel", 0x24c, 4, KERNEL_BYTES, "not within the 1024 bytes" },
	{ "a payload of as much as can be written", 0x24c, 4, UINT32_MAX, "not within the 1024 bytes" },
	{ "no payload", 0x24c, 4, 0, NULL },
	{ "a payload that is too short to be one", 0x24c, 4, 7, "packed kernel of 7 bytes" },
	{ "a place below 1 MiB", 0x258, 8, 0xfffff, "is to lie at 0xfffff" },
	{ "the lowest place", 0x258, 8, 0x100000, NULL },
	{ "a place that ends above 4 GiB", 0x258, 8, UINT32_MAX - ROOM + 1, "between 1 MiB and 4 GiB" },
	{ "a place above 4 GiB", 0x258, 8, 0x100000000, "is to lie at 0x100000000" },
	{ "a place whose end wraps", 0x258, 8, UINT64_MAX, "between 1 MiB and 4 GiB" },
	{ "a byte less room than the kernel", 0x260, 4, KERNEL_BYTES - 1, "asks for 1023 bytes of memory" },
	{ "as much room as can be written", 0x260, 4, UINT32_MAX, "between 1 MiB and 4 GiB" },
	{ "no 64-bit entry", 0x236, 2, 0x7e, NULL },
};
/* clang-format on */

START_TEST(one_field_spoiled)
{
	uint8_t file[FILE_BYTES], *block;
	struct bzimage got;
	struct err e;

	make_sound(file);
	put(file, spoiled[_i].at, spoiled[_i].bytes, spoiled[_i].value);
	e = parse(file, sizeof(file), &block, &got);
	if (spoiled[_i].want == NULL)
		ck_assert_msg(!err_is(e), "%s: got \"%s\", want success", spoiled[_i].says, e.text);
	else
		ck_assert_msg(err_is(e) && strstr(e.text, spoiled[_i].want) != NULL,
			      "%s: got \"%s\", want \"%s\"", spoiled[_i].says,
			      err_is(e) ? e.text : "success", spoiled[_i].want);
	if (spoiled[_i].at == 0x236)
		ck_assert_msg(!got.entry64, "%s: got one", spoiled[_i].says);
	free(block);
}
END_TEST

START_TEST(cut_at_each_byte)
{
	uint8_t file[FILE_BYTES];

	make_sound(file);
	for (size_t len = 0; len < FILE_BYTES; len++) {
		uint8_t *block;
		struct bzimage got;
		struct err e = parse(file, len, &block, &got);

		if (!err_is(e) || e.kind != ERR_SETUP || strstr(e.text, "truncated") == NULL)
			ck_abort_msg("cut at %zu: got \"%s\", want \"truncated\"", len, e.text);
		free(block);
	}
}
END_TEST

/* All but the last byte of its last paragraph may be missing. */
START_TEST(not_packed)
{
	uint8_t file[FILE_BYTES], *block;
	struct bzimage got;

	make_sound(file);
	put(file, 0x24c, 4, 0);
	for (unsigned missing = 0; missing <= 16; missing++) {
		struct err e = parse(file, FILE_BYTES - missing, &block, &got);

		ck_assert_msg(err_is(e) == (missing == 16), "%u bytes less: \"%s\"", missing,
			      e.text);
		if (missing < 16)
			ck_assert_uint_eq(got.kernel_bytes, KERNEL_BYTES - missing);
		free(block);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bzimage");
	TCase *tc = tcase_create("bzimage");

	tcase_add_test(tc, a_sound_image);
	tcase_add_loop_test(tc, one_field_spoiled, 0, (int)ARRAY_LEN(spoiled));
	tcase_add_test(tc, cut_at_each_byte);
	tcase_add_test(tc, not_packed);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
