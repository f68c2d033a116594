/* devices/virtio/queue.c: what the ring layouts have in common: life, faults, and the verbs. */
#include "devices/virtio/queue.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/queue_priv.h"

const char *queue_fault_name(enum queue_fault fault)
{
	static const char *const name[QUEUE_FAULTS] = {
		[QUEUE_FINE] = "fine",
		[QUEUE_FAULT_HEAD] = "a descriptor index past the ring",
		[QUEUE_FAULT_LOOP] = "a chain that loops or is too long",
		[QUEUE_FAULT_INDIRECT] = "an indirect descriptor that is not allowed",
		[QUEUE_FAULT_AVAIL] = "an available index too far ahead",
		[QUEUE_FAULT_ADDRESS] = "a buffer outside memory",
		[QUEUE_FAULT_ORDER] = "a readable descriptor behind a writable one",
		[QUEUE_FAULT_DIRECTION] = "a buffer of the wrong direction",
		[QUEUE_FAULT_CONTROL] = "a request without room for its answer",
		[QUEUE_FAULT_MEMORY] = "guest memory that is gone",
		[QUEUE_FAULT_KERNEL] = "a ring or a buffer that the host's kernel does not take",
	};

	return name[fault];
}

struct queue *queue_create(void) { return calloc(1, sizeof(struct queue)); }

void queue_destroy(struct queue *q)
{
	if (q == NULL)
		return;
	free(q->slices);
	free(q);
}

bool queue_running(const struct queue *q) { return q->ops != NULL; }

/* SPLIT-01, PACKED-01. */
static bool size_ok(uint32_t size, bool packed)
{
	return size > 0 && size <= QUEUE_SIZE_MAX && (packed || (size & (size - 1)) == 0);
}

static const struct ring_ops *layout(const struct queue_config *config)
{
	return config->packed ? &packed_ops : &split_ops;
}

bool queue_config_ok(const struct guest_mem *mem, const struct queue_config *config)
{
	struct queue trial = { .mem = mem, .config = *config };

	return size_ok(config->size, config->packed) && layout(config)->map(&trial);
}

/* Room for the longest chain that is followed, and for a batch of usual ones beside it. */
static bool make_slices(struct queue *q)
{
	uint32_t indirect = q->config.size > INDIRECT_MAX ? q->config.size : INDIRECT_MAX;
	uint32_t worst = q->config.size + indirect + GUEST_MEM_REGIONS_MAX;
	struct iovec *slices = q->slices;

	if (worst > q->slices_worst) {
		slices = realloc(q->slices, (worst + BATCH_SLICES) * sizeof(*slices));
		if (slices == NULL)
			return false;
		q->slices_max = worst + BATCH_SLICES;
	}
	q->slices = slices;
	q->slices_worst = worst;
	return true;
}

static void nothing_held(struct queue *q) { q->slices_used = q->steps = 0; }

bool queue_start(struct queue *q, const struct guest_mem *mem, const struct queue_config *config,
		 struct queue_state state)
{
	assert(!queue_running(q));
	if (!queue_config_ok(mem, config))
		return false;
	q->mem = mem;
	q->config = *config;
	if (!make_slices(q))
		return false;
	q->fault = QUEUE_FINE;
	q->held = q->noted = q->untold = q->taken = 0;
	nothing_held(q);
	q->signal_once = state.restored;
	(void)layout(config)->map(q); /* queue_config_ok has mapped the same */
	if (!layout(config)->restore(q, state))
		return false;
	q->ops = layout(config);
	return true;
}

struct queue_state queue_stop(struct queue *q)
{
	struct queue_state state = { 0 };

	if (!queue_running(q))
		return state;
	assert(q->held == 0);
	state = q->ops->save(q);
	q->ops = NULL;
	q->fault = QUEUE_FINE;
	return state;
}

struct queue_rings queue_rings(const struct queue *q)
{
	assert(queue_running(q) && !q->config.packed);
	return (struct queue_rings){ q->config.size, q->split.table, q->split.avail,
				     q->split.used };
}

struct queue_state queue_save(const struct queue *q)
{
	assert(queue_running(q) && q->held == 0);
	return q->ops->save(q);
}

void queue_move(struct queue *q, uint16_t index)
{
	assert(queue_running(q) && !q->config.packed && q->held == 0);
	q->untold = 0;
	q->signal_once = true;
	(void)q->ops->restore(q, (struct queue_state){ .index = index, .restored = true });
}

void queue_remap(struct queue *q, const struct queue_config *rings)
{
	if (!queue_running(q))
		return;
	q->config.desc = rings->desc;
	q->config.driver = rings->driver;
	q->config.device = rings->device;
	if (!q->ops->map(q))
		queue_break(q, QUEUE_FAULT_MEMORY);
}

void queue_break(struct queue *q, enum queue_fault fault)
{
	if (q->fault == QUEUE_FINE)
		q->fault = fault;
}

enum queue_fault queue_fault_of(const struct queue *q) { return q->fault; }
uint32_t queue_held(const struct queue *q) { return q->held; }

/* ---- the verbs ---- */

enum take queue_take(struct queue *q, struct chain *ret)
{
	enum take took;

	if (q->fault != QUEUE_FINE)
		return TAKE_BROKEN;
	if (q->held > 0 && (q->slices_used + q->slices_worst > q->slices_max ||
			    q->steps + q->slices_worst > q->slices_max))
		return TAKE_FULL;
	took = q->ops->take(q, ret);
	if (took == TAKE_CHAIN) {
		ret->number = q->taken++;
		q->held++;
	}
	return took;
}

/* A broken queue has one that is not there: who takes it learns of the fault. */
uint32_t queue_available(struct queue *q)
{
	uint32_t count = q->fault == QUEUE_FINE ? q->ops->available(q) : 0;

	return q->fault == QUEUE_FINE ? count : 1;
}

void queue_push(struct queue *q, const struct chain *chain, uint32_t written)
{
	uint32_t left = written;

	assert(q->noted < q->held);
	assert(written <= chain->writable_bytes);
	for (int i = 0; i < chain->writable_count && left > 0; i++) {
		uint32_t part = chain->writable[i].iov_len < left
					? (uint32_t)chain->writable[i].iov_len
					: left;

		mem_wrote(q->mem, chain->writable[i].iov_base, part);
		left -= part;
	}
	q->ops->push(q, chain, written);
	q->noted++;
}

bool queue_show(struct queue *q)
{
	if (mem_faulted(q->mem))
		queue_break(q, QUEUE_FAULT_MEMORY);
	if (q->noted == 0)
		return false;
	q->held -= q->noted;
	q->noted = 0;
	if (q->held == 0)
		nothing_held(q);
	q->ops->show(q);
	return q->untold >= q->config.size;
}

bool queue_wants_signal(struct queue *q)
{
	uint32_t untold = q->untold;
	bool once = q->signal_once;

	if (untold == 0)
		return false;
	q->untold = 0;
	q->signal_once = false;
	/* SPLIT-24, PACKED-22: pairs with the driver's fence between asking for a signal and its
	 * last look. */
	atomic_thread_fence(memory_order_seq_cst);
	return once || q->ops->wants_signal(q, untold);
}

bool queue_publish(struct queue *q)
{
	(void)queue_show(q);
	return queue_wants_signal(q);
}

void queue_rewind(struct queue *q, const struct chain *chain)
{
	uint32_t chains = q->taken - chain->number;

	assert(chains > 0 && chains <= q->held - q->noted);
	q->ops->rewind(q, chain, chains);
	q->held -= chains;
	q->taken = chain->number;
	q->slices_used = (uint32_t)(chain->readable - q->slices);
	if (q->held == 0)
		nothing_held(q);
}

/* The rings of a broken queue may be gone. */
bool queue_kick_enable(struct queue *q) { return q->fault == QUEUE_FINE && q->ops->kick_enable(q); }
void queue_kick_disable(struct queue *q)
{
	if (q->fault == QUEUE_FINE)
		q->ops->kick_disable(q);
}
