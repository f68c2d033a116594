/* A whole NIC on a TAP whose frames the real kernel's vhost-net moves: each way, told by its
 * messages, from it to workers and back while frames flow, on several pairs; and a ring that it
 * finds broken. Only where there is a /dev/vhost-net: tests/interop/bed/vhost.sh has it run in the
 * bed. */
#include <check.h>
#include <fcntl.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tap.h"
#include "devices/tap/tap.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { PAIRS = 2, SIZE = 64, LEN = 200, ROOM = 256, NUMBER_AT = 14, FRAMES = 3000, A_TURN = 25 };

static struct rig r;
static int host;         /* a packet socket */
static uint64_t memory;  /* of the rig's, behind its rings */
static uint64_t buffers; /* SIZE of ROOM bytes: that with id i is i's */

static struct backend *a_tap(void)
{
	const struct tap_request request = { .kind = TAP_KIND_TAP,
					     .name = "vt0",
					     .fd = -1,
					     .queues = PAIRS,
					     .owner = -1,
					     .group = -1 };
	struct backend_tap_config config = { .fd_count = PAIRS, .sys = &sys_host, .name = "vt0" };
	struct backend *be;
	struct tap tap;

	ck_assert(!err_is(tap_open(&sys_host, &request, &tap)));
	config.fds = tap.fd;
	config.hdr_bytes = tap.hdr_bytes;
	config.offloads = backend_tap_offloads(tap.offloads);
	config.carrier = tap.carrier;
	config.steers = tap.steers;
	config.steer_program = tap.steer_program;
	config.steer_map = tap.steer_map;
	ck_assert(!err_is(backend_tap_create(&config, &be)));
	return be;
}

static void await_running(void)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	while ((host_info("vt0").flags & IFF_RUNNING) == 0)
		ck_assert_msg(host_now_ms() < deadline, "vt0 does not run");
}

static uint64_t event_idx(int i) { return i == 0 ? RIG_ALL : RIG_ALL & ~RIG_BIT(29); }

static void up(uint64_t features)
{
	rig_prepare(&r, features, SIZE);
	pci_slot_msix_on(&r.slot, true);
	for (unsigned i = 0; i < 2 * PAIRS; i++) {
		pci_slot_vector(&r.slot, i, 0xfee00000, 0x40 + i);
		pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_MSIX, 2, i);
	}
	rig_go(&r);
	ck_assert_msg(datapath_path(r.datapath) == PATH_VHOST, "got \"%s\"", r.last_log);
	await_running();
	memory = r.memory.next;
	buffers = rig_post(&r, SIZE, ROOM);
	memory = r.memory.next;
}

static void setup(void)
{
	int fds[PAIRS];

	host_fresh();
	host_without_ipv6();
	for (unsigned i = 0; i < PAIRS; i++) {
		fds[i] = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(fds[i], 0);
	}
	rig_make_vhost(&r, a_tap(), fds, &sys_host);
	host_up("vt0");
	host = host_packet("vt0", HOST_ETHERTYPE, false);
}

static void teardown(void)
{
	(void)close(host);
	rig_end(&r);
}

static void number(uint8_t *frame, uint32_t n)
{
	rig_fill(frame, LEN, 1);
	memcpy(frame + NUMBER_AT, &n, sizeof(n));
}

static uint32_t number_of(const uint8_t *frame)
{
	uint32_t n;

	memcpy(&n, frame + NUMBER_AT, sizeof(n));
	return n;
}

/* The driver reuses what it sent from before. */
static void send_number(unsigned pair, uint32_t n)
{
	uint8_t frame[LEN];
	struct driver_used used;

	while (driver_collect(&r.queue[2 * pair + RIG_TX], &used))
		continue;
	number(frame, n);
	r.memory.next = memory + (uint64_t)(n % SIZE) * 2 * ROOM;
	rig_send_on(&r, pair, (struct vnet_hdr){ 0 }, frame, LEN);
}

static void host_sends(uint32_t n)
{
	uint8_t frame[LEN];

	number(frame, n);
	ck_assert_int_eq(send(host, frame, LEN, 0), LEN);
}

/* What the driver finds in its receive ring, each posted again. Their numbers follow one another.
 */
static void guest_receives(uint32_t *next)
{
	struct driver_used used;

	while (driver_collect(&r.queue[RIG_RX], &used)) {
		uint64_t at = buffers + (uint64_t)used.id * ROOM;
		const uint8_t *frame = (uint8_t *)driver_at(&r.memory, at) + RIG_HDR;
		uint16_t old = r.queue[RIG_RX].avail_index;

		ck_assert_uint_eq(used.len, RIG_HDR + LEN);
		ck_assert_msg(number_of(frame) == *next, "frame %u where %u is due",
			      number_of(frame), *next);
		(*next)++;
		(void)driver_post(&r.queue[RIG_RX], at, ROOM, true);
		if (driver_wants_kick(&r.queue[RIG_RX], old))
			rig_kick(&r, RIG_RX);
	}
}

static void host_receives(uint32_t *next)
{
	uint8_t frame[LEN + 1];

	while (recv(host, frame, sizeof(frame), MSG_DONTWAIT) == LEN) {
		ck_assert_msg(number_of(frame) == *next, "frame %u where %u is due",
			      number_of(frame), *next);
		(*next)++;
	}
}

static void turn(void) { ck_assert(!err_is(loop_once(r.loop, 0))); }

START_TEST(a_frame_each_way_and_a_message_for_each)
{
	uint32_t guest = 0, hosts = 0;

	up(event_idx(_i));
	(void)pci_slot_sent(&r.slot, RIG_RX);
	(void)pci_slot_sent(&r.slot, RIG_TX);
	send_number(0, 0);
	ck_assert(host_wait_readable(host, HOST_WAIT_MS));
	host_receives(&hosts);
	ck_assert_uint_eq(hosts, 1);
	rig_await_used(&r, RIG_TX, 1);
	host_sends(0);
	rig_await_used(&r, RIG_RX, 1);
	guest_receives(&guest);
	ck_assert_uint_eq(guest, 1);
	for (unsigned i = 0; i < 2; i++)
		while (pci_slot_sent(&r.slot, i) == 0)
			turn(); /* the kernel writes it behind the used index */
	ck_assert_uint_eq(rig_stats(&r).tx.packets + rig_stats(&r).rx.packets, 0);
}
END_TEST

/* Both ways at once, the path changing every so many frames: each arrives once, in order. */
START_TEST(frames_flow_while_it_changes_hands)
{
	uint32_t guest = 0, hosts = 0;
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	up(event_idx(_i));
	for (uint32_t n = 0; n < FRAMES; n++) {
		if (n % A_TURN == 0)
			ck_assert(!err_is(datapath_switch(
				r.datapath, n / A_TURN % 2 == 0 ? PATH_WORKER : PATH_VHOST)));
		send_number(0, n);
		host_sends(n);
		/* Neither ring ever runs dry or over: nothing is there to be lost by. */
		while (n + 1 - hosts > SIZE / 4 || n + 1 - guest > SIZE / 4) {
			guest_receives(&guest);
			host_receives(&hosts);
			turn();
			ck_assert_msg(host_now_ms() < deadline, "%u: %u and %u arrived", n, guest,
				      hosts);
		}
		deadline = host_now_ms() + HOST_WAIT_MS;
	}
	while (guest < FRAMES || hosts < FRAMES) {
		guest_receives(&guest);
		host_receives(&hosts);
		turn();
		ck_assert_msg(host_now_ms() < deadline, "%u and %u arrived", guest, hosts);
	}
	ck_assert_uint_gt(rig_stats(&r).tx.packets, 0);
	ck_assert_uint_lt(rig_stats(&r).tx.packets, FRAMES);
}
END_TEST

START_TEST(the_second_pair_sends)
{
	uint32_t hosts = 0;

	up(RIG_ALL);
	ck_assert_int_eq(rig_set_pairs(&r, PAIRS), 0);
	for (uint32_t n = 0; n < 10; n++) {
		send_number(n % 2, n);
		ck_assert(host_wait_readable(host, HOST_WAIT_MS));
		host_receives(&hosts);
		ck_assert_uint_eq(hosts, n + 1);
	}
	ck_assert_int_eq(rig_set_pairs(&r, 1), 0);
	send_number(0, 10);
	ck_assert(host_wait_readable(host, HOST_WAIT_MS));
	host_receives(&hosts);
	ck_assert_uint_eq(hosts, 11);
}
END_TEST

/* A reset, and all again: from the ring's beginning. */
START_TEST(after_a_reset)
{
	for (unsigned life = 0; life < 3; life++) {
		uint32_t guest = 0;

		up(RIG_ALL);
		for (uint32_t n = 0; n < 5; n++)
			host_sends(n);
		rig_await_used(&r, RIG_RX, 5);
		guest_receives(&guest);
		ck_assert_uint_eq(guest, 5);
	}
}
END_TEST

START_TEST(a_broken_ring_is_told)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	uint32_t hosts = 0;

	up(RIG_ALL);
	driver_offer(q, SIZE + 3);
	driver_show(q);
	rig_kick(&r, RIG_TX);
	rig_await_broken(&r);
	ck_assert_msg(strstr(r.last_log, "queue 1 is broken") != NULL, "got \"%s\"", r.last_log);
	up(RIG_ALL);
	send_number(0, 0);
	ck_assert(host_wait_readable(host, HOST_WAIT_MS));
	host_receives(&hosts);
	ck_assert_uint_eq(hosts, 1);
}
END_TEST

int main(void)
{
	int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	Suite *s;
	TCase *tc;

	if (fd < 0) {
		(void)printf("skip: a NIC on vhost-net: no /dev/vhost-net\n");
		return 77;
	}
	(void)close(fd);
	if (!host_ready("a NIC on vhost-net"))
		return 77;
	s = suite_create("datapath/vhost on a TAP");
	tc = tcase_create("vhost on a TAP");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_frame_each_way_and_a_message_for_each, 0, 2);
	tcase_add_loop_test(tc, frames_flow_while_it_changes_hands, 0, 2);
	tcase_add_test(tc, the_second_pair_sends);
	tcase_add_test(tc, after_a_reset);
	tcase_add_test(tc, a_broken_ring_is_told);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
