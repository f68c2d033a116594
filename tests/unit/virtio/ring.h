/* tests/unit/virtio/ring.h: one queue and the driver of tests/driver at the other end of it; what
 * the programs that test rings share. */
#ifndef TAPVM_TESTS_RING_H
#define TAPVM_TESTS_RING_H

#include <check.h>

#include "tests/driver/driver.h"

enum { SIZE = 8, REGION = 1 << 20 };

static struct driver_memory m;
static struct driver_queue d;
static struct queue *q;

static inline void begin(bool event_idx, bool indirect)
{
	struct queue_config c;

	driver_queue_init(&d, &m, SIZE, event_idx);
	c = driver_config(&d, indirect);
	ck_assert(queue_start(q, m.mem, &c, (struct queue_state){ 0 }));
}

static inline void begin_packed(uint16_t size, bool event_idx, bool indirect)
{
	struct queue_config c;

	driver_packed_init(&d, &m, size, event_idx);
	c = driver_config(&d, indirect);
	ck_assert(queue_start(q, m.mem, &c, (struct queue_state){ 0 }));
}

/* For tests that do not care whether the driver wants a signal. */
static inline void publish(void)
{
	bool wants = queue_publish(q);

	(void)wants;
}

static inline void setup(void)
{
	driver_memory_init(&m, REGION);
	q = queue_create();
	ck_assert_ptr_nonnull(q);
}

static inline void teardown(void)
{
	queue_destroy(q);
	driver_memory_fini(&m);
}

#endif
