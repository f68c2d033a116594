/* tests/unit/transport/vhost_user.h: a NIC on a loopback behind vhost-user, and a front-end on the
 * other end of a socketpair; what the programs that test the transport share. */
#ifndef TAPVM_TESTS_UNIT_VHOST_USER_H
#define TAPVM_TESTS_UNIT_VHOST_USER_H

#include <check.h>
#include <dirent.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/loopback.h"
#include "devices/datapath/worker.h"
#include "devices/transport/vhost_user.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/driver/vhost_user.h"

enum { PAIRS = 2, RINGS = 2 * PAIRS + 1, RX = 0, TX = 1, SIZE = 64 };
#define PLAIN                                                                                      \
	(FRONT_BIT(VIRTIO_F_VERSION_1) | FRONT_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |               \
	 FRONT_BIT(VIRTIO_NET_F_MRG_RXBUF))

static struct world {
	struct guest_mem *mem;
	struct loop *loop;
	struct backend *backend;
	struct workers *workers;
	struct signaller *signaller;
	struct net *net;
	struct vhost_user *vhost_user;
	struct front front;
	unsigned ended, log_lines;
	char last_log[600];
	struct log_limit limit;
	uint64_t now_ns, step_ns; /* of the log's clock, at each look */
	bool inband;
} w;

static inline void log_line(void *self, const char *text)
{
	(void)self;
	w.log_lines++;
	(void)snprintf(w.last_log, sizeof(w.last_log), "%s", text);
}

static inline uint64_t log_now(void *self)
{
	(void)self;
	return w.now_ns += w.step_ns;
}

static inline void on_ended(void *self)
{
	(void)self;
	w.ended++;
	vhost_user_destroy(w.vhost_user);
	w.vhost_user = NULL;
}

/* A connection: the front-end's end of it. */
static inline int connect_one(void)
{
	static const struct clock clock = { .now_ns = log_now };
	const struct vhost_user_config c = { .device = net_device(w.net),
					     .mem = w.mem,
					     .loop = w.loop,
					     .log = { .line = log_line, .clock = &clock },
					     .limit = &w.limit,
					     .name = "t0",
					     .rings = RINGS,
					     .queue_num = PAIRS,
					     .inband = w.inband,
					     .signaller = w.signaller,
					     .trim = net_features_trim,
					     .ended = on_ended };
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert(!err_is(vhost_user_create(&c, pair[0], &w.vhost_user)));
	return pair[1];
}

static inline void world_make(bool inband)
{
	struct net_config c = { .name = "t0",
				.mac = { 2, 0, 0, 0, 0, 1 },
				.mtu = 1500,
				.queue_size = QUEUE_SIZE_MAX,
				.pairs = PAIRS,
				.log = { .line = log_line },
				.link_up = true };

	memset(&w, 0, sizeof(w));
	w.inband = inband;
	w.step_ns = UINT64_C(60) * 1000000000; /* no line is one too many */
	ck_assert(!err_is(loopback_create(PAIRS, &w.backend)));
	w.mem = guest_mem_create();
	ck_assert(!err_is(loop_create(&w.loop)));
	ck_assert(!err_is(workers_create(PAIRS, &w.workers)));
	ck_assert(!err_is(signaller_create(&w.signaller)));
	c.backend = w.backend;
	c.mem = w.mem;
	c.loop = w.loop;
	ck_assert(!err_is(net_create(&c, &workers_runner, w.workers, &w.net)));
	ck_assert(!err_is(workers_attach(w.workers, w.net)));
	front_init(&w.front, connect_one(), w.loop);
}

static inline void setup(void) { world_make(false); }

static inline struct net_stats stats(void)
{
	struct net_stats s;

	net_stats(w.net, &s);
	return s;
}

/* Everything ends; the account must balance. */
static inline void teardown(void)
{
	struct net_stats s;

	vhost_user_destroy(w.vhost_user);
	s = stats();
	ck_assert_msg(s.unaccounted == 0, "%lld frames are not accounted for",
		      (long long)s.unaccounted);
	front_fini(&w.front);
	net_destroy(w.net);
	workers_destroy(w.workers);
	signaller_destroy(w.signaller);
	w.backend->ops->destroy(w.backend);
	loop_destroy(w.loop);
	guest_mem_destroy(w.mem);
}

/* The front-end goes and comes again. */
static inline void come_again(void)
{
	int64_t deadline = front_deadline();
	unsigned before = w.ended;

	(void)shutdown(w.front.fd, SHUT_RDWR);
	while (w.vhost_user != NULL && w.ended == before)
		ck_assert(front_turn(&w.front, deadline));
	front_reconnect(&w.front, connect_one());
}

static inline int await_sent(unsigned queue, uint8_t *ret, uint32_t max)
{
	int64_t deadline = front_deadline();
	struct vnet_hdr hdr;
	int len;

	while ((len = loopback_taken(w.backend, queue, &hdr, ret, max)) < 0)
		ck_assert_msg(front_turn(&w.front, deadline), "no frame was sent");
	return len;
}

static inline void collect(unsigned ring)
{
	struct driver_used u;

	while (driver_collect(&w.front.queue[ring], &u))
		continue;
}

/* One frame each way by a pair of rings; the state of the rings goes on. */
static inline void frame_each_way(unsigned pair, unsigned number)
{
	uint8_t frame[200], got[256];
	uint16_t rx_used = driver_used_index(&w.front.queue[2 * pair]);
	uint64_t at;

	rig_fill(frame, sizeof(frame), number);
	front_transmit(&w.front, 2 * pair + 1, frame, sizeof(frame));
	ck_assert_int_eq(await_sent(pair, got, sizeof(got)), sizeof(frame));
	ck_assert_mem_eq(got, frame, sizeof(frame));
	at = front_post(&w.front, 2 * pair, 1, 2048);
	rig_fill(frame, sizeof(frame), number + 1);
	ck_assert(loopback_give(w.backend, pair, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
	front_await_used(&w.front, 2 * pair, (uint16_t)(rx_used + 1));
	ck_assert_mem_eq(driver_at(&w.front.memory, at + w.front.hdr_bytes), frame, sizeof(frame));
	collect(2 * pair);
	collect(2 * pair + 1);
}

/* Whatever became of this one. */
static inline void serves_the_next(void)
{
	int64_t deadline = front_deadline();
	struct vnet_hdr hdr;
	uint8_t sent[16];

	while (loopback_taken(w.backend, 0, &hdr, sent, sizeof(sent)) >= 0)
		continue;
	(void)shutdown(w.front.fd, SHUT_RDWR);
	while (w.vhost_user != NULL)
		ck_assert(front_turn(&w.front, deadline));
	front_reconnect(&w.front, connect_one());
	front_up(&w.front, PLAIN, SIZE);
	frame_each_way(0, 1);
	come_again();
}

/* Descriptors that this process has open. */
static inline unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		count++;
	(void)closedir(d);
	return count;
}

#endif
