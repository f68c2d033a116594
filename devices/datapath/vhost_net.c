/* devices/datapath/vhost_net.c: the data path in the kernel. Start reading at vhost_net_run. */
#include "devices/datapath/vhost_net.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "devices/base/uapi_compat.h"

enum { PAIR_RINGS = 2 };
#define BIT(n) (UINT64_C(1) << (n))
/* What every driver is offered and the kernel has to know of; of the rest it only passes on what
 * stands in the header. */
#define FEATURES_NEEDED                                                                            \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |                              \
	 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_NET_F_MRG_RXBUF))

struct ring {
	struct vhost_net *v;
	unsigned index;        /* of the queue; its place in the pair is that modulo PAIR_RINGS */
	int call_fd, error_fd; /* ours: the loop reads what the kernel writes */
	/* Changed with the device's mutex and that of calls; read with either. */
	bool runs;
	int calls; /* what the kernel writes now; with the mutex of calls */
};

struct vhost_net {
	struct datapath_config config;
	struct net *net;
	struct device *device; /* its */
	uint64_t features;     /* the kernel's */
	/* Transports ask for another call with locks of theirs: the device's mutex is not for that.
	 */
	pthread_mutex_t calls_mutex;
	int fd[QUEUE_PAIRS_MAX];
	struct ring ring[PAIR_RINGS * QUEUE_PAIRS_MAX];
};

static struct err ask(struct vhost_net *v, unsigned pair, unsigned long request, void *arg,
		      const char *what)
{
	if (v->config.sys->ioctl(v->fd[pair], request, arg) >= 0)
		return err_none();
	return err_make(ERR_SETUP, errno, "vhost-net of pair %u: %s", pair, what);
}

/* The calls that only we could have made wrong: what they set is ours, and open. */
static void tell(struct ring *r, unsigned long request, int fd)
{
	struct vhost_vring_file file = { .index = r->index % PAIR_RINGS, .fd = fd };

	(void)r->v->config.sys->ioctl(r->v->fd[r->index / PAIR_RINGS], request, &file);
}

/* ---- from the kernel to the driver ---- */

static bool drained(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* With the mutex of calls: looks and tells under one lock, so that who comes last tells the last.
 */
static void choose_call(struct ring *r)
{
	int direct = device_direct_call(r->v->device, r->index);
	int fd = direct != DEVICE_FD_NONE ? direct : r->call_fd;

	if (fd != r->calls)
		tell(r, VHOST_SET_VRING_CALL, fd);
	r->calls = fd;
}

void vhost_net_move_call(struct vhost_net *v, unsigned index)
{
	if (index >= PAIR_RINGS * v->config.pairs)
		return;
	(void)pthread_mutex_lock(&v->calls_mutex);
	if (v->ring[index].runs)
		choose_call(&v->ring[index]);
	(void)pthread_mutex_unlock(&v->calls_mutex);
}

/* Of a ring that has stopped there is nothing to read: all of it was told then.
 * CORE-04: what breaks a ring for a worker makes the kernel say so and leave it alone. */
static void relay(struct ring *r)
{
	struct device *d = r->v->device;

	if (drained(r->call_fd))
		device_signal_queue(d, r->index);
	if (drained(r->error_fd)) {
		queue_break(device_queue(d, r->index), QUEUE_FAULT_KERNEL);
		device_report_broken(d, r->index);
	}
}

static void on_event(void *self, uint32_t epoll_events)
{
	struct ring *r = self;

	(void)epoll_events;
	device_lock(r->v->device);
	relay(r);
	device_unlock(r->v->device);
}

/* ---- start and pause ---- */

static void set_runs(struct ring *r, bool on)
{
	(void)pthread_mutex_lock(&r->v->calls_mutex);
	r->runs = on;
	r->calls = -1;
	if (on)
		choose_call(r);
	(void)pthread_mutex_unlock(&r->v->calls_mutex);
}

/* Addresses of rings are this process's, those in descriptors the guest's. */
static struct err set_memory(struct vhost_net *v, unsigned pair)
{
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) +
			     GUEST_MEM_REGIONS_MAX * sizeof(struct vhost_memory_region)];
	} memory = { .table = { .nregions = 0 } };
	struct mem_region region[GUEST_MEM_REGIONS_MAX];

	memory.table.nregions = guest_mem_table(v->config.mem, region);
	for (unsigned i = 0; i < memory.table.nregions; i++)
		memory.table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = region[i].gpa,
			.memory_size = region[i].size,
			.userspace_addr = (uintptr_t)region[i].host,
		};
	return ask(v, pair, VHOST_SET_MEM_TABLE, &memory, "guest memory");
}

static struct err set_features(struct vhost_net *v, unsigned pair)
{
	const struct features *accepted = device_accepted(v->device);
	uint64_t features = ((uint64_t)accepted->word[1] << 32 | accepted->word[0]) & v->features;

	return ask(v, pair, VHOST_SET_FEATURES, &features, "features");
}

static struct err set_ring(struct ring *r, struct queue *q)
{
	unsigned pair = r->index / PAIR_RINGS, place = r->index % PAIR_RINGS;
	struct queue_rings at = queue_rings(q);
	struct vhost_vring_state size = { .index = place, .num = at.size };
	struct vhost_vring_state base = { .index = place, .num = queue_save(q).index };
	struct vhost_vring_addr addr = { .index = place,
					 .desc_user_addr = (uintptr_t)at.desc,
					 .avail_user_addr = (uintptr_t)at.driver,
					 .used_user_addr = (uintptr_t)at.device };
	struct err e = ask(r->v, pair, VHOST_SET_VRING_NUM, &size, "size of a ring");

	if (!err_is(e))
		e = ask(r->v, pair, VHOST_SET_VRING_BASE, &base, "base of a ring");
	if (!err_is(e))
		e = ask(r->v, pair, VHOST_SET_VRING_ADDR, &addr, "addresses of a ring");
	return e;
}

/* The backend comes last: from then on the kernel looks at the ring. */
static struct err start_ring(struct ring *r, struct queue *q)
{
	struct vhost_net *v = r->v;
	unsigned pair = r->index / PAIR_RINGS;
	struct vhost_vring_file backend = { .index = r->index % PAIR_RINGS,
					    .fd = net_backend_fd(net_pair(v->net, pair)) };
	struct err e = set_ring(r, q);

	if (err_is(e))
		return e;
	tell(r, VHOST_SET_VRING_KICK, device_kick_fd(v->device, r->index));
	set_runs(r, true);
	tell(r, VHOST_SET_VRING_ERR, r->error_fd);
	return ask(v, pair, VHOST_NET_SET_BACKEND, &backend, "TAP");
}

static struct err start_pair(struct vhost_net *v, unsigned pair)
{
	struct err e = set_features(v, pair);

	if (!err_is(e))
		e = set_memory(v, pair);
	for (unsigned i = 0; i < PAIR_RINGS && !err_is(e); i++) {
		struct ring *r = &v->ring[PAIR_RINGS * pair + i];
		struct queue *q = device_queue(v->device, r->index);

		if (queue_running(q) && queue_fault_of(q) == QUEUE_FINE)
			e = start_ring(r, q);
	}
	return e;
}

/* Frames that the kernel has taken are sent or in the ring when the backend is gone. One that does
 * not say where it was leaves a ring that nobody can go on with. */
static void stop_ring(struct ring *r)
{
	struct vhost_net *v = r->v;
	struct vhost_vring_state base = { .index = r->index % PAIR_RINGS };
	struct queue *q = device_queue(v->device, r->index);
	struct err e;

	if (!r->runs)
		return;
	tell(r, VHOST_NET_SET_BACKEND, -1);
	tell(r, VHOST_SET_VRING_KICK, -1);
	e = ask(v, r->index / PAIR_RINGS, VHOST_GET_VRING_BASE, &base, "base of a ring");
	set_runs(r, false);
	if (!err_is(e)) {
		queue_move(q, (uint16_t)base.num);
	} else {
		queue_break(q, QUEUE_FAULT_KERNEL);
		device_report_broken(v->device, r->index);
	}
	relay(r);
}

void vhost_net_pause(struct vhost_net *v)
{
	struct err e;

	for (unsigned i = 0; i < PAIR_RINGS * v->config.pairs; i++)
		stop_ring(&v->ring[i]);
	e = net_lend_backend(v->net, false);
	(void)e; /* it had that header before */
}

struct err vhost_net_run(struct vhost_net *v)
{
	struct err e = net_lend_backend(v->net, true);

	for (unsigned i = 0; i < v->config.pairs && !err_is(e); i++)
		if (net_pair_active(net_pair(v->net, i)))
			e = start_pair(v, i);
	if (err_is(e)) {
		vhost_net_pause(v);
		return e;
	}
	for (unsigned i = 0; i < PAIR_RINGS * v->config.pairs; i++)
		if (v->ring[i].runs)
			eventfd_poke(device_kick_fd(v->device, i));
	return e;
}

/* ---- life ---- */

static struct err make_ring(struct vhost_net *v, unsigned index)
{
	struct ring *r = &v->ring[index];

	r->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->error_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return r->call_fd >= 0 && r->error_fd >= 0
		       ? err_none()
		       : err_make(ERR_SETUP, errno, "make the eventfds of vhost-net");
}

/* The owner is the process whose memory the kernel's thread works in: this one. */
static struct err own(struct vhost_net *v, unsigned pair)
{
	struct err e = ask(v, pair, VHOST_SET_OWNER, NULL, "become its owner");

	if (!err_is(e))
		e = ask(v, pair, VHOST_GET_FEATURES, &v->features, "features");
	if (!err_is(e) && (v->features & FEATURES_NEEDED) != FEATURES_NEEDED)
		e = err_make(ERR_SETUP, 0,
			     "vhost-net of this kernel is too old: features %#llx, and %#llx are "
			     "needed; use vhost=off",
			     (unsigned long long)v->features, (unsigned long long)FEATURES_NEEDED);
	return e;
}

struct err vhost_net_create(const struct datapath_config *config, struct vhost_net **ret_vhost)
{
	struct vhost_net *v = calloc(1, sizeof(*v));
	struct err e = err_none();

	if (v == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make the vhost-net of %s", config->name);
	v->config = *config;
	(void)pthread_mutex_init(&v->calls_mutex, NULL);
	for (unsigned i = 0; i < PAIR_RINGS * config->pairs; i++)
		v->ring[i] = (struct ring){ v, i, -1, -1, false, -1 };
	for (unsigned i = 0; i < QUEUE_PAIRS_MAX; i++)
		v->fd[i] = i < config->pairs ? config->vhost_fds[i] : -1;
	for (unsigned i = 0; i < config->pairs && !err_is(e); i++)
		e = own(v, i);
	for (unsigned i = 0; i < PAIR_RINGS * config->pairs && !err_is(e); i++)
		e = make_ring(v, i);
	if (err_is(e)) {
		for (unsigned i = 0; i < QUEUE_PAIRS_MAX; i++)
			v->fd[i] = -1;
		vhost_net_destroy(v);
		return e;
	}
	*ret_vhost = v;
	return e;
}

static void close_watched(struct vhost_net *v, int fd)
{
	if (fd < 0)
		return;
	loop_remove(v->config.loop, fd);
	(void)close(fd);
}

void vhost_net_destroy(struct vhost_net *v)
{
	if (v == NULL)
		return;
	for (unsigned i = 0; i < QUEUE_PAIRS_MAX; i++)
		if (v->fd[i] >= 0)
			(void)v->config.sys->close(v->fd[i]);
	for (unsigned i = 0; i < PAIR_RINGS * v->config.pairs; i++) {
		close_watched(v, v->ring[i].call_fd);
		close_watched(v, v->ring[i].error_fd);
	}
	(void)pthread_mutex_destroy(&v->calls_mutex);
	free(v);
}

struct err vhost_net_attach(struct vhost_net *v, struct net *n)
{
	struct err e = err_none();

	v->net = n;
	v->device = net_device(n);
	for (unsigned i = 0; i < PAIR_RINGS * v->config.pairs && !err_is(e); i++) {
		e = loop_add(v->config.loop, v->ring[i].call_fd, EPOLLIN, on_event, &v->ring[i]);
		if (!err_is(e))
			e = loop_add(v->config.loop, v->ring[i].error_fd, EPOLLIN, on_event,
				     &v->ring[i]);
	}
	return e;
}
