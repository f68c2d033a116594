/* devices/virtio/device_kind.c: what every kind offers, what a kind leaves out, and a device that
 * has no runner. */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devices/virtio/device_priv.h"

struct features device_ring_features(void)
{
	static const uint8_t bits[] = { VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX,
					VIRTIO_F_VERSION_1,          VIRTIO_F_RING_PACKED,
					VIRTIO_F_IN_ORDER,           VIRTIO_F_RING_RESET };
	struct features f = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
		features_set(&f, bits[i], true);
	return f;
}

static bool any_features(void *self, const struct features *accepted)
{
	(void)self, (void)accepted;
	return true;
}
static int no_control_queue(void *self)
{
	(void)self;
	return -1;
}
static void no_driver_ok(void *self, const struct features *accepted)
{
	(void)self, (void)accepted;
}
static void nothing(void *self) { (void)self; }
static void nothing_of_queue(void *self, unsigned index) { (void)self, (void)index; }
static void no_config(void *self, uint32_t offset, void *ret, uint32_t len)
{
	(void)self, (void)offset, (void)ret, (void)len;
}
static void no_control(void *self, struct queue *q) { (void)self, (void)q; }
static void not_enabled(void *self, unsigned index, bool on) { (void)self, (void)index, (void)on; }
static bool no_request(void *self, enum device_request what, uint64_t value)
{
	(void)self, (void)what, (void)value;
	return false;
}

#define OR(given, instead) ((given) != NULL ? (given) : (instead))

struct device_kind device_kind_whole(const struct device_kind *kind)
{
	return (struct device_kind){
		.device_id = kind->device_id,
		.features_ok = OR(kind->features_ok, any_features),
		.queue_count = kind->queue_count,
		.control_queue = OR(kind->control_queue, no_control_queue),
		.driver_ok = OR(kind->driver_ok, no_driver_ok),
		.reset = OR(kind->reset, nothing),
		.queue_stopped = OR(kind->queue_stopped, nothing_of_queue),
		.queue_started = OR(kind->queue_started, nothing_of_queue),
		.config_read = OR(kind->config_read, no_config),
		.poked = OR(kind->poked, nothing),
		.control = OR(kind->control, no_control),
		.queue_enabled = OR(kind->queue_enabled, not_enabled),
		.request = OR(kind->request, no_request),
	};
}

/* The control queue's doorbell is moved by the device. */
static bool any_kick(void *self, unsigned index, int old, int fd)
{
	(void)self, (void)index, (void)old, (void)fd;
	return true;
}

const struct runner_ops device_no_runner = {
	.start = nothing,
	.pause = nothing,
	.resume = nothing,
	.stop = nothing,
	.move_kick = any_kick,
};
