/* devices/transport/vhost_user_ring.c: what a front-end says of each ring, in any order. A ring is
 * started when it was kicked off (SET_VRING_KICK) and all that it needs is there. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#include "devices/base/signaller.h"
#include "devices/transport/vhost_user_priv.h"

enum { PACKED_WRAP = 0x8000, PACKED_INDEX = 0x7fff };

static bool packed(const struct vhost_user *v)
{
	return (v->features >> VIRTIO_F_RING_PACKED & 1) != 0;
}

static unsigned index_of(const struct vhost_user *v, const struct vu_ring *r)
{
	return (unsigned)(r - v->ring);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* ---- what is to be known of a ring before it starts ---- */

struct err vu_set_vring_num(struct vhost_user *v, struct vu_message *m)
{
	uint32_t size = m->payload.ring.num;
	struct vu_ring *r = m->ring;

	if (size == 0 || size > QUEUE_SIZE_MAX)
		return err_make(ERR_SETUP, 0, "ring %u of %u entries", m->payload.ring.index, size);
	if (r->running && size != r->size)
		return err_make(ERR_SETUP, 0, "another size for ring %u, which runs",
				m->payload.ring.index);
	r->size = size;
	return vu_start_rings(v);
}

bool vu_ring_config(const struct vhost_user *v, const struct vu_ring *r, struct queue_config *ret)
{
	*ret = (struct queue_config){ .size = r->size, .journal = vu_journal(v, r) };
	return vu_guest_address(v, r->addr.desc, &ret->desc) &&
	       vu_guest_address(v, r->addr.avail, &ret->driver) &&
	       vu_guest_address(v, r->addr.used, &ret->device);
}

static struct err outside(const struct vhost_user *v, const struct vu_ring *r)
{
	return err_make(ERR_SETUP, 0, "ring %u of %u entries does not lie in memory as rings do",
			index_of(v, r), r->size);
}

/* VHU-13: of a ring that runs too: mostly to have it logged, or not any more. */
struct err vu_set_vring_addr(struct vhost_user *v, struct vu_message *m)
{
	struct device *d = v->config.device;
	struct vu_ring *r = m->ring, before = *r;
	struct queue_config c;

	r->addr = m->payload.addr;
	r->has_addr = true;
	if (!r->running)
		return vu_start_rings(v);
	if (!vu_ring_config(v, r, &c)) {
		*r = before;
		return outside(v, r);
	}
	device_lock(d);
	device_pause(d);
	queue_remap(device_queue(d, index_of(v, r)), &c);
	device_resume(d);
	device_unlock(d);
	vu_update_log(v);
	return err_none();
}

struct err vu_set_vring_base(struct vhost_user *v, struct vu_message *m)
{
	struct vu_ring *r = m->ring;

	if (r->running)
		return err_make(ERR_SETUP, 0, "another index for ring %u, which runs",
				m->payload.ring.index);
	r->base = m->payload.ring.num;
	r->has_base = true;
	return vu_start_rings(v);
}

/* A packed ring has no used ring that could be meant: what is written of it is marked where it
 * lies. */
bool vu_ring_alias(const struct vhost_user *v, const struct vu_ring *r, struct mem_alias *ret)
{
	uint64_t gpa, len = 6 + 8 * (uint64_t)r->size;

	if (packed(v) || (r->addr.flags & VHOST_USER_RING_LOG) == 0 ||
	    !vu_guest_address(v, r->addr.used, &gpa))
		return false;
	*ret = (struct mem_alias){ .host = mem_ring(v->config.mem, gpa, len, 1),
				   .len = len,
				   .gpa = r->addr.log };
	return ret->host != NULL;
}

/* ---- start and stop ---- */

/* VHU-11. The used side of a packed ring is where the available side is, as nothing is in work
 * between start and stop; some front-ends leave it 0. */
static struct queue_state state_of(const struct vhost_user *v, const struct vu_ring *r)
{
	if (packed(v)) {
		uint32_t base = r->has_base ? r->base : PACKED_WRAP;

		return (struct queue_state){ .index = (uint16_t)(base & PACKED_INDEX),
					     .wrap = (base & PACKED_WRAP) != 0,
					     .restored = true };
	}
	return (struct queue_state){ .index = (uint16_t)r->base, .restored = true };
}

static uint32_t base_of(const struct vhost_user *v, struct queue_state state)
{
	uint32_t half = state.index | (state.wrap ? PACKED_WRAP : 0u);

	return packed(v) ? half << 16 | half : state.index;
}

bool vu_any_ring_runs(const struct vhost_user *v)
{
	for (unsigned i = 0; i < v->config.rings; i++)
		if (v->ring[i].running)
			return true;
	return false;
}

/* The driver's part of the way up, in its place: a front-end may say nothing of it. */
static struct err go_live(struct vhost_user *v)
{
	const uint32_t seen = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER,
		       agreed = seen | VIRTIO_CONFIG_S_FEATURES_OK;
	const uint64_t own =
		UINT64_C(1) << VHOST_USER_F_LOG_ALL | UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES;
	uint64_t bits = v->features & ~own;
	struct features f = { .word = { (uint32_t)bits, (uint32_t)(bits >> 32) } };
	struct device *d = v->config.device;

	v->config.trim(&f);
	device_set_status(d, 0);
	device_set_status(d, seen);
	for (unsigned i = 0; i < ARRAY_LEN(f.word); i++)
		device_accept_word(d, i, f.word[i]);
	device_set_status(d, agreed);
	if (device_status(d) != agreed)
		return err_make(ERR_SETUP, 0, "features %#llx that contradict each other",
				(unsigned long long)v->features);
	device_set_status(d, agreed | VIRTIO_CONFIG_S_DRIVER_OK);
	v->live = true;
	return err_none();
}

static struct err start(struct vhost_user *v, struct vu_ring *r)
{
	struct queue_config c;
	struct err e = v->live ? err_none() : go_live(v);

	if (err_is(e))
		return e;
	if (!vu_ring_config(v, r, &c) ||
	    !device_queue_start(v->config.device, index_of(v, r), &c, state_of(v, r)))
		return outside(v, r);
	r->running = true;
	/* What a back-end used that was killed may not have been told. */
	device_signal_queue(v->config.device, index_of(v, r));
	if ((r->addr.flags & VHOST_USER_RING_LOG) != 0)
		vu_update_log(v);
	return err_none();
}

/* VHU-10: right then, whether or not somebody kicks. */
struct err vu_start_rings(struct vhost_user *v)
{
	struct err e = err_none();

	if (!v->has_features || v->mappings == 0)
		return e;
	for (unsigned i = 0; i < v->config.rings && !err_is(e); i++) {
		struct vu_ring *r = &v->ring[i];

		if (!r->wanted || r->running || r->size == 0 || !r->has_addr)
			continue;
		e = start(v, r);
		r->wanted = !err_is(e);
	}
	return e;
}

static void stop(struct vhost_user *v, struct vu_ring *r)
{
	r->wanted = false;
	if (!r->running)
		return;
	r->base = base_of(v, device_queue_stop(v->config.device, index_of(v, r)));
	r->has_base = true;
	r->running = false;
	if (!vu_any_ring_runs(v) && v->live) {
		device_set_status(v->config.device, 0);
		v->live = false;
	}
}

void vu_stop_rings(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->config.rings; i++) {
		stop(v, &v->ring[i]);
		vu_forget_place(v, &v->ring[i]);
	}
}

struct err vu_get_vring_base(struct vhost_user *v, struct vu_message *m)
{
	struct vu_ring *r = m->ring;

	stop(v, r);
	vu_forget_place(v, r);
	(void)device_queue_set_kick(v->config.device, index_of(v, r), DEVICE_FD_OWN);
	close_fd(&r->kick_fd);
	m->payload.ring.num = r->base;
	m->reply_bytes = sizeof(m->payload.ring);
	return err_none();
}

/* ---- descriptors ---- */

/* VHU-14: the descriptor of KICK, CALL and ERR; *ret_fd is -1 if none is to come. */
static struct err take_fd(struct vu_message *m, int *ret_fd)
{
	bool none = (m->payload.number & VHOST_USER_RING_NO_FD) != 0;

	if (m->fd_count != (none ? 0 : 1))
		return err_make(ERR_SETUP, 0, "request %u with %u descriptors", m->header.request,
				m->fd_count);
	*ret_fd = none ? -1 : m->fd[0];
	if (!none)
		m->fd[0] = -1;
	return err_none();
}

struct err vu_set_vring_kick(struct vhost_user *v, struct vu_message *m)
{
	struct vu_ring *r = m->ring;
	int fd = -1, to;
	struct err e = take_fd(m, &fd);

	if (err_is(e))
		return e;
	to = fd < 0 && vu_agreed(v, VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS) ? DEVICE_FD_OWN
										: fd;
	if (!device_queue_set_kick(v->config.device, index_of(v, r), to)) {
		(void)close(fd);
		return err_make(ERR_SETUP, 0, "ring %u: a kick descriptor that cannot be watched",
				index_of(v, r));
	}
	close_fd(&r->kick_fd);
	r->kick_fd = fd;
	r->wanted = true;
	return vu_start_rings(v);
}

void vu_set_call(struct vhost_user *v, struct vu_ring *r)
{
	bool shared = r->call_fd >= 0;

	device_queue_set_call(v->config.device, index_of(v, r), shared ? r->call_fd : r->relay_fd,
			      shared ? v->config.signaller : NULL);
}

/* What was used before the front-end gave this descriptor was told to another, or to none: once
 * more does no harm. */
struct err vu_set_vring_call(struct vhost_user *v, struct vu_message *m)
{
	struct vu_ring *r = m->ring;
	int fd = -1, before = r->call_fd;
	struct err e = take_fd(m, &fd);

	if (err_is(e))
		return e;
	r->call_fd = fd;
	vu_set_call(v, r);
	close_fd(&before);
	if (fd >= 0 && r->running)
		signaller_signal(v->config.signaller, fd);
	return err_none();
}

struct err vu_set_vring_err(struct vhost_user *v, struct vu_message *m)
{
	struct vu_ring *r = m->ring;
	int fd = -1;
	struct err e = take_fd(m, &fd);

	(void)v;
	if (err_is(e))
		return e;
	close_fd(&r->err_fd);
	r->err_fd = fd;
	return e;
}

/* VHU-08: of a stopped ring too. */
static void enable(struct vhost_user *v, struct vu_ring *r, bool on)
{
	r->enabled = on;
	device_queue_enable(v->config.device, index_of(v, r), on);
}

void vu_enable_rings(struct vhost_user *v, bool on)
{
	for (unsigned i = 0; i < v->config.rings; i++)
		enable(v, &v->ring[i], on);
}

struct err vu_set_vring_enable(struct vhost_user *v, struct vu_message *m)
{
	enable(v, m->ring, m->payload.ring.num != 0);
	return err_none();
}

/* In-band. The first one starts the ring: there may be no SET_VRING_KICK. */
struct err vu_vring_kick(struct vhost_user *v, struct vu_message *m)
{
	struct vu_ring *r = m->ring;

	r->wanted = true;
	device_kick(v->config.device, index_of(v, r));
	return vu_start_rings(v);
}

/* ---- life ---- */

void vu_rings_init(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->config.rings; i++) {
		v->ring[i].kick_fd = v->ring[i].call_fd = v->ring[i].err_fd = -1;
		v->ring[i].relay_fd = -1;
		v->ring[i].of = v;
		device_queue_set_call(v->config.device, i, DEVICE_FD_NONE, NULL);
	}
	vu_enable_rings(v, false);
}

void vu_rings_fini(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->config.rings; i++)
		stop(v, &v->ring[i]);
	for (unsigned i = 0; i < v->config.rings; i++) {
		(void)device_queue_set_kick(v->config.device, i, DEVICE_FD_OWN);
		device_queue_set_call(v->config.device, i, DEVICE_FD_NONE, NULL);
		close_fd(&v->ring[i].kick_fd);
		close_fd(&v->ring[i].call_fd);
		close_fd(&v->ring[i].err_fd);
		if (v->ring[i].relay_fd >= 0)
			loop_remove(v->config.loop, v->ring[i].relay_fd);
		close_fd(&v->ring[i].relay_fd);
	}
}
