/* devices/backend/tap.c: frames by read and write on a TAP; errno becomes a fate (contract 5). */
#include "devices/backend/tap.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/backend/tap_steer.h"
#include "devices/base/uapi_compat.h"
#include "devices/frame/gso.h"
#include "devices/frame/headers.h"
#include "devices/frame/vnet_hdr.h"

enum { QUEUES_MAX = 256, REST_MAX = 128 };

struct tap_queue {
	int fd;
	atomic_uint_fast64_t syscalls, again;
	struct log_limit limit; /* its own: each queue has a thread */
};

struct backend_tap {
	struct backend backend;
	const struct sys *sys;
	struct log log;
	unsigned hdr_bytes, hdr_set; /* what we read and write; what is set now */
	atomic_bool gone;
	char name[32];
	int steer_program, steer_fd; /* -1: none */
	struct steer_map *steer;
	/* The kernel's order of the attached queues, and the place of each in it. */
	unsigned attached;
	uint16_t order[QUEUES_MAX], place[QUEUES_MAX];
	unsigned queue_count;
	struct tap_queue queue[];
};

static struct backend_tap *of(struct backend *be) { return (struct backend_tap *)(void *)be; }

static void add(atomic_uint_fast64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* ENOBUFS and ENOMEM are not waited for: poll says writable at once, that would be a spin. */
static void write_failed(struct backend_tap *t, struct tap_queue *q, struct frame *f, int why)
{
	switch (why) {
	case EIO: frame_drop(f, DROP_TX_LINK_DOWN); return;
	case ENOBUFS:
	case ENOMEM: frame_drop(f, DROP_TX_NO_MEMORY); return;
	case EINVAL: frame_drop(f, DROP_TX_REFUSED); return;
	case EFAULT: frame_drop(f, DROP_TX_MEMORY_GONE); return;
	case EBADFD:
	case EBADF:
		atomic_store(&t->gone, true);
		frame_drop(f, DROP_TX_GONE);
		return;
	default:
		frame_drop(f, DROP_TX_REFUSED);
		log_limited(&t->log, &q->limit, "%s: write of a frame of %u bytes: %s", t->name,
			    f->len, strerrordesc_np(why));
	}
}

/* One write. false: it would block. */
static bool send_one(struct backend_tap *t, struct tap_queue *q, struct frame *f)
{
	uint8_t *head = f->bytes - t->hdr_bytes;
	size_t head_bytes = t->hdr_bytes + (size_t)f->local, all = t->hdr_bytes + (size_t)f->len;
	struct iovec iov[1 + REST_MAX];
	ssize_t done;

	if (f->rest_count > REST_MAX) {
		frame_drop(f, DROP_TX_REFUSED); /* net/tx.c lends fewer */
		return true;
	}
	vnet_hdr_write(f->hdr, head, t->hdr_bytes);
	add(&q->syscalls);
	if (f->rest_count == 0) {
		done = t->sys->write(q->fd, head, head_bytes);
	} else {
		iov[0] = (struct iovec){ head, head_bytes };
		memcpy(&iov[1], f->rest, (size_t)f->rest_count * sizeof(iov[0]));
		done = t->sys->writev(q->fd, iov, 1 + f->rest_count);
	}
	if (done >= 0) {
		f->fate = FATE_SENT;
		if ((size_t)done != all)
			frame_drop(f, DROP_TX_SHORT_WRITE); /* a part went out: never again */
		return true;
	}
	if (errno == EAGAIN) {
		add(&q->again);
		return false;
	}
	write_failed(t, q, f, errno);
	return true;
}

/* NET-45: by the descriptor of that queue: there the kernel brings the flow's frames back. */
static void tap_send(struct backend *be, unsigned queue, struct batch *batch)
{
	struct backend_tap *t = of(be);
	bool blocked = false;

	for (unsigned i = 0; i < batch->count; i++) {
		struct frame *f = &batch->frame[i];

		if (f->fate != FATE_OPEN)
			continue;
		blocked = blocked || !send_one(t, &t->queue[queue], f);
		if (blocked)
			f->fate = FATE_KEPT;
	}
}

/* EFAULT is tun's word for a deleted device. EINVAL: a frame that has no header in virtio's
 * form; the kernel has thrown it away. Returns whether a frame was used up. */
static bool read_failed(struct backend_tap *t, struct tap_queue *q, struct frame *f, int why)
{
	switch (why) {
	case EAGAIN: add(&q->again); return false;
	case EBADFD:
	case EBADF:
	case EFAULT: atomic_store(&t->gone, true); return false;
	case EINVAL:
		*f = (struct frame){ .bytes = f->bytes };
		frame_drop(f, DROP_RX_ERROR);
		return true;
	default:
		log_limited(&t->log, &q->limit, "%s: read: %s", t->name, strerrordesc_np(why));
		return false;
	}
}

/* A tag that the kernel kept beside the packet and puts back as the frame is read (Linux 6.18) is
 * counted where the checksum starts, and not where the headers of a tunnel are. */
static void count_tag(struct frame *f)
{
	if ((f->hdr.gso_type & GSO_TUNNEL) == 0 || !frame_tagged(f->bytes, f->local))
		return;
	if (frame_parse(f->bytes, f->local, f->len).l4_offset !=
	    f->hdr.outer_th_offset + VLAN_BYTES)
		return;
	f->hdr.outer_th_offset += VLAN_BYTES;
	f->hdr.inner_nh_offset += VLAN_BYTES;
}

/* A frame that is read has an end, whatever it is. false: nothing was there. */
static bool recv_one(struct backend_tap *t, struct tap_queue *q, struct frame *f)
{
	uint8_t *bytes = f->bytes;
	uint8_t *head = bytes - t->hdr_bytes;
	ssize_t got;

	add(&q->syscalls);
	got = t->sys->read(q->fd, head, READ_MAX + t->hdr_bytes);
	if (got < 0)
		return read_failed(t, q, f, errno);
	*f = (struct frame){ .bytes = bytes };
	if ((size_t)got < t->hdr_bytes + FRAME_MIN) {
		frame_drop(f, DROP_RX_RUNT);
		return true;
	}
	f->hdr = vnet_hdr_read(head, t->hdr_bytes);
	f->len = f->local = (uint32_t)((size_t)got - t->hdr_bytes);
	count_tag(f);
	return true;
}

static void tap_recv(struct backend *be, unsigned queue, struct batch *batch, unsigned max,
		     bool *ret_more)
{
	struct backend_tap *t = of(be);
	uint32_t bytes = 0;

	batch->count = 0;
	*ret_more = true;
	while (batch->count < max && bytes < BATCH_BYTES_MAX) {
		struct frame *f = &batch->frame[batch->count];

		if (!recv_one(t, &t->queue[queue], f)) {
			*ret_more = false;
			return;
		}
		bytes += f->len;
		batch->count++;
	}
}

static int tap_poll_fd(struct backend *be, unsigned queue) { return of(be)->queue[queue].fd; }

/* false: it failed, errno says why. One that is gone takes everything. */
static bool set(struct backend_tap *t, unsigned queue, unsigned long request, void *arg)
{
	if (atomic_load(&t->gone) || t->sys->ioctl(t->queue[queue].fd, request, arg) >= 0)
		return true;
	if (errno != EBADFD)
		return false;
	atomic_store(&t->gone, true);
	return true;
}

struct backend_offloads backend_tap_offloads(unsigned tun_flags)
{
	return (struct backend_offloads){
		.csum = (tun_flags & TUN_F_CSUM) != 0,
		.tso4 = (tun_flags & TUN_F_TSO4) != 0,
		.tso6 = (tun_flags & TUN_F_TSO6) != 0,
		.ecn = (tun_flags & TUN_F_TSO_ECN) != 0,
		.uso = (tun_flags & TUN_F_USO4) != 0 && (tun_flags & TUN_F_USO6) != 0,
		.tunnel = (tun_flags & TUN_F_UDP_TUNNEL_GSO) != 0,
		.tunnel_csum = (tun_flags & TUN_F_UDP_TUNNEL_GSO_CSUM) != 0,
	};
}

static struct err tap_set_offloads(struct backend *be, struct backend_offloads wanted)
{
	struct backend_tap *t = of(be);
	unsigned value = (wanted.csum ? TUN_F_CSUM : 0u) | (wanted.tso4 ? TUN_F_TSO4 : 0u) |
			 (wanted.tso6 ? TUN_F_TSO6 : 0u) | (wanted.ecn ? TUN_F_TSO_ECN : 0u) |
			 (wanted.uso ? TUN_F_USO4 | TUN_F_USO6 : 0u) |
			 (wanted.tunnel ? TUN_F_UDP_TUNNEL_GSO : 0u) |
			 (wanted.tunnel_csum ? TUN_F_UDP_TUNNEL_GSO_CSUM : 0u);

	if (set(t, 0, TUNSETOFFLOAD, (void *)(uintptr_t)value))
		return err_none();
	return err_make(ERR_SETUP, errno, "set offloads %#x of %s", value, t->name);
}

static struct err tap_set_carrier(struct backend *be, bool on)
{
	struct backend_tap *t = of(be);
	int value = on;

	if (!be->caps.carrier || set(t, 0, TUNSETCARRIER, &value))
		return err_none();
	return err_make(ERR_SETUP, errno, "set the carrier of %s", t->name);
}

static void put_at(struct backend_tap *t, unsigned place, uint16_t queue)
{
	t->order[place] = queue;
	t->place[queue] = (uint16_t)place;
}

/* The kernel puts its last queue into the place of the one that is detached, and an attached one
 * behind its last. Header size, offloads and the like are the interface's and stay. */
static struct err tap_set_queue(struct backend *be, unsigned queue, bool on)
{
	struct backend_tap *t = of(be);
	struct ifreq request = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	if (!set(t, queue, TUNSETQUEUE, &request))
		return err_make(ERR_SETUP, errno, "%s queue %u of %s", on ? "attach" : "detach",
				queue, t->name);
	if (on)
		put_at(t, t->attached++, (uint16_t)queue);
	else
		put_at(t, t->place[queue], t->order[--t->attached]);
	return err_none();
}

static struct err tap_set_steering(struct backend *be, const struct backend_steering *s)
{
	struct backend_tap *t = of(be);
	int program = s != NULL ? t->steer_program : -1;

	if (s != NULL)
		tap_steer_fill(t->steer, s, t->place);
	if (set(t, 0, TUNSETSTEERINGEBPF, &program))
		return err_none();
	return err_make(ERR_SETUP, errno, "set the steering of %s", t->name);
}

/* It is the interface's, of all its queues. */
static struct err tap_lend(struct backend *be, unsigned hdr_bytes)
{
	struct backend_tap *t = of(be);
	int bytes = (int)(hdr_bytes != 0 ? hdr_bytes : t->hdr_bytes);

	if ((unsigned)bytes == t->hdr_set || set(t, 0, TUNSETVNETHDRSZ, &bytes)) {
		t->hdr_set = (unsigned)bytes;
		return err_none();
	}
	return err_make(ERR_SETUP, errno, "set a header of %d bytes for %s", bytes, t->name);
}

static bool tap_gone(const struct backend *be)
{
	return atomic_load(&((const struct backend_tap *)(const void *)be)->gone);
}

static void tap_counters(const struct backend *be, unsigned queue, struct backend_counters *ret)
{
	const struct tap_queue *q = &((const struct backend_tap *)(const void *)be)->queue[queue];

	ret->syscalls = atomic_load_explicit(&q->syscalls, memory_order_relaxed);
	ret->again = atomic_load_explicit(&q->again, memory_order_relaxed);
}

static void tap_destroy(struct backend *be)
{
	struct backend_tap *t = of(be);

	/* The last made is detached first: the others keep their index. */
	for (unsigned i = t->queue_count; i > 0; i--)
		(void)t->sys->close(t->queue[i - 1].fd);
	tap_steer_close(t->steer);
	if (t->steer_program >= 0) {
		(void)t->sys->close(t->steer_program);
		(void)t->sys->close(t->steer_fd);
	}
	free(t);
}

static const struct backend_ops tap_ops = {
	.send = tap_send,
	.recv = tap_recv,
	.poll_fd = tap_poll_fd,
	.set_offloads = tap_set_offloads,
	.set_carrier = tap_set_carrier,
	.set_queue = tap_set_queue,
	.set_steering = tap_set_steering,
	.lend = tap_lend,
	.gone = tap_gone,
	.counters = tap_counters,
	.destroy = tap_destroy,
};

struct err backend_tap_create(const struct backend_tap_config *config, struct backend **ret_backend)
{
	struct backend_tap *t;

	if (config->fd_count == 0 || config->fd_count > QUEUES_MAX ||
	    config->hdr_bytes < VNET_HDR_BYTES || config->hdr_bytes > VNET_HDR_MAX)
		return err_make(ERR_SETUP, 0, "%s: %u queues and a header of %u bytes",
				config->name, config->fd_count, config->hdr_bytes);
	t = calloc(1, sizeof(*t) + config->fd_count * sizeof(t->queue[0]));
	if (t == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make the backend of %s", config->name);
	t->backend = (struct backend){
		.ops = &tap_ops,
		.caps = { .offloads = config->offloads,
			  .sends_tunnels = true,
			  .queues = config->fd_count,
			  .carrier = config->carrier,
			  .steering = config->steers },
	};
	t->steer_program = -1;
	if (config->steers) {
		struct err e = tap_steer_open(config->steer_map, &t->steer);

		if (err_is(e)) {
			free(t);
			return e;
		}
		t->steer_program = config->steer_program;
		t->steer_fd = config->steer_map;
	}
	t->sys = config->sys;
	t->log = config->log;
	t->hdr_bytes = t->hdr_set = config->hdr_bytes;
	t->queue_count = config->fd_count;
	(void)snprintf(t->name, sizeof(t->name), "%s", config->name);
	for (unsigned i = 0; i < config->fd_count; i++) {
		t->queue[i].fd = config->fds[i];
		put_at(t, t->attached++, (uint16_t)i);
	}
	*ret_backend = &t->backend;
	return err_none();
}
