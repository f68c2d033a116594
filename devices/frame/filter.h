/* devices/frame/filter.h: which received frames a driver wants, by destination address.
 * Pure. Before the driver's first command everything passes (CTRL-10); after it: broadcast, our
 * address, the table, and what the modes let in. */
#ifndef TAPVM_FRAME_FILTER_H
#define TAPVM_FRAME_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum { FILTER_TABLE_MAX = 64 }; /* of each kind; more: all of that kind pass */

struct filter {
	bool active; /* a receive-mode or MAC command came from a driver that has receive modes */
	bool promiscuous, all_multicast;
	uint8_t mac[6];
	bool unicast_overflow, multicast_overflow;
	unsigned unicast_count, multicast_count;
	uint8_t unicast[FILTER_TABLE_MAX][6], multicast[FILTER_TABLE_MAX][6];
};

bool filter_passes(const struct filter *f, const uint8_t destination[static 6]);

#endif
