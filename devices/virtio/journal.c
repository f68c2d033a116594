/* devices/virtio/journal.c: what a queue notes for the next process, should this one be killed.
 *
 * What a process has stored is there after its end, in the order of its stores. A used descriptor
 * is written over one that the driver made available, which may be of several slots; of a batch
 * all but the first one's flags are there before the driver may see any. So what is written over is
 * saved until then: a batch that was begun is undone, and its chains are taken once more. */
#include <assert.h>
#include <stdatomic.h>

#include "devices/virtio/queue_priv.h"

enum { VERSION = 1 };

union place {
	struct {
		uint16_t used, old_used;
		uint8_t wrap, old_wrap;
		uint16_t padding;
	};
	uint64_t word;
};
static_assert(sizeof(struct queue_journal) == 32, "QueueRegionPacked");
static_assert(sizeof(struct queue_journal_entry) == 32, "DescStatePacked");

static void store_place(struct queue_journal *j, struct spot old, struct spot at)
{
	const union place p = {
		.used = at.slot, .old_used = old.slot, .wrap = at.wrap, .old_wrap = old.wrap
	};

	__atomic_store_n(&j->place, p.word, __ATOMIC_RELEASE);
}

static void set_inflight(struct queue_journal *j, uint32_t slot, uint8_t on)
{
	__atomic_store_n(&j->entry[slot].inflight, on, __ATOMIC_RELEASE);
}

bool journal_left(const struct queue *q)
{
	const struct queue_journal *j = q->config.journal;

	return j != NULL && __atomic_load_n(&j->version, __ATOMIC_ACQUIRE) == VERSION &&
	       __atomic_load_n(&j->size, __ATOMIC_RELAXED) == q->config.size;
}

/* Flags last: the driver waits for no other than a used one there. */
static void undo(struct queue *q, const struct queue_journal_entry *e, uint32_t slot)
{
	struct wire_packed_desc *at = &q->packed.ring[slot];

	__atomic_store_n(&at->id.wire, e->id, __ATOMIC_RELAXED);
	__atomic_store_n(&at->len.wire, e->len, __ATOMIC_RELAXED);
	__atomic_store_n(&at->flags.wire, e->flags, __ATOMIC_RELEASE);
	mem_wrote(q->mem, at, sizeof(*at));
}

bool journal_recover(struct queue *q, struct spot *ret)
{
	struct queue_journal *j = q->config.journal;
	const union place p = { .word = __atomic_load_n(&j->place, __ATOMIC_ACQUIRE) };
	uint16_t flags;
	bool old_wrap = p.old_wrap != 0, done;

	if (p.used >= q->config.size || p.old_used >= q->config.size)
		return false;
	flags = le16_get((le16){
		__atomic_load_n(&q->packed.ring[p.old_used].flags.wire, __ATOMIC_ACQUIRE) });
	/* Nobody but the device takes it from what it was made available as. */
	done = (p.used != p.old_used || p.wrap != p.old_wrap) &&
	       (((flags & WIRE_PACKED_AVAIL) != 0) != old_wrap ||
		((flags & WIRE_PACKED_USED) != 0) == old_wrap);
	for (uint32_t slot = 0; slot < q->config.size && !done; slot++)
		if (j->entry[slot].inflight != 0)
			undo(q, &j->entry[slot], slot);
	*ret = done ? (struct spot){ p.used, p.wrap != 0 } : (struct spot){ p.old_used, old_wrap };
	return true;
}

void journal_begin(struct queue *q, struct spot at)
{
	struct queue_journal *j = q->config.journal;

	if (j == NULL)
		return;
	for (uint32_t slot = 0; slot < q->config.size; slot++)
		set_inflight(j, slot, 0);
	store_place(j, at, at);
	j->size = (uint16_t)q->config.size;
	__atomic_store_n(&j->version, VERSION, __ATOMIC_RELEASE);
}

void journal_save(struct queue *q, uint16_t slot)
{
	struct queue_journal *j = q->config.journal;
	const struct wire_packed_desc *at = &q->packed.ring[slot];

	if (j == NULL)
		return;
	j->entry[slot].id = __atomic_load_n(&at->id.wire, __ATOMIC_RELAXED);
	j->entry[slot].len = __atomic_load_n(&at->len.wire, __ATOMIC_RELAXED);
	j->entry[slot].flags = __atomic_load_n(&at->flags.wire, __ATOMIC_RELAXED);
	set_inflight(j, slot, 1);
	atomic_signal_fence(memory_order_seq_cst);
}

void journal_show(struct queue *q, struct spot from, struct spot to)
{
	if (q->config.journal != NULL)
		store_place(q->config.journal, from, to);
}

void journal_shown(struct queue *q, struct spot from, struct spot to)
{
	struct queue_journal *j = q->config.journal;

	if (j == NULL)
		return;
	for (struct spot at = from; at.slot != to.slot || at.wrap != to.wrap;
	     at = spot_add(q, at, 1))
		set_inflight(j, at.slot, 0);
	store_place(j, to, to);
}
