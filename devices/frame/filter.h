/* devices/frame/filter.h: which received frames a driver wants, by destination address and VLAN.
 * Pure. Before the driver's first command all addresses pass (CTRL-10); after it: broadcast, our
 * address, the table, and what the modes let in. */
#ifndef TAPVM_FRAME_FILTER_H
#define TAPVM_FRAME_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FILTER_TABLE_MAX = 64, /* of each kind; more: all of that kind pass */
	FILTER_VLANS = 4096,
};

struct filter {
	bool promiscuous; /* everything passes, whatever stands below */
	bool no_unicast, no_multicast, no_broadcast;
	bool active; /* a receive-mode or MAC command came from a driver that has receive modes:
			the next ones decide */
	bool all_unicast, all_multicast;
	uint8_t mac[6];
	bool unicast_overflow, multicast_overflow;
	unsigned unicast_count, multicast_count;
	uint8_t unicast[FILTER_TABLE_MAX][6], multicast[FILTER_TABLE_MAX][6];
	bool by_vlan;                     /* tagged frames pass only with an id of the set */
	uint64_t vlan[FILTER_VLANS / 64]; /* a bit an id */
};

/* bytes: the first len of a frame, FRAME_MIN at least. */
bool filter_passes(const struct filter *f, const uint8_t *bytes, uint32_t len);

void filter_set_vlan(struct filter *f, uint16_t id, bool on); /* id: below FILTER_VLANS */

#endif
