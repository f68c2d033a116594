/* tests/unit/transport/mmio.h: a virtio-mmio device of a kind made for these tests (it notes
 * what it was asked), and the driver's reads and writes; what the programs that test the
 * transport share. */
#ifndef TAPVM_TESTS_MMIO_H
#define TAPVM_TESTS_MMIO_H

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/sys.h"
#include "devices/transport/mmio.h"

enum { MEMORY = 1 << 20, QUEUES = 3, SIZE_MAX_HERE = 256, CONFIG_BYTES = 12, FORBIDDEN_BIT = 5 };

static struct world {
	struct guest_mem *mem;
	uint8_t *ram;
	struct loop *loop;
	struct device *device;
	struct mmio *mmio;
	unsigned stopped, started; /* a bit a queue */
	unsigned starts, stops, pauses, resumes, resets, oks, controls;
	bool running, touched_while_stopped;
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
static const struct runner_ops runner = {
	.start = start, .pause = pause_, .resume = resume, .stop = stop, .move_kick = move_kick
};

static inline void setup(void)
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
	ck_assert(!err_is(device_create(&c, &w.device)));
	ck_assert(!err_is(mmio_create(w.device, &w.mmio)));
}

static inline void teardown(void)
{
	mmio_destroy(w.mmio);
	device_destroy(w.device);
	loop_destroy(w.loop);
	guest_mem_destroy(w.mem);
	free(w.ram);
}

static inline uint32_t rd(uint32_t offset)
{
	uint8_t b[4];

	mmio_read(w.mmio, offset, b, 4);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline void wr(uint32_t offset, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	mmio_write(w.mmio, offset, b, 4);
}

static inline uint64_t faults(enum device_fault f)
{
	struct device_counters c;

	device_counters(w.device, &c);
	return c.fault[f];
}

static inline void accept(uint32_t low, uint32_t high)
{
	wr(0x070, 0);
	wr(0x070, 1);
	wr(0x070, 3);
	wr(0x024, 0), wr(0x020, low);
	wr(0x024, 1), wr(0x020, high);
	wr(0x070, 0xb);
}

static inline void set_queue(uint32_t index, uint32_t size, uint64_t desc, uint64_t driver,
			     uint64_t device)
{
	wr(0x030, index);
	wr(0x038, size);
	wr(0x080, (uint32_t)desc), wr(0x084, (uint32_t)(desc >> 32));
	wr(0x090, (uint32_t)driver), wr(0x094, (uint32_t)(driver >> 32));
	wr(0x0a0, (uint32_t)device), wr(0x0a4, (uint32_t)(device >> 32));
	wr(0x044, 1);
}

static inline void live(void)
{
	accept(1, 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		set_queue(i, 64, 0x10000 * (i + 1), 0x10000 * (i + 1) + 0x4000,
			  0x10000 * (i + 1) + 0x8000);
	wr(0x070, 0xf);
	ck_assert_uint_eq(rd(0x070), 0xf);
}

#endif
