/* Received frames that find no room: which of them wait, for what, and how they end. */
#include <check.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "devices/base/clock.h"
#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, SMALL = 100, LARGEST = 66000 };

static struct rig r;
static uint8_t frame[LARGEST];
static const struct vnet_hdr plain;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static void give(uint32_t len, unsigned number)
{
	rig_fill(frame, len, number);
	ck_assert(loopback_give(r.backend, 0, plain, frame, len));
}

static void await_held(uint64_t count)
{
	while (rig_stats(&r).rx_held != count)
		ck_assert(!err_is(loop_once(r.loop, 1)));
}

/* `left` small buffers are posted, `gone` more are the driver's to post again. Returns the used
 * index. */
static uint16_t up_with(unsigned left, unsigned gone)
{
	rig_prepare(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, left + gone, SMALL);
	rig_go(&r);
	for (unsigned i = 0; i < gone; i++)
		give(60, i);
	rig_await_used(&r, RIG_RX, (uint16_t)gone);
	return (uint16_t)gone;
}

/* ---- what waits ---- */

/* The held frame finds room at the second look. */
START_TEST(held_until_there_is_room)
{
	uint16_t used = up_with(4, 8);

	give(1000, 0);
	await_held(1);
	(void)rig_post(&r, 8, SMALL);
	rig_await_used(&r, RIG_RX, (uint16_t)(used + 11)); /* 1012 bytes of 100 each */
	ck_assert_uint_eq(rig_stats(&r).rx.packets, used + 1u);
}
END_TEST

/* Too few came: it had its look. */
START_TEST(one_look_at_new_buffers)
{
	uint16_t used = up_with(4, 20);

	give(1000, 0);
	await_held(1);
	(void)rig_post(&r, 2, SMALL);
	rig_await_drops(&r, DROP_RX_NO_BUFFERS, 1);
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	give(60, 1);
	rig_await_used(&r, RIG_RX, (uint16_t)(used + 1));
}
END_TEST

/* Each held frame has a look of its own: the one that found room does not cost the others
 * theirs. */
START_TEST(those_behind_wait_as_well)
{
	uint16_t used = up_with(6, 14);

	device_lock(net_device(r.net));
	device_pause(net_device(r.net));
	for (unsigned i = 0; i < 3; i++)
		give(900, i);
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
	while (rig_stats(&r).rx_held == 0)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	for (unsigned i = 0; i < 3; i++) {
		(void)rig_post(&r, i == 0 ? 4 : 10, SMALL);
		rig_await_used(&r, RIG_RX, (uint16_t)(used + 10 * (i + 1)));
	}
	ck_assert_uint_eq(rig_stats(&r).rx.packets, used + 3u);
	ck_assert_uint_eq(rig_stats(&r).rx.drops, 0);
}
END_TEST

/* ---- what does not: contract 3, all posted buffers together too small; B18 ---- */

static const struct {
	const char *says;
	unsigned buffers;
	uint32_t room, frame;
} rings[] = {
	{ "a few buffers, and the driver has no more", 4, SMALL, 1000 },
	{ "one", 1, SMALL, 200 },
	{ "a full ring of buffers of 64 bytes", SIZE, 64, 64000 },
};

/* rule: NET-33 */
START_TEST(too_big_for_all_that_the_driver_has)
{
	struct vnet_hdr h = { .flags = 1,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = 1448,
			      .csum_start = 34,
			      .csum_offset = 16 };
	uint32_t len = rig_fill_ip(frame, false, true, rings[_i].frame - 54);

	rig_prepare(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, rings[_i].buffers, rings[_i].room);
	rig_go(&r);
	ck_assert(loopback_give(r.backend, 0, h, frame, len));
	rig_await_drops(&r, DROP_RX_TOO_BIG, 1);
	ck_assert_msg(driver_used_index(&r.queue[RIG_RX]) == 0, "%s: the buffers stay",
		      rings[_i].says);
	give(14, 1);
	rig_await_used(&r, RIG_RX, 1);
}
END_TEST

/* ---- at the same moment: the test's own thread is the worker, and tells when it sleeps ---- */

enum { NEED = 5, AWAKE = -1 };
static atomic_long kicks,
	slept_at; /* slept_at: the kicks seen by a worker that waits for the next */
static atomic_uint given;
static atomic_bool over;

static void *work(void *arg)
{
	struct net_pair *p = net_pair(r.net, 0);
	unsigned seen_given = 0;
	long seen_kicks = 0;

	(void)arg;
	driver_own_processor(true);
	while (!atomic_load(&over)) {
		unsigned now_given = atomic_load(&given);
		enum run why = net_rx(p);

		if (why == RUN_BLOCKED && !net_rx_wait(p)) {
			atomic_store(&slept_at, seen_kicks);
			while (atomic_load(&kicks) == seen_kicks && !atomic_load(&over))
				(void)sched_yield();
			seen_kicks = atomic_load(&kicks);
			atomic_store(&slept_at, AWAKE);
		} else if (why == RUN_IDLE && now_given == seen_given) {
			(void)sched_yield();
		}
		seen_given = now_given;
	}
	return NULL;
}

/* Posts what one frame needs, at once. */
static void post_for_one(uint64_t at)
{
	struct driver_queue *q = &r.queue[RIG_RX];
	uint16_t old = q->avail_index;

	for (unsigned i = 0; i < NEED; i++) {
		uint16_t head = q->next_desc;

		q->next_desc = (uint16_t)((head + 1) % SIZE);
		driver_desc(q, head, at + head * 128u, SMALL, D_WRITE, 0);
		driver_offer(q, head);
	}
	driver_show(q);
	if (driver_wants_kick(q, old))
		atomic_fetch_add(&kicks, 1);
}

/* As many rounds as fit into a second, and some whatever the machine does: each needs both threads
 * to have their turn. */
static bool frames_and_buffers(uint64_t at)
{
	uint64_t end = clock_now_ns(&clock_host) + 1000 * 1000 * 1000;
	uint32_t random = 1;

	for (unsigned round = 0; round < 100 || clock_now_ns(&clock_host) < end; round++) {
		uint16_t used = (uint16_t)(driver_used_index(&r.queue[RIG_RX]) + NEED);

		if (!loopback_give(r.backend, 0, plain, frame, NEED * SMALL - 50))
			return false;
		atomic_fetch_add(&given, 1);
		random = random * 1664525 + 1013904223;
		for (volatile uint32_t i = (random >> 16) % 4096; i > 0; i--)
			continue;
		post_for_one(at);
		while (driver_used_index(&r.queue[RIG_RX]) != used) {
			bool asleep = atomic_load(&slept_at) == atomic_load(&kicks);
			uint16_t now = driver_used_index(&r.queue[RIG_RX]);

			if (now == used)
				break;
			if (asleep || now != (uint16_t)(used - NEED))
				return false;
			(void)sched_yield();
		}
	}
	return true;
}

/* A frame needs 5 buffers, 3 are posted, and the others come at any moment of the worker's
 * look: it takes them, or asks for the kick that tells of them. */
/* rule: NET-32 */
START_TEST(buffers_that_come_while_it_looks)
{
	pthread_t worker;
	uint64_t at;
	bool good;

	(void)up_with(3, NEED);
	at = driver_alloc(&r.memory, SIZE * 128, 16);
	device_lock(net_device(r.net));
	device_pause(net_device(r.net));
	atomic_store(&slept_at, AWAKE);
	ck_assert_int_eq(pthread_create(&worker, NULL, work, NULL), 0);
	driver_own_processor(false);
	good = frames_and_buffers(at);
	atomic_store(&over, true);
	ck_assert_int_eq(pthread_join(worker, NULL), 0);
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
	ck_assert_msg(
		good,
		"the worker sleeps though buffers are posted, or shows a part of a frame: round %u",
		atomic_load(&given));
	ck_assert_uint_eq(rig_stats(&r).rx.drops, 0);
}
END_TEST

/* ---- how they end ---- */

START_TEST(a_held_frame_ends_at_reset)
{
	(void)up_with(2, 8);
	give(1000, 0);
	await_held(1);
	rig_write(&r, 0x070, 0);
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_RESET], 1);
	ck_assert(!loopback_carrier(r.backend));
}
END_TEST

/* ... and when its queue is stopped alone: the new one begins without it. */
START_TEST(a_held_frame_ends_with_its_queue)
{
	(void)up_with(4, 8);
	give(1000, 0);
	await_held(1);
	rig_stop_queue(&r, RIG_RX);
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_RESET], 1);
	rig_set_queue(&r, RIG_RX, SIZE);
	(void)rig_post(&r, 4, SMALL);
	give(60, 1);
	rig_await_used(&r, RIG_RX, 1);
}
END_TEST

/* As many as were tried, and one that is not there. */
START_TEST(a_ring_that_breaks_while_a_frame_is_held)
{
	struct driver_queue *q = &r.queue[RIG_RX];

	(void)up_with(1, 8);
	give(1000, 0);
	await_held(1);
	driver_show_index(q, (uint16_t)(q->avail_index + SIZE));
	rig_kick(&r, RIG_RX);
	rig_await_broken(&r);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_BROKEN], 1);
}
END_TEST

/* ---- commands while a frame is held: from their ack on it obeys them (CTRL-04, 25) ---- */

static const struct {
	const char *says;
	uint8_t class, command, len, data[8];
	struct vnet_hdr h;
	enum drop_reason why; /* DROP_NONE: it comes, with flags 0 */
	unsigned buffers;     /* that it takes then */
			      /* clang-format off */
} orders[] = {
	{ "offloads off, a super-frame", 5, 0, 8, { 0 },
	  { .flags = 1, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 500, .csum_start = 34, .csum_offset = 16 },
	  DROP_NONE, 6 + 5 },
	{ "offloads off, an unfinished checksum", 5, 0, 8, { 0 },
	  { .flags = 1, .csum_start = 34, .csum_offset = 16 }, DROP_NONE, 10 },
	{ "promiscuous off, an address that is not ours", 0, 0, 1, { 0 }, { 0 }, DROP_RX_FILTER, 0 },
};
/* clang-format on */

/* The flags in the header of the n-th used buffer. */
static uint8_t flags_of(uint16_t n)
{
	struct driver_queue *q = &r.queue[RIG_RX];
	struct driver_used u = { 0 };
	uint64_t addr;

	q->used_index = n;
	ck_assert(driver_collect(q, &u));
	memcpy(&addr, driver_at(&r.memory, q->desc + 16u * u.id), sizeof(addr));
	return *(uint8_t *)driver_at(&r.memory, addr);
}

/* rule: CTRL-25 */
START_TEST(a_held_frame_obeys_commands)
{
	uint16_t used = up_with(4, 20);
	uint32_t len;

	len = rig_fill_ip(frame, false, true, 900);
	frame[0] = orders[_i].why == DROP_RX_FILTER ? 2 : 0xff;
	ck_assert(loopback_give(r.backend, 0, orders[_i].h, frame, len));
	await_held(1);
	ck_assert_int_eq(rig_control(&r, orders[_i].class, orders[_i].command, orders[_i].data,
				     orders[_i].len),
			 VIRTIO_NET_OK);
	(void)rig_post(&r, 20, SMALL);
	if (orders[_i].why != DROP_NONE) {
		rig_await_drops(&r, orders[_i].why, 1);
		ck_assert_msg(driver_used_index(&r.queue[RIG_RX]) == used, "%s", orders[_i].says);
		return;
	}
	rig_await_used(&r, RIG_RX, (uint16_t)(used + orders[_i].buffers));
	ck_assert_msg(flags_of(used) == 0, "%s", orders[_i].says);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("receive_held");
	TCase *tc = tcase_create("rx_held");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, held_until_there_is_room);
	tcase_add_test(tc, one_look_at_new_buffers);
	tcase_add_test(tc, those_behind_wait_as_well);
	tcase_add_loop_test(tc, too_big_for_all_that_the_driver_has, 0, (int)ARRAY_LEN(rings));
	tcase_add_test(tc, buffers_that_come_while_it_looks);
	tcase_add_test(tc, a_held_frame_ends_at_reset);
	tcase_add_test(tc, a_held_frame_ends_with_its_queue);
	tcase_add_test(tc, a_ring_that_breaks_while_a_frame_is_held);
	tcase_add_loop_test(tc, a_held_frame_obeys_commands, 0, (int)ARRAY_LEN(orders));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
