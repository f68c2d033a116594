/* tests/unit/transport/kind.h: a device of a kind made for the tests of transports (it notes what
 * it was asked), with guest memory and loop, but no transport. */
#ifndef TAPVM_TESTS_KIND_H
#define TAPVM_TESTS_KIND_H

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/sys.h"
#include "devices/virtio/device.h"

enum { MEMORY = 1 << 20, QUEUES = 3, SIZE_MAX_HERE = 256, CONFIG_BYTES = 12, FORBIDDEN_BIT = 5 };

static struct world {
	struct guest_mem *mem;
	uint8_t *ram;
	struct loop *loop;
	struct device *device;
	unsigned stopped, started; /* a bit a queue */
	unsigned starts, stops, pauses, resumes, resets, oks, controls;
	bool running, touched_while_stopped;
	int call[QUEUES]; /* device_direct_call when that queue's was last said to be another */
	uint8_t config[CONFIG_BYTES];
} w;

static inline bool features_ok(void *self, const struct features *f)
{
	(void)self;
	return !(features_has(f, 0) && features_has(f, FORBIDDEN_BIT));
}
static inline unsigned queue_count(void *self)
{
	(void)self;
	return QUEUES;
}
static inline int control_queue(void *self)
{
	(void)self;
	return 2;
}
static inline void driver_ok(void *self, const struct features *f)
{
	(void)self, (void)f;
	w.oks++;
}
static inline void on_reset(void *self)
{
	(void)self;
	w.resets++;
	w.touched_while_stopped |= w.running;
}
static inline void queue_stopped(void *self, unsigned index)
{
	(void)self;
	w.stopped |= 1u << index;
	w.touched_while_stopped |= w.running;
}
static inline void queue_started(void *self, unsigned index)
{
	(void)self;
	w.started |= 1u << index;
	w.touched_while_stopped |= w.running;
}
static inline void config_read(void *self, uint32_t offset, void *ret, uint32_t len)
{
	(void)self;
	for (uint32_t i = 0; i < len && offset < CONFIG_BYTES && offset + i < CONFIG_BYTES; i++)
		((uint8_t *)ret)[i] = w.config[offset + i];
}
static inline void poked(void *self) { (void)self; }
static inline void control(void *self, struct queue *q)
{
	(void)self, (void)q;
	w.controls++;
}
static const struct device_kind kind = {
	.device_id = 1,
	.features_ok = features_ok,
	.queue_count = queue_count,
	.control_queue = control_queue,
	.driver_ok = driver_ok,
	.reset = on_reset,
	.queue_stopped = queue_stopped,
	.queue_started = queue_started,
	.config_read = config_read,
	.poked = poked,
	.control = control,
};
static inline void start(void *self)
{
	(void)self;
	w.starts++;
	w.running = true;
}
static inline void pause_(void *self)
{
	(void)self;
	w.pauses++;
	w.running = false;
}
static inline void resume(void *self)
{
	(void)self;
	w.resumes++;
	w.running = true;
}
static inline void stop(void *self)
{
	(void)self;
	w.stops++;
	w.running = false;
}
static inline bool move_kick(void *self, unsigned index, int old, int fd)
{
	(void)self, (void)index, (void)old, (void)fd;
	return true;
}
static inline void move_call(void *self, unsigned index)
{
	(void)self;
	w.call[index] = device_direct_call(w.device, index);
}
static const struct runner_ops runner = { .start = start,
					  .pause = pause_,
					  .resume = resume,
					  .stop = stop,
					  .move_kick = move_kick,
					  .move_call = move_call };

static inline void make_device(uint64_t more_features)
{
	struct device_config c = { .kind = &kind,
				   .runner = &runner,
				   .name = "t0",
				   .queue_size_max = SIZE_MAX_HERE,
				   .queue_max = QUEUES };

	memset(&w, 0, sizeof(w));
	for (unsigned i = 0; i < CONFIG_BYTES; i++)
		w.config[i] = (uint8_t)(0xa0 + i);
	w.ram = aligned_alloc(4096, MEMORY);
	ck_assert_ptr_nonnull(w.ram);
	memset(w.ram, 0, MEMORY);
	w.mem = guest_mem_create();
	struct mem_region r = { .gpa = 0, .size = MEMORY, .host = w.ram, .fd = -1 };
	ck_assert(!err_is(guest_mem_replace(w.mem, &r, 1)));
	ck_assert(!err_is(loop_create(&w.loop)));
	c.mem = w.mem;
	c.loop = w.loop;
	features_set(&c.offered, 0, true);
	features_set(&c.offered, FORBIDDEN_BIT, true);
	features_set(&c.offered, VIRTIO_F_VERSION_1, true);
	features_set(&c.offered, VIRTIO_RING_F_EVENT_IDX, true);
	c.offered.word[0] |= (uint32_t)more_features;
	c.offered.word[1] |= (uint32_t)(more_features >> 32);
	ck_assert(!err_is(device_create(&c, &w.device)));
}

static inline void end_device(void)
{
	device_destroy(w.device);
	loop_destroy(w.loop);
	guest_mem_destroy(w.mem);
	free(w.ram);
}

static inline uint64_t faults(enum device_fault f)
{
	struct device_counters c;

	device_counters(w.device, &c);
	return c.fault[f];
}

#endif
