/* devices/virtio/walk.c: what following a chain has in common for every ring layout: the slices of
 * its buffers, and the entries of an indirect table. */
#include <string.h>

#include "devices/virtio/queue_priv.h"

void walk_begin(struct queue *q, struct chain_walk *walk, struct chain *chain)
{
	*walk = (struct chain_walk){ .chain = chain, .first = q->slices_used };
	*chain = (struct chain){ .readable = &q->slices[q->slices_used] };
}

bool walk_fault(struct queue *q, enum queue_fault fault)
{
	queue_break(q, fault);
	return false;
}

bool walk_add(struct queue *q, struct chain_walk *walk, uint64_t gpa, uint32_t len, bool writable)
{
	struct chain *c = walk->chain;
	int count;

	q->steps++;
	if (walk->writable && !writable)
		return walk_fault(q, QUEUE_FAULT_ORDER); /* SPLIT-05, PACKED-13 */
	walk->writable = writable;
	count = mem_slice(q->mem, gpa, len, &q->slices[q->slices_used],
			  (int)(q->slices_max - q->slices_used));
	if (count < 0)
		return walk_fault(q, QUEUE_FAULT_ADDRESS); /* SPLIT-11 */
	q->slices_used += (uint32_t)count;
	if (writable) {
		c->writable_count += count;
		c->writable_bytes += len;
	} else {
		c->readable_count += count;
		c->readable_bytes += len;
	}
	/* SPLIT-09: a chain of more than 2^32 bytes is none. */
	if (c->readable_bytes + c->writable_bytes > UINT32_MAX)
		return walk_fault(q, QUEUE_FAULT_LOOP);
	return true;
}

void walk_end(struct queue *q, struct chain_walk *walk)
{
	if (q->fault != QUEUE_FINE)
		q->slices_used = walk->first;
	walk->chain->writable = walk->chain->readable + walk->chain->readable_count;
}

/* SPLIT-13, SPLIT-19, PACKED-17, PACKED-18: without the feature, of length 0 or no multiple of 16:
 * none. */
bool indirect_open(struct queue *q, uint64_t gpa, uint32_t len, struct indirect *ret)
{
	if (!q->config.indirect || len == 0 || len % INDIRECT_ENTRY != 0)
		return walk_fault(q, QUEUE_FAULT_INDIRECT);
	*ret = (struct indirect){
		.gpa = gpa,
		.entries = len / INDIRECT_ENTRY,
		.most = q->config.size > INDIRECT_MAX ? q->config.size : INDIRECT_MAX,
		/* In one region, as good as always; else each entry is found by itself. */
		.host = mem_ring(q->mem, gpa, len, 1),
	};
	return true;
}

/* The table may lie at any address and across regions: an entry is copied, and the copy judged. */
bool indirect_read(struct queue *q, const struct indirect *t, uint32_t at, void *ret_entry)
{
	uint64_t offset = (uint64_t)at * INDIRECT_ENTRY;

	if (t->host != NULL)
		memcpy(ret_entry, t->host + offset, INDIRECT_ENTRY);
	else if (t->gpa > UINT64_MAX - offset ||
		 !mem_read(q->mem, t->gpa + offset, ret_entry, INDIRECT_ENTRY))
		return walk_fault(q, QUEUE_FAULT_ADDRESS);
	return true;
}
