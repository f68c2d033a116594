/* guest/driver/virtq.h: the driver's side of a virtqueue, split or packed, from virtio 1.4, 2.7 and
 * 2.8. Chains are posted from caller-given buffers; the queue keeps a cookie for each. */
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
enum {
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	DESC_AVAIL = 1 << 7, /* packed alone */
	DESC_USED = 1 << 15,
};

/* The same 16 bytes in a packed ring. */
struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

/* A place in a packed ring, and the wrap counter there. */
struct place {
	uint16_t slot;
	bool wrap;
};

struct buffer {
	uint64_t addr;
	uint32_t len;
	bool writable;
};

struct virtq {
	uint16_t size;
	bool event_idx, indirect, packed;
	/* In device memory. */
	union {
		struct virtq_desc *desc;
		struct packed_desc *ring;
	};
	volatile uint16_t *avail; /* flags, index, ring[size], used_event; packed: our event */
	volatile uint16_t *used;  /* flags, index, elements of 8 bytes, avail_event; its event */
	uint64_t desc_at, avail_at, used_at;
	struct virtq_desc *table; /* an indirect table of 8 entries for each head */
	uint64_t table_at;
	/* Ours. A packed ring's heads are the ids; its indices count chains. */
	uint16_t free_head, free_count, avail_index, shown_index, used_index;
	uint32_t cookie[VIRTQ_SIZE_MAX];
	uint16_t length[VIRTQ_SIZE_MAX]; /* descriptors of the chain at this head */
	uint64_t kicks, kicks_saved;
	/* A packed ring's. */
	struct place next, next_used;     /* to fill, to take back */
	struct place shown;               /* the first that is not shown */
	uint16_t shown_flags;             /* which show that */
	uint16_t next_id[VIRTQ_SIZE_MAX]; /* behind each free id */
};

/* Memory once; then as often as the device is reset. */
bool virtq_memory(struct virtq *q, const struct seam *seam, uint16_t size);
void virtq_init(struct virtq *q, bool event_idx, bool indirect, bool packed);

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

/* ---- packed.c: the same for a packed ring ---- */
enum { TABLE_ENTRIES = 8 };
void packed_init(struct virtq *q);
void packed_post(struct virtq *q, const struct buffer *buffers, unsigned count, bool use_indirect);
bool packed_show(struct virtq *q); /* true: the device wants a kick */
bool packed_used(struct virtq *q, uint16_t *ret_id, uint32_t *ret_written);
uint16_t packed_waiting(const struct virtq *q);
void packed_ask(struct virtq *q, uint16_t after);

#endif
