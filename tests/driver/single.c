/* tests/driver/single.c: a device of one queue for tests. */
#include "tests/driver/single.h"

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { REGION = 4 << 20 };

void single_init(struct single *s)
{
	*s = (struct single){ .mmio = NULL };
	(void)pthread_mutex_init(&s->log_mutex, NULL);
	driver_memory_init(&s->memory, REGION);
	ck_assert(!err_is(loop_create(&s->loop)));
}

static void log_line(void *self, const char *text)
{
	struct single *s = self;

	(void)pthread_mutex_lock(&s->log_mutex);
	(void)snprintf(s->last_log, sizeof(s->last_log), "%s", text);
	s->log_lines++;
	(void)pthread_mutex_unlock(&s->log_mutex);
}

struct log single_log(struct single *s) { return (struct log){ .line = log_line, .self = s }; }

unsigned single_log_lines(struct single *s)
{
	unsigned lines;

	(void)pthread_mutex_lock(&s->log_mutex);
	lines = s->log_lines;
	(void)pthread_mutex_unlock(&s->log_mutex);
	return lines;
}

void single_plug(struct single *s, struct device *device)
{
	ck_assert(!err_is(mmio_create(device, &s->mmio)));
}

void single_unplug(struct single *s) { mmio_destroy(s->mmio); }

void single_fini(struct single *s)
{
	loop_destroy(s->loop);
	driver_memory_fini(&s->memory);
}

/* ---- the driver ---- */

static struct registers registers_of(struct single *s)
{
	return (struct registers){ .mmio = s->mmio };
}

uint32_t single_read(struct single *s, uint32_t offset)
{
	const struct registers r = registers_of(s);

	return registers_read(&r, offset);
}

void single_write(struct single *s, uint32_t offset, uint32_t value)
{
	const struct registers r = registers_of(s);

	registers_write(&r, offset, value);
}

static bool has(const struct single *s, unsigned bit) { return (s->accepted >> bit & 1) != 0; }

void single_set_queue(struct single *s, uint16_t size)
{
	const struct registers r = registers_of(s);

	if (has(s, VIRTIO_F_RING_PACKED))
		driver_packed_init(&s->queue, &s->memory, size, has(s, VIRTIO_RING_F_EVENT_IDX));
	else
		driver_queue_init(&s->queue, &s->memory, size, has(s, VIRTIO_RING_F_EVENT_IDX));
	registers_set_queue(&r, 0, &s->queue);
}

void single_stop_queue(struct single *s)
{
	const struct registers r = registers_of(s);

	registers_stop_queue(&r, 0);
}

void single_prepare(struct single *s, uint64_t wanted, uint16_t size)
{
	const struct registers r = registers_of(s);
	uint32_t features[REGISTERS_WORDS] = { (uint32_t)wanted, (uint32_t)(wanted >> 32) };

	registers_agree(&r, features);
	s->accepted = features[0] | (uint64_t)features[1] << 32;
	s->memory.next = 0;
	single_set_queue(s, size);
}

void single_go(struct single *s)
{
	const struct registers r = registers_of(s);

	registers_go(&r);
}

void single_up(struct single *s, uint64_t wanted, uint16_t size)
{
	single_prepare(s, wanted, size);
	single_go(s);
}

void single_kick(struct single *s)
{
	const struct registers r = registers_of(s);

	registers_kick(&r, 0);
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A turn of the control loop. false: the time is up. */
static bool turn(struct single *s, int64_t deadline)
{
	ck_assert(!err_is(loop_once(s->loop, 1)));
	return now_ms() < deadline;
}

void single_await_used(struct single *s, uint16_t index)
{
	int64_t deadline = now_ms() + SINGLE_WAIT_MS;

	while (driver_used_index(&s->queue) != index)
		ck_assert_msg(turn(s, deadline), "the used index is %u, not %u",
			      driver_used_index(&s->queue), index);
}

void single_await_broken(struct single *s)
{
	int64_t deadline = now_ms() + SINGLE_WAIT_MS;

	while ((single_read(s, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		ck_assert_msg(turn(s, deadline), "DEVICE_NEEDS_RESET is not shown");
}

struct driver_used single_finish(struct single *s)
{
	struct driver_used used = { 0 };

	single_kick(s);
	single_await_used(s, s->queue.avail_index);
	while (s->queue.used_index != s->queue.avail_index)
		ck_assert(driver_collect(&s->queue, &used));
	return used;
}
