/* tests/driver/vhost_user.c: a vhost-user front-end, by hand. */
#include "tests/driver/vhost_user.h"

#include <check.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SENDS_MAX = 32 };

/* ---- waiting ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t front_deadline(void) { return now_ms() + FRONT_WAIT_MS; }

bool front_turn(struct front *f, int64_t deadline_ms)
{
	if (f->loop != NULL)
		ck_assert(!err_is(loop_once(f->loop, 1)));
	else
		(void)poll(NULL, 0, 1);
	return now_ms() < deadline_ms;
}

/* ---- life ---- */

static void memory_init(struct front *f)
{
	struct driver_memory *m = &f->memory;
	struct mem_region r[2];

	*m = (struct driver_memory){ .size = FRONT_REGION };
	f->memfd = memfd_create("front", MFD_CLOEXEC);
	ck_assert_int_ge(f->memfd, 0);
	ck_assert_int_eq(ftruncate(f->memfd, 2 * FRONT_REGION), 0);
	for (unsigned i = 0; i < 2; i++) {
		m->map[i] = mmap(NULL, FRONT_REGION, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd,
				 (off_t)i * FRONT_REGION);
		ck_assert_ptr_ne(m->map[i], MAP_FAILED);
		r[i] = (struct mem_region){ .gpa = i * (uint64_t)FRONT_REGION,
					    .size = FRONT_REGION,
					    .host = m->map[i],
					    .fd = -1 };
	}
	m->mem = guest_mem_create();
	ck_assert(!err_is(guest_mem_replace(m->mem, r, 2)));
}

void front_init(struct front *f, int socket, struct loop *loop)
{
	*f = (struct front){ .fd = socket, .loop = loop, .hdr_bytes = 12 };
	memory_init(f);
	for (unsigned i = 0; i < FRONT_RINGS; i++)
		f->kick[i] = f->call[i] = -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void front_fini(struct front *f)
{
	close_fd(&f->fd);
	for (unsigned i = 0; i < FRONT_RINGS; i++) {
		close_fd(&f->kick[i]);
		close_fd(&f->call[i]);
	}
	guest_mem_destroy(f->memory.mem);
	for (unsigned i = 0; i < 2; i++)
		(void)munmap(f->memory.map[i], FRONT_REGION);
	close_fd(&f->memfd);
}

void front_reconnect(struct front *f, int socket)
{
	close_fd(&f->fd);
	f->fd = socket;
	f->ack = false;
}

/* ---- messages ---- */

bool front_send_raw(struct front *f, const void *bytes, size_t count, const int *fds,
		    unsigned fd_count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(SENDS_MAX * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { (void *)(uintptr_t)bytes, count };
	struct msghdr to = { .msg_iov = &part, .msg_iovlen = 1 };

	ck_assert_uint_le(fd_count, SENDS_MAX);
	if (fd_count > 0) {
		to.msg_control = control.bytes;
		to.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
	}
	return sendmsg(f->fd, &to, MSG_NOSIGNAL) == (ssize_t)count;
}

bool front_send(struct front *f, uint32_t request, uint32_t flags, const void *payload,
		uint32_t bytes, const int *fds, unsigned fd_count)
{
	uint8_t all[sizeof(struct wire_vu_header) + 1024];
	const struct wire_vu_header h = { request, flags, bytes };

	ck_assert_uint_le(bytes, 1024);
	memcpy(all, &h, sizeof(h));
	if (bytes > 0)
		memcpy(all + sizeof(h), payload, bytes);
	return front_send_raw(f, all, sizeof(h) + bytes, fds, fd_count);
}

/* false: the end of the stream. */
static bool receive_bytes(struct front *f, void *ret, size_t count, int *ret_fd)
{
	int64_t deadline = front_deadline();
	size_t have = 0;

	while (have < count) {
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec part = { (uint8_t *)ret + have, count - have };
		struct msghdr from = { .msg_iov = &part,
				       .msg_iovlen = 1,
				       .msg_control = control.bytes,
				       .msg_controllen = sizeof(control.bytes) };
		ssize_t got = recvmsg(f->fd, &from, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return false;
		if (got < 0) {
			ck_assert_msg(front_turn(f, deadline), "no message comes");
			continue;
		}
		if (ret_fd != NULL && from.msg_controllen > 0)
			memcpy(ret_fd, CMSG_DATA(&control.align), sizeof(int));
		have += (size_t)got;
	}
	return true;
}

int front_receive(struct front *f, struct wire_vu_header *ret_header, void *ret_payload,
		  uint32_t max, int *ret_fd)
{
	if (ret_fd != NULL)
		*ret_fd = -1;
	if (!receive_bytes(f, ret_header, sizeof(*ret_header), ret_fd))
		return FRONT_END;
	ck_assert_uint_le(ret_header->size, max);
	if (!receive_bytes(f, ret_payload, ret_header->size, NULL))
		return FRONT_END;
	return (int)ret_header->size;
}

bool front_is_dropped(struct front *f)
{
	struct wire_vu_header h;
	uint8_t bytes[1024];

	return front_receive(f, &h, bytes, sizeof(bytes), NULL) == FRONT_END;
}

/* The answer to this request, checked as such. */
static void answer(struct front *f, uint32_t request, void *ret, uint32_t bytes)
{
	struct wire_vu_header h;
	int got = front_receive(f, &h, ret, bytes, NULL);

	ck_assert_msg(got == (int)bytes, "request %u: an answer of %d bytes, not %u", request, got,
		      bytes);
	ck_assert_uint_eq(h.request, request);
	ck_assert_uint_eq(h.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
}

uint64_t front_get(struct front *f, uint32_t request)
{
	uint64_t number = 0;

	ck_assert(front_send(f, request, VHOST_USER_VERSION, NULL, 0, NULL, 0));
	answer(f, request, &number, sizeof(number));
	return number;
}

uint64_t front_set(struct front *f, uint32_t request, const void *payload, uint32_t bytes,
		   const int *fds, unsigned fd_count)
{
	uint32_t flags = VHOST_USER_VERSION | (f->ack ? VHOST_USER_NEED_REPLY : 0u);
	uint64_t number = 0;

	ck_assert(front_send(f, request, flags, payload, bytes, fds, fd_count));
	if (f->ack)
		answer(f, request, &number, sizeof(number));
	return number;
}

uint64_t front_set_number(struct front *f, uint32_t request, uint64_t number)
{
	return front_set(f, request, &number, sizeof(number), NULL, 0);
}

uint64_t front_set_ring(struct front *f, uint32_t request, uint32_t index, uint32_t num)
{
	const struct wire_vu_ring_state s = { index, num };

	return front_set(f, request, &s, sizeof(s), NULL, 0);
}

uint32_t front_get_base(struct front *f, uint32_t index)
{
	struct wire_vu_ring_state s = { index, 0 };

	ck_assert(front_send(f, VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, &s, sizeof(s), NULL,
			     0));
	answer(f, VHOST_USER_GET_VRING_BASE, &s, sizeof(s));
	ck_assert_uint_eq(s.index, index);
	return s.num;
}

/* ---- the usual way up ---- */

void front_handshake(struct front *f, uint64_t features, uint64_t protocol)
{
	uint64_t offered = front_get(f, VHOST_USER_GET_FEATURES);

	ck_assert(offered & FRONT_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	protocol &= front_get(f, VHOST_USER_GET_PROTOCOL_FEATURES);
	(void)front_set_number(f, VHOST_USER_SET_PROTOCOL_FEATURES, protocol);
	f->ack = (protocol & FRONT_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	(void)front_set(f, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
	f->features = features & offered;
	f->hdr_bytes = (f->features &
			(FRONT_BIT(VIRTIO_F_VERSION_1) | FRONT_BIT(VIRTIO_NET_F_MRG_RXBUF))) != 0
			       ? 12
			       : 10;
	ck_assert_uint_eq(front_set_number(f, VHOST_USER_SET_FEATURES, f->features), 0);
}

struct wire_vu_region front_region(const struct front *f, unsigned index)
{
	(void)f;
	return (struct wire_vu_region){ .gpa = index * (uint64_t)FRONT_REGION,
					.size = FRONT_REGION,
					.user = FRONT_USER + index * (uint64_t)FRONT_REGION,
					.mmap_offset = index * (uint64_t)FRONT_REGION };
}

uint64_t front_mem_table(struct front *f)
{
	const struct wire_vu_table t = { .count = 2,
					 .region = { front_region(f, 0), front_region(f, 1) } };
	const int fds[] = { f->memfd, f->memfd };

	return front_set(f, VHOST_USER_SET_MEM_TABLE, &t, 8 + 2 * sizeof(t.region[0]), fds, 2);
}

struct wire_vu_ring_addr front_ring_addr(const struct front *f, uint32_t index)
{
	const struct driver_queue *q = &f->queue[index];

	return (struct wire_vu_ring_addr){ .index = index,
					   .desc = FRONT_USER + q->desc,
					   .used = FRONT_USER + q->used,
					   .avail = FRONT_USER + q->avail };
}

void front_eventfds(struct front *f, uint32_t index)
{
	if (f->kick[index] >= 0)
		return;
	f->kick[index] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->call[index] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

uint64_t front_set_call(struct front *f, uint32_t index)
{
	uint64_t number = index;

	return front_set(f, VHOST_USER_SET_VRING_CALL, &number, sizeof(number), &f->call[index], 1);
}

uint64_t front_set_log(struct front *f, int fd, uint64_t bytes, uint64_t offset)
{
	const struct wire_vu_log l = { bytes, offset };
	uint64_t number = 1;

	ck_assert(
		front_send(f, VHOST_USER_SET_LOG_BASE, VHOST_USER_VERSION, &l, sizeof(l), &fd, 1));
	answer(f, VHOST_USER_SET_LOG_BASE, &number, sizeof(number));
	return number;
}

void front_ring_set(struct front *f, uint32_t index, uint16_t size)
{
	bool packed = (f->features >> VIRTIO_F_RING_PACKED & 1) != 0,
	     event_idx = (f->features >> VIRTIO_RING_F_EVENT_IDX & 1) != 0;
	struct wire_vu_ring_addr a;

	if (packed)
		driver_packed_init(&f->queue[index], &f->memory, size, event_idx);
	else
		driver_queue_init(&f->queue[index], &f->memory, size, event_idx);
	a = front_ring_addr(f, index);
	front_eventfds(f, index);
	ck_assert_uint_eq(front_set_ring(f, VHOST_USER_SET_VRING_NUM, index, size), 0);
	ck_assert_uint_eq(front_set_ring(f, VHOST_USER_SET_VRING_BASE, index, packed ? 0x8000 : 0),
			  0);
	ck_assert_uint_eq(front_set(f, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
	ck_assert_uint_eq(front_set_call(f, index), 0);
}

uint64_t front_kick_off(struct front *f, uint32_t index)
{
	uint64_t number = index;

	return front_set(f, VHOST_USER_SET_VRING_KICK, &number, sizeof(number), &f->kick[index], 1);
}

void front_up(struct front *f, uint64_t features, uint16_t size)
{
	front_handshake(f, features, UINT64_MAX);
	ck_assert_uint_eq(front_mem_table(f), 0);
	f->memory.next = 0;
	for (uint32_t i = 0; i < 2; i++) {
		front_ring_set(f, i, size);
		ck_assert_uint_eq(front_kick_off(f, i), 0);
		ck_assert_uint_eq(front_set_ring(f, VHOST_USER_SET_VRING_ENABLE, i, 1), 0);
	}
}

/* ---- frames ---- */

void front_kick(struct front *f, uint32_t index)
{
	ck_assert_int_eq(eventfd_write(f->kick[index], 1), 0);
}

void front_transmit(struct front *f, uint32_t index, const void *frame, uint32_t len)
{
	uint64_t at = driver_alloc(&f->memory, f->hdr_bytes + len, 16);
	struct driver_queue *q = &f->queue[index];
	uint16_t old = q->avail_index;

	memset(driver_at(&f->memory, at), 0, f->hdr_bytes);
	memcpy(driver_at(&f->memory, at + f->hdr_bytes), frame, len);
	(void)driver_post(q, at, f->hdr_bytes + len, false);
	if (driver_wants_kick(q, old))
		front_kick(f, index);
}

uint64_t front_post(struct front *f, uint32_t index, unsigned count, uint32_t len)
{
	struct driver_queue *q = &f->queue[index];
	uint16_t old = q->avail_index;
	uint64_t first = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t at = driver_alloc(&f->memory, len, 16);

		first = i == 0 ? at : first;
		(void)driver_post(q, at, len, true);
	}
	if (driver_wants_kick(q, old))
		front_kick(f, index);
	return first;
}

void front_await_used(struct front *f, uint32_t index, uint16_t used)
{
	int64_t deadline = front_deadline();

	while (driver_used_index(&f->queue[index]) != used)
		ck_assert_msg(front_turn(f, deadline), "the used index of ring %u is %u, not %u",
			      index, driver_used_index(&f->queue[index]), used);
}
