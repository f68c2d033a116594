/* devices/virtio/queue.h: the device's side of one virtqueue, split or packed behind one interface.
 *
 * May touch: rings in guest memory, by way of mem/. May not touch: fds, frames, registers.
 * Threads: one owner at a time; nothing locks. Errors: enums.
 * A chain is lent from queue_take until it was pushed and published, or rewound. */
#ifndef TAPVM_VIRTIO_QUEUE_H
#define TAPVM_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/mem/guest_mem.h"

enum { QUEUE_SIZE_MAX = 32768 };

/* What a queue notes in memory that outlives its process, so that after a crash the next one goes
 * on where the driver was left: no chain is lost, none is used twice. As vhost-user has it
 * ("Inflight I/O tracking"). A split ring's used index says all of it, so of a split ring nothing
 * is noted but that it runs. Of a packed ring: the place, and the descriptors that used ones are
 * written over before all of a batch can be seen; an entry is a slot's. */
struct queue_journal {
	uint64_t features; /* 0 */
	uint16_t version;  /* 1: a queue runs here, or has run; 0: none, or its place was told */
	uint16_t size;     /* of the ring */
	uint16_t lists[2]; /* 0 */
	uint64_t place;    /* in one store: the used slot, what it was, and their wrap counters */
	uint64_t padding;
	struct queue_journal_entry {
		uint8_t inflight, padding;
		uint16_t lists[2], descriptors; /* 0 */
		uint64_t counter;               /* 0 */
		uint16_t id, flags;
		uint32_t len;
		uint64_t addr;
	} entry[];
};

/* Where the driver put the rings and what was negotiated for them. IN_ORDER changes nothing: chains
 * are used in that order in any case. */
struct queue_config {
	uint32_t size;                 /* entries */
	uint64_t desc, driver, device; /* guest addresses: table, available part, used part */
	bool packed, event_idx, indirect;
	/* Lent, with an entry for each of the ring's; whoever else can write there can make nothing
	 * worse than by the rings. NULL: none. One that says that a queue was left is believed, and
	 * not the state. */
	struct queue_journal *journal;
};

/* Everything that is left of a queue at rest: used = available, nothing is held.
 * The meaning of VHOST_GET_VRING_BASE: next available index, and the wrap bit of a packed ring. */
struct queue_state {
	uint16_t index;
	bool wrap;
	bool restored; /* taken over from another data path: see queue_start */
};

/* Why a queue is broken (contract 3): the driver broke a rule, and only a reset mends it. */
enum queue_fault {
	QUEUE_FINE,
	QUEUE_FAULT_HEAD,      /* head or next index past the ring */
	QUEUE_FAULT_LOOP,      /* chain longer than the queue size or than its indirect table */
	QUEUE_FAULT_INDIRECT,  /* nested, without the feature, with NEXT, length 0 or no multiple of
				  16 */
	QUEUE_FAULT_AVAIL,     /* available index more than a queue size ahead */
	QUEUE_FAULT_ADDRESS,   /* buffer outside memory, or wrapping */
	QUEUE_FAULT_ORDER,     /* a writable descriptor before a readable one */
	QUEUE_FAULT_DIRECTION, /* writable in a transmit chain, readable in a receive chain */
	QUEUE_FAULT_CONTROL,   /* control chain, or disk request, without its last writable byte */
	QUEUE_FAULT_MEMORY,    /* guest memory is gone under the ring or a buffer */
	QUEUE_FAULT_KERNEL,    /* the kernel, which moves the data, says that it is */
	QUEUE_FAULTS
};
const char *queue_fault_name(enum queue_fault fault);

struct chain {
	uint16_t position; /* available index as counted (split), slot (packed) */
	bool wrap;
	uint16_t id;                             /* head index (split), buffer id (packed) */
	uint32_t number;                         /* chains taken before it; wraps */
	uint16_t descriptors;                    /* ring entries that it takes */
	int readable_count, writable_count;      /* slices */
	uint64_t readable_bytes, writable_bytes; /* their sums */
	const struct iovec *readable, *writable; /* host slices, lent by the queue */
};

enum take {
	TAKE_CHAIN, /* ret is filled */
	TAKE_EMPTY, /* the driver has made nothing more available */
	TAKE_FULL, /* no room or time for one more chain until those taken are published or rewound;
		    * never said while nothing is taken */
	TAKE_BROKEN, /* see queue_fault_of; stays so until queue_stop */
};

struct queue;

struct queue *queue_create(void);    /* stopped; NULL: out of memory */
void queue_destroy(struct queue *q); /* takes NULL */

/* Would queue_start take this? For a transport's QueueReady (virtio 1.4, 2.7, 2.7.1, 2.8). */
bool queue_config_ok(const struct guest_mem *mem, const struct queue_config *config);

/* Resolves the rings in mem and makes the queue usable. false: queue_config_ok is false, the state
 * is none of such a ring, or out of memory; the queue stays stopped. A fresh queue is state {0};
 * with state.restored the used index is read from the ring (the one time), and the first publish
 * says "signal" whatever the event index says. */
bool queue_start(struct queue *q, const struct guest_mem *mem, const struct queue_config *config,
		 struct queue_state state);
/* Nothing may be held. Returns what queue_start needs to go on; forgets a fault. Stopped: {0}. */
struct queue_state queue_stop(struct queue *q);
bool queue_running(const struct queue *q);

/* The memory table was replaced under a pause, or the rings lie elsewhere now: the addresses of
 * `rings` are resolved anew. Gone: the queue is broken. Stopped: nothing. */
void queue_remap(struct queue *q, const struct queue_config *rings);

/* For a data path that moves the chains of a running split queue by itself: where its rings lie for
 * this process, where that path begins, and where it has come to. Nothing is held. */
struct queue_rings {
	uint32_t size;
	const void *desc, *driver, *device;
};
struct queue_rings queue_rings(const struct queue *q);
struct queue_state queue_save(const struct queue *q);
void queue_move(struct queue *q, uint16_t index); /* as if it were started there, restored */

enum take queue_take(struct queue *q, struct chain *ret);
/* A lower bound of what queue_take would give now, without reading descriptors. Broken: 1. */
uint32_t queue_available(struct queue *q);
/* Notes that the device is done with chain and wrote `written` bytes from its first writable byte
 * on (also told to mem_wrote). Chains are pushed in the order in which they were taken. */
void queue_push(struct queue *q, const struct chain *chain, uint32_t written);
/* Makes all noted ones visible, in order; true: the driver wants a signal. The two halves of it,
 * for whoever holds signals back: */
bool queue_publish(struct queue *q) MUST_USE;
/* ... makes them visible. true: a ring full of them was shown since the driver's wish was last
 * looked at: do it now, for a wish is told by a place in the ring. */
bool queue_show(struct queue *q);
/* ... does the driver want a signal for what was shown since this was last asked? */
bool queue_wants_signal(struct queue *q) MUST_USE;
/* Gives back this chain and all taken after it, as if never taken. None of them may be pushed. */
void queue_rewind(struct queue *q, const struct chain *chain);
/* Chains that were taken and neither published nor rewound. 0 at each pause. */
uint32_t queue_held(const struct queue *q);

/* Asks for kicks. true: something arrived meanwhile, look again (not: "is it enough"). */
bool queue_kick_enable(struct queue *q) MUST_USE;
void queue_kick_disable(struct queue *q);

void queue_break(struct queue *q, enum queue_fault fault); /* the first fault stays */
enum queue_fault queue_fault_of(const struct queue *q);

#endif
