/* devices/virtio/queue_priv.h: what is common to the ring layouts, and what each of them is. */
#ifndef TAPVM_VIRTIO_QUEUE_PRIV_H
#define TAPVM_VIRTIO_QUEUE_PRIV_H

#include "devices/virtio/queue.h"
#include "devices/virtio/wire_split.h"

enum {
	INDIRECT_MAX =
		1024, /* entries of an indirect table that we follow, if the queue is smaller */
	BATCH_SLICES = 32 * 16, /* room, and descriptors followed, beside one worst-case chain */
};

/* One ring layout. All functions on a started queue. */
struct ring_ops {
	bool (*map)(struct queue *q); /* resolves the rings; false: they do not lie in memory */
	void (*restore)(struct queue *q, struct queue_state state);
	struct queue_state (*save)(const struct queue *q);
	enum take (*take)(struct queue *q, struct chain *ret);
	uint32_t (*available)(struct queue *q);
	void (*push)(struct queue *q, const struct chain *chain, uint32_t written);
	bool (*publish)(struct queue *q);
	void (*rewind)(struct queue *q, const struct chain *chain);
	bool (*kick_enable)(struct queue *q);
	void (*kick_disable)(struct queue *q);
};
extern const struct ring_ops split_ops;

struct split {
	const struct wire_desc *table;
	struct wire_avail *avail;
	struct wire_used *used;
	uint16_t next_avail; /* the next to take */
	uint16_t seen_avail; /* the driver's index when last looked at */
	uint16_t next_used;  /* the next to note; its published value is in shown_used */
	uint16_t shown_used;
};

struct queue {
	const struct ring_ops *ops; /* NULL: stopped */
	const struct guest_mem *mem;
	struct queue_config config;
	enum queue_fault fault;
	bool signal_once; /* after a restore: whatever the event index says */
	uint32_t held;    /* taken, neither published nor rewound */
	uint32_t noted;   /* pushed, not published */
	struct split split;

	/* Slices of the chains that are held: readable ones of a chain, then its writable ones. */
	struct iovec *slices;
	uint32_t slices_max, slices_worst, slices_used;
	uint32_t steps; /* descriptors followed since nothing was held: empty ones take time, no
			   slice */
};

/* Walks one chain: adds a descriptor's buffer to the slices. false: the queue was broken. */
struct chain_walk {
	struct chain *chain;
	uint32_t first;
	bool writable;
};
bool walk_add(struct queue *q, struct chain_walk *walk, uint64_t gpa, uint32_t len, bool writable);
void walk_begin(struct queue *q, struct chain_walk *walk, struct chain *chain);
void walk_end(struct queue *q, struct chain_walk *walk);

#endif
