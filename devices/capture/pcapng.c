/* devices/capture/pcapng.c: blocks of a pcapng file. A block is type, length, body, options and
 * the length again; everything is padded to 32 bits. */
#include "devices/capture/pcapng.h"

#include <stdbool.h>
#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	VERSION_MAJOR = 1,
	VERSION_MINOR = 0,
	INTERFACE = 0, /* its number */
	LINK_ETHERNET = 1,
	TIME_NS = 9, /* if_tsresol: a power of ten */

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_HARDWARE = 2,
	SECTION_OS = 3,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_TIME_RESOLUTION = 9,
	PACKET_FLAGS = 2,
	PACKET_DROP_COUNT = 4,
	PACKET_QUEUE = 6,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
};

/* A block in the making: none if something found no room. */
struct block {
	uint8_t *bytes;
	size_t size, used;
	bool full;
};

static void put(struct block *b, const void *bytes, size_t len)
{
	if (len > b->size - b->used) {
		b->full = true;
		return;
	}
	if (len > 0)
		memcpy(b->bytes + b->used, bytes, len);
	b->used += len;
}

static void put16(struct block *b, uint16_t v)
{
	put(b, (const uint8_t[]){ (uint8_t)v, (uint8_t)(v >> 8) }, 2);
}

static void put32(struct block *b, uint32_t v)
{
	put16(b, (uint16_t)v);
	put16(b, (uint16_t)(v >> 16));
}

static void put64(struct block *b, uint64_t v)
{
	put32(b, (uint32_t)v);
	put32(b, (uint32_t)(v >> 32));
}

/* Times are two words, the upper first. */
static void put_time(struct block *b, uint64_t ns)
{
	put32(b, (uint32_t)(ns >> 32));
	put32(b, (uint32_t)ns);
}

static void pad(struct block *b)
{
	static const uint8_t zeros[4];

	put(b, zeros, -b->used & 3);
}

static void option_bytes(struct block *b, uint16_t code, const void *bytes, size_t len)
{
	if (len > UINT16_MAX)
		len = UINT16_MAX;
	put16(b, code);
	put16(b, (uint16_t)len);
	put(b, bytes, len);
	pad(b);
}

static void option_text(struct block *b, uint16_t code, const char *text)
{
	if (text != NULL)
		option_bytes(b, code, text, strlen(text));
}

static void option32(struct block *b, uint16_t code, uint32_t v)
{
	put16(b, code);
	put16(b, sizeof(v));
	put32(b, v);
}

static void option64(struct block *b, uint16_t code, uint64_t v)
{
	put16(b, code);
	put16(b, sizeof(v));
	put64(b, v);
}

static struct block begin(uint8_t *bytes, size_t size, uint32_t type)
{
	struct block b = { .bytes = bytes, .size = size };

	put32(&b, type);
	put32(&b, 0); /* the length: end */
	return b;
}

/* The end of the options, the length at both ends. */
static size_t end(struct block *b)
{
	struct block length;

	put16(b, OPTION_END);
	put16(b, 0);
	put32(b, (uint32_t)b->used + 4);
	if (b->full)
		return 0;
	length = (struct block){ .bytes = b->bytes + 4, .size = 4 };
	put32(&length, (uint32_t)b->used);
	return b->used;
}

size_t pcapng_section(uint8_t *ret_block, size_t size, const struct pcapng_section *s)
{
	struct block b = begin(ret_block, size, BLOCK_SECTION);

	put32(&b, BYTE_ORDER_MAGIC);
	put16(&b, VERSION_MAJOR);
	put16(&b, VERSION_MINOR);
	put64(&b, UINT64_MAX); /* the section's length: not known */
	option_text(&b, SECTION_HARDWARE, s->hardware);
	option_text(&b, SECTION_OS, s->os);
	option_text(&b, SECTION_APPLICATION, s->application);
	return end(&b);
}

size_t pcapng_interface(uint8_t *ret_block, size_t size, const struct pcapng_interface *i)
{
	static const uint8_t resolution = TIME_NS;
	struct block b = begin(ret_block, size, BLOCK_INTERFACE);

	put16(&b, LINK_ETHERNET);
	put16(&b, 0);
	put32(&b, i->snaplen);
	option_text(&b, INTERFACE_NAME, i->name);
	option_text(&b, INTERFACE_DESCRIPTION, i->description);
	option_bytes(&b, INTERFACE_TIME_RESOLUTION, &resolution, sizeof(resolution));
	return end(&b);
}

size_t pcapng_packet(uint8_t *ret_block, size_t size, const struct pcapng_packet *p)
{
	struct block b = begin(ret_block, size, BLOCK_PACKET);
	size_t len = 0;

	for (unsigned i = 0; i < p->data_count; i++)
		len += p->data[i].iov_len;
	put32(&b, INTERFACE);
	put_time(&b, p->time_ns);
	put32(&b, (uint32_t)len);
	put32(&b, p->original_len);
	for (unsigned i = 0; i < p->data_count; i++)
		put(&b, p->data[i].iov_base, p->data[i].iov_len);
	pad(&b);
	option32(&b, PACKET_FLAGS, p->flags);
	option32(&b, PACKET_QUEUE, p->queue);
	if (p->lost > 0)
		option64(&b, PACKET_DROP_COUNT, p->lost);
	for (unsigned i = 0; i < PCAPNG_COMMENTS_MAX; i++)
		option_text(&b, OPTION_COMMENT, p->comment[i]);
	return end(&b);
}

size_t pcapng_statistics(uint8_t *ret_block, size_t size, const struct pcapng_statistics *s)
{
	struct block b = begin(ret_block, size, BLOCK_STATISTICS);

	put32(&b, INTERFACE);
	put_time(&b, s->time_ns);
	option64(&b, STATISTICS_RECEIVED, s->received);
	option64(&b, STATISTICS_DROPPED, s->dropped);
	return end(&b);
}
