/* devices/block/blk.h: the virtio block device (virtio 1.4, 5.2) over an image.
 *
 * One queue, served by a thread of the disk's own, as reading a file may wait: it is the device's
 * runner, one request at a time. Threads: everything here on the one that owns the device's loop,
 * but for blk_stats. */
#ifndef TAPVM_BLOCK_BLK_H
#define TAPVM_BLOCK_BLK_H

#include "devices/block/image.h"
#include "devices/virtio/device.h"

struct blk_config {
	const char *name; /* for log lines, and the disk's ID of up to 20 bytes; lent */
	struct image_config image;
	bool read_only;
	struct guest_mem *mem; /* lent */
	struct loop *loop;     /* lent */
	struct log log;
};

struct blk;

struct err blk_create(const struct blk_config *config, struct blk **ret_blk) MUST_USE;
void blk_destroy(struct blk *b); /* takes NULL */
struct device *blk_device(struct blk *b);

struct blk_stats {
	uint64_t reads, read_bytes, writes, written_bytes, flushes; /* that were done */
	uint64_t errors; /* requests answered with IOERR or UNSUPP */
	uint64_t kicks;
};
void blk_stats(const struct blk *b, struct blk_stats *ret); /* any thread */

#endif
