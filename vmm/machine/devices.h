/* vmm/machine/devices.h: the virtio devices of a machine that are no NICs: random bytes, disks. */
#ifndef TAPVM_MACHINE_DEVICES_H
#define TAPVM_MACHINE_DEVICES_H

#include "devices/block/blk.h"
#include "devices/platform/rng.h"
#include "vmm/machine/board.h"
#include "vmm/machine/machine.h"

struct devices {
	struct rng *rng; /* NULL: none */
	struct blk *disk[DISKS_MAX];
	char name[DISKS_MAX][16]; /* disk0 ... */
};

/* Makes those of config, and of a kernel that is not ours, and plugs them in. Everything is lent.
 */
struct err devices_init(struct devices *d, const struct machine_config *config,
			struct guest_mem *mem, struct board *board) MUST_USE;
void devices_fini(struct devices *d); /* after the board; takes what was never made */

#endif
