/* tests/e2e/rings.c: a front-end with memory and rings before a running server, and a packet socket
 * at the server's TAP, for vhost_user.sh.
 *   rings PATH TAP CASE [packed]    exit status: 0 as it should be; 1 not, and Check says what */
#include <check.h>
#include <endian.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/driver/vhost_user.h"

enum { RX = 0, TX = 1, SIZE = 64, TYPE = 0x88b5, LOG_BYTES = 4096 }; /* an experiment's type */
enum { KILLS = 8, SENT = 32, POSTED = 20, STEP = 3, LENT = 12000 };

static struct {
	const char *path, *tap;
	void (*act)(void);
	uint64_t features;
	struct front front;
	int wire;     /* the other end of the TAP */
	pid_t server; /* of the last connection */
} w = { .wire = -1 };

/* ---- both ends ---- */

static int connect_one(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t deadline = front_deadline();
	struct ucred who;
	socklen_t size = sizeof(who);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", w.path);
	while (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		ck_assert_msg(front_turn(&w.front, deadline), "nobody listens");
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size), 0);
	w.server = who.pid;
	return fd;
}

/* Anew for a server's TAP: it is there when it has answered. */
static void open_wire(void)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htobe16(TYPE),
					.sll_ifindex = (int)if_nametoindex(w.tap) };
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (w.wire >= 0)
		(void)close(w.wire);
	w.wire = fd;
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	/* A link that has just come up has no queue yet for what is sent by the usual way. */
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
}

static void fill(uint8_t *frame, size_t len, unsigned number)
{
	rig_fill(frame, (uint32_t)len, number);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
}

static void to_guest(const uint8_t *frame, size_t len)
{
	int64_t deadline = front_deadline();

	while (send(w.wire, frame, len, 0) != (ssize_t)len)
		ck_assert_msg(front_turn(&w.front, deadline), "the TAP takes no frame");
}

static void from_guest(const uint8_t *frame, size_t len)
{
	int64_t deadline = front_deadline();
	uint8_t got[2048];

	while (recv(w.wire, got, sizeof(got), 0) != (ssize_t)len)
		ck_assert_msg(front_turn(&w.front, deadline), "the TAP gives no frame");
	ck_assert_mem_eq(got, frame, len);
}

/* A front-end with new memory, and a frame each way. */
static void up(void)
{
	uint8_t frame[200];
	uint64_t at;

	front_init(&w.front, connect_one(), NULL);
	front_up(&w.front, w.features, SIZE);
	open_wire();
	fill(frame, sizeof(frame), 1);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	from_guest(frame, sizeof(frame));
	at = front_post(&w.front, RX, 1, 2048);
	fill(frame, sizeof(frame), 2);
	to_guest(frame, sizeof(frame));
	front_await_used(&w.front, RX, 1);
	ck_assert_mem_eq(driver_at(&w.front.memory, at + RIG_HDR), frame, sizeof(frame));
}

/* Whatever became of the first one, the next one is served. */
static void teardown(void)
{
	front_fini(&w.front);
	up();
	front_fini(&w.front);
	(void)close(w.wire);
}

/* ---- files that are cut short: a server that does not care for that ends by SIGBUS ---- */

static void cut(int fd, off_t length) { ck_assert_int_eq(ftruncate(fd, length), 0); }

static void cut_rings(void)
{
	cut(w.front.memfd, 0);
	front_kick(&w.front, TX);
	ck_assert(front_is_dropped(&w.front));
}

/* The rings lie in the first region, the buffer in the second. */
static void cut_received(void)
{
	uint8_t frame[1000];

	w.front.memory.next = FRONT_REGION;
	(void)front_post(&w.front, RX, 1, 2048);
	cut(w.front.memfd, FRONT_REGION);
	fill(frame, sizeof(frame), 3);
	to_guest(frame, sizeof(frame));
	ck_assert(front_is_dropped(&w.front));
}

static void cut_transmitted(void)
{
	(void)driver_post(&w.front.queue[TX], FRONT_REGION, 1000, false);
	cut(w.front.memfd, FRONT_REGION);
	front_kick(&w.front, TX);
	ck_assert(front_is_dropped(&w.front));
}

/* What is lent to the kernel alone. */
static void cut_lent(void)
{
	(void)driver_post(&w.front.queue[TX], FRONT_REGION, LENT, false);
	cut(w.front.memfd, FRONT_REGION + 4096);
	front_kick(&w.front, TX);
	ck_assert(front_is_dropped(&w.front));
}

static void cut_log(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	cut(fd, LOG_BYTES);
	ck_assert_uint_eq(front_set_log(&w.front, fd, LOG_BYTES, 0), 0);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SET_FEATURES,
					   w.front.features | FRONT_BIT(VHOST_USER_F_LOG_ALL)),
			  0);
	cut(fd, 0);
	front_transmit(&w.front, TX, (uint8_t[60]){ 0 }, 60);
	ck_assert(front_is_dropped(&w.front));
	(void)close(fd);
}

/* ---- the file for chains in flight ---- */

/* Of this connection's making, for the next ones. */
static int make_inflight(struct wire_vu_inflight *ret)
{
	return front_get_inflight(&w.front, 2, SIZE, ret);
}

static void handshake_with(int fd, const struct wire_vu_inflight *i)
{
	front_handshake(&w.front, w.features, UINT64_MAX);
	ck_assert_uint_eq(front_mem_table(&w.front), 0);
	ck_assert_uint_eq(front_set_inflight(&w.front, fd, i), 0);
}

/* New memory and rings. */
static void up_with(int fd, const struct wire_vu_inflight *i)
{
	front_fini(&w.front);
	front_init(&w.front, connect_one(), NULL);
	handshake_with(fd, i);
	for (uint32_t r = 0; r < 2; r++)
		front_ring_set(&w.front, r, SIZE);
}

static uint32_t first_base(void) { return w.front.queue[TX].packed ? 0x8000 : 0; }

/* Found by who starts a ring. */
static void cut_inflight(void)
{
	struct wire_vu_inflight i;
	int fd = make_inflight(&i);

	up_with(fd, &i);
	cut(fd, 0);
	front_ring_again(&w.front, TX, first_base());
	ck_assert(front_is_dropped(&w.front));
	(void)close(fd);
}

/* Found by who uses a chain of a packed ring. */
static void cut_journal(void)
{
	struct wire_vu_inflight i;
	int fd = make_inflight(&i);

	up_with(fd, &i);
	front_ring_again(&w.front, TX, first_base());
	cut(fd, 0);
	front_transmit(&w.front, TX, (uint8_t[60]){ 0 }, 60);
	ck_assert(front_is_dropped(&w.front));
	(void)close(fd);
}

/* Each of the chains that were posted, once. */
static void collect_all(uint32_t index, unsigned count)
{
	struct driver_queue *q = &w.front.queue[index];
	bool seen[SIZE] = { false };
	struct driver_used u;

	front_await_used(&w.front, index, q->avail_index);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_msg(driver_collect(q, &u), "ring %u: %u chains of %u", index, i, count);
		ck_assert_msg(u.id < SIZE && !seen[u.id], "ring %u: chain %u twice", index, u.id);
		seen[u.id] = true;
	}
	ck_assert(!driver_collect(q, &u));
}

/* Traffic both ways, until so many chains are used; the server ends in the middle of the rest. */
static void traffic_and_kill(unsigned used)
{
	struct driver_queue *tx = &w.front.queue[TX];
	uint16_t before = tx->avail_index;
	int64_t deadline = front_deadline();
	uint8_t frame[500];

	(void)front_post(&w.front, RX, POSTED, 2048);
	fill(frame, sizeof(frame), used);
	for (unsigned i = 0; i < SENT; i++) {
		front_transmit(&w.front, TX, frame, sizeof(frame));
		(void)send(w.wire, frame, sizeof(frame), 0);
	}
	while ((uint16_t)(driver_used_index(tx) - before) < used)
		if (front_deadline() - FRONT_WAIT_MS > deadline)
			ck_abort_msg("%u chains are not used", used);
	ck_assert_int_eq(kill(w.server, SIGKILL), 0);
	/* Until all of it is gone, somebody may still seem to listen. */
	while (kill(w.server, 0) == 0)
		ck_assert(front_turn(&w.front, deadline));
}

/* Whatever index the front-end makes up. */
static void killed(void)
{
	struct wire_vu_inflight i;
	uint8_t frame[300];
	int fd = make_inflight(&i);

	fill(frame, sizeof(frame), 1);
	up_with(fd, &i);
	for (uint32_t r = 0; r < 2; r++)
		front_ring_again(&w.front, r, first_base());
	for (unsigned kills = 0; kills < KILLS; kills++) {
		int64_t deadline = front_deadline();

		traffic_and_kill(kills * STEP);
		front_reconnect(&w.front, connect_one());
		handshake_with(fd, &i);
		for (uint32_t r = 0; r < 2; r++)
			front_ring_again(&w.front, r, 0);
		open_wire();
		collect_all(TX, SENT);
		while (driver_used_index(&w.front.queue[RX]) != w.front.queue[RX].avail_index) {
			(void)send(w.wire, frame, sizeof(frame), 0);
			ck_assert(front_turn(&w.front, deadline));
		}
		collect_all(RX, POSTED);
	}
	(void)close(fd);
}

static const struct {
	const char *name;
	void (*act)(void);
} cases[] = { { "cut-rings", cut_rings },
	      { "cut-received", cut_received },
	      { "cut-transmitted", cut_transmitted },
	      { "cut-lent", cut_lent },
	      { "cut-log", cut_log },
	      { "cut-inflight", cut_inflight },
	      { "cut-journal", cut_journal },
	      { "killed", killed } };

START_TEST(act) { w.act(); }
END_TEST

int main(int argc, char *argv[])
{
	Suite *s = suite_create("rings");
	TCase *tc = tcase_create("rings");

	for (size_t i = 0; (argc == 4 || argc == 5) && i < ARRAY_LEN(cases); i++)
		if (strcmp(argv[3], cases[i].name) == 0)
			w.act = cases[i].act;
	if (w.act == NULL) {
		(void)printf("usage: see the head of rings.c\n");
		return 1;
	}
	w.path = argv[1];
	w.tap = argv[2];
	w.features = FRONT_BIT(VIRTIO_F_VERSION_1) | FRONT_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |
		     FRONT_BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (argc == 5)
		w.features |= FRONT_BIT(VIRTIO_F_RING_PACKED);
	tcase_add_checked_fixture(tc, up, teardown);
	tcase_add_test(tc, act);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
