/* devices/virtio/device_notify.c: kicks, calls, the interrupt status, the control queue's turn, and
 * what workers report. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "devices/base/signaller.h"
#include "devices/virtio/device_priv.h"

/* Of our own alone: a read of somebody else's may wait. */
static void drain(int eventfd_fd)
{
	uint64_t count;
	ssize_t got = read(eventfd_fd, &count, sizeof(count));

	(void)got; /* EAGAIN: it was 0 */
}

static struct err event_fd(const struct device *d, int *ret_fd)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd for %s", d->config.name);
	*ret_fd = fd;
	return err_none();
}

struct err device_notify_init(struct device *d)
{
	struct err e;

	d->call_fd = d->report_fd = -1;
	for (unsigned i = 0; i < d->config.queue_max; i++)
		d->vq[i].own_kick_fd = -1;
	e = event_fd(d, &d->call_fd);
	if (!err_is(e))
		e = event_fd(d, &d->report_fd);
	for (unsigned i = 0; i < d->config.queue_max && !err_is(e); i++) {
		d->vq[i].queue = queue_create();
		if (d->vq[i].queue == NULL)
			return err_make(ERR_SETUP, ENOMEM, "make a queue of %s", d->config.name);
		device_queue_defaults(d, i);
		e = event_fd(d, &d->vq[i].own_kick_fd);
		d->vq[i].kick_fd = d->vq[i].own_kick_fd;
		d->vq[i].call_fd = d->call_fd;
	}
	if (!err_is(e))
		e = loop_add(d->config.loop, d->report_fd, EPOLLIN, device_on_report, d);
	return e;
}

void device_notify_fini(struct device *d)
{
	if (d->report_fd >= 0) {
		loop_remove(d->config.loop, d->report_fd);
		(void)close(d->report_fd);
	}
	if (d->call_fd >= 0)
		(void)close(d->call_fd);
	for (unsigned i = 0; i < d->config.queue_max; i++) {
		queue_destroy(d->vq[i].queue);
		if (d->vq[i].own_kick_fd >= 0)
			(void)close(d->vq[i].own_kick_fd);
	}
}

/* ---- driver -> device ---- */

int device_kick_fd(struct device *d, uint32_t index)
{
	return index < d->config.queue_max ? d->vq[index].kick_fd : -1;
}

/* MMIO-16, SPLIT-31: whatever is written, and however often. CORE-30: the rest of the data is a
 * hint, which the ring itself makes needless. */
void device_kick(struct device *d, uint32_t value)
{
	uint32_t index = atomic_load(&d->notification_data) ? value & 0xffff : value;

	if (index < d->config.queue_max)
		eventfd_poke(d->vq[index].own_kick_fd);
}

void device_fault(struct device *d, enum device_fault fault)
{
	atomic_fetch_add_explicit(&d->faults[fault], 1, memory_order_relaxed);
}

/* ---- device -> driver ---- */

int device_call_fd(struct device *d) { return d->call_fd; }

static void call(struct device *d, int call_fd, struct signaller *signaller)
{
	if (call_fd < 0)
		return;
	atomic_fetch_add_explicit(&d->signals, 1, memory_order_relaxed);
	if (signaller != NULL)
		signaller_signal(signaller, call_fd);
	else
		eventfd_poke(call_fd);
}

void device_set_interrupt(struct device *d, const struct interrupt_ops *ops, void *self)
{
	d->interrupt = ops;
	d->interrupt_self = self;
}

bool device_by_message(struct device *d)
{
	return d->interrupt != NULL && d->interrupt->by_message(d->interrupt_self);
}

int device_direct_call(struct device *d, uint32_t index)
{
	return d->interrupt != NULL ? d->interrupt->direct(d->interrupt_self, index)
				    : DEVICE_FD_NONE;
}

void device_call_moved(struct device *d, uint32_t index)
{
	if (d->config.runner->move_call != NULL)
		d->config.runner->move_call(d->config.runner_self, index);
}

/* The status is there before the interrupt that makes the driver look at it (MMIO-12, PCI-24,
 * PCI-25). */
static void signal_driver(struct device *d, unsigned bit, int queue)
{
	atomic_fetch_or(&d->interrupt_status, bit);
	if (d->interrupt != NULL) {
		atomic_fetch_add_explicit(&d->signals, 1, memory_order_relaxed);
		d->interrupt->interrupt(d->interrupt_self, queue);
	} else if (queue == DEVICE_NO_QUEUE) {
		call(d, d->call_fd, NULL);
	} else {
		call(d, d->vq[queue].call_fd, d->vq[queue].signaller);
	}
}

void device_signal_queue(struct device *d, uint32_t index)
{
	signal_driver(d, DEVICE_INT_QUEUE, (int)index);
}

uint32_t device_interrupt_status(struct device *d) { return atomic_load(&d->interrupt_status); }
uint32_t device_interrupt_take(struct device *d)
{
	return atomic_exchange(&d->interrupt_status, 0);
}

/* MMIO-13: the interrupt is an edge, so what is left after an acknowledge needs another one.
 * MMIO-14: other bits are none. */
void device_interrupt_ack(struct device *d, uint32_t bits)
{
	unsigned known = bits & (DEVICE_INT_QUEUE | DEVICE_INT_CONFIG);

	if ((atomic_fetch_and(&d->interrupt_status, ~known) & ~known) != 0)
		call(d, d->call_fd, NULL);
}

/* CORE-24, CORE-25; CORE-02: nobody is told before DRIVER_OK. */
void device_config_end(struct device *d, bool notify)
{
	d->generation++;
	if (notify && (d->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		signal_driver(d, DEVICE_INT_CONFIG, DEVICE_NO_QUEUE);
}

/* ---- the control queue ---- */

/* One look a turn of the loop, so that a driver that posts for ever takes nobody else's. true:
 * there may be more. What a look leaves is no news, so no kick tells of it. */
static bool control_turn(struct device *d, uint32_t index, struct queue *q)
{
	d->config.kind->control(d->config.kind_self, q);
	if (queue_publish(q))
		device_signal_queue(d, index);
	if (queue_fault_of(q) != QUEUE_FINE)
		return false;
	return queue_available(q) > 0 || queue_kick_enable(q);
}

/* Has the control queue looked at without a kick. */
static void look_again(struct device *d, const struct device_vq *vq)
{
	d->looks_again = true;
	eventfd_poke(vq->own_kick_fd);
}

static void on_control_kick(void *self, uint32_t epoll_events)
{
	struct device *d = self;

	(void)epoll_events;
	device_lock(d);
	if (d->control >= 0) {
		struct device_vq *vq = &d->vq[d->control];

		atomic_fetch_add_explicit(&d->kicks, !d->looks_again, memory_order_relaxed);
		d->looks_again = false;
		if (d->pauses > 0)
			d->missed = true;
		else if (control_turn(d, (uint32_t)d->control, vq->queue))
			look_again(d, vq);
		if (queue_fault_of(vq->queue) != QUEUE_FINE)
			device_needs_reset(d);
	}
	device_unlock(d);
}

/* Doorbells are watched for edges, as workers do. Our own one is, whoever else has the driver's:
 * to come again. */
static struct err watch_kicks(struct device *d, const struct device_vq *vq)
{
	const uint32_t edges = EPOLLIN | EPOLLET;
	struct err e = loop_add(d->config.loop, vq->own_kick_fd, edges, on_control_kick, d);

	if (!err_is(e) && vq->kick_fd >= 0 && vq->kick_fd != vq->own_kick_fd)
		e = loop_add(d->config.loop, vq->kick_fd, edges, on_control_kick, d);
	return e;
}

static void unwatch_kicks(struct device *d, const struct device_vq *vq)
{
	loop_remove(d->config.loop, vq->own_kick_fd);
	if (vq->kick_fd >= 0)
		loop_remove(d->config.loop, vq->kick_fd);
}

void device_catch_up(struct device *d)
{
	if (d->missed && d->control >= 0)
		look_again(d, &d->vq[d->control]);
	d->missed = false;
}

void device_watch_control(struct device *d)
{
	int index = d->config.kind->control_queue(d->config.kind_self);
	struct err e;

	if (index < 0 || !queue_running(d->vq[index].queue))
		return;
	d->control = index;
	e = watch_kicks(d, &d->vq[index]);
	if (err_is(e)) {
		log_limited(&d->config.log, &d->broken_limit, "%s: control queue: %s",
			    d->config.name, e.text);
		unwatch_kicks(d, &d->vq[index]);
		d->control = -1;
		return;
	}
	look_again(d, &d->vq[index]);
}

void device_unwatch_control(struct device *d)
{
	if (d->control < 0)
		return;
	unwatch_kicks(d, &d->vq[d->control]);
	d->control = -1;
}

/* ---- a broken queue ---- */

void device_report_broken(struct device *d, uint32_t index)
{
	(void)index; /* every queue says itself why it is broken */
	atomic_store(&d->report, (uint64_t)atomic_load(&d->resets) + 1);
	eventfd_poke(d->report_fd);
}

/* CORE-04. */
void device_needs_reset(struct device *d)
{
	if ((d->status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
		return;
	device_park(d);
	d->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	device_fault(d, DEVICE_FAULT_BROKEN);
	for (unsigned i = 0; i < d->config.queue_max; i++) {
		enum queue_fault why = queue_fault_of(d->vq[i].queue);

		if (why != QUEUE_FINE)
			log_limited(&d->config.log, &d->broken_limit,
				    "%s: queue %u is broken until the driver resets the device: %s",
				    d->config.name, i, queue_fault_name(why));
	}
	if ((d->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		signal_driver(d, DEVICE_INT_CONFIG, DEVICE_NO_QUEUE);
}

void device_poke(struct device *d) { eventfd_poke(d->report_fd); }

void device_on_report(void *self, uint32_t epoll_events)
{
	struct device *d = self;
	uint64_t report;

	(void)epoll_events;
	drain(d->report_fd);
	device_lock(d);
	report = atomic_exchange(&d->report, 0);
	if (report != 0 && report == (uint64_t)atomic_load(&d->resets) + 1)
		device_needs_reset(d);
	d->config.kind->poked(d->config.kind_self);
	device_unlock(d);
}

void device_counters(struct device *d, struct device_counters *ret)
{
	for (unsigned i = 0; i < DEVICE_FAULTS; i++)
		ret->fault[i] = atomic_load_explicit(&d->faults[i], memory_order_relaxed);
	ret->kicks = atomic_load_explicit(&d->kicks, memory_order_relaxed);
	ret->signals = atomic_load_explicit(&d->signals, memory_order_relaxed);
	ret->resets = atomic_load_explicit(&d->resets, memory_order_relaxed);
}
