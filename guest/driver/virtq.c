/* guest/driver/virtq.c: the driver's side of a virtqueue: what the layouts share, and the split
 * one. */
#include "guest/driver/virtq.h"

enum {
	AVAIL_FLAGS = 0,
	AVAIL_INDEX = 1,
	AVAIL_RING = 2,
	USED_FLAGS = 0,
	USED_INDEX = 1,
	USED_RING = 2,
	NO_NOTIFY = 1
};

/* Words that the device reads or writes at any time. */
static uint16_t load(const volatile uint16_t *at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }
static void store(volatile uint16_t *at, uint16_t v) { __atomic_store_n(at, v, __ATOMIC_RELAXED); }

static void fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

bool virtq_memory(struct virtq *q, const struct seam *seam, uint16_t size)
{
	q->size = size;
	q->desc = seam->memory(seam->self, 16u * size, &q->desc_at);
	q->avail = seam->memory(seam->self, 6u + 2u * size, &q->avail_at);
	q->used = seam->memory(seam->self, 6u + 8u * size, &q->used_at);
	q->table = seam->memory(seam->self, 16u * TABLE_ENTRIES * size, &q->table_at);
	return q->desc != NULL && q->avail != NULL && q->used != NULL && q->table != NULL;
}

void virtq_init(struct virtq *q, bool event_idx, bool indirect, bool packed)
{
	q->event_idx = event_idx;
	q->indirect = indirect;
	q->packed = packed;
	q->free_head = 0;
	q->free_count = q->size;
	q->avail_index = q->shown_index = q->used_index = 0;
	if (packed) {
		packed_init(q);
		return;
	}
	for (uint16_t i = 0; i < q->size; i++)
		q->desc[i] = (struct virtq_desc){ .next = (uint16_t)(i + 1) };
	for (unsigned i = 0; i < 3u + q->size; i++)
		q->avail[i] = 0;
	for (unsigned i = 0; i < 3u + 4u * q->size; i++)
		q->used[i] = 0;
}

static volatile uint16_t *used_event(struct virtq *q) { return &q->avail[AVAIL_RING + q->size]; }
static volatile uint16_t *avail_event(struct virtq *q) { return &q->used[USED_RING + 4 * q->size]; }

static void fill(struct virtq_desc *d, const struct buffer *b, bool more, uint16_t next)
{
	d->addr = b->addr;
	d->len = b->len;
	d->flags = (uint16_t)((b->writable ? DESC_WRITE : 0) | (more ? DESC_NEXT : 0));
	d->next = next;
}

static void split_post(struct virtq *q, const struct buffer *buffers, unsigned count,
		       bool use_indirect)
{
	uint16_t head = q->free_head;

	if (use_indirect) {
		struct virtq_desc *t = &q->table[(unsigned)TABLE_ENTRIES * head];
		uint16_t next = q->desc[head].next;

		for (unsigned i = 0; i < count; i++)
			fill(&t[i], &buffers[i], i + 1 < count, (uint16_t)(i + 1));
		q->desc[head] = (struct virtq_desc){ q->table_at + 16u * TABLE_ENTRIES * head,
						     16u * count, DESC_INDIRECT, next };
		q->free_head = next;
	} else {
		uint16_t at = head;

		for (unsigned i = 0; i < count; i++) {
			uint16_t next = q->desc[at].next;

			fill(&q->desc[at], &buffers[i], i + 1 < count, next);
			at = next;
		}
		q->free_head = at;
	}
	store(&q->avail[AVAIL_RING + q->avail_index % q->size], head);
}

bool virtq_post(struct virtq *q, const struct buffer *buffers, unsigned count, uint32_t cookie,
		bool use_indirect)
{
	uint16_t head = q->free_head, need = use_indirect ? 1 : (uint16_t)count;

	if (need > q->free_count || (use_indirect && (count > TABLE_ENTRIES || !q->indirect)))
		return false;
	if (q->packed)
		packed_post(q, buffers, count, use_indirect);
	else
		split_post(q, buffers, count, use_indirect);
	q->free_count = (uint16_t)(q->free_count - need);
	q->cookie[head] = cookie;
	q->length[head] = need;
	q->avail_index++;
	return true;
}

/* Shows what was posted from index `old` on. true: the device wants a kick. */
static bool split_show(struct virtq *q, uint16_t old)
{
	uint16_t now = q->avail_index;

	__atomic_store_n(&q->avail[AVAIL_INDEX], now, __ATOMIC_RELEASE);
	fence();
	if (q->event_idx)
		return (uint16_t)(now - load(avail_event(q)) - 1) < (uint16_t)(now - old);
	return (load(&q->used[USED_FLAGS]) & NO_NOTIFY) == 0;
}

bool virtq_show(struct virtq *q)
{
	uint16_t old = q->shown_index;
	bool want;

	if (old == q->avail_index)
		return false;
	q->shown_index = q->avail_index;
	want = q->packed ? packed_show(q) : split_show(q, old);
	q->kicks += want;
	q->kicks_saved += !want;
	return want;
}

uint16_t virtq_waiting(const struct virtq *q)
{
	if (q->packed)
		return packed_waiting(q);
	return (uint16_t)(__atomic_load_n(&q->used[USED_INDEX], __ATOMIC_ACQUIRE) - q->used_index);
}

/* Its descriptors are free again. */
static void split_free(struct virtq *q, uint16_t head)
{
	uint16_t at = head;

	for (uint16_t i = 1; i < q->length[head]; i++)
		at = q->desc[at].next;
	q->desc[at].next = q->free_head;
}

static bool split_used(struct virtq *q, uint16_t *ret_head, uint32_t *ret_written)
{
	volatile uint16_t *e = &q->used[USED_RING + 4 * (q->used_index % q->size)];

	if (virtq_waiting(q) == 0)
		return false;
	*ret_head = e[0];
	*ret_written = e[2] | (uint32_t)e[3] << 16;
	return true;
}

bool virtq_used(struct virtq *q, uint32_t *ret_cookie, uint32_t *ret_written)
{
	uint16_t head;

	if (!(q->packed ? packed_used : split_used)(q, &head, ret_written))
		return false;
	q->used_index++;
	if (head >= q->size)
		return false; /* a device that does this is caught by the check that waits */
	*ret_cookie = q->cookie[head];
	if (q->packed)
		q->next_id[head] = q->free_head;
	else
		split_free(q, head);
	q->free_head = head;
	q->free_count = (uint16_t)(q->free_count + q->length[head]);
	return true;
}

bool virtq_ask(struct virtq *q, uint16_t after)
{
	if (q->packed)
		packed_ask(q, after);
	else if (q->event_idx)
		store(used_event(q), (uint16_t)(q->used_index + after));
	fence();
	return virtq_waiting(q) != 0;
}
