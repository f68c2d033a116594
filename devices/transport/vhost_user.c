/* devices/transport/vhost_user.c: one connection, and the table of requests. */
#include "devices/transport/vhost_user.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/transport/vhost_user_priv.h"

/* ---- the device ---- */

static struct err set_owner(struct vhost_user *v, struct vu_message *m)
{
	(void)v, (void)m;
	return err_none();
}

/* VHU-21: nothing but the rings, which a front-end that still sends it means. */
static struct err reset_owner(struct vhost_user *v, struct vu_message *m)
{
	(void)m;
	vu_enable_rings(v, false);
	return err_none();
}

/* VHU-21. */
static struct err reset_device(struct vhost_user *v, struct vu_message *m)
{
	(void)m;
	vu_stop_rings(v);
	vu_enable_rings(v, false);
	v->status = 0;
	return err_none();
}

/* VHU-17. */
static struct err get_queue_num(struct vhost_user *v, struct vu_message *m)
{
	vu_answer(m, v->config.queue_num);
	return err_none();
}

static struct err get_max_mem_slots(struct vhost_user *v, struct vu_message *m)
{
	(void)v;
	vu_answer(m, GUEST_MEM_REGIONS_MAX);
	return err_none();
}

/* Rings are started and stopped by messages of their own, in whatever order to this one: of it
 * only the reset counts. Each ring keeps its index, which is asked for afterwards. */
static struct err set_status(struct vhost_user *v, struct vu_message *m)
{
	v->status = (uint8_t)m->payload.number;
	if (v->status == 0)
		vu_stop_rings(v);
	return err_none();
}

static struct err get_status(struct vhost_user *v, struct vu_message *m)
{
	vu_answer(m, v->status | (device_status(v->config.device) & VIRTIO_CONFIG_S_NEEDS_RESET));
	return err_none();
}

/* VHU-19. */
static struct err get_config(struct vhost_user *v, struct vu_message *m)
{
	struct wire_vu_config *c = &m->payload.config;
	const uint32_t head = sizeof(*c) - sizeof(c->bytes);

	if (c->offset > VHOST_USER_CONFIG_MAX || c->size > VHOST_USER_CONFIG_MAX - c->offset)
		c->size = 0;
	device_config_read(v->config.device, c->offset, c->bytes, c->size);
	m->reply_bytes = head + c->size;
	return err_none();
}

/* VHU-19: none of our fields is the driver's to write. What a migration brings is what we say
 * ourselves. */
static struct err set_config(struct vhost_user *v, struct vu_message *m)
{
	(void)v;
	if (m->payload.config.flags == VHOST_USER_CONFIG_MIGRATION)
		return err_none();
	return err_make(ERR_SETUP, 0, "a write to a configuration that is read-only");
}

/* VHU-20. */
static struct err set_mtu(struct vhost_user *v, struct vu_message *m)
{
	if (device_request(v->config.device, DEVICE_REQUEST_MTU, m->payload.number))
		return err_none();
	return err_make(ERR_SETUP, 0, "an MTU of %llu, which does not fit here",
			(unsigned long long)m->payload.number);
}

static struct err send_rarp(struct vhost_user *v, struct vu_message *m)
{
	(void)device_request(v->config.device, DEVICE_REQUEST_ANNOUNCE, m->payload.number);
	return err_none();
}

static struct err set_backend_req_fd(struct vhost_user *v, struct vu_message *m)
{
	struct stat st;

	if (fstat(m->fd[0], &st) < 0 || !S_ISSOCK(st.st_mode))
		return err_make(ERR_SETUP, 0, "a channel for requests that is no socket");
	if (v->backend_fd >= 0)
		(void)close(v->backend_fd);
	v->backend_fd = m->fd[0];
	m->fd[0] = -1;
	return err_none();
}

static struct err set_log_fd(struct vhost_user *v, struct vu_message *m)
{
	(void)v,
		(void)m; /* to be told that the log has news, which who reads it looks for anyway */
	return err_none();
}

/* ---- the table ---- */

enum { NONE, SOME }; /* replies */
static const struct request {
	uint8_t number;
	uint8_t bytes_min, fds_min, fds_max;
	bool replies;
	/* Where the payload has the number of a ring: none, a u32, or bits 0 to 7 (VHU-14). */
	enum { NO_RING, RING_WORD, RING_BITS } ring;
	struct err (*take)(struct vhost_user *v, struct vu_message *m);
} requests[] = {
	/* clang-format off */
	{ VHOST_USER_GET_FEATURES,           0, 0, 0, SOME, NO_RING,   vu_get_features },
	{ VHOST_USER_SET_FEATURES,           8, 0, 0, NONE, NO_RING,   vu_set_features },
	{ VHOST_USER_SET_OWNER,              0, 0, 0, NONE, NO_RING,   set_owner },
	{ VHOST_USER_RESET_OWNER,            0, 0, 0, NONE, NO_RING,   reset_owner },
	{ VHOST_USER_SET_MEM_TABLE,          8, 0, 8, NONE, NO_RING,   vu_set_mem_table },
	{ VHOST_USER_SET_LOG_BASE,          16, 1, 1, SOME, NO_RING,   vu_set_log_base },
	{ VHOST_USER_SET_LOG_FD,             0, 1, 1, NONE, NO_RING,   set_log_fd },
	{ VHOST_USER_SET_VRING_NUM,          8, 0, 0, NONE, RING_WORD, vu_set_vring_num },
	{ VHOST_USER_SET_VRING_ADDR,        40, 0, 0, NONE, RING_WORD, vu_set_vring_addr },
	{ VHOST_USER_SET_VRING_BASE,         8, 0, 0, NONE, RING_WORD, vu_set_vring_base },
	{ VHOST_USER_GET_VRING_BASE,         8, 0, 0, SOME, RING_WORD, vu_get_vring_base },
	{ VHOST_USER_SET_VRING_KICK,         8, 0, 1, NONE, RING_BITS, vu_set_vring_kick },
	{ VHOST_USER_SET_VRING_CALL,         8, 0, 1, NONE, RING_BITS, vu_set_vring_call },
	{ VHOST_USER_SET_VRING_ERR,          8, 0, 1, NONE, RING_BITS, vu_set_vring_err },
	{ VHOST_USER_GET_PROTOCOL_FEATURES,  0, 0, 0, SOME, NO_RING,   vu_get_protocol_features },
	{ VHOST_USER_SET_PROTOCOL_FEATURES,  8, 0, 0, NONE, NO_RING,   vu_set_protocol_features },
	{ VHOST_USER_GET_QUEUE_NUM,          0, 0, 0, SOME, NO_RING,   get_queue_num },
	{ VHOST_USER_SET_VRING_ENABLE,       8, 0, 0, NONE, RING_WORD, vu_set_vring_enable },
	{ VHOST_USER_SEND_RARP,              8, 0, 0, NONE, NO_RING,   send_rarp },
	{ VHOST_USER_NET_SET_MTU,            8, 0, 0, NONE, NO_RING,   set_mtu },
	{ VHOST_USER_SET_BACKEND_REQ_FD,     0, 1, 1, NONE, NO_RING,   set_backend_req_fd },
	{ VHOST_USER_GET_CONFIG,            12, 0, 0, SOME, NO_RING,   get_config },
	{ VHOST_USER_SET_CONFIG,            12, 0, 0, NONE, NO_RING,   set_config },
	{ VHOST_USER_GET_INFLIGHT_FD,       20, 0, 0, SOME, NO_RING,   vu_get_inflight_fd },
	{ VHOST_USER_SET_INFLIGHT_FD,       20, 1, 1, NONE, NO_RING,   vu_set_inflight_fd },
	{ VHOST_USER_RESET_DEVICE,           0, 0, 0, NONE, NO_RING,   reset_device },
	{ VHOST_USER_VRING_KICK,             8, 0, 0, NONE, RING_WORD, vu_vring_kick },
	{ VHOST_USER_GET_MAX_MEM_SLOTS,      0, 0, 0, SOME, NO_RING,   get_max_mem_slots },
	{ VHOST_USER_ADD_MEM_REG,           40, 1, 1, NONE, NO_RING,   vu_add_mem_reg },
	{ VHOST_USER_REM_MEM_REG,           40, 0, 1, NONE, NO_RING,   vu_rem_mem_reg },
	{ VHOST_USER_SET_STATUS,             8, 0, 0, NONE, NO_RING,   set_status },
	{ VHOST_USER_GET_STATUS,             0, 0, 0, SOME, NO_RING,   get_status },
	/* clang-format on */
};

static const struct request *find(uint32_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		if (requests[i].number == number)
			return &requests[i];
	return NULL;
}

/* ---- the connection ---- */

/* Everything of this front-end's goes; the object stays until it is destroyed. */
static void end(struct vhost_user *v)
{
	if (v->fd < 0)
		return;
	loop_remove(v->config.loop, v->fd);
	loop_remove(v->config.loop, device_call_fd(v->config.device));
	vu_rings_fini(v);
	vu_inflight_fini(v);
	vu_mem_fini(v);
	vu_clear(&v->in);
	(void)close(v->fd);
	if (v->backend_fd >= 0)
		(void)close(v->backend_fd);
	v->fd = v->backend_fd = -1;
	v->over = true;
}

static void drop(struct vhost_user *v, struct err why)
{
	if (v->fd < 0)
		return;
	log_limited(&v->config.log, v->config.limit, "%s: the front-end is dropped: %s",
		    v->config.name, why.text);
	end(v);
}

static void tell_if_over(struct vhost_user *v)
{
	if (!v->over)
		return;
	v->over = false;
	v->config.ended(v->config.self);
}

static void reply(struct vhost_user *v, struct vu_message *m)
{
	const struct wire_vu_header h = { m->header.request, VHOST_USER_VERSION | VHOST_USER_REPLY,
					  m->reply_bytes };

	if (!vu_send(v->fd, &h, m->payload.bytes, m->reply_fd))
		drop(v, err_make(ERR_SETUP, 0, "it does not read its answers"));
}

/* VHU-04: 0 for success. */
static void acknowledge(struct vhost_user *v, struct vu_message *m, bool good)
{
	vu_answer(m, good ? 0 : 1);
	reply(v, m);
}

static struct err take(struct vhost_user *v, const struct request *r, struct vu_message *m)
{
	uint64_t ring;

	if (r == NULL)
		return err_make(ERR_SETUP, 0, "unknown request %u", m->header.request);
	ring = r->ring == RING_BITS ? m->payload.number & ~(uint64_t)VHOST_USER_RING_NO_FD
				    : m->payload.ring.index;
	if (r->ring != NO_RING && ring >= v->config.rings)
		return err_make(ERR_SETUP, 0, "request %u for ring %llu; there are %u",
				m->header.request, (unsigned long long)ring, v->config.rings);
	m->ring = r->ring == NO_RING ? NULL : &v->ring[ring];
	return r->take(v, m);
}

static void dispatch(struct vhost_user *v, struct vu_message *m)
{
	const struct request *r = find(m->header.request);
	bool wants_ack = (m->header.flags & VHOST_USER_NEED_REPLY) != 0 &&
			 vu_agreed(v, VHOST_USER_PROTOCOL_F_REPLY_ACK);
	struct err e;

	/* VHU-02, 05: what is too short, or has other descriptors than its request, is none. */
	if (r != NULL && (m->header.size < r->bytes_min || m->fd_count < r->fds_min ||
			  m->fd_count > r->fds_max)) {
		drop(v, err_make(ERR_SETUP, 0, "request %u with %u bytes and %u descriptors",
				 m->header.request, m->header.size, m->fd_count));
		return;
	}
	e = take(v, r, m);
	/* VHU-03, 04: who asks for an answer gets it, and may do without what was refused. Who
	 * does not would take it for done. */
	if (err_is(e) && wants_ack && (r == NULL || !r->replies)) {
		log_limited(&v->config.log, v->config.limit, "%s: refused: %s", v->config.name,
			    e.text);
		acknowledge(v, m, false);
	} else if (err_is(e)) {
		drop(v, e);
	} else if (m->reply_bytes > 0) {
		reply(v, m);
	} else if (wants_ack) {
		acknowledge(v, m, true);
	}
}

static void on_message(void *self, uint32_t epoll_events)
{
	struct vhost_user *v = self;
	struct err why;

	(void)epoll_events;
	switch (vu_receive(v, &why)) {
	case VU_GOT_SOME: break;
	case VU_GOT_END: end(v); break;
	case VU_GOT_BAD: drop(v, why); break;
	case VU_GOT_ALL:
		dispatch(v, &v->in);
		vu_clear(&v->in);
		break;
	}
	tell_if_over(v);
}

void vhost_user_fault(struct vhost_user *v)
{
	drop(v, err_make(ERR_SETUP, 0, "a file of its memory was cut short"));
	tell_if_over(v);
}

struct err vhost_user_create(const struct vhost_user_config *config, int socket_fd,
			     struct vhost_user **ret_vhost_user)
{
	struct vhost_user *v = calloc(1, sizeof(*v));
	struct err e;

	if (v == NULL) {
		(void)close(socket_fd);
		return err_make(ERR_SETUP, ENOMEM, "serve a front-end");
	}
	v->config = *config;
	v->fd = socket_fd;
	v->backend_fd = -1;
	v->in.reply_fd = -1;
	/* VERSION_1 is between driver and front-end, which may have a legacy interface for it. */
	device_serve_legacy(config->device, true);
	vu_rings_init(v);
	e = loop_add(config->loop, device_call_fd(config->device), EPOLLIN, vu_on_call, v);
	if (!err_is(e))
		e = loop_add(config->loop, socket_fd, EPOLLIN, on_message, v);
	if (err_is(e)) {
		vhost_user_destroy(v);
		return e;
	}
	*ret_vhost_user = v;
	return e;
}

void vhost_user_destroy(struct vhost_user *v)
{
	if (v == NULL)
		return;
	end(v);
	free(v);
}
