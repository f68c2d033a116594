/* devices/virtio/queue_priv.h: what is common to the ring layouts, and what each of them is. */
#ifndef TAPVM_VIRTIO_QUEUE_PRIV_H
#define TAPVM_VIRTIO_QUEUE_PRIV_H

#include "devices/virtio/queue.h"
#include "devices/virtio/wire_packed.h"
#include "devices/virtio/wire_split.h"

enum {
	INDIRECT_MAX =
		1024, /* entries of an indirect table that we follow, if the queue is smaller */
	BATCH_SLICES = 32 * 16, /* room, and descriptors followed, beside one worst-case chain */
};

/* One ring layout. All functions on a started queue. */
struct ring_ops {
	bool (*map)(struct queue *q); /* resolves the rings; false: they do not lie in memory */
	bool (*restore)(struct queue *q, struct queue_state state); /* false: no such state */
	struct queue_state (*save)(const struct queue *q);
	enum take (*take)(struct queue *q, struct chain *ret);
	uint32_t (*available)(struct queue *q);
	void (*push)(struct queue *q, const struct chain *chain, uint32_t written);
	void (*show)(struct queue *q);
	/* Does the driver's word ask for a signal at one of the last `entries` used? */
	bool (*wants_signal)(const struct queue *q, uint32_t entries);
	void (*rewind)(struct queue *q, const struct chain *chain, uint32_t chains);
	bool (*kick_enable)(struct queue *q);
	void (*kick_disable)(struct queue *q);
};
extern const struct ring_ops split_ops, packed_ops;

struct split {
	const struct wire_desc *table;
	struct wire_avail *avail;
	struct wire_used *used;
	uint16_t next_avail; /* the next to take */
	uint16_t seen_avail; /* the driver's index when last looked at */
	uint16_t next_used;  /* the next to note */
};

/* A place in a packed ring, in the round that its wrap counter tells. */
struct spot {
	uint16_t slot;
	bool wrap;
};

struct packed {
	struct wire_packed_desc *ring;
	const le32 *driver_event;
	le32 *device_event;
	struct spot next_avail;           /* the next to take */
	struct spot next_used;            /* the next to note */
	uint32_t seen_slots, seen_chains; /* seen to be available, from next_avail on */
	uint32_t flight;                  /* slots taken and not noted */
	struct spot first;                /* the first noted one, and the flags that show it */
	uint16_t first_flags;
	bool kicks_off;
};

struct queue {
	const struct ring_ops *ops; /* NULL: stopped */
	const struct guest_mem *mem;
	struct queue_config config;
	enum queue_fault fault;
	bool signal_once; /* after a restore: whatever the event index says */
	uint32_t held;    /* taken, neither published nor rewound */
	uint32_t noted;   /* pushed, not published */
	uint32_t untold;  /* ring entries used since the driver's wish for a signal was looked at */
	uint32_t taken;   /* all that were taken and not rewound; wraps */
	union {
		struct split split;
		struct packed packed;
	};

	/* Slices of the chains that are held: readable ones of a chain, then its writable ones. */
	struct iovec *slices;
	uint32_t slices_max, slices_worst, slices_used;
	uint32_t steps; /* descriptors followed since nothing was held: empty ones take time, no
			   slice */
};

/* ---- journal.c: all of it for a queue without a journal, too ---- */
/* Was a queue left here that nobody was told the place of? */
bool journal_left(const struct queue *q);
/* Puts a packed ring back to where nothing of a batch was begun, or has it be done. false: there is
 * no such place in it. */
bool journal_recover(struct queue *q, struct spot *ret);
void journal_begin(struct queue *q, struct spot at);
/* Before a used descriptor is written over what lies in that slot. */
void journal_save(struct queue *q, uint16_t slot);
/* Before and after the used ones in [from, to) are shown. */
void journal_show(struct queue *q, struct spot from, struct spot to);
void journal_shown(struct queue *q, struct spot from, struct spot to);

/* PACKED-03: past the last slot the counter flips. */
static inline struct spot spot_add(const struct queue *q, struct spot at, uint32_t slots)
{
	uint32_t slot = at.slot + slots;
	bool over = slot >= q->config.size;

	return (struct spot){ (uint16_t)(over ? slot - q->config.size : slot), at.wrap != over };
}

/* ---- walk.c: one chain is followed ---- */
struct chain_walk {
	struct chain *chain;
	uint32_t first;
	bool writable;
};
void walk_begin(struct queue *q, struct chain_walk *walk, struct chain *chain);
/* Adds a descriptor's buffer to the slices. false: the queue was broken. */
bool walk_add(struct queue *q, struct chain_walk *walk, uint64_t gpa, uint32_t len, bool writable);
void walk_end(struct queue *q, struct chain_walk *walk);
bool walk_fault(struct queue *q, enum queue_fault fault); /* breaks the queue; false */

/* An indirect table: at any address, perhaps across regions. */
enum { INDIRECT_ENTRY = 16 };
struct indirect {
	uint64_t gpa;
	const uint8_t *host; /* NULL: not in one region */
	uint32_t entries;
	uint32_t most; /* that are followed */
};
/* false: the queue was broken. */
bool indirect_open(struct queue *q, uint64_t gpa, uint32_t len, struct indirect *ret);
bool indirect_read(struct queue *q, const struct indirect *t, uint32_t at, void *ret_entry);

#endif
