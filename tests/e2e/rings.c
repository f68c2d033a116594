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

static struct {
	const char *path, *tap;
	void (*act)(void);
	uint64_t features;
	struct front front;
	int wire; /* the other end of the TAP */
} w;

/* ---- both ends ---- */

static int connect_one(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", w.path);
	ck_assert_msg(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "nobody listens");
	return fd;
}

static int open_wire(void)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htobe16(TYPE),
					.sll_ifindex = (int)if_nametoindex(w.tap) };
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	/* A link that has just come up has no queue yet for what is sent by the usual way. */
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	return fd;
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
	fill(frame, sizeof(frame), 1);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	from_guest(frame, sizeof(frame));
	at = front_post(&w.front, RX, 1, 2048);
	fill(frame, sizeof(frame), 2);
	to_guest(frame, sizeof(frame));
	front_await_used(&w.front, RX, 1);
	ck_assert_mem_eq(driver_at(&w.front.memory, at + RIG_HDR), frame, sizeof(frame));
}

static void setup(void)
{
	w.wire = open_wire();
	up();
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

static const struct {
	const char *name;
	void (*act)(void);
} cases[] = { { "cut-rings", cut_rings },
	      { "cut-received", cut_received },
	      { "cut-transmitted", cut_transmitted },
	      { "cut-log", cut_log } };

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
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, act);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
