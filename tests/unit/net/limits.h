/* tests/unit/net/limits.h: a NIC whose clock stands still, and commands that let it hold signals
 * back; what the programs that test that share. */
#ifndef TAPVM_TESTS_LIMITS_H
#define TAPVM_TESTS_LIMITS_H

#include <check.h>
#include <linux/virtio_net.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"

enum { SIZE = 64, CLASS = 6, TX_SET = 0, RX_SET = 1, VQ_SET = 2, VQ_GET = 3 };

static struct rig r;

static inline void setup(void)
{
	rig_make(&r);
	rig_stop_clock(&r);
}
static inline void teardown(void) { rig_end(&r); }

struct limits {
	uint32_t packets, usecs;
};

static inline void put32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static inline int set_kind(uint8_t command, struct limits l)
{
	uint8_t data[8];

	put32(data, l.packets);
	put32(data + 4, l.usecs);
	return rig_control(&r, CLASS, command, data, sizeof(data));
}

static inline int set_queue(uint16_t index, struct limits l)
{
	uint8_t data[12] = { (uint8_t)index, (uint8_t)(index >> 8), 0xee, 0xee };

	put32(data + 4, l.packets);
	put32(data + 8, l.usecs);
	return rig_control(&r, CLASS, VQ_SET, data, sizeof(data));
}

#endif
