/* devices/virtio/device_queue.c: the queue registers of a device, from set-up to start and stop. */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <unistd.h>

#include "devices/virtio/device_priv.h"

struct queue *device_queue(struct device *d, uint32_t index) { return d->vq[index].queue; }

/* With the mutex. */
static bool exists(struct device *d, uint32_t index)
{
	return index < d->config.queue_max &&
	       index < d->config.kind->queue_count(d->config.kind_self);
}

/* SPLIT-01: only a packed ring may have another size than a power of two. */
static uint32_t size_max(const struct device *d)
{
	uint32_t size = d->config.queue_size_max;

	if (features_has(&d->accepted, VIRTIO_F_RING_PACKED))
		return size;
	while ((size & (size - 1)) != 0)
		size &= size - 1;
	return size;
}

unsigned device_queue_max(const struct device *d) { return d->config.queue_max; }

/* MMIO-05. */
uint32_t device_queue_size_max(struct device *d, uint32_t index)
{
	uint32_t size;

	device_lock(d);
	size = exists(d, index) ? size_max(d) : 0;
	device_unlock(d);
	return size;
}

void device_queue_defaults(struct device *d, unsigned index)
{
	struct device_vq *vq = &d->vq[index];

	(void)queue_stop(vq->queue);
	vq->ready = false;
	vq->set = (struct queue_config){ .size = size_max(d) };
}

/* What the driver wrote, with what was agreed on. */
static struct queue_config wanted(const struct device *d, unsigned index)
{
	struct queue_config c = d->vq[index].set;

	c.packed = features_has(&d->accepted, VIRTIO_F_RING_PACKED);
	c.event_idx = features_has(&d->accepted, VIRTIO_RING_F_EVENT_IDX);
	c.indirect = features_has(&d->accepted, VIRTIO_RING_F_INDIRECT_DESC);
	return c;
}

/* MMIO-07: rings are looked at from here until queue_stop. */
bool device_start_queue(struct device *d, unsigned index, struct queue_state state)
{
	struct queue_config c = wanted(d, index);

	return queue_start(d->vq[index].queue, d->config.mem, &c, state);
}

/* A queue's registers may be written only while it exists and is not ready (MMIO-05, MMIO-09). */
static struct device_vq *settable(struct device *d, uint32_t index)
{
	if (!exists(d, index))
		return NULL;
	if (d->vq[index].ready) {
		device_fault(d, DEVICE_FAULT_QUEUE_LATE);
		return NULL;
	}
	return &d->vq[index];
}

uint32_t device_queue_size(struct device *d, uint32_t index)
{
	uint32_t size;

	device_lock(d);
	size = exists(d, index) ? d->vq[index].set.size : 0;
	device_unlock(d);
	return size;
}

void device_queue_set_size(struct device *d, uint32_t index, uint32_t size)
{
	struct device_vq *vq;

	device_lock(d);
	vq = settable(d, index);
	if (vq != NULL)
		vq->set.size = size;
	device_unlock(d);
}

static uint64_t *address_of(struct device_vq *vq, enum queue_address which)
{
	return which == QUEUE_ADDRESS_DESC     ? &vq->set.desc
	       : which == QUEUE_ADDRESS_DRIVER ? &vq->set.driver
					       : &vq->set.device;
}

uint32_t device_queue_address(struct device *d, uint32_t index, enum queue_address which, bool high)
{
	uint64_t address = 0;

	device_lock(d);
	if (exists(d, index))
		address = *address_of(&d->vq[index], which);
	device_unlock(d);
	return (uint32_t)(high ? address >> 32 : address);
}

/* MMIO-10: each half by itself; they count when the queue is made ready. */
void device_queue_set_address(struct device *d, uint32_t index, enum queue_address which, bool high,
			      uint32_t half)
{
	struct device_vq *vq;

	device_lock(d);
	vq = settable(d, index);
	if (vq != NULL) {
		uint64_t *address = address_of(vq, which);

		*address = high ? (*address & UINT32_MAX) | (uint64_t)half << 32
				: (*address & ~(uint64_t)UINT32_MAX) | half;
	}
	device_unlock(d);
}

/* MMIO-06, MMIO-08, SPLIT-02, CORE-29: what cannot be a queue reads back as not ready, each time
 * anew. */
static void make_ready(struct device *d, uint32_t index)
{
	struct queue_config c = wanted(d, index);

	if (c.size > size_max(d) || !queue_config_ok(d->config.mem, &c)) {
		device_fault(d, DEVICE_FAULT_QUEUE);
		return;
	}
	d->vq[index].ready = true;
	if (!device_live(d))
		return; /* CORE-02: DRIVER_OK starts it */
	device_pause(d);
	if (device_start_queue(d, index, (struct queue_state){ 0 }))
		d->config.kind->queue_started(d->config.kind_self, index);
	else
		d->vq[index].ready = false;
	device_resume(d);
	if ((int)index == d->config.kind->control_queue(d->config.kind_self)) {
		device_unwatch_control(d);
		device_watch_control(d);
	}
}

/* MMIO-11: on return the worker has let go. */
static void make_unready(struct device *d, uint32_t index)
{
	device_pause(d);
	if ((int)index == d->control)
		device_unwatch_control(d);
	(void)queue_stop(d->vq[index].queue);
	d->config.kind->queue_stopped(d->config.kind_self, index);
	d->vq[index].ready = false;
	device_resume(d);
}

void device_queue_set_ready(struct device *d, uint32_t index, bool on)
{
	device_lock(d);
	if (exists(d, index) && d->vq[index].ready != on) {
		if (on)
			make_ready(d, index);
		else
			make_unready(d, index);
	}
	device_unlock(d);
}

/* CORE-27, CORE-28: the other queues run on; what this one had is forgotten, registers too.
 * MMIO-19: not without the feature. */
void device_queue_reset(struct device *d, uint32_t index)
{
	device_lock(d);
	if (!features_has(&d->accepted, VIRTIO_F_RING_RESET) || !exists(d, index)) {
		device_fault(d, DEVICE_FAULT_ACCESS);
	} else {
		if (d->vq[index].ready)
			make_unready(d, index);
		device_queue_defaults(d, index);
	}
	device_unlock(d);
}

bool device_queue_ready(struct device *d, uint32_t index)
{
	bool ready;

	device_lock(d);
	ready = exists(d, index) && d->vq[index].ready;
	device_unlock(d);
	return ready;
}
