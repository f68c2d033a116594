/* tests/driver/driver.h: a driver for tests, and a breaker of rules: guest memory with guard
 * pages, and the driver's side of virtqueues written by hand (virtio 1.4, 2.7, 2.8). Shares
 * nothing with devices/virtio nor with the tiny guest. Nothing here is checked for the device's
 * sake: any bytes can be written. */
#ifndef TAPVM_TESTS_DRIVER_H
#define TAPVM_TESTS_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/mem/guest_mem.h"
#include "devices/virtio/queue.h"

/* Guest memory of a test: two adjacent regions in different host mappings, each between guard
 * pages. */
struct driver_memory {
	struct guest_mem *mem;
	uint8_t *map[2];
	uint64_t size; /* of each region; the second begins where the first ends */
	uint64_t next; /* of driver_alloc */
};
void driver_memory_init(struct driver_memory *m, uint64_t region_bytes);
void driver_memory_fini(struct driver_memory *m);
/* The host's view of a guest address inside one region. */
void *driver_at(struct driver_memory *m, uint64_t gpa);
uint64_t driver_alloc(struct driver_memory *m, uint64_t bytes, uint64_t align);

enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4 };

struct driver_queue {
	struct driver_memory *memory;
	uint16_t size;
	bool event_idx;
	uint64_t desc, avail, used; /* guest addresses */
	uint16_t avail_index;       /* as shown next */
	uint16_t used_index;        /* the next to collect */
	uint16_t next_desc;         /* of driver_post: goes round */

	/* A packed ring: desc is the ring, avail the driver's event structure, used the device's.
	 * Indices count chains there, too. */
	bool packed, wrap, used_wrap, kick_wrap;
	uint16_t slot, used_slot; /* the next to fill, the next to collect */
	uint16_t kick_slot;       /* where the last look at the device's event was */
	uint16_t slots_of[256];   /* of the chain with that id; queues of up to 256 entries */
};
/* Rings of their own in memory, zeroed. */
void driver_queue_init(struct driver_queue *q, struct driver_memory *m, uint16_t size,
		       bool event_idx);
/* A packed ring; of the functions below those that name descriptors, indices of rings or flags
 * are for split ones alone. packed.c */
void driver_packed_init(struct driver_queue *q, struct driver_memory *m, uint16_t size,
			bool event_idx);
struct queue_config driver_config(const struct driver_queue *q, bool indirect);

void driver_desc(struct driver_queue *q, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t next);
/* The same in a table anywhere. */
void driver_desc_at(struct driver_memory *m, uint64_t table, uint16_t i, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t next);
/* Puts head into the next available slot; driver_show makes it visible. */
void driver_offer(struct driver_queue *q, uint16_t head);
void driver_show(struct driver_queue *q);                       /* release store of the index */
void driver_show_index(struct driver_queue *q, uint16_t index); /* any index */
/* A chain of one descriptor, offered and shown: its head. */
uint16_t driver_post(struct driver_queue *q, uint64_t addr, uint32_t len, bool writable);
/* A chain of several: its head, or its id. */
struct driver_buffer {
	uint64_t addr;
	uint32_t len;
	bool writable;
};
uint16_t driver_post_chain(struct driver_queue *q, const struct driver_buffer *b, unsigned count);
/* Asks for a signal at the next used chain, or for none (which EVENT_IDX of a split ring has not).
 */
void driver_ask(struct driver_queue *q, bool on);

struct driver_used {
	uint32_t id, len;
};
/* The next used element (acquire). false: none. */
bool driver_collect(struct driver_queue *q, struct driver_used *ret);
uint16_t driver_used_index(struct driver_queue *q);
uint16_t driver_used_flags(struct driver_queue *q);
uint16_t driver_avail_event(struct driver_queue *q);
void driver_set_used_event(struct driver_queue *q, uint16_t index);
void driver_set_avail_flags(struct driver_queue *q, uint16_t flags);
/* With EVENT_IDX or flags: does the device want a kick for the indices from `old` to what is
 * shown? With the full fence in front. */
bool driver_wants_kick(struct driver_queue *q, uint16_t old);

/* ---- packed.c: by hand ---- */
enum { D_AVAIL = 1 << 7, D_USED = 1 << 15 };
/* Writes a whole descriptor, its flags last (release). */
void driver_packed_desc(struct driver_queue *q, uint16_t slot, uint64_t addr, uint32_t len,
			uint16_t id, uint16_t flags);
/* AVAIL and USED as a descriptor of that round has them when it is made available. */
uint16_t driver_packed_marks(bool wrap);
struct driver_packed_used {
	uint16_t id, flags;
	uint32_t len;
};
struct driver_packed_used driver_packed_at(struct driver_queue *q, uint16_t slot); /* as it lies */
/* The event structures: position and wrap in the lower half, flags in the upper. */
uint32_t driver_packed_device_event(struct driver_queue *q);
void driver_packed_set_event(struct driver_queue *q, uint16_t position, uint16_t flags);
/* What the functions of both layouts do for a packed ring. */
uint16_t driver_packed_post(struct driver_queue *q, const struct driver_buffer *b, unsigned count);
bool driver_packed_collect(struct driver_queue *q, struct driver_used *ret);
uint16_t driver_packed_used_index(struct driver_queue *q);
bool driver_packed_wants_kick(struct driver_queue *q);

/* Keeps the calling thread on the first or the last processor: who wakes another and sleeps is
 * otherwise kept on its processor, and nothing ever happens at the same time. With one processor
 * alone such a test is weaker. */
void driver_own_processor(bool last);

#endif
