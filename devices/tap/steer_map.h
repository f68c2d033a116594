/* devices/tap/steer_map.h: what the program that steers a TAP's frames goes by: the value of a map
 * that whoever loaded the program shares with whoever sets it. In host byte order. */
#ifndef TAPVM_TAP_STEER_MAP_H
#define TAPVM_TAP_STEER_MAP_H

#include "devices/frame/hash.h"

enum { STEER_TABLE_MAX = 128 };

struct steer_map {
	struct hash_config hash;
	uint32_t mask;                   /* below STEER_TABLE_MAX */
	uint32_t unclassified;           /* the queue of a frame without a hash */
	uint32_t queue[STEER_TABLE_MAX]; /* places among the attached queues */
};

#endif
