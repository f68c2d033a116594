/* tests/unit/net/addressed.h: a NIC, and frames to this address and that: which of them come to the
 * guest; what the programs that test the control queue share. */
#ifndef TAPVM_TESTS_ADDRESSED_H
#define TAPVM_TESTS_ADDRESSED_H

#include <check.h>
#include <string.h>

#include "tests/driver/rig.h"

static const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 }, other[6] = { 2, 0, 0, 0, 0, 9 },
		     group[6] = { 1, 0, 0x5e, 0, 0, 7 };

static struct rig r;

/* A tag of that VLAN behind the addresses; -1: none. */
static inline void give_tagged(const uint8_t mac[6], int vlan)
{
	uint8_t frame[60];

	rig_fill(frame, sizeof(frame), 0);
	memcpy(frame, mac, 6);
	if (vlan >= 0)
		memcpy(frame + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan }, 4);
	ck_assert(loopback_give(r.backend, 0, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
}

static inline void give_to(const uint8_t mac[6]) { give_tagged(mac, -1); }

/* Does such a frame come? It does, or it is counted as filtered. */
static inline bool comes_tagged(const uint8_t mac[6], int vlan)
{
	struct net_stats before = rig_stats(&r), now;

	give_tagged(mac, vlan);
	do {
		ck_assert(!err_is(loop_once(r.loop, 1)));
		now = rig_stats(&r);
	} while (now.rx.packets + now.drop[DROP_RX_FILTER] ==
		 before.rx.packets + before.drop[DROP_RX_FILTER]);
	return now.rx.packets > before.rx.packets;
}

static inline bool comes(const uint8_t mac[6]) { return comes_tagged(mac, -1); }

#endif
