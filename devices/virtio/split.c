/* devices/virtio/split.c: the split ring (virtio 1.4, 2.7).
 *
 * Every field of the guest's is loaded once into a local, by an access that the compiler can
 * neither repeat nor tear. Acquire on the available index pairs with the driver's release of it;
 * release on the used index pairs with the driver's acquire. The two full fences are in
 * queue_wants_signal and kick_enable. */
#include <stdatomic.h>
#include <string.h>

#include "devices/virtio/queue_priv.h"
#include "devices/virtio/ring_math.h"

static uint16_t load16(const le16 *at)
{
	return le16_get((le16){ __atomic_load_n(&at->wire, __ATOMIC_RELAXED) });
}
static uint16_t load16_acquire(const le16 *at)
{
	return le16_get((le16){ __atomic_load_n(&at->wire, __ATOMIC_ACQUIRE) });
}
static void store16(le16 *at, uint16_t v)
{
	__atomic_store_n(&at->wire, le16_put(v).wire, __ATOMIC_RELAXED);
}
static void store16_release(le16 *at, uint16_t v)
{
	__atomic_store_n(&at->wire, le16_put(v).wire, __ATOMIC_RELEASE);
}

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* CORE-31, SPLIT-21: each field once; what is judged is this copy. */
static struct desc load_desc(const struct wire_desc *at)
{
	return (struct desc){
		.addr = le64_get((le64){ __atomic_load_n(&at->addr.wire, __ATOMIC_RELAXED) }),
		.len = le32_get((le32){ __atomic_load_n(&at->len.wire, __ATOMIC_RELAXED) }),
		.flags = load16(&at->flags),
		.next = load16(&at->next),
	};
}

/* The event words lie behind the last entry of each ring. */
static const le16 *used_event(const struct queue *q)
{
	return &q->split.avail->ring[q->config.size];
}
static le16 *avail_event(const struct queue *q)
{
	return (le16 *)(void *)&q->split.used->ring[q->config.size];
}

/* SPLIT-01, SPLIT-02: sizes with the event words, whether they are in use or not. SPLIT-08: the
 * table is const. */
static bool split_map(struct queue *q)
{
	uint64_t size = q->config.size;
	const struct wire_desc *table = mem_ring(q->mem, q->config.desc, 16 * size, 16);
	struct wire_avail *avail = mem_ring(q->mem, q->config.driver, 6 + 2 * size, 2);
	struct wire_used *used = mem_ring(q->mem, q->config.device, 6 + 8 * size, 4);

	if (table == NULL || avail == NULL || used == NULL)
		return false;
	q->split.table = table;
	q->split.avail = avail;
	q->split.used = used;
	return true;
}

/* SPLIT-29, SPLIT-30: from that index on, by the word that is in use. */
static void ask_for_kicks(struct queue *q, uint16_t from)
{
	le16 *word = q->config.event_idx ? avail_event(q) : &q->split.used->flags;

	store16(word, q->config.event_idx ? from : 0);
	mem_wrote(q->mem, word, sizeof(*word));
}

static bool split_restore(struct queue *q, struct queue_state state)
{
	struct split *s = &q->split;
	bool left = journal_left(q);

	s->next_avail = s->seen_avail = state.index;
	/* SPLIT-33: the used ring is never read, but for this. */
	s->next_used = state.restored || left ? load16(&s->used->index) : 0;
	if (left)
		s->next_avail = s->seen_avail = s->next_used;
	journal_begin(q, (struct spot){ 0 });
	/* Kicks are wanted from the start on. */
	store16(&s->used->flags, 0);
	mem_wrote(q->mem, &s->used->flags, sizeof(le16));
	ask_for_kicks(q, s->next_avail);
	return true;
}

static struct queue_state split_save(const struct queue *q)
{
	return (struct queue_state){ .index = q->split.next_avail, .restored = true };
}

/* How many are there to take (SPLIT-21). SPLIT-20: more than the ring has room for beside what is
 * held breaks the queue; so does an index behind what was taken, which is as far ahead. */
static uint32_t look(struct queue *q)
{
	struct split *s = &q->split;
	uint16_t index = load16_acquire(&s->avail->index);
	uint16_t count = ring_distance(s->next_avail, index);

	s->seen_avail = index;
	if (count > q->config.size - q->held) {
		queue_break(q, QUEUE_FAULT_AVAIL);
		return 0;
	}
	return count;
}

/* SPLIT-14, SPLIT-15, SPLIT-16, SPLIT-19: an indirect table, entry 0 first, up to the first entry
 * without NEXT. SPLIT-17: nobody asks whether it is writable. */
static bool walk_indirect(struct queue *q, struct chain_walk *walk, struct desc d)
{
	struct indirect table;
	uint32_t at = 0, steps = 0;

	if ((d.flags & WIRE_DESC_NEXT) != 0)
		return walk_fault(q, QUEUE_FAULT_INDIRECT);
	if (!indirect_open(q, d.addr, d.len, &table))
		return false;
	for (;;) {
		struct wire_desc raw;
		struct desc e;

		if (steps++ >= table.entries || steps > table.most)
			return walk_fault(q, QUEUE_FAULT_LOOP);
		if (!indirect_read(q, &table, at, &raw))
			return false;
		e = load_desc(&raw);
		if ((e.flags & WIRE_DESC_INDIRECT) != 0)
			return walk_fault(q, QUEUE_FAULT_INDIRECT);
		if (!walk_add(q, walk, e.addr, e.len, (e.flags & WIRE_DESC_WRITE) != 0))
			return false;
		if ((e.flags & WIRE_DESC_NEXT) == 0)
			return true;
		if (e.next >= table.entries)
			return walk_fault(q, QUEUE_FAULT_HEAD);
		at = e.next;
	}
}

/* SPLIT-04, SPLIT-09, SPLIT-10, SPLIT-16: each index inside the ring, as many descriptors as it has
 * and not one more. SPLIT-18: the last may be a table. */
static bool walk_chain(struct queue *q, struct chain_walk *walk, uint16_t head)
{
	uint16_t at = head;

	for (;;) {
		struct desc d;

		if (at >= q->config.size)
			return walk_fault(q, QUEUE_FAULT_HEAD);
		if (walk->chain->descriptors == q->config.size)
			return walk_fault(q, QUEUE_FAULT_LOOP);
		walk->chain->descriptors++;
		d = load_desc(&q->split.table[at]);
		if ((d.flags & WIRE_DESC_INDIRECT) != 0)
			return walk_indirect(q, walk, d);
		if (!walk_add(q, walk, d.addr, d.len, (d.flags & WIRE_DESC_WRITE) != 0))
			return false;
		if ((d.flags & WIRE_DESC_NEXT) == 0)
			return true;
		at = d.next; /* SPLIT-12 */
	}
}

static enum take split_take(struct queue *q, struct chain *ret)
{
	struct split *s = &q->split;
	struct chain_walk walk;
	uint16_t head;

	/* The index is looked at again only when what it showed last is used up. */
	if (s->next_avail == s->seen_avail && look(q) == 0)
		return q->fault == QUEUE_FINE ? TAKE_EMPTY : TAKE_BROKEN;
	head = load16(&s->avail->ring[s->next_avail % q->config.size]);
	walk_begin(q, &walk, ret);
	(void)walk_chain(q, &walk, head);
	walk_end(q, &walk);
	if (q->fault != QUEUE_FINE)
		return TAKE_BROKEN;
	ret->position = s->next_avail++;
	ret->id = head; /* SPLIT-27 */
	return TAKE_CHAIN;
}

/* SPLIT-26: written is what lies in the buffers. */
static void split_push(struct queue *q, const struct chain *chain, uint32_t written)
{
	struct split *s = &q->split;
	struct wire_used_element *e = &s->used->ring[s->next_used++ % q->config.size];

	__atomic_store_n(&e->id.wire, le32_put(chain->id).wire, __ATOMIC_RELAXED);
	__atomic_store_n(&e->len.wire, le32_put(written).wire, __ATOMIC_RELAXED);
	mem_wrote(q->mem, e, sizeof(*e));
	q->untold++;
}

/* SPLIT-25: the elements are there before the index that shows them. */
static void split_show(struct queue *q)
{
	struct split *s = &q->split;

	store16_release(&s->used->index, s->next_used);
	mem_wrote(q->mem, &s->used->index, sizeof(le16));
}

/* SPLIT-22, SPLIT-23: either word, never both. */
static bool split_wants_signal(const struct queue *q, uint32_t entries)
{
	const struct split *s = &q->split;

	if (q->config.event_idx)
		return ring_event_passed(load16(used_event(q)), s->next_used,
					 (uint16_t)(s->next_used - entries));
	return (load16(&s->avail->flags) & WIRE_AVAIL_NO_INTERRUPT) == 0;
}

static void split_rewind(struct queue *q, const struct chain *chain, uint32_t chains)
{
	(void)chains;
	q->split.next_avail = chain->position;
}

/* Kicks are asked for from the index that was seen on, not from the one to take next: what was seen
 * and did not suffice shall not be told again. */
static bool split_kick_enable(struct queue *q)
{
	struct split *s = &q->split;
	uint16_t seen = s->seen_avail;

	ask_for_kicks(q, seen);
	/* SPLIT-32: pairs with the driver's fence between its index and its look at the event
	 * word. */
	atomic_thread_fence(memory_order_seq_cst);
	return load16_acquire(&s->avail->index) != seen;
}

/* SPLIT-29, SPLIT-30: with EVENT_IDX the flags stay 0, and the event word stays behind by itself.
 */
static void split_kick_disable(struct queue *q)
{
	if (q->config.event_idx)
		return;
	store16(&q->split.used->flags, WIRE_USED_NO_NOTIFY);
	mem_wrote(q->mem, &q->split.used->flags, sizeof(le16));
}

const struct ring_ops split_ops = {
	.map = split_map,
	.restore = split_restore,
	.save = split_save,
	.take = split_take,
	.available = look,
	.push = split_push,
	.show = split_show,
	.wants_signal = split_wants_signal,
	.rewind = split_rewind,
	.kick_enable = split_kick_enable,
	.kick_disable = split_kick_disable,
};
