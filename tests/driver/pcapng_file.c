/* tests/driver/pcapng_file.c: reads what the capture writes. */
#include "tests/driver/pcapng_file.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FRAMING = 12,
	FIXED_SECTION = 16,
	FIXED_INTERFACE = 8,
	FIXED_PACKET = 20,
	FIXED_COUNTS = 12
};

uint16_t pf16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
uint32_t pf32(const uint8_t *at) { return pf16(at) | (uint32_t)pf16(at + 2) << 16; }
uint64_t pf64(const uint8_t *at) { return pf32(at) | (uint64_t)pf32(at + 4) << 32; }

static uint32_t padded(uint32_t len) { return (len + 3) & ~UINT32_C(3); }

/* Where the options begin. */
static uint32_t fixed_part(uint32_t type, const uint8_t *body, uint32_t body_len)
{
	switch (type) {
	case PF_SECTION: return FIXED_SECTION;
	case PF_INTERFACE: return FIXED_INTERFACE;
	case PF_STATISTICS: return FIXED_COUNTS;
	case PF_PACKET:
		ck_assert_uint_ge(body_len, FIXED_PACKET);
		return FIXED_PACKET + padded(pf32(body + 12));
	default: ck_abort_msg("a block of type %#x", type);
	}
}

static void read_options(struct pf_block *b, uint32_t at, uint32_t body_len)
{
	while (true) {
		struct pf_option *o = &b->option[b->options];

		ck_assert_uint_le(at + 4, body_len);
		*o = (struct pf_option){ pf16(b->body + at), pf16(b->body + at + 2),
					 b->body + at + 4 };
		at += 4 + padded(o->len);
		ck_assert_uint_le(at, body_len);
		for (unsigned i = o->len; i < padded(o->len); i++)
			ck_assert_uint_eq(o->bytes[i], 0);
		if (o->code == 0)
			break;
		ck_assert_uint_lt(++b->options, PF_OPTIONS_MAX);
	}
	ck_assert_uint_eq(at, body_len);
}

struct pf_block pf_block(const uint8_t *bytes, size_t left)
{
	struct pf_block b = { .body = bytes + 8 };
	uint32_t fixed;

	ck_assert_uint_ge(left, FRAMING);
	b.type = pf32(bytes);
	b.len = pf32(bytes + 4);
	ck_assert_msg(b.len % 4 == 0 && b.len >= FRAMING && b.len <= left,
		      "a block of %u bytes where %zu are left", b.len, left);
	ck_assert_uint_eq(pf32(bytes + b.len - 4), b.len);
	fixed = fixed_part(b.type, b.body, b.len - FRAMING);
	ck_assert_uint_le(fixed, b.len - FRAMING);
	read_options(&b, fixed, b.len - FRAMING);
	return b;
}

const struct pf_option *pf_option(const struct pf_block *b, unsigned code, unsigned n)
{
	for (unsigned i = 0; i < b->options; i++)
		if (b->option[i].code == code && n-- == 0)
			return &b->option[i];
	return NULL;
}

void pf_assert_text(const struct pf_block *b, unsigned code, unsigned n, const char *text)
{
	const struct pf_option *o = pf_option(b, code, n);

	ck_assert_msg(o != NULL, "no option %u number %u; want '%s'", code, n, text);
	ck_assert_msg(o->len == strlen(text) && memcmp(o->bytes, text, o->len) == 0,
		      "option %u is '%.*s', not '%s'", code, (int)o->len, (const char *)o->bytes,
		      text);
}

uint64_t pf_number(const struct pf_block *b, unsigned code)
{
	const struct pf_option *o = pf_option(b, code, 0);

	if (o == NULL)
		return 0;
	ck_assert(o->len == 4 || o->len == 8);
	return o->len == 4 ? pf32(o->bytes) : pf64(o->bytes);
}

static void add_packet(struct pf_file *f, const struct pf_block *b)
{
	struct pf_packet *p = &f->packet[f->packets];

	ck_assert_uint_lt(f->packets, PF_PACKETS_MAX);
	f->packets++;
	ck_assert_uint_eq(pf32(b->body), 0); /* its interface */
	*p = (struct pf_packet){
		.block = *b,
		.time_ns = (uint64_t)pf32(b->body + 4) << 32 | pf32(b->body + 8),
		.captured = pf32(b->body + 12),
		.original = pf32(b->body + 16),
		.flags = (uint32_t)pf_number(b, 2),
		.data = b->body + FIXED_PACKET,
	};
	ck_assert_uint_le(p->captured, p->original);
	f->lost += pf_number(b, 4);
}

struct pf_file *pf_of(uint8_t *bytes, size_t len)
{
	struct pf_file *f = calloc(1, sizeof(*f));
	size_t at = 0;
	unsigned n;

	ck_assert_ptr_nonnull(f);
	f->bytes = bytes;
	f->len = len;
	for (n = 0; at < len; n++) {
		struct pf_block b = pf_block(bytes + at, len - at);

		ck_assert((b.type == PF_SECTION) == (n == 0));
		ck_assert((b.type == PF_INTERFACE) == (n == 1));
		if (b.type == PF_PACKET)
			add_packet(f, &b);
		if (b.type == PF_STATISTICS) {
			f->statistics++;
			f->received = pf_number(&b, 4);
			f->dropped = pf_number(&b, 5);
		}
		at += b.len;
	}
	ck_assert_uint_ge(n, 2);
	return f;
}

struct pf_file *pf_read(int fd)
{
	struct stat st;
	uint8_t *bytes;

	ck_assert_int_eq(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	return pf_of(bytes, (size_t)st.st_size);
}

void pf_free(struct pf_file *f)
{
	free(f->bytes);
	free(f);
}
