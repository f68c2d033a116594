/* vmm/boot/unpack.c: packed kernels, by their libraries. */
#include "vmm/boot/unpack.h"

#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "devices/base/le.h"

enum {
	LENGTH_BYTES = 4,
	LZ4_MAGIC_BYTES = 4,
	LZ4_BLOCK_MAX = 8 << 20, /* unpacked */
	HUGE_PAGE = 2 << 20,
	ZLIB_GZIP_ONLY = 16 + MAX_WBITS,
};
static const uint64_t xz_memory_max = UINT64_C(256) << 20;

/* NULL: out[0, out_size) is full to its last byte and the input is used up; or why not. */
typedef const char *unpack_function(const uint8_t *in, uint32_t in_size, uint8_t *out,
				    uint32_t out_size);

static const char another_length[] = "it is not as long as it says";

static uint32_t get32(const uint8_t *at)
{
	le32 v;

	memcpy(&v, at, sizeof(v));
	return le32_get(v);
}

static const char *unpack_gzip(const uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size)
{
	z_stream z = { .next_in = in, .avail_in = in_size, .next_out = out, .avail_out = out_size };
	int rc;

	if (inflateInit2(&z, ZLIB_GZIP_ONLY) != Z_OK)
		return "zlib does not start";
	rc = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z);
	if (rc == Z_STREAM_END) /* its length, the last four bytes, was judged by zlib */
		return z.avail_in == 0 ? NULL : another_length;
	return rc == Z_BUF_ERROR ? another_length : zError(rc);
}

/* Magic number, then blocks that stand alone, each behind its packed length. */
static const char *unpack_lz4(const uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size)
{
	in += LZ4_MAGIC_BYTES;
	in_size -= LZ4_MAGIC_BYTES;
	while (in_size > 0) {
		uint32_t block, room = out_size < LZ4_BLOCK_MAX ? out_size : LZ4_BLOCK_MAX;
		int got;

		if (in_size < LENGTH_BYTES)
			return another_length;
		block = get32(in);
		in += LENGTH_BYTES;
		in_size -= LENGTH_BYTES;
		if (block > in_size || block > LZ4_COMPRESSBOUND(LZ4_BLOCK_MAX))
			return "a block is longer than it can be";
		got = LZ4_decompress_safe((const char *)in, (char *)out, (int)block, (int)room);
		if (got < 0)
			return "a block is damaged, or longer than it says";
		in += block;
		in_size -= block;
		out += got;
		out_size -= (uint32_t)got;
	}
	return out_size == 0 ? NULL : another_length;
}

static const char *unpack_zstd(const uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size)
{
	size_t got = ZSTD_decompress(out, out_size, in, in_size);

	if (ZSTD_isError(got))
		return ZSTD_getErrorName(got);
	return got == out_size ? NULL : another_length;
}

static const char *unpack_xz(const uint8_t *in, uint32_t in_size, uint8_t *out, uint32_t out_size)
{
	static const char *const words[] = {
		[LZMA_MEM_ERROR] = "out of memory",
		[LZMA_MEMLIMIT_ERROR] = "it needs more than 256 MiB of memory to unpack",
		[LZMA_OPTIONS_ERROR] = "it uses a filter that is not known here",
		[LZMA_BUF_ERROR] = another_length,
	};
	uint64_t memory = xz_memory_max;
	size_t in_at = 0, out_at = 0;
	lzma_ret rc = lzma_stream_buffer_decode(&memory, 0, NULL, in, &in_at, in_size, out, &out_at,
						out_size);

	if (rc == LZMA_OK)
		return in_at == in_size && out_at == out_size ? NULL : another_length;
	return rc < ARRAY_LEN(words) && words[rc] != NULL ? words[rc] : "its data is damaged";
}

static const struct way {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_bytes;
	uint8_t length_bytes; /* of the length behind it, that is not its own */
	unpack_function *unpack;
} ways[] = {
	{ "gzip", { 0x1f, 0x8b, 8 }, 3, 0, unpack_gzip },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, LZ4_MAGIC_BYTES, LENGTH_BYTES, unpack_lz4 },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, LENGTH_BYTES, unpack_zstd },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, LENGTH_BYTES, unpack_xz },
};

static const struct way *way_of(const uint8_t *bytes, uint32_t size)
{
	for (unsigned i = 0; i < ARRAY_LEN(ways); i++)
		if (size >= (uint32_t)ways[i].magic_bytes + LENGTH_BYTES &&
		    memcmp(bytes, ways[i].magic, ways[i].magic_bytes) == 0)
			return &ways[i];
	return NULL;
}

bool unpack_knows(const uint8_t *bytes, uint32_t size) { return way_of(bytes, size) != NULL; }

/* By pages of 4 KiB their faults alone take longer than lz4: 15 ms of 24 for a kernel of 53 MB. */
static uint8_t *huge_pages(size_t bytes)
{
	size_t whole = (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	uint8_t *at = aligned_alloc(HUGE_PAGE, whole);

	if (at != NULL)
		(void)madvise(at, whole, MADV_HUGEPAGE);
	return at;
}

struct err unpack(const uint8_t *bytes, uint32_t size, const char *what, uint8_t **ret_bytes,
		  uint32_t *ret_size)
{
	const struct way *way = way_of(bytes, size);
	const char *why;
	uint32_t length;
	uint8_t *out;

	if (way == NULL)
		return err_make(ERR_SETUP, 0,
				"kernel %s is packed neither by gzip, lz4, zstd nor xz: unpack it "
				"first",
				what);
	length = get32(bytes + size - LENGTH_BYTES);
	if (length == 0 || length > UNPACKED_MAX)
		return err_make(
			ERR_SETUP, 0,
			"kernel %s: %u bytes are packed in it by its own word: at least one "
			"and at most 1 GiB can be",
			what, length);
	out = huge_pages(length);
	if (out == NULL)
		return err_make(ERR_SETUP, ENOMEM, "unpack kernel %s: %u bytes", what, length);
	why = way->unpack(bytes, size - way->length_bytes, out, length);
	if (why != NULL) {
		free(out);
		return err_make(ERR_SETUP, 0, "kernel %s: unpack it by %s: %s", what, way->name,
				why);
	}
	*ret_bytes = out;
	*ret_size = length;
	return err_none();
}
