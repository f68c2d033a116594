/* A transmit that stalls for ever: a TAP in a bridge whose way out is slow, a small
 * TUNSETSNDBUF, so that write says EAGAIN; the worker watches by EPOLLET, and tun arms its
 * wake-up for "writable" only inside its own poll (Linux drivers/net/tun.c, tun_chr_poll). So
 * after EAGAIN the watch has to be set anew.
 *
 * Seen to fail, with 15 to 34 of 600 frames through, when watch_backend(w, true) is taken out of
 * serve_tx in devices/datapath/worker.c; also when EPOLLOUT is in the set from the start and
 * never modified. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tap.h"
#include "devices/tap/tap.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum {
	SIZE = 128,
	FRAMES = 600,
	LEN = 1000,
	ROOM = 1024,
	SNDBUF = 20000,
	RATE = 2000000,
	BURST = 5000,
	LIMIT = 1 << 20, /* bytes, a second, bytes, bytes */
	PROBE_MS = 20,
};

static struct rig r;
static int tap_fd, far;
static uint64_t slots_at;
static uint32_t sent; /* numbers of frames: in the bytes behind the Ethernet header */

static void done(struct err e) { ck_assert_msg(!err_is(e), "%s", e.text); }

static void without_ipv6(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		ck_assert_int_eq(write(fd, "1", 1), 1);
		(void)close(fd);
	}
}

static void make_tap(void)
{
	struct tap_request request = {
		.name = "ep0", .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
	struct backend_tap_config config = { .fd_count = 1, .sys = &sys_host, .name = "ep0" };
	struct backend *be;
	struct tap tap;

	done(tap_open(&sys_host, &request, &tap));
	tap_fd = tap.fd[0];
	config.fds = tap.fd;
	config.hdr_bytes = tap.hdr_bytes;
	config.carrier = tap.carrier;
	done(backend_tap_create(&config, &be));
	rig_make_on(&r, be, 0);
}

/* ep0, the TAP - epbr - ep1 = ep2, where frames are counted. */
static void setup(void)
{
	struct link *l;

	host_fresh();
	without_ipv6();
	make_tap();
	done(link_open(&l));
	done(link_add_veth(l, "ep1", "ep2", -1));
	link_close(l);
	ck_assert_int_eq(host_add_bridge("epbr"), 0);
	ck_assert_int_eq(host_set_master("ep0", "epbr"), 0);
	ck_assert_int_eq(host_set_master("ep1", "epbr"), 0);
	host_up("ep2");
	host_up("ep1");
	host_up("epbr");
	host_up("ep0");
	far = host_packet("ep2", HOST_ETHERTYPE, false);
	rig_up(&r, RIG_ALL, SIZE);
	slots_at = driver_alloc(&r.memory, SIZE * ROOM, 16);
	sent = 0;
}

static void teardown(void)
{
	ck_assert_int_eq(close(far), 0);
	rig_end(&r);
}

static bool room_to_send(void)
{
	struct driver_queue *tx = &r.queue[RIG_TX];
	struct driver_used u;

	while (driver_collect(tx, &u))
		continue;
	return (uint16_t)(tx->avail_index - tx->used_index) < SIZE;
}

static void send_next(void)
{
	struct driver_queue *tx = &r.queue[RIG_TX];
	uint64_t at = slots_at + (uint64_t)(sent % SIZE) * ROOM;
	uint8_t *bytes = driver_at(&r.memory, at);
	uint16_t old = tx->avail_index;

	memset(bytes, 0, RIG_HDR);
	rig_fill(bytes + RIG_HDR, LEN, sent);
	bytes[RIG_HDR] = 0x52; /* unicast: for a broadcast's copies no sender is made to wait */
	memcpy(bytes + RIG_HDR + 14, &sent, sizeof(sent));
	sent++;
	(void)driver_post(tx, at, RIG_HDR + LEN, false);
	if (driver_wants_kick(tx, old))
		rig_kick(&r, RIG_TX);
}

/* The number of the next frame that came through, or -1. */
static int64_t next_through(void)
{
	uint8_t got[2 * LEN];
	ssize_t len = recv(far, got, sizeof(got), MSG_DONTWAIT);
	uint32_t number;

	if (len < 0) {
		ck_assert_msg(errno == EAGAIN, "packet socket: %s", strerrordesc_np(errno));
		return -1;
	}
	ck_assert_int_eq(len, LEN);
	memcpy(&number, got + 14, sizeof(number));
	return number;
}

/* A port of a bridge forwards some time after it is up: until the frame that was just sent is
 * through. Another one goes only when nothing came for a while, so that those under way come to an
 * end. */
static void await_bridge(void)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS, through = -1;

	while (through + 1 != sent || sent == 0) {
		int64_t number;

		ck_assert_msg(host_now_ms() < deadline, "nothing comes through the bridge");
		if (!host_wait_readable(far, PROBE_MS) && room_to_send())
			send_next();
		while ((number = next_through()) >= 0)
			through = number;
	}
}

/* Sends `count` frames as the ring has room, and sees each come through, in order. */
static void all_through(uint32_t count)
{
	uint32_t expected = sent, end = sent + count;
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	while (expected != end) {
		int64_t number;

		while (sent != end && room_to_send())
			send_next();
		while ((number = next_through()) >= 0) {
			ck_assert_msg(number == expected, "frame %lld came, %u is next",
				      (long long)number, expected);
			expected++;
			deadline = host_now_ms() + HOST_WAIT_MS;
		}
		ck_assert_msg(host_now_ms() < deadline, "stalled: %u of %u frames are through",
			      count - (end - expected), count);
		if (expected != end)
			(void)host_wait_readable(far, PROBE_MS);
	}
}

START_TEST(a_slow_way_out_does_not_stall_transmit)
{
	struct backend_counters c;
	struct net_stats before, s;
	int sndbuf = SNDBUF;

	await_bridge();
	before = rig_stats(&r);
	ck_assert_int_eq(host_set_tbf("ep1", RATE, BURST, LIMIT), 0);
	ck_assert_int_eq(ioctl(tap_fd, TUNSETSNDBUF, &sndbuf), 0);
	all_through(FRAMES);
	r.backend->ops->counters(r.backend, 0, &c);
	ck_assert_msg(c.again > 10, "write said EAGAIN %llu times: nothing was tested",
		      (unsigned long long)c.again);
	s = rig_stats(&r);
	ck_assert_uint_eq(s.tx.packets - before.tx.packets, FRAMES);
	ck_assert_uint_eq(s.tx.drops, 0);
	ck_assert_int_eq(s.unaccounted, 0);
}
END_TEST

/* Reset while it is blocked, and again: the watch is right after each start. */
START_TEST(a_reset_while_blocked_does_not_stall_the_next)
{
	int sndbuf = SNDBUF;

	await_bridge();
	ck_assert_int_eq(host_set_tbf("ep1", RATE, BURST, LIMIT), 0);
	ck_assert_int_eq(ioctl(tap_fd, TUNSETSNDBUF, &sndbuf), 0);
	for (unsigned round = 0; round < 5; round++) {
		struct backend_counters c;
		uint64_t again;

		r.backend->ops->counters(r.backend, 0, &c);
		again = c.again;
		for (int64_t end = host_now_ms() + HOST_WAIT_MS; c.again == again;) {
			ck_assert_msg(host_now_ms() < end, "write never says EAGAIN");
			if (room_to_send())
				send_next();
			r.backend->ops->counters(r.backend, 0, &c);
		}
		rig_up(&r, RIG_ALL, SIZE);
		slots_at = driver_alloc(&r.memory, SIZE * ROOM, 16);
		ck_assert_int_eq(ioctl(tap_fd, TUNSETSNDBUF, &sndbuf), 0);
		await_bridge();
		all_through(50);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("EPOLLET");
	TCase *tc = tcase_create("epollet");

	if (!host_ready("a slow way out of a TAP"))
		return 77;
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_slow_way_out_does_not_stall_transmit);
	tcase_add_test(tc, a_reset_while_blocked_does_not_stall_the_next);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
