/* devices/frame/hash.h: the Toeplitz hash of a received frame, for reports and for steering
 * (virtio 1.4, 5.1.9.4.3). Pure. */
#ifndef TAPVM_FRAME_HASH_H
#define TAPVM_FRAME_HASH_H

#include <stdint.h>

/* Bits of hash types, as in supported_hash_types; a report is the number of its bit and 1. */
enum {
	HASH_IPV4 = 1 << 0,
	HASH_TCPV4 = 1 << 1,
	HASH_UDPV4 = 1 << 2,
	HASH_IPV6 = 1 << 3,
	HASH_TCPV6 = 1 << 4,
	HASH_UDPV6 = 1 << 5,
	HASH_IP_EX = 1 << 6,
	HASH_TCP_EX = 1 << 7,
	HASH_UDP_EX = 1 << 8,
	HASH_TYPES_ALL = (1 << 9) - 1,
};

enum {
	HASH_INPUT_MAX = 36, /* two IPv6 addresses and two ports */
	HASH_KEY_MAX = HASH_INPUT_MAX + 4,
};

struct hash_config {
	uint32_t types;                         /* enabled; 0: nothing is hashed */
	uint32_t tunnels;                       /* TUNNEL_*: those hashed by what they carry */
	uint32_t share[2 * HASH_INPUT_MAX][16]; /* of each half byte of the input, for each value:
						   made from the key */
};

/* len: up to HASH_KEY_MAX; what a shorter key lacks is 0. */
void hash_set_key(struct hash_config *config, const uint8_t *key, unsigned len);

struct hash {
	uint32_t value;
	uint16_t report; /* 1 to 9; 0: no hash for this frame */
};
struct hash hash_frame(const struct hash_config *config, const uint8_t *bytes, uint32_t len);

/* The entry of an indirection table of mask + 1 entries, a power of two (NET-47). */
static inline unsigned hash_entry(struct hash h, uint16_t mask) { return h.value & mask; }

#endif
