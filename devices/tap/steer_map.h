/* devices/tap/steer_map.h: what the program that steers a TAP's frames goes by: the value of a map
 * that whoever loaded the program shares with whoever sets it. In host byte order. */
#ifndef TAPVM_TAP_STEER_MAP_H
#define TAPVM_TAP_STEER_MAP_H

#include <stdint.h>

enum {
	STEER_INPUT_MAX = 36, /* bytes that are hashed: two IPv6 addresses and two ports */
	STEER_TABLE_MAX = 128,
	/* Hash types (virtio 1.4, 5.1.9.4.3.3) that the program knows: TCP, UDP and IP, of IPv4 and
	 * of IPv6. */
	STEER_TYPES = 0x3f,
};

struct steer_map {
	uint32_t types;
	uint32_t mask;         /* below STEER_TABLE_MAX */
	uint32_t unclassified; /* the queue of a frame without a hash */
	/* What each half byte of the input adds to the hash, for each value. */
	uint32_t share[2 * STEER_INPUT_MAX][16];
	uint32_t queue[STEER_TABLE_MAX]; /* places among the attached queues */
};

#endif
