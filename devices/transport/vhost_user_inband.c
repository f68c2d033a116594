/* devices/transport/vhost_user_inband.c: what we say without being asked, on the front-end's
 * channel for requests: a changed configuration, and with in-band notifications the calls of rings.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/signaller.h"
#include "devices/transport/vhost_user_priv.h"

/* Who does not read it finds the news when he does: in the ring, in the configuration. */
static void tell(const struct vhost_user *v, enum vhost_user_backend_request what,
		 const struct vu_ring *r)
{
	const struct wire_vu_ring_state ring = { r != NULL ? (uint32_t)(r - v->ring) : 0, 0 };
	const struct wire_vu_header h = { what, VHOST_USER_VERSION,
					  r != NULL ? (uint32_t)sizeof(ring) : 0 };

	if (v->backend_fd >= 0)
		(void)vu_send(v->backend_fd, &h, &ring, -1);
}

static void tell_broken(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->config.rings; i++) {
		bool broken;

		device_lock(v->config.device);
		broken = queue_fault_of(device_queue(v->config.device, i)) != QUEUE_FINE;
		device_unlock(v->config.device);
		if (!broken)
			continue;
		if (v->ring[i].relay_fd >= 0)
			tell(v, VHOST_USER_BACKEND_VRING_ERR, &v->ring[i]);
		else if (v->ring[i].err_fd >= 0)
			signaller_signal(v->config.signaller, v->ring[i].err_fd);
	}
}

void vu_on_call(void *self, uint32_t epoll_events)
{
	struct vhost_user *v = self;
	struct device *d = v->config.device;
	uint32_t what = device_interrupt_status(d);
	uint64_t count;

	(void)epoll_events;
	if (read(device_call_fd(d), &count, sizeof(count)) < 0)
		return;
	device_interrupt_ack(d, what);
	if ((what & DEVICE_INT_CONFIG) == 0)
		return;
	if ((device_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
		tell_broken(v);
	/* VHU-19. */
	if (vu_agreed(v, VHOST_USER_PROTOCOL_F_CONFIG))
		tell(v, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, NULL);
}

static void on_ring(void *self, uint32_t epoll_events)
{
	struct vu_ring *r = self;
	uint64_t count;

	(void)epoll_events;
	/* VHU-12: a stopped ring has nothing to say. */
	if (read(r->relay_fd, &count, sizeof(count)) > 0 && r->running)
		tell(r->of, VHOST_USER_BACKEND_VRING_CALL, r);
}

/* The device calls an eventfd of ours, the loop tells. */
static struct err relay(struct vhost_user *v, struct vu_ring *r)
{
	struct err e;

	if (r->relay_fd >= 0)
		return err_none();
	r->relay_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->relay_fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd");
	e = loop_add(v->config.loop, r->relay_fd, EPOLLIN, on_ring, r);
	if (!err_is(e))
		vu_set_call(v, r);
	return e;
}

struct err vu_inband(struct vhost_user *v)
{
	struct err e = err_none();

	for (unsigned i = 0; i < v->config.rings && !err_is(e); i++)
		e = relay(v, &v->ring[i]);
	return e;
}
