/* tests/unit/datapath/vhost_kernel.h: a kernel with vhost-net and a TAP, behind struct sys: notes
 * what it is asked, and moves frames by the rings that it was given, when a test says so. */
#ifndef TAPVM_TESTS_VHOST_KERNEL_H
#define TAPVM_TESTS_VHOST_KERNEL_H

#include <check.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_pci.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/backend/tap.h"
#include "devices/base/eventfd.h"
#include "tests/driver/rig.h"

enum {
	VHOST_FD = 5000,
	PAIRS_MAX = 2,
	CALLS = 256,
	LINE = 64,
	SIZE = 64,
	ROOM = 256,
	FRAME = 600, /* of the host's, with its header */
	CONFIG_VECTOR = 2 * PAIRS_MAX + 1
};
/* Of Linux 6.1, without VHOST_NET_F_VIRTIO_NET_HDR and VHOST_F_LOG_ALL, which are not for guests.
 */
#define KERNEL_FEATURES                                                                            \
	(RIG_BIT(15) | RIG_BIT(24) | RIG_BIT(28) | RIG_BIT(29) | RIG_BIT(32) | RIG_BIT(33))

/* What one pair's start asks. */
static const char *const started[] = {
	"0 features",   "0 memory",               /* of the pair */
	"0 num 0 64",   "0 base 0 0", "0 addr 0", /* of its receive ring */
	"0 kick 0 set", "0 call 0",   "0 err 0",  "0 backend 0 set",
	"0 num 1 64",   "0 base 1 0", "0 addr 1", /* of its transmit ring */
	"0 kick 1 set", "0 call 1",   "0 err 1",  "0 backend 1 set",
};

struct kernel_ring {
	unsigned num, base;
	struct vhost_vring_addr addr;
	int kick, call, error, backend;
};

static struct {
	pthread_mutex_t mutex; /* as the kernel's: of a ring and of what it writes for it */
	struct kernel_ring ring[PAIRS_MAX][2];
	struct vhost_memory_region region[8];
	unsigned regions;
	uint64_t offered, features;
	char call[CALLS][LINE];
	unsigned calls, fail_at; /* from 1 on, counted from here; 0: none */
	int header;              /* TUNSETVNETHDRSZ */
	int tap[PAIRS_MAX];
	unsigned frames;          /* of the host's, for a worker to read */
	unsigned written, opened; /* frames of workers; descriptors that are open */
} kernel;

static struct rig r;

static inline struct kernel_ring *ring_of(unsigned pair, unsigned place)
{
	return &kernel.ring[pair][place];
}

static inline int note(const char *format, ...) PRINTF_LIKE(1, 2);
static inline int note(const char *format, ...)
{
	va_list args;

	ck_assert_uint_lt(kernel.calls, CALLS);
	va_start(args, format);
	(void)vsnprintf(kernel.call[kernel.calls++], LINE, format, args);
	va_end(args);
	if (kernel.calls != kernel.fail_at)
		return 0;
	errno = ENOMEM;
	return -1;
}

static inline int on_tap(unsigned long request, void *arg)
{
	if (request == TUNSETVNETHDRSZ) {
		kernel.header = *(const int *)arg;
		return note("header %d", kernel.header);
	}
	return 0; /* carrier, offloads, queues */
}

/* As the kernel: an active ring is not moved. */
static inline int on_ring(unsigned pair, unsigned long request, void *arg)
{
	const struct vhost_vring_file *file = arg; /* index is the first field of all */
	struct kernel_ring *ring = ring_of(pair, file->index);
	struct vhost_vring_state *state = arg;
	unsigned i = file->index;

	switch (request) {
	case VHOST_SET_VRING_NUM:
		ck_assert_int_eq(ring->backend, -1);
		ring->num = state->num;
		return note("%u num %u %u", pair, i, state->num);
	case VHOST_SET_VRING_BASE:
		ck_assert_int_eq(ring->backend, -1);
		ring->base = state->num;
		return note("%u base %u %u", pair, i, state->num);
	case VHOST_SET_VRING_ADDR:
		ring->addr = *(struct vhost_vring_addr *)arg;
		return note("%u addr %u", pair, i);
	case VHOST_SET_VRING_KICK:
		ring->kick = file->fd;
		return note("%u kick %u %s", pair, i, file->fd < 0 ? "none" : "set");
	case VHOST_SET_VRING_CALL: ring->call = file->fd; return note("%u call %u", pair, i);
	case VHOST_SET_VRING_ERR: ring->error = file->fd; return note("%u err %u", pair, i);
	case VHOST_NET_SET_BACKEND:
		if (note("%u backend %u %s", pair, i, file->fd < 0 ? "none" : "set") != 0)
			return -1;
		ring->backend = file->fd;
		return 0;
	case VHOST_GET_VRING_BASE:
		ck_assert_int_eq(ring->backend, -1);
		state->num = ring->base;
		return note("%u get base %u", pair, i);
	default: ck_abort_msg("ioctl %#lx", request);
	}
}

static inline int on_vhost(unsigned pair, unsigned long request, void *arg)
{
	struct vhost_memory *table = arg;

	switch (request) {
	case VHOST_SET_OWNER: return note("%u owner", pair);
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = kernel.offered;
		return note("%u get features", pair);
	case VHOST_SET_FEATURES:
		kernel.features = *(uint64_t *)arg;
		return note("%u features", pair);
	case VHOST_SET_MEM_TABLE:
		kernel.regions = table->nregions;
		ck_assert_uint_le(kernel.regions, ARRAY_LEN(kernel.region));
		memcpy(kernel.region, table->regions, kernel.regions * sizeof(kernel.region[0]));
		return note("%u memory", pair);
	default: return on_ring(pair, request, arg);
	}
}

static inline int kernel_ioctl(int fd, unsigned long request, void *arg)
{
	int done;

	if (fd < VHOST_FD)
		return on_tap(request, arg);
	(void)pthread_mutex_lock(&kernel.mutex);
	done = on_vhost((unsigned)(fd - VHOST_FD), request, arg);
	(void)pthread_mutex_unlock(&kernel.mutex);
	return done;
}

static inline ssize_t kernel_read(int fd, void *bytes, size_t len)
{
	(void)fd;
	if (__atomic_load_n(&kernel.frames, __ATOMIC_ACQUIRE) == 0) {
		errno = EAGAIN;
		return -1;
	}
	__atomic_sub_fetch(&kernel.frames, 1, __ATOMIC_RELEASE);
	ck_assert_uint_ge(len, FRAME);
	memset(bytes, 0, FRAME);
	return FRAME;
}

static inline ssize_t kernel_write(int fd, const void *bytes, size_t len)
{
	(void)fd, (void)bytes;
	__atomic_add_fetch(&kernel.written, 1, __ATOMIC_RELAXED);
	return (ssize_t)len;
}

static inline int kernel_close(int fd)
{
	kernel.opened--;
	return fd >= VHOST_FD ? 0 : close(fd);
}

static const struct sys kernel_sys = {
	.ioctl = kernel_ioctl, .read = kernel_read, .write = kernel_write, .close = kernel_close
};
static const int vhost_fds[PAIRS_MAX] = { VHOST_FD, VHOST_FD + 1 };

static inline void forget_calls(void) { kernel.calls = kernel.fail_at = 0; }

/* ---- what it does with frames ---- */

static inline uint8_t *in_memory(uint64_t gpa)
{
	for (unsigned i = 0; i < kernel.regions; i++)
		if (gpa - kernel.region[i].guest_phys_addr < kernel.region[i].memory_size)
			return (uint8_t *)(uintptr_t)(kernel.region[i].userspace_addr + gpa -
						      kernel.region[i].guest_phys_addr);
	ck_abort_msg("guest address %#llx is in no region", (unsigned long long)gpa);
}

/* Uses the next chain of one descriptor, with `len` bytes of `byte` in it. false: there is none. */
static inline bool kernel_use(unsigned pair, unsigned place, uint8_t byte, uint32_t len)
{
	struct kernel_ring *ring = ring_of(pair, place);
	uint16_t *avail = (uint16_t *)(uintptr_t)ring->addr.avail_user_addr;
	uint16_t *used = (uint16_t *)(uintptr_t)ring->addr.used_user_addr;
	uint32_t *element = (uint32_t *)(void *)(used + 2);
	uint16_t head, at;

	ck_assert_int_ne(ring->backend, -1);
	if (__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) == (uint16_t)ring->base)
		return false;
	head = avail[2 + ring->base % ring->num];
	memset(in_memory(*(uint64_t *)(uintptr_t)(ring->addr.desc_user_addr + 16u * head)), byte,
	       len);
	at = used[1];
	element += 2 * (at % ring->num);
	element[0] = head;
	element[1] = len;
	__atomic_store_n(&used[1], (uint16_t)(at + 1), __ATOMIC_RELEASE);
	ring->base = (uint16_t)(ring->base + 1);
	return true;
}

/* On any thread. */
static inline void kernel_call(unsigned pair, unsigned place)
{
	(void)pthread_mutex_lock(&kernel.mutex);
	if (ring_of(pair, place)->backend != -1)
		eventfd_poke(ring_of(pair, place)->call);
	(void)pthread_mutex_unlock(&kernel.mutex);
}

/* ---- the NIC ---- */

static inline struct backend *a_tap(unsigned pairs, unsigned hdr_bytes)
{
	struct backend_tap_config config = {
		.fds = kernel.tap,
		.fd_count = pairs,
		.hdr_bytes = hdr_bytes,
		.offloads = { .csum = true },
		.sys = &kernel_sys,
		.name = "t0",
	};
	struct backend *be;

	(void)pthread_mutex_init(&kernel.mutex, NULL);
	kernel.offered = KERNEL_FEATURES;
	kernel.header = (int)hdr_bytes;
	for (unsigned i = 0; i < pairs; i++) {
		kernel.tap[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ck_assert_int_ge(kernel.tap[i], 0);
		for (unsigned place = 0; place < 2; place++)
			*ring_of(i, place) = (struct kernel_ring){
				.kick = -1, .call = -1, .error = -1, .backend = -1
			};
	}
	kernel.opened = 2 * pairs;
	ck_assert(!err_is(backend_tap_create(&config, &be)));
	return be;
}

static inline void make(unsigned pairs, unsigned hdr_bytes)
{
	memset(&kernel, 0, sizeof(kernel));
	rig_make_vhost(&r, a_tap(pairs, hdr_bytes), vhost_fds, &kernel_sys);
}

static inline void end(void)
{
	rig_end(&r);
	ck_assert_uint_eq(kernel.opened, 0);
}

/* Vector i is queue i's, open; the last is the configuration's. */
static inline void map_vectors(void)
{
	pci_slot_msix_on(&r.slot, true);
	for (unsigned i = 0; i < 2 * PAIRS_MAX; i++) {
		if (pci_vector_count(r.slot.pci) <= i)
			break;
		pci_slot_vector(&r.slot, i, 0xfee00000, 0x40 + i);
		pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_MSIX, 2, i);
	}
}

static inline void up_by_messages(void)
{
	rig_prepare(&r, RIG_PACKED, SIZE);
	map_vectors();
	forget_calls();
	rig_go(&r);
}

static inline enum path path(void) { return datapath_path(r.datapath); }

static inline void send_one(void)
{
	uint8_t frame[60];

	rig_fill(frame, sizeof(frame), 1);
	rig_send(&r, (struct vnet_hdr){ 0 }, frame, sizeof(frame));
}

#endif
