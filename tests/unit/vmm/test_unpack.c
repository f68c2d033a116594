/* Packed kernels: packed here by the same libraries' other half, unpacked whole, cut short,
 * damaged, and with a length that is not theirs. */
#include <check.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/driver/suite.h"
#include "vmm/boot/unpack.h"

enum { PLAIN_MAX = 9 << 20, LZ4_BLOCK = 8 << 20, PACKED_MAX = PLAIN_MAX + (1 << 20) };

static void put32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t pack_gzip(uint8_t *plain, uint32_t size, uint8_t *packed)
{
	z_stream z = { .next_in = plain, .avail_in = size };

	ck_assert_int_eq(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_out = packed;
	z.avail_out = PACKED_MAX;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_int_eq(deflateEnd(&z), Z_OK);
	return (uint32_t)z.total_out;
}

static uint32_t pack_lz4(uint8_t *plain, uint32_t size, uint8_t *packed)
{
	uint32_t used = 4;

	put32(packed, 0x184c2102);
	for (uint32_t at = 0; at < size; at += LZ4_BLOCK) {
		uint32_t block = size - at < LZ4_BLOCK ? size - at : LZ4_BLOCK;
		int n = LZ4_compress_default((const char *)plain + at, (char *)packed + used + 4,
					     (int)block, (int)(PACKED_MAX - used - 4));

		ck_assert_int_gt(n, 0);
		put32(packed + used, (uint32_t)n);
		used += 4 + (uint32_t)n;
	}
	return used;
}

static uint32_t pack_zstd(uint8_t *plain, uint32_t size, uint8_t *packed)
{
	size_t n = ZSTD_compress(packed, PACKED_MAX, plain, size, 1);

	ck_assert(!ZSTD_isError(n));
	return (uint32_t)n;
}

/* With the filter for x86 code, as kernels have it. */
static uint32_t pack_xz(uint8_t *plain, uint32_t size, uint8_t *packed)
{
	lzma_options_lzma options;
	const lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
					{ LZMA_FILTER_LZMA2, &options },
					{ LZMA_VLI_UNKNOWN, NULL } };
	lzma_filter chain[ARRAY_LEN(filters)];
	size_t used = 0;

	memcpy(chain, filters, sizeof(chain));
	ck_assert(!lzma_lzma_preset(&options, 0));
	ck_assert_int_eq(lzma_stream_buffer_encode(chain, LZMA_CHECK_CRC32, NULL, plain, size,
						   packed, &used, PACKED_MAX),
			 LZMA_OK);
	return (uint32_t)used;
}

static const struct {
	const char *name;
	uint32_t (*pack)(uint8_t *plain, uint32_t size, uint8_t *packed);
	uint32_t length_bytes; /* behind it, for what has no length of its own */
} ways[] = {
	{ "gzip", pack_gzip, 0 },
	{ "lz4", pack_lz4, 4 },
	{ "zstd", pack_zstd, 4 },
	{ "xz", pack_xz, 4 },
};

static const uint32_t sizes[] = { 1, 1000, LZ4_BLOCK, PLAIN_MAX };

struct packed {
	uint8_t *plain, *bytes; /* bytes: a block of just their number */
	uint32_t plain_size, size;
};

static void make(struct packed *p, unsigned way, uint32_t plain_size)
{
	uint8_t *packed = malloc(PACKED_MAX);
	uint32_t seed = 1;

	*p = (struct packed){ .plain = malloc(plain_size), .plain_size = plain_size };
	ck_assert(packed != NULL && p->plain != NULL);
	for (uint32_t i = 0; i < plain_size; i++) {
		seed = seed * 1103515245 + 12345;
		p->plain[i] = (uint8_t)(seed >> (i % 64 < 48 ? 31 : 16));
	}
	p->size = ways[way].pack(p->plain, plain_size, packed);
	put32(packed + p->size, plain_size);
	p->size += ways[way].length_bytes;
	p->bytes = malloc(p->size);
	ck_assert_ptr_nonnull(p->bytes);
	memcpy(p->bytes, packed, p->size);
	free(packed);
}

static void unmake(struct packed *p)
{
	free(p->plain);
	free(p->bytes);
}

START_TEST(unpacked_whole)
{
	unsigned way = (unsigned)_i % ARRAY_LEN(ways);
	uint8_t *got = NULL;
	uint32_t got_size = 0;
	struct packed p;
	struct err e;

	make(&p, way, sizes[(unsigned)_i / ARRAY_LEN(ways)]);
	ck_assert(unpack_knows(p.bytes, p.size));
	e = unpack(p.bytes, p.size, "vmlinuz-here", &got, &got_size);
	ck_assert_msg(!err_is(e), "%u bytes by %s: got \"%s\", want success", p.plain_size,
		      ways[way].name, e.text);
	ck_assert_uint_eq(got_size, p.plain_size);
	ck_assert(memcmp(got, p.plain, got_size) == 0);
	free(got);
	unmake(&p);
}
END_TEST

/* In words that name the file, without a result. */
static void expect_refused(const uint8_t *bytes, uint32_t size, const char *says, const char *want)
{
	uint8_t *block = malloc(size > 0 ? size : 1), *got = block;
	uint32_t got_size = 77;
	struct err e;

	ck_assert_ptr_nonnull(block);
	memcpy(block, bytes, size);
	e = unpack(block, size, "vmlinuz-here", &got, &got_size);
	ck_assert_msg(err_is(e) && e.kind == ERR_SETUP, "%s: got success, want \"%s\"", says, want);
	ck_assert_msg(strstr(e.text, want) != NULL && strstr(e.text, "vmlinuz-here") != NULL,
		      "%s: got \"%s\", want \"%s\" and the file's name", says, e.text, want);
	ck_assert_msg(got == block && got_size == 77, "%s: a result was touched", says);
	free(block);
}

START_TEST(another_length_than_it_says)
{
	struct packed p;

	make(&p, (unsigned)_i, 1000);
	put32(p.bytes + p.size - 4, 1001);
	expect_refused(p.bytes, p.size, ways[_i].name, ways[_i].name);
	put32(p.bytes + p.size - 4, 999);
	expect_refused(p.bytes, p.size, ways[_i].name, ways[_i].name);
	put32(p.bytes + p.size - 4, 0);
	expect_refused(p.bytes, p.size, ways[_i].name, "0 bytes are packed in it");
	put32(p.bytes + p.size - 4, UNPACKED_MAX + 1);
	expect_refused(p.bytes, p.size, ways[_i].name, "at most 1 GiB");
	put32(p.bytes + p.size - 4, UINT32_MAX);
	expect_refused(p.bytes, p.size, ways[_i].name, "at most 1 GiB");
	unmake(&p);
}
END_TEST

/* Whatever four bytes it then ends with are taken for its length: it is refused all the same. */
START_TEST(cut_short)
{
	struct packed p;

	make(&p, (unsigned)_i, 1000);
	for (uint32_t size = 0; size < p.size; size++)
		expect_refused(p.bytes, size, ways[_i].name, "kernel");
	unmake(&p);
}
END_TEST

/* Nothing worse than words comes of it; a check sum finds it where there is one. */
START_TEST(each_byte_changed)
{
	struct packed p;

	make(&p, (unsigned)_i, 1000);
	for (uint32_t at = 0; at < p.size - 4; at++) {
		uint8_t *got = NULL;
		uint32_t got_size = 0;
		struct err e;

		p.bytes[at] ^= 0x55;
		e = unpack(p.bytes, p.size, "vmlinuz-here", &got, &got_size);
		if (err_is(e) != (got == NULL) || (got != NULL && got_size != 1000))
			ck_abort_msg("%s, byte %u: \"%s\" and %u bytes", ways[_i].name, at, e.text,
				     got_size);
		free(got);
		p.bytes[at] ^= 0x55;
	}
	unmake(&p);
}
END_TEST

START_TEST(a_legacy_frame_of_damaged_blocks)
{
	uint8_t frame[] = { 0x02, 0x21, 0x4c, 0x18, 5, 0, 0, 0, 0x4f, 'a', 0, 0, 0, 1, 0, 0, 0 };
	const uint8_t stray[] = { 0x02, 0x21, 0x4c, 0x18, 7, 0, 0, 1, 0, 0, 0 };

	expect_refused(frame, sizeof(frame), "a damaged block", "a block is damaged");
	put32(frame + 4, 6);
	expect_refused(frame, sizeof(frame), "one that ends in the length", "a block is longer");
	put32(frame + 4, UINT32_MAX);
	expect_refused(frame, sizeof(frame), "the longest block", "a block is longer");
	put32(frame + 4, 0);
	expect_refused(frame, sizeof(frame), "an empty block", "a block is damaged");
	expect_refused(stray, sizeof(stray), "three bytes behind it", "not as long as it says");
}
END_TEST

/* Between the packed bytes and the length. */
START_TEST(something_behind_it)
{
	struct packed p;
	uint8_t *longer;

	make(&p, (unsigned)_i, 1000);
	longer = malloc(p.size + 4);
	ck_assert_ptr_nonnull(longer);
	memcpy(longer, p.bytes, p.size);
	put32(longer + p.size, 1000);
	expect_refused(longer, p.size + 4, ways[_i].name, ways[_i].name);
	free(longer);
	unmake(&p);
}
END_TEST

/* clang-format off */
static const struct { const char *says; uint8_t bytes[16]; } unknown[] = {
	{ "bzip2", { 'B', 'Z', 'h', '9', 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0 } },
	{ "lzma", { 0x5d, 0, 0, 0x80, 0, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0 } },
	{ "lzo", { 0x89, 'L', 'Z', 'O', 0, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0 } },
	{ "an ELF", { 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "zeros", { 0 } },
};
/* clang-format on */

START_TEST(ways_that_are_not_known)
{
	const uint8_t *bytes = unknown[_i].bytes;

	ck_assert_msg(!unpack_knows(bytes, sizeof(unknown[_i].bytes)), "%s", unknown[_i].says);
	expect_refused(bytes, sizeof(unknown[_i].bytes), unknown[_i].says,
		       "neither by gzip, lz4, zstd nor xz");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unpack");
	TCase *tc = tcase_create("unpack");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, unpacked_whole, 0, (int)(ARRAY_LEN(ways) * ARRAY_LEN(sizes)));
	tcase_add_loop_test(tc, another_length_than_it_says, 0, (int)ARRAY_LEN(ways));
	tcase_add_loop_test(tc, cut_short, 0, (int)ARRAY_LEN(ways));
	tcase_add_loop_test(tc, something_behind_it, 0, (int)ARRAY_LEN(ways));
	tcase_add_loop_test(tc, each_byte_changed, 0, (int)ARRAY_LEN(ways));
	tcase_add_test(tc, a_legacy_frame_of_damaged_blocks);
	tcase_add_loop_test(tc, ways_that_are_not_known, 0, (int)ARRAY_LEN(unknown));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
