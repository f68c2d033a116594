/* tests/driver/single.h: what a device of one queue, of any kind, is tested with: guest memory, a
 * control loop, virtio-mmio, and a driver. The test's thread is driver and control loop. */
#ifndef TAPVM_TESTS_SINGLE_H
#define TAPVM_TESTS_SINGLE_H

#include <pthread.h>

#include "devices/base/log.h"
#include "devices/base/loop.h"
#include "tests/driver/registers.h"

enum { SINGLE_WAIT_MS = 10000 };

struct single {
	struct driver_memory memory;
	struct loop *loop;
	struct mmio *mmio;
	struct driver_queue queue;
	uint64_t accepted;
	pthread_mutex_t log_mutex; /* lines come from any thread */
	unsigned log_lines;
	char last_log[256];
};

void single_init(struct single *s); /* memory and loop, for the test to make a device of */
struct log single_log(struct single *s);
unsigned single_log_lines(struct single *s);
void single_plug(struct single *s, struct device *device);
void single_unplug(struct single *s); /* before the device goes */
void single_fini(struct single *s);   /* after it */

uint32_t single_read(struct single *s, uint32_t offset);
void single_write(struct single *s, uint32_t offset, uint32_t value);
/* Reset, then up with what of `wanted` is offered, on new rings. */
void single_up(struct single *s, uint64_t wanted, uint16_t size);
/* The same without DRIVER_OK. */
void single_prepare(struct single *s, uint64_t wanted, uint16_t size);
void single_go(struct single *s);
void single_set_queue(struct single *s, uint16_t size);
void single_stop_queue(struct single *s);
void single_kick(struct single *s);

/* Turns the control loop until the used index is this, and fails after SINGLE_WAIT_MS. */
void single_await_used(struct single *s, uint16_t index);
/* ... until DEVICE_NEEDS_RESET shows. */
void single_await_broken(struct single *s);
/* Kicks, and waits until all that was posted is used: the last used element. */
struct driver_used single_finish(struct single *s);

#endif
