/* tests/driver/rig.c: a NIC for tests, and the driver that brings it up. */
#include "tests/driver/rig.h"

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

enum {
	REGION = 4 << 20,
	QUEUE_MAX = 256,
	CTRL_SIZE = 16,
	REG_STATUS = 0x070,
};

static void log_line(void *self, const char *text)
{
	struct rig *r = self;

	(void)pthread_mutex_lock(&r->log_mutex);
	(void)snprintf(r->last_log, sizeof(r->last_log), "%s", text);
	r->log_lines++;
	(void)pthread_mutex_unlock(&r->log_mutex);
}

unsigned rig_log_lines(struct rig *r)
{
	unsigned lines;

	(void)pthread_mutex_lock(&r->log_mutex);
	lines = r->log_lines;
	(void)pthread_mutex_unlock(&r->log_mutex);
	return lines;
}

static struct backend *a_loopback(unsigned queues)
{
	struct backend *backend;

	ck_assert(!err_is(loopback_create(queues, &backend)));
	return backend;
}

struct how {
	uint16_t queue_size; /* 0: QUEUE_MAX */
	uint64_t on;         /* features that are off as a rule */
	bool pci;
	const int *vhost_fds;
	const struct sys *sys;
	int capture_fd;
	uint64_t capture_ring; /* 0: no capture */
};

static uint64_t rig_now(void *self)
{
	struct rig *r = self;
	uint64_t stopped = atomic_load(&r->stopped_ns);

	return stopped != 0 ? stopped : clock_now_ns(&clock_host);
}

void rig_stop_clock(struct rig *r) { atomic_store(&r->stopped_ns, clock_now_ns(&clock_host)); }
void rig_move_clock(struct rig *r, uint64_t ns) { atomic_fetch_add(&r->stopped_ns, ns); }

static void make(struct rig *r, struct backend *backend, const struct how *how)
{
	struct net_config c = {
		.name = "t0",
		.mac = { 2, 0, 0, 0, 0, 1 },
		.mtu = 1500,
		.queue_size = how->queue_size != 0 ? how->queue_size : QUEUE_MAX,
		.pairs = backend->caps.queues,
		.switches.on = { .word = { (uint32_t)how->on, (uint32_t)(how->on >> 32) } },
		.backend = backend,
		.log = { .line = log_line, .self = r },
		.link_up = true,
		.clock = &r->clock,
	};

	*r = (struct rig){
		.backend = backend, .pairs = 1, .clock = { rig_now, r }, .wait = { UINT64_MAX, -1 }
	};
	(void)pthread_mutex_init(&r->log_mutex, NULL);
	driver_memory_init(&r->memory, REGION);
	ck_assert(!err_is(loop_create(&r->loop)));
	ck_assert(!err_is(datapath_create(&(struct datapath_config){ .pairs = c.pairs,
								     .vhost_fds = how->vhost_fds,
								     .sys = how->sys,
								     .mem = r->memory.mem,
								     .loop = r->loop,
								     .log = c.log,
								     .name = c.name },
					  &r->datapath)));
	if (how->vhost_fds != NULL)
		datapath_limit_to_vhost(&c.switches);
	if (how->capture_ring != 0)
		ck_assert(!err_is(
			capture_create(&(struct capture_config){ .fd = how->capture_fd,
								 .name = c.name,
								 .pairs = c.pairs,
								 .ring_bytes = how->capture_ring,
								 .loop = r->loop,
								 .log = c.log },
				       &r->capture)));
	c.capture = r->capture;
	c.mem = r->memory.mem;
	c.loop = r->loop;
	ck_assert(!err_is(net_create(&c, &datapath_runner, r->datapath, &r->net)));
	ck_assert(!err_is(datapath_attach(r->datapath, r->net)));
	if (how->pci) {
		pci_slot_init(&r->slot, net_device(r->net), r->loop);
		pci_slot_enable(&r->slot);
	} else {
		ck_assert(!err_is(mmio_create(net_device(r->net), &r->mmio)));
	}
}

void rig_make_on(struct rig *r, struct backend *backend, uint64_t on)
{
	make(r, backend, &(struct how){ .on = on });
}

void rig_make_with(struct rig *r, uint16_t queue_size, uint64_t on)
{
	make(r, a_loopback(1), &(struct how){ .queue_size = queue_size, .on = on });
}

void rig_make_pairs_with(struct rig *r, unsigned pairs, uint64_t on)
{
	make(r, a_loopback(pairs), &(struct how){ .on = on });
}

void rig_make_pairs(struct rig *r, unsigned pairs) { rig_make_pairs_with(r, pairs, 0); }

void rig_make(struct rig *r) { rig_make_pairs(r, 1); }

void rig_make_captured(struct rig *r, int fd, uint64_t ring_bytes)
{
	make(r, a_loopback(1), &(struct how){ .capture_fd = fd, .capture_ring = ring_bytes });
}

void rig_make_pci(struct rig *r, unsigned pairs)
{
	make(r, a_loopback(pairs), &(struct how){ .pci = true });
}

void rig_make_vhost(struct rig *r, struct backend *backend, const int *vhost_fds,
		    const struct sys *sys)
{
	make(r, backend, &(struct how){ .pci = true, .vhost_fds = vhost_fds, .sys = sys });
}

void rig_end(struct rig *r)
{
	struct net_stats s = rig_stats(r);

	ck_assert_msg(s.unaccounted == 0, "%lld frames are not accounted for",
		      (long long)s.unaccounted);
	if (r->mmio == NULL)
		pci_slot_fini(&r->slot);
	mmio_destroy(r->mmio);
	net_destroy(r->net);
	datapath_destroy(r->datapath);
	r->backend->ops->destroy(r->backend);
	capture_destroy(r->capture, &r->wait);
	loop_destroy(r->loop);
	driver_memory_fini(&r->memory);
}

static struct registers registers_of(struct rig *r)
{
	return (struct registers){ r->mmio, &r->slot };
}

uint32_t rig_read(struct rig *r, uint32_t offset)
{
	const struct registers regs = registers_of(r);

	return registers_read(&regs, offset);
}

void rig_write(struct rig *r, uint32_t offset, uint32_t v)
{
	const struct registers regs = registers_of(r);

	registers_write(&regs, offset, v);
}

unsigned rig_ctrl(const struct rig *r) { return 2 * r->pairs; }
bool rig_has(const struct rig *r, unsigned bit) { return (r->accepted >> bit & 1) != 0; }

void rig_set_queue(struct rig *r, uint32_t index, uint16_t size)
{
	const struct registers regs = registers_of(r);
	struct driver_queue *q = &r->queue[index];

	if (rig_has(r, VIRTIO_F_RING_PACKED))
		driver_packed_init(q, &r->memory, size, rig_has(r, VIRTIO_RING_F_EVENT_IDX));
	else
		driver_queue_init(q, &r->memory, size, rig_has(r, VIRTIO_RING_F_EVENT_IDX));
	registers_set_queue(&regs, index, q);
}

void rig_stop_queue(struct rig *r, uint32_t index)
{
	const struct registers regs = registers_of(r);

	registers_stop_queue(&regs, index);
}

void rig_prepare(struct rig *r, uint64_t wanted, uint16_t size)
{
	const struct registers regs = registers_of(r);
	uint32_t features[] = { (uint32_t)wanted, (uint32_t)(wanted >> 32), r->wanted_high };

	registers_agree(&regs, features);
	r->accepted = features[0] | (uint64_t)features[1] << 32;
	r->accepted_high = features[2];
	r->hdr_bytes = (r->accepted_high & RIG_TUNNELS) != 0  ? 24
		       : rig_has(r, VIRTIO_NET_F_HASH_REPORT) ? 20
							      : RIG_HDR;
	r->memory.next = 0;
	r->pairs =
		rig_has(r, VIRTIO_NET_F_MQ) || rig_has(r, VIRTIO_NET_F_RSS) ? net_pairs(r->net) : 1;
	for (unsigned i = 0; i < 2 * r->pairs; i++)
		rig_set_queue(r, i, size);
	if (rig_has(r, VIRTIO_NET_F_CTRL_VQ))
		rig_set_queue(r, rig_ctrl(r), CTRL_SIZE);
}

void rig_go(struct rig *r)
{
	const struct registers regs = registers_of(r);

	registers_go(&regs);
}

void rig_up(struct rig *r, uint64_t wanted, uint16_t size)
{
	rig_prepare(r, wanted, size);
	rig_go(r);
}

void rig_kick(struct rig *r, unsigned queue)
{
	const struct registers regs = registers_of(r);

	registers_kick(&regs, queue);
}

void rig_send(struct rig *r, struct vnet_hdr hdr, const void *bytes, uint32_t len)
{
	rig_send_on(r, 0, hdr, bytes, len);
}

void rig_send_on(struct rig *r, unsigned pair, struct vnet_hdr hdr, const void *bytes, uint32_t len)
{
	struct driver_queue *q = &r->queue[2 * pair + RIG_TX];
	uint64_t at = driver_alloc(&r->memory, r->hdr_bytes + len, 16);
	const uint8_t h[24] = { hdr.flags,
				hdr.gso_type,
				(uint8_t)hdr.hdr_len,
				(uint8_t)(hdr.hdr_len >> 8),
				(uint8_t)hdr.gso_size,
				(uint8_t)(hdr.gso_size >> 8),
				(uint8_t)hdr.csum_start,
				(uint8_t)(hdr.csum_start >> 8),
				(uint8_t)hdr.csum_offset,
				(uint8_t)(hdr.csum_offset >> 8),
				[20] = (uint8_t)hdr.outer_th_offset,
				(uint8_t)(hdr.outer_th_offset >> 8),
				(uint8_t)hdr.inner_nh_offset,
				(uint8_t)(hdr.inner_nh_offset >> 8) };
	uint16_t old = q->avail_index;

	memcpy(driver_at(&r->memory, at), h, r->hdr_bytes);
	memcpy(driver_at(&r->memory, at + r->hdr_bytes), bytes, len);
	(void)driver_post(q, at, r->hdr_bytes + len, false);
	if (driver_wants_kick(q, old))
		rig_kick(r, 2 * pair + RIG_TX);
}

uint64_t rig_post(struct rig *r, unsigned count, uint32_t len)
{
	return rig_post_on(r, 0, count, len);
}

uint64_t rig_post_on(struct rig *r, unsigned pair, unsigned count, uint32_t len)
{
	struct driver_queue *q = &r->queue[2 * pair + RIG_RX];
	uint64_t first = 0;
	uint16_t old = q->avail_index;

	for (unsigned i = 0; i < count; i++) {
		uint64_t at = driver_alloc(&r->memory, len, 16);

		first = i == 0 ? at : first;
		(void)driver_post(q, at, len, true);
	}
	if (driver_wants_kick(q, old))
		rig_kick(r, 2 * pair + RIG_RX);
	return first;
}

struct net_stats rig_stats(struct rig *r)
{
	struct net_stats s;

	net_stats(r->net, &s);
	return s;
}
