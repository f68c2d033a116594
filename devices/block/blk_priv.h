/* devices/block/blk_priv.h: what blk.c and request.c share. */
#ifndef TAPVM_BLOCK_BLK_PRIV_H
#define TAPVM_BLOCK_BLK_PRIV_H

#include <assert.h>
#include <stddef.h>

#include "devices/base/counter.h"
#include "devices/base/le.h"
#include "devices/base/thread.h"
#include "devices/block/blk.h"

enum {
	SECTOR_BYTES = 512, /* the unit of the protocol, whatever the disk's own */
	ID_BYTES = 20,
};

/* virtio 1.4, 5.2.6: what a request begins with. */
struct wire_blk_header {
	le32 type, reserved;
	le64 sector;
};

/* 5.2.4, as far as what is offered reaches. */
struct wire_blk_config {
	le64 capacity;
	le32 size_max, seg_max;
	uint8_t geometry[4];
	le32 blk_size;
	uint8_t physical_block_exp, alignment_offset;
	le16 min_io_size;
	le32 opt_io_size;
};
static_assert(sizeof(struct wire_blk_header) == 16, "virtio 1.4, 5.2.6");
static_assert(offsetof(struct wire_blk_config, blk_size) == 20, "virtio 1.4, 5.2.4");
static_assert(sizeof(struct wire_blk_config) == 32, "virtio 1.4, 5.2.4");

struct blk {
	struct blk_config config;
	struct device *device;
	struct queue *queue;
	struct image *image;

	struct thread thread;
	int epoll_fd;
	bool polled; /* the ring has no doorbell: changed in a pause */
	/* Each write is to outlive the host's power when it is answered: the driver has no FLUSH.
	 * Changed while the thread is stopped. */
	bool write_through;

	/* The thread's. */
	struct log_limit log_limit;
	struct {
		counter reads, read_bytes, writes, written_bytes, flushes, errors, kicks;
	} count;
};

/* Does what the chain asks for and answers in its last writable byte, which there is: bytes written
 * to it. */
uint32_t request_run(struct blk *b, const struct chain *chain);

#endif
