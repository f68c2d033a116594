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

static inline void give_to(const uint8_t mac[6])
{
	uint8_t frame[60];

	rig_fill(frame, sizeof(frame), 0);
	memcpy(frame, mac, 6);
	ck_assert(loopback_give(r.backend, 0, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
}

/* Does a frame to mac come? Behind it goes one that certainly does. */
static inline bool comes(const uint8_t mac[6])
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint64_t dropped = rig_stats(&r).drop[DROP_RX_FILTER], came = rig_stats(&r).rx.packets;

	give_to(mac);
	give_to(all);
	while (rig_stats(&r).rx.packets + rig_stats(&r).drop[DROP_RX_FILTER] < came + dropped + 2)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	return rig_stats(&r).drop[DROP_RX_FILTER] == dropped;
}

#endif
