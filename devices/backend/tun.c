/* devices/backend/tun.c: IP without Ethernet. Reads, writes and settings are those of a TAP: one is
 * inside, and sees each frame without its first 14 bytes. */
#include "devices/backend/tun.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "devices/frame/gso.h"
#include "devices/frame/headers.h"
#include "devices/frame/neighbour.h"

enum {
	IPV4_TO = 16,
	IPV6_TO = 24,
	ANSWERS_MAX = BATCH_MAX,
};

/* Answers that recv has not given yet, a ring. Of the thread of its queue. */
struct answers {
	bool off; /* the queue is */
	unsigned first, count;
	struct {
		uint32_t len;
		uint8_t bytes[NEIGHBOUR_ANSWER_MAX];
	} ring[ANSWERS_MAX];
};

struct backend_tun {
	struct backend backend;
	struct backend *tap;
	uint8_t host_mac[MAC_BYTES], first_guest_mac[MAC_BYTES];
	atomic_uint_fast64_t guest_mac; /* its bytes; every queue's thread may learn it */
	struct answers queue[];
};

static struct backend_tun *of(struct backend *be) { return (struct backend_tun *)(void *)be; }
static const struct backend_tun *of_const(const struct backend *be)
{
	return (const struct backend_tun *)(const void *)be;
}

/* ---- addresses ---- */

static void know_guest(struct backend_tun *t, const uint8_t mac[static MAC_BYTES])
{
	uint64_t value = 0;

	memcpy(&value, mac, MAC_BYTES);
	if (value != atomic_load_explicit(&t->guest_mac, memory_order_relaxed))
		atomic_store_explicit(&t->guest_mac, value, memory_order_relaxed);
}

/* What counts from the frame's first byte counts from the packet's, or the other way. */
static void move_offsets(struct vnet_hdr *h, int by)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		h->csum_start = (uint16_t)(h->csum_start + by);
	if (h->gso_type & GSO_TUNNEL) {
		h->outer_th_offset = (uint16_t)(h->outer_th_offset + by);
		h->inner_nh_offset = (uint16_t)(h->inner_nh_offset + by);
	}
}

/* 4 or 6 if a header of that kind stands there, else 0. */
static unsigned ip_version(const uint8_t *ip, uint32_t len)
{
	if (len >= IPV4_BYTES_MIN && ip[0] >> 4 == 4)
		return 4;
	return len >= IPV6_BYTES && ip[0] >> 4 == 6 ? 6 : 0;
}

/* The destination of a packet for the guest: RFC 1112, 6.4; RFC 2464, 7. */
static void put_destination(const struct backend_tun *t, unsigned version, const uint8_t *ip,
			    uint8_t *ret_mac)
{
	const uint8_t *to = ip + (version == 4 ? IPV4_TO : IPV6_TO);
	uint64_t guest = atomic_load_explicit(&t->guest_mac, memory_order_relaxed);

	if (version == 6 && to[0] == 0xff)
		memcpy(ret_mac, (const uint8_t[]){ 0x33, 0x33, to[12], to[13], to[14], to[15] },
		       MAC_BYTES);
	else if (version == 4 && memcmp(to, "\xff\xff\xff\xff", 4) == 0)
		memset(ret_mac, 0xff, MAC_BYTES);
	else if (version == 4 && to[0] >> 4 == 14)
		memcpy(ret_mac, (const uint8_t[]){ 1, 0, 0x5e, to[1] & 0x7f, to[2], to[3] },
		       MAC_BYTES);
	else
		memcpy(ret_mac, &guest, MAC_BYTES);
}

/* ---- send ---- */

enum way {
	WAY_NONE, /* it had its fate */
	WAY_TUN,  /* to the TAP inside */
	WAY_HERE, /* no IP, or a question that is answered here */
};

/* An open frame is put as the TAP inside is to see it, or given a fate that keeps it off. */
static enum way go_in(struct backend_tun *t, struct frame *f, uint8_t ret_ethernet[ETH_BYTES])
{
	const uint8_t *ip = f->bytes + ETH_BYTES;
	unsigned type = 0, version = 0;

	if (f->fate != FATE_OPEN)
		return WAY_NONE;
	if (f->local > ETH_BYTES) {
		type = (unsigned)f->bytes[ETH_TYPE] << 8 | f->bytes[ETH_TYPE + 1];
		version = ip_version(ip, f->local - ETH_BYTES);
		if ((f->bytes[MAC_BYTES] & 1) == 0)
			know_guest(t, f->bytes + MAC_BYTES);
	}
	if (version == 0 || type != (version == 4 ? TYPE_IPV4 : TYPE_IPV6) ||
	    neighbour_asks(f->bytes, f->local)) {
		frame_drop(f, DROP_TX_NOT_IP);
		return WAY_HERE;
	}
	if ((f->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 && f->hdr.csum_start < ETH_BYTES) {
		frame_drop(f, DROP_TX_CSUM_RANGE);
		return WAY_NONE;
	}
	move_offsets(&f->hdr, -ETH_BYTES);
	memcpy(ret_ethernet, f->bytes, ETH_BYTES);
	f->bytes += ETH_BYTES;
	f->local -= ETH_BYTES;
	f->len -= ETH_BYTES;
	return WAY_TUN;
}

/* As it was: the TAP inside has put its header over the Ethernet header. */
static void come_out(struct frame *f, const uint8_t ethernet[ETH_BYTES])
{
	f->bytes -= ETH_BYTES;
	f->local += ETH_BYTES;
	f->len += ETH_BYTES;
	memcpy(f->bytes, ethernet, ETH_BYTES);
	move_offsets(&f->hdr, ETH_BYTES);
}

/* A question is sent when it has its answer; what else stays here keeps the fate that it has. */
static void answer(struct backend_tun *t, struct answers *a, struct frame *f)
{
	unsigned at = (a->first + a->count) % ANSWERS_MAX;

	if (a->off || !neighbour_asks(f->bytes, f->local))
		return;
	if (t->tap->ops->gone(t->tap)) {
		frame_drop(f, DROP_TX_GONE);
	} else if (a->count == ANSWERS_MAX) {
		frame_drop(f, DROP_TX_NO_MEMORY);
	} else {
		a->ring[at].len = neighbour_answer(f->bytes, t->host_mac, a->ring[at].bytes);
		a->count++;
		f->fate = FATE_SENT;
		f->why = DROP_NONE;
	}
}

static void tun_send(struct backend *be, unsigned queue, struct batch *batch)
{
	struct backend_tun *t = of(be);
	uint8_t ethernet[BATCH_MAX][ETH_BYTES];
	enum way way[BATCH_MAX];
	bool kept = false;

	for (unsigned i = 0; i < batch->count; i++)
		way[i] = go_in(t, &batch->frame[i], ethernet[i]);
	t->tap->ops->send(t->tap, queue, batch);
	for (unsigned i = 0; i < batch->count; i++) {
		struct frame *f = &batch->frame[i];

		if (way[i] == WAY_TUN)
			come_out(f, ethernet[i]);
		if (way[i] == WAY_HERE && kept) {
			f->fate = FATE_KEPT;
			f->why = DROP_NONE;
		} else if (way[i] == WAY_HERE) {
			answer(t, &t->queue[queue], f);
		}
		kept = kept || f->fate == FATE_KEPT;
	}
}

/* ---- recv ---- */

static void give_answers(struct answers *a, struct batch *batch, unsigned max)
{
	for (batch->count = 0; batch->count < max && a->count > 0; batch->count++) {
		struct frame *f = &batch->frame[batch->count];
		uint32_t len = a->ring[a->first].len;

		*f = (struct frame){ .bytes = f->bytes, .len = len, .local = len };
		memcpy(f->bytes, a->ring[a->first].bytes, len);
		a->first = (a->first + 1) % ANSWERS_MAX;
		a->count--;
	}
}

/* A packet that was read behind the room for it gets its Ethernet header there. */
static void put_ethernet(const struct backend_tun *t, struct frame *f)
{
	unsigned version;

	if (f->fate != FATE_OPEN)
		return;
	version = ip_version(f->bytes + ETH_BYTES, f->len);
	f->len += ETH_BYTES;
	f->local += ETH_BYTES;
	if (version == 0) {
		memset(f->bytes, 0, ETH_BYTES); /* there is the TAP's header */
		frame_drop(f, DROP_RX_NOT_IP);
		return;
	}
	put_destination(t, version, f->bytes + ETH_BYTES, f->bytes);
	memcpy(f->bytes + MAC_BYTES, t->host_mac, MAC_BYTES);
	f->bytes[ETH_TYPE] = (uint8_t)((version == 4 ? TYPE_IPV4 : TYPE_IPV6) >> 8);
	f->bytes[ETH_TYPE + 1] = (uint8_t)(version == 4 ? TYPE_IPV4 : TYPE_IPV6);
	move_offsets(&f->hdr, ETH_BYTES);
	if (f->hdr.hdr_len > 0)
		f->hdr.hdr_len = (uint16_t)(f->hdr.hdr_len + ETH_BYTES);
}

/* Answers are a visit of their own. */
static void tun_recv(struct backend *be, unsigned queue, struct batch *batch, unsigned max,
		     bool *ret_more)
{
	struct backend_tun *t = of(be);

	if (t->queue[queue].count > 0) {
		give_answers(&t->queue[queue], batch, max);
		*ret_more = true;
		return;
	}
	for (unsigned i = 0; i < max; i++)
		batch->frame[i].bytes += ETH_BYTES;
	t->tap->ops->recv(t->tap, queue, batch, max, ret_more);
	for (unsigned i = 0; i < max; i++) {
		batch->frame[i].bytes -= ETH_BYTES;
		if (i < batch->count)
			put_ethernet(t, &batch->frame[i]);
	}
}

static bool tun_has_input(const struct backend *be, unsigned queue)
{
	return of_const(be)->queue[queue].count > 0;
}

/* ---- the rest is the TAP's ---- */

static int tun_poll_fd(struct backend *be, unsigned queue)
{
	return of(be)->tap->ops->poll_fd(of(be)->tap, queue);
}

static struct err tun_set_offloads(struct backend *be, struct backend_offloads wanted)
{
	return of(be)->tap->ops->set_offloads(of(be)->tap, wanted);
}

/* Answers are frames like any other: none come into a queue that is off. */
static struct err tun_set_queue(struct backend *be, unsigned queue, bool on)
{
	struct backend_tun *t = of(be);

	t->queue[queue].off = !on;
	t->queue[queue].count = 0;
	return t->tap->ops->set_queue(t->tap, queue, on);
}

/* Off: the device was reset, and with it the address that its driver may have chosen. */
static struct err tun_set_carrier(struct backend *be, bool on)
{
	struct backend_tun *t = of(be);

	if (!on)
		know_guest(t, t->first_guest_mac);
	return t->tap->ops->set_carrier(t->tap, on);
}

static struct err tun_set_steering(struct backend *be, const struct backend_steering *s)
{
	return of(be)->tap->ops->set_steering(of(be)->tap, s);
}

static bool tun_gone(const struct backend *be)
{
	return of_const(be)->tap->ops->gone(of_const(be)->tap);
}

static void tun_counters(const struct backend *be, unsigned queue, struct backend_counters *ret)
{
	of_const(be)->tap->ops->counters(of_const(be)->tap, queue, ret);
}

static void tun_destroy(struct backend *be)
{
	struct backend_tun *t = of(be);

	t->tap->ops->destroy(t->tap);
	free(t);
}

static const struct backend_ops tun_ops = {
	.send = tun_send,
	.recv = tun_recv,
	.poll_fd = tun_poll_fd,
	.has_input = tun_has_input,
	.set_offloads = tun_set_offloads,
	.set_carrier = tun_set_carrier,
	.set_queue = tun_set_queue,
	.set_steering = tun_set_steering,
	.gone = tun_gone,
	.counters = tun_counters,
	.destroy = tun_destroy,
};

struct err backend_tun_create(const struct backend_tun_config *config, struct backend **ret_backend)
{
	struct backend_tun *t = calloc(1, sizeof(*t) + config->tap.fd_count * sizeof(t->queue[0]));
	struct err e;

	if (t == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make the backend of %s", config->tap.name);
	e = backend_tap_create(&config->tap, &t->tap);
	if (err_is(e)) {
		free(t);
		return e;
	}
	t->backend = (struct backend){ .ops = &tun_ops, .caps = t->tap->caps };
	/* In front of a tunnel that is written the kernel wants an Ethernet header (Linux 6.18). */
	t->backend.caps.sends_tunnels = false;
	memcpy(t->host_mac, config->host_mac, MAC_BYTES);
	memcpy(t->first_guest_mac, config->guest_mac, MAC_BYTES);
	know_guest(t, config->guest_mac);
	*ret_backend = &t->backend;
	return err_none();
}
