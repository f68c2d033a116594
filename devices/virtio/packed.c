/* devices/virtio/packed.c: the packed ring (virtio 1.4, 2.8): one ring of descriptors that both
 * sides write, and a wrap counter each that tells old from new.
 *
 * Chains are used in the order in which they were taken, each in the slot of its own first
 * descriptor. Every field of the guest's is loaded once. Acquire on a descriptor's flags pairs with
 * the driver's release of them, and the other way round. The two full fences are in
 * queue_wants_signal and kick_enable. */
#include <stdatomic.h>

#include "devices/virtio/queue_priv.h"
#include "devices/virtio/ring_math.h"
#include "devices/virtio/wire_packed.h"

enum { EVENT_BYTES = 4 };

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

/* Everything but the flags, which were loaded before: they say whether the rest is there. */
static struct desc load_desc(const struct wire_packed_desc *at, uint16_t flags)
{
	return (struct desc){
		.addr = le64_get((le64){ __atomic_load_n(&at->addr.wire, __ATOMIC_RELAXED) }),
		.len = le32_get((le32){ __atomic_load_n(&at->len.wire, __ATOMIC_RELAXED) }),
		.id = le16_get((le16){ __atomic_load_n(&at->id.wire, __ATOMIC_RELAXED) }),
		.flags = flags,
	};
}

static uint16_t load_flags(const struct wire_packed_desc *at)
{
	return le16_get((le16){ __atomic_load_n(&at->flags.wire, __ATOMIC_ACQUIRE) });
}

static void store_flags(struct queue *q, struct wire_packed_desc *at, uint16_t flags)
{
	__atomic_store_n(&at->flags.wire, le16_put(flags).wire, __ATOMIC_RELEASE);
	mem_wrote(q->mem, at, sizeof(*at));
}

static uint16_t spot_word(struct spot at)
{
	return (uint16_t)(at.slot | (at.wrap ? WIRE_EVENT_WRAP : 0));
}

/* PACKED-04: available in this round if AVAIL is the round's counter and USED is not. */
static bool is_available(uint16_t flags, bool wrap)
{
	bool avail = (flags & WIRE_PACKED_AVAIL) != 0, used = (flags & WIRE_PACKED_USED) != 0;

	return avail == wrap && used != wrap;
}

/* PACKED-21: offset and wrap are there before the flags: one word, in one store. */
static void store_event(struct queue *q, struct spot at, uint16_t flags)
{
	uint32_t word = (uint32_t)flags << 16 | spot_word(at);

	__atomic_store_n(&q->packed.device_event->wire, le32_put(word).wire, __ATOMIC_RELEASE);
	mem_wrote(q->mem, q->packed.device_event, EVENT_BYTES);
	q->packed.kicks_off = flags == WIRE_EVENT_DISABLE;
}

/* PACKED-01, PACKED-02. */
static bool packed_map(struct queue *q)
{
	uint64_t bytes = q->config.size * (uint64_t)sizeof(struct wire_packed_desc);
	struct wire_packed_desc *ring = mem_ring(q->mem, q->config.desc, bytes, 16);
	const le32 *driver = mem_ring(q->mem, q->config.driver, EVENT_BYTES, EVENT_BYTES);
	le32 *device = mem_ring(q->mem, q->config.device, EVENT_BYTES, EVENT_BYTES);

	if (ring == NULL || driver == NULL || device == NULL)
		return false;
	q->packed.ring = ring;
	q->packed.driver_event = driver;
	q->packed.device_event = device;
	return true;
}

static bool packed_restore(struct queue *q, struct queue_state state)
{
	struct packed *p = &q->packed;

	if (journal_left(q)) {
		if (!journal_recover(q, &p->next_avail))
			return false;
	} else if (state.index < q->config.size) {
		p->next_avail = (struct spot){ state.index, state.restored ? state.wrap : true };
	} else {
		return false;
	}
	journal_begin(q, p->next_avail);
	p->next_used = p->next_avail;
	p->seen_slots = p->seen_chains = p->flight = 0;
	/* Kicks are wanted from the start on. */
	store_event(q, p->next_avail, WIRE_EVENT_ENABLE);
	return true;
}

static struct queue_state packed_save(const struct queue *q)
{
	struct spot at = q->packed.next_avail;

	return (struct queue_state){ .index = at.slot, .wrap = at.wrap, .restored = true };
}

/* Looks on from where the last look ended. A chain ends with the first descriptor without NEXT. */
static uint32_t packed_available(struct queue *q)
{
	struct packed *p = &q->packed;
	struct spot at = spot_add(q, p->next_avail, p->seen_slots);

	while (p->flight + p->seen_slots < q->config.size) {
		uint16_t flags = load_flags(&p->ring[at.slot]);

		if (!is_available(flags, at.wrap))
			break;
		p->seen_slots++;
		p->seen_chains += (flags & WIRE_DESC_NEXT) == 0;
		at = spot_add(q, at, 1);
	}
	return p->seen_chains;
}

/* PACKED-17: one entry behind the other, all of them; of their flags WRITE alone counts. */
static bool walk_indirect(struct queue *q, struct chain_walk *walk, struct desc d)
{
	struct indirect table;

	if (!indirect_open(q, d.addr, d.len, &table))
		return false;
	if (table.entries > table.most)
		return walk_fault(q, QUEUE_FAULT_LOOP);
	for (uint32_t i = 0; i < table.entries; i++) {
		struct wire_packed_desc raw;
		struct desc e;

		if (!indirect_read(q, &table, i, &raw))
			return false;
		e = load_desc(&raw, le16_get(raw.flags));
		if (!walk_add(q, walk, e.addr, e.len, (e.flags & WIRE_DESC_WRITE) != 0))
			return false;
	}
	return true;
}

/* PACKED-06, PACKED-10, PACKED-12, PACKED-14: the list in ring order from the slot at `next_avail`
 * on, as it stands; never more slots than are left. The id is the last one's. */
static bool walk_list(struct queue *q, struct chain_walk *walk, uint16_t flags)
{
	struct packed *p = &q->packed;
	struct chain *c = walk->chain;
	struct spot at = p->next_avail;

	for (;;) {
		struct desc d = load_desc(&p->ring[at.slot], flags);

		if (p->flight + c->descriptors >= q->config.size)
			return walk_fault(q, QUEUE_FAULT_LOOP);
		c->descriptors++;
		c->id = d.id;
		if ((d.flags & WIRE_DESC_INDIRECT) != 0) {
			/* PACKED-18: alone, not in a list. */
			if (c->descriptors > 1 || (d.flags & WIRE_DESC_NEXT) != 0)
				return walk_fault(q, QUEUE_FAULT_INDIRECT);
			return walk_indirect(q, walk, d);
		}
		if (!walk_add(q, walk, d.addr, d.len, (d.flags & WIRE_DESC_WRITE) != 0))
			return false;
		if ((d.flags & WIRE_DESC_NEXT) == 0)
			return true;
		at = spot_add(q, at, 1);
		flags = load_flags(&p->ring[at.slot]);
	}
}

static enum take packed_take(struct queue *q, struct chain *ret)
{
	struct packed *p = &q->packed;
	struct chain_walk walk;
	uint16_t flags;

	/* All slots are in hand: what the next one holds is an old descriptor. */
	if (p->flight == q->config.size)
		return TAKE_EMPTY;
	/* PACKED-05: the flags first, then the rest. */
	flags = load_flags(&p->ring[p->next_avail.slot]);
	if (!is_available(flags, p->next_avail.wrap)) {
		p->seen_slots = p->seen_chains = 0;
		return TAKE_EMPTY;
	}
	walk_begin(q, &walk, ret);
	(void)walk_list(q, &walk, flags);
	walk_end(q, &walk);
	if (q->fault != QUEUE_FINE)
		return TAKE_BROKEN;
	ret->position = p->next_avail.slot;
	ret->wrap = p->next_avail.wrap;
	p->next_avail = spot_add(q, p->next_avail, ret->descriptors);
	p->flight += ret->descriptors;
	/* Never seen, or changed since: the next look begins behind it. */
	if (p->seen_slots < ret->descriptors || p->seen_chains == 0) {
		p->seen_slots = p->seen_chains = 0;
	} else {
		p->seen_slots -= ret->descriptors;
		p->seen_chains--;
	}
	return TAKE_CHAIN;
}

/* PACKED-08, PACKED-15, PACKED-16: both marks of this round, WRITE only if bytes were written. The
 * flags of the first one noted are kept back, so that the driver, which reads in ring order, sees
 * none of them before publish (PACKED-24). */
static void packed_push(struct queue *q, const struct chain *chain, uint32_t written)
{
	struct packed *p = &q->packed;
	struct wire_packed_desc *at = &p->ring[p->next_used.slot];
	uint16_t flags = (uint16_t)((p->next_used.wrap ? WIRE_PACKED_AVAIL | WIRE_PACKED_USED : 0) |
				    (written > 0 ? WIRE_DESC_WRITE : 0));

	journal_save(q, p->next_used.slot);
	/* PACKED-09: id and len first, the flags last. */
	__atomic_store_n(&at->id.wire, le16_put(chain->id).wire, __ATOMIC_RELAXED);
	__atomic_store_n(&at->len.wire, le32_put(written).wire, __ATOMIC_RELAXED);
	if (q->noted == 0) {
		p->first = p->next_used;
		p->first_flags = flags;
	} else {
		store_flags(q, at, flags);
	}
	/* PACKED-11: one used descriptor, then as many slots on as the chain had. */
	p->next_used = spot_add(q, p->next_used, chain->descriptors);
	p->flight -= chain->descriptors;
	q->untold += chain->descriptors;
}

static void packed_show(struct queue *q)
{
	struct packed *p = &q->packed;

	journal_show(q, p->first, p->next_used);
	store_flags(q, &p->ring[p->first.slot], p->first_flags);
	journal_shown(q, p->first, p->next_used);
}

/* PACKED-19, PACKED-20: as the driver's event structure asks for those slots. */
static bool packed_wants_signal(const struct queue *q, uint32_t slots)
{
	const struct packed *p = &q->packed;
	uint32_t word =
		le32_get((le32){ __atomic_load_n(&p->driver_event->wire, __ATOMIC_RELAXED) });
	uint16_t flags = (uint16_t)(word >> 16) & 3, now = p->next_used.slot;
	uint16_t event = word & (WIRE_EVENT_WRAP - 1);

	if (flags != WIRE_EVENT_DESC || !q->config.event_idx)
		return flags != WIRE_EVENT_DISABLE;
	/* Counted in this round's slots: an event of the last round lies before it. */
	if (((word & WIRE_EVENT_WRAP) != 0) != p->next_used.wrap)
		event = (uint16_t)(event - q->config.size);
	return ring_event_passed(event, now, (uint16_t)(now - slots));
}

static void packed_rewind(struct queue *q, const struct chain *chain, uint32_t chains)
{
	struct packed *p = &q->packed;
	uint32_t slots =
		(uint32_t)(p->next_avail.slot + q->config.size - chain->position) % q->config.size;

	/* The same slot again: all of them, for a chain has one at least. */
	if (slots == 0)
		slots = q->config.size;
	p->next_avail = (struct spot){ chain->position, chain->wrap };
	p->flight -= slots;
	p->seen_slots += slots;
	p->seen_chains += chains;
}

/* Kicks are asked for from the first slot that was not seen to be available. */
static bool packed_kick_enable(struct queue *q)
{
	struct packed *p = &q->packed;
	struct spot seen = spot_add(q, p->next_avail, p->seen_slots);

	store_event(q, seen, q->config.event_idx ? WIRE_EVENT_DESC : WIRE_EVENT_ENABLE);
	/* PACKED-22: pairs with the driver's fence between its flags and its look at the event. */
	atomic_thread_fence(memory_order_seq_cst);
	return p->flight + p->seen_slots < q->config.size &&
	       is_available(load_flags(&p->ring[seen.slot]), seen.wrap);
}

static void packed_kick_disable(struct queue *q)
{
	if (!q->packed.kicks_off)
		store_event(q, q->packed.next_avail, WIRE_EVENT_DISABLE);
}

const struct ring_ops packed_ops = {
	.map = packed_map,
	.restore = packed_restore,
	.save = packed_save,
	.take = packed_take,
	.available = packed_available,
	.push = packed_push,
	.show = packed_show,
	.wants_signal = packed_wants_signal,
	.rewind = packed_rewind,
	.kick_enable = packed_kick_enable,
	.kick_disable = packed_kick_disable,
};
