/* devices/virtio/device_ring.c: rings one by one, for a transport without registers. */
#include "devices/virtio/device_priv.h"

/* The loop watches the control queue if it runs. */
static void rewatch(struct device *d, uint32_t index)
{
	if ((int)index != d->config.kind->control_queue(d->config.kind_self))
		return;
	device_unwatch_control(d);
	if (device_live(d))
		device_watch_control(d);
}

bool device_queue_start(struct device *d, uint32_t index, const struct queue_config *rings,
			struct queue_state state)
{
	struct device_vq *vq = &d->vq[index];
	bool good;

	device_lock(d);
	device_pause(d);
	vq->set = *rings;
	good = rings->size <= d->config.queue_size_max &&
	       (!device_live(d) || device_start_queue(d, index, state));
	vq->ready = good;
	if (good && device_live(d))
		d->config.kind->queue_started(d->config.kind_self, index);
	device_resume(d);
	if (good)
		rewatch(d, index);
	device_unlock(d);
	return good;
}

struct queue_state device_queue_stop(struct device *d, uint32_t index)
{
	struct queue_state state;

	device_lock(d);
	device_pause(d);
	if ((int)index == d->control)
		device_unwatch_control(d);
	state = queue_stop(d->vq[index].queue);
	d->config.kind->queue_stopped(d->config.kind_self, index);
	d->vq[index].ready = false;
	device_resume(d);
	device_unlock(d);
	return state;
}

void device_queue_enable(struct device *d, uint32_t index, bool on)
{
	device_lock(d);
	device_pause(d);
	d->config.kind->queue_enabled(d->config.kind_self, index, on);
	device_resume(d);
	device_unlock(d);
}

bool device_queue_set_kick(struct device *d, uint32_t index, int fd)
{
	struct device_vq *vq = &d->vq[index];
	int to = fd == DEVICE_FD_OWN ? vq->own_kick_fd : fd;
	bool moved;

	device_lock(d);
	device_pause(d);
	if ((int)index == d->control)
		device_unwatch_control(d);
	moved = d->config.runner->move_kick(d->config.runner_self, index, vq->kick_fd, to);
	if (moved)
		vq->kick_fd = to;
	device_resume(d);
	rewatch(d, index);
	device_unlock(d);
	return moved;
}

void device_queue_set_call(struct device *d, uint32_t index, int fd, struct signaller *signaller)
{
	device_lock(d);
	device_pause(d);
	d->vq[index].call_fd = fd == DEVICE_FD_OWN ? d->call_fd : fd;
	d->vq[index].signaller = signaller;
	device_resume(d);
	device_unlock(d);
}

bool device_request(struct device *d, enum device_request what, uint64_t value)
{
	bool done;

	device_lock(d);
	done = d->config.kind->request(d->config.kind_self, what, value);
	device_unlock(d);
	return done;
}
