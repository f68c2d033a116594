/* devices/platform/rng.c: the virtio entropy device. */
#include "devices/platform/rng.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "devices/mem/slices.h"

enum {
	QUEUE_SIZE = 64,
	/* Bytes a chain, chains a turn: what a guest may have at once of the control loop's time.
	 * The driver comes again for the rest of a longer buffer. */
	BYTES_A_CHAIN = 4096,
	CHAINS_A_TURN = 8,
};

struct rng {
	struct rng_config config;
	struct device *device;
	uint8_t bytes[BYTES_A_CHAIN];
};

/* Bytes that the chain got: at least one if it has room (5.4.6.2), as the host's own source waits
 * for nothing once the host is up. */
static uint32_t fill(struct rng *r, const struct chain *c)
{
	size_t want = c->writable_bytes < BYTES_A_CHAIN ? c->writable_bytes : BYTES_A_CHAIN;
	ssize_t got;

	do {
		got = r->config.sys->getrandom(r->bytes, want, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		got = 0;
	(void)slices_write(c->writable, c->writable_count, 0, r->bytes, (uint64_t)got);
	return (uint32_t)got;
}

static void kind_control(void *self, struct queue *q)
{
	struct rng *r = self;
	struct chain c;

	queue_kick_disable(q);
	for (unsigned i = 0; i < CHAINS_A_TURN && queue_take(q, &c) == TAKE_CHAIN; i++) {
		if (c.readable_bytes > 0) {
			queue_rewind(q, &c);
			queue_break(q, QUEUE_FAULT_DIRECTION);
			return;
		}
		queue_push(q, &c, fill(r, &c));
	}
}

static unsigned kind_queue_count(void *self)
{
	(void)self;
	return 1;
}

static int kind_control_queue(void *self)
{
	(void)self;
	return 0;
}

static const struct device_kind rng_kind = {
	.device_id = VIRTIO_ID_RNG,
	.queue_count = kind_queue_count,
	.control_queue = kind_control_queue,
	.control = kind_control,
};

struct err rng_create(const struct rng_config *config, struct rng **ret_rng)
{
	struct rng *r = calloc(1, sizeof(*r));
	struct device_config c = {
		.kind = &rng_kind,
		.kind_self = r,
		.mem = config->mem,
		.loop = config->loop,
		.log = config->log,
		.name = config->name,
		.queue_size_max = QUEUE_SIZE,
		.queue_max = 1,
	};
	struct err e;

	if (r == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make %s", config->name);
	r->config = *config;
	c.offered = device_ring_features();
	e = device_create(&c, &r->device);
	if (err_is(e)) {
		free(r);
		return e;
	}
	*ret_rng = r;
	return e;
}

void rng_destroy(struct rng *r)
{
	if (r == NULL)
		return;
	device_destroy(r->device);
	free(r);
}

struct device *rng_device(struct rng *r) { return r->device; }
