/* tests/unit/net/rss.h: VIRTIO_NET_CTRL_MQ_RSS_CONFIG, with anything in it. */
#ifndef TAPVM_TESTS_RSS_H
#define TAPVM_TESTS_RSS_H

#include <stdint.h>

enum { ENTRIES = 8, KEY = 40 };

struct rss {
	uint32_t types;
	uint16_t mask, unclassified, table[300], max_tx;
	unsigned entries; /* as written */
	uint8_t key_len;
	unsigned key_bytes; /* as written */
};

/* One that is right. */
static inline struct rss good(void)
{
	struct rss s = { .types = 0x3f,
			 .mask = ENTRIES - 1,
			 .unclassified = 1,
			 .max_tx = 2,
			 .entries = ENTRIES,
			 .key_len = KEY,
			 .key_bytes = KEY };

	for (unsigned i = 0; i < ENTRIES; i++)
		s.table[i] = (uint16_t)(i % 3);
	return s;
}

static inline void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

static inline uint8_t key_byte(unsigned i) { return (uint8_t)(i * 37 + 11); }

/* Its length. */
static inline uint32_t wire(const struct rss *s, uint8_t *bytes)
{
	uint32_t at = 8;

	put16(bytes, s->types);
	put16(bytes + 2, s->types >> 16);
	put16(bytes + 4, s->mask);
	put16(bytes + 6, s->unclassified);
	for (unsigned i = 0; i < s->entries; i++, at += 2)
		put16(bytes + at, s->table[i]);
	put16(bytes + at, s->max_tx);
	bytes[at + 2] = s->key_len;
	at += 3;
	for (unsigned i = 0; i < s->key_bytes; i++)
		bytes[at++] = key_byte(i);
	return at;
}

#endif
