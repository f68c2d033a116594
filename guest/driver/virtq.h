/* guest/driver/virtq.h: the driver's side of a split virtqueue, from virtio 1.4, 2.7.
 * Chains are posted from caller-given buffers; the queue keeps a cookie for each. */
#ifndef TAPVM_GUEST_VIRTQ_H
#define TAPVM_GUEST_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/seam.h"

enum { VIRTQ_SIZE_MAX = 256 };

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct buffer {
	uint64_t addr;
	uint32_t len;
	bool writable;
};

struct virtq {
	uint16_t size;
	bool event_idx, indirect;
	/* In device memory. */
	struct virtq_desc *desc;
	volatile uint16_t *avail; /* flags, index, ring[size], used_event */
	volatile uint16_t *used;  /* flags, index, elements of 8 bytes, avail_event */
	uint64_t desc_at, avail_at, used_at;
	struct virtq_desc *table; /* an indirect table of 8 entries for each head */
	uint64_t table_at;
	/* Ours. */
	uint16_t free_head, free_count, avail_index, shown_index, used_index;
	uint32_t cookie[VIRTQ_SIZE_MAX];
	uint16_t length[VIRTQ_SIZE_MAX]; /* descriptors of the chain at this head */
	uint64_t kicks, kicks_saved;
};

/* Memory once; then as often as the device is reset. */
bool virtq_memory(struct virtq *q, const struct seam *seam, uint16_t size);
void virtq_init(struct virtq *q, bool event_idx, bool indirect);

/* Posts one chain (not shown to the device yet). use_indirect needs the feature and up to 8
 * buffers. false: no free descriptors. */
bool virtq_post(struct virtq *q, const struct buffer *buffers, unsigned count, uint32_t cookie,
		bool use_indirect);
/* Shows all posted chains; true: the device wants a kick. */
bool virtq_show(struct virtq *q);
/* The next used chain: its cookie and what was written. false: none. */
bool virtq_used(struct virtq *q, uint32_t *ret_cookie, uint32_t *ret_written);
/* How many of those there are. */
uint16_t virtq_waiting(const struct virtq *q);
/* Asks for an interrupt at the next used chain (or, with EVENT_IDX, `after` chains on). true: some
 * are there already. */
bool virtq_ask(struct virtq *q, uint16_t after);

#endif
