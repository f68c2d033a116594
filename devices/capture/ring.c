/* devices/capture/ring.c: a ring of bytes with one thread at each end. Positions are the bytes
 * ever put and taken; a record may lie across the ring's end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "devices/capture/capture_priv.h"

bool ring_init(struct capture_ring *r, uint64_t size)
{
	*r = (struct capture_ring){ .bytes = malloc(size), .size = size };
	return r->bytes != NULL;
}

void ring_fini(struct capture_ring *r) { free(r->bytes); }

/* The bytes [at, at + len) in at most two parts. */
static void parts(const struct capture_ring *r, uint64_t at, uint64_t len,
		  struct iovec ret[static 2])
{
	uint64_t from = at & (r->size - 1), first = r->size - from;

	if (first > len)
		first = len;
	ret[0] = (struct iovec){ r->bytes + from, first };
	ret[1] = (struct iovec){ r->bytes, len - first };
}

/* Returns the position behind. */
static uint64_t put(const struct capture_ring *r, uint64_t at, const void *bytes, uint64_t len)
{
	struct iovec to[2];

	parts(r, at, len, to);
	memcpy(to[0].iov_base, bytes, to[0].iov_len);
	memcpy(to[1].iov_base, (const uint8_t *)bytes + to[0].iov_len, to[1].iov_len);
	return at + len;
}

/* Guest memory that went away under the backend is not looked at again. */
static bool has_rest(const struct frame *f)
{
	return f->rest_count > 0 && !(f->fate == FATE_DROPPED && f->why == DROP_TX_MEMORY_GONE);
}

bool ring_put(struct capture_ring *r, struct capture_record *record, const struct frame *f)
{
	uint64_t head = counted(&r->head);
	uint64_t left;

	record->captured = has_rest(f) ? f->len : f->local;
	record->lost = counted(&r->lost) - r->lost_before;
	/* Pairs with the release in ring_drop: what it frees was read. */
	if (r->size - (head - atomic_load_explicit(&r->tail, memory_order_acquire)) <
	    sizeof(*record) + record->captured)
		return false;
	r->lost_before = counted(&r->lost);
	head = put(r, head, record, sizeof(*record));
	head = put(r, head, f->bytes, f->local);
	left = record->captured - f->local;
	for (int i = 0; i < f->rest_count && left > 0; i++) {
		uint64_t part = f->rest[i].iov_len < left ? f->rest[i].iov_len : left;

		head = put(r, head, f->rest[i].iov_base, part);
		left -= part;
	}
	assert(left == 0);
	/* Pairs with the acquire in ring_first. */
	atomic_store_explicit(&r->head, head, memory_order_release);
	return true;
}

bool ring_first(const struct capture_ring *r, struct capture_record *ret,
		struct iovec ret_data[static 2])
{
	uint64_t tail = counted(&r->tail);
	struct iovec from[2];

	/* Pairs with the release in ring_put: the record is there. */
	if (atomic_load_explicit(&r->head, memory_order_acquire) == tail)
		return false;
	parts(r, tail, sizeof(*ret), from);
	memcpy(ret, from[0].iov_base, from[0].iov_len);
	memcpy((uint8_t *)ret + from[0].iov_len, from[1].iov_base, from[1].iov_len);
	parts(r, tail + sizeof(*ret), ret->captured, ret_data);
	return true;
}

void ring_drop(struct capture_ring *r, const struct capture_record *record)
{
	/* Pairs with the acquire in ring_put. */
	atomic_store_explicit(&r->tail, counted(&r->tail) + sizeof(*record) + record->captured,
			      memory_order_release);
}
