/* guest/driver/packed.c: the driver's side of a packed virtqueue (virtio 1.4, 2.8.21, 2.8.22). */
#include "guest/driver/virtq.h"

enum { EVENT_ALWAYS = 0, EVENT_NEVER = 1, EVENT_AT = 2, WRAP_BIT = 1 << 15 };

/* An event structure as one word: place in the lower half, flags in the upper. */
static uint32_t load_event(const volatile uint16_t *at)
{
	return __atomic_load_n((const volatile uint32_t *)(const volatile void *)at,
			       __ATOMIC_RELAXED);
}
static void store_event(volatile uint16_t *at, uint32_t word)
{
	__atomic_store_n((volatile uint32_t *)(volatile void *)at, word, __ATOMIC_RELEASE);
}

static void step_on(const struct virtq *q, struct place *at, unsigned by)
{
	unsigned slot = at->slot + by;

	if (slot >= q->size) {
		slot -= q->size;
		at->wrap = !at->wrap;
	}
	at->slot = (uint16_t)slot;
}

void packed_init(struct virtq *q)
{
	for (uint16_t i = 0; i < q->size; i++) {
		q->ring[i] = (struct packed_desc){ 0 };
		q->next_id[i] = (uint16_t)(i + 1);
	}
	store_event(q->avail, 0);
	store_event(q->used, 0);
	q->next = q->next_used = q->shown = (struct place){ 0, true };
}

/* The flags of the first descriptor that is not shown are kept back: the device reads in order. */
static void put(struct virtq *q, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	struct packed_desc *d = &q->ring[q->next.slot];
	uint16_t marked = (uint16_t)(flags | (q->next.wrap ? DESC_AVAIL : DESC_USED));

	d->addr = addr;
	d->len = len;
	d->id = id;
	if (q->next.slot == q->shown.slot && q->next.wrap == q->shown.wrap)
		q->shown_flags = marked;
	else
		__atomic_store_n(&d->flags, marked, __ATOMIC_RELEASE);
	step_on(q, &q->next, 1);
}

static uint16_t flags_of(const struct buffer *b) { return b->writable ? DESC_WRITE : 0; }

void packed_post(struct virtq *q, const struct buffer *buffers, unsigned count, bool use_indirect)
{
	uint16_t id = q->free_head;

	q->free_head = q->next_id[id];
	if (use_indirect) {
		struct packed_desc *t =
			(struct packed_desc *)&q->table[(unsigned)TABLE_ENTRIES * id];

		for (unsigned i = 0; i < count; i++)
			t[i] = (struct packed_desc){ buffers[i].addr, buffers[i].len, 0,
						     flags_of(&buffers[i]) };
		put(q, q->table_at + 16u * TABLE_ENTRIES * id, 16u * count, id, DESC_INDIRECT);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		put(q, buffers[i].addr, buffers[i].len, id,
		    (uint16_t)(flags_of(&buffers[i]) | (i + 1 < count ? DESC_NEXT : 0)));
}

/* How many slots `at` is behind `from`, which is at most a round away. */
static unsigned distance(const struct virtq *q, struct place from, struct place at)
{
	return at.slot + (at.wrap != from.wrap ? q->size : 0u) - from.slot;
}

bool packed_show(struct virtq *q)
{
	struct place from = q->shown, named;
	uint32_t word;

	__atomic_store_n(&q->ring[from.slot].flags, q->shown_flags, __ATOMIC_RELEASE);
	q->shown = q->next;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	word = load_event(q->used);
	if (word >> 16 != EVENT_AT)
		return word >> 16 == EVENT_ALWAYS;
	named = (struct place){ word & (WRAP_BIT - 1), (word & WRAP_BIT) != 0 };
	return distance(q, from, named) < distance(q, from, q->next);
}

static bool is_used(const struct virtq *q, struct place at)
{
	uint16_t flags = __atomic_load_n(&q->ring[at.slot].flags, __ATOMIC_ACQUIRE);

	return ((flags & DESC_AVAIL) != 0) == at.wrap && ((flags & DESC_USED) != 0) == at.wrap;
}

bool packed_used(struct virtq *q, uint16_t *ret_id, uint32_t *ret_written)
{
	const struct packed_desc *d = &q->ring[q->next_used.slot];

	if (q->used_index == q->shown_index || !is_used(q, q->next_used))
		return false;
	*ret_id = d->id;
	/* As it stands: QEMU 7.2 never sets WRITE beside it. */
	*ret_written = d->len;
	step_on(q, &q->next_used, d->id < q->size ? q->length[d->id] : 1);
	return true;
}

uint16_t packed_waiting(const struct virtq *q)
{
	struct place at = q->next_used;
	uint16_t count = 0, most = (uint16_t)(q->shown_index - q->used_index);

	while (count < most && is_used(q, at)) {
		uint16_t id = q->ring[at.slot].id;

		step_on(q, &at, id < q->size ? q->length[id] : 1);
		count++;
	}
	return count;
}

/* `after` slots on, which is as many chains where each has one. */
void packed_ask(struct virtq *q, uint16_t after)
{
	struct place at = q->next_used;

	if (!q->event_idx) {
		store_event(q->avail, EVENT_ALWAYS);
		return;
	}
	step_on(q, &at, after);
	store_event(q->avail, (uint32_t)EVENT_AT << 16 | at.slot | (at.wrap ? WRAP_BIT : 0u));
}
