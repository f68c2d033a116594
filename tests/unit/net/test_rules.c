/* A driver that breaks the rules, seen from the whole device: what it does hurts itself alone,
 * is counted, and fills nobody's log. The ring's own rules are in tests/unit/virtio, the
 * registers' in tests/unit/transport. */
#include <check.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LEN = 60, ROOM = 256 };

static struct rig r, neighbour;
static uint8_t frame[2048], sent[70000];
static const struct vnet_hdr plain;

static void setup(void)
{
	rig_make(&r);
	rig_make(&neighbour);
	rig_up(&neighbour, RIG_ALL, SIZE);
	rig_fill(frame, LEN, 1);
}
static void teardown(void)
{
	rig_end(&r);
	rig_end(&neighbour);
}

static uint64_t faults(enum device_fault f)
{
	struct device_counters c;

	device_counters(net_device(r.net), &c);
	return c.fault[f];
}

static void assert_sends(struct rig *of)
{
	struct vnet_hdr h;

	rig_send(of, plain, frame, LEN);
	ck_assert_int_eq(rig_await_sent(of, &h, sent, sizeof(sent)), LEN);
	ck_assert(memcmp(frame, sent, LEN) == 0);
}

static void break_transmit(void)
{
	driver_offer(&r.queue[RIG_TX], 0xffff);
	driver_show(&r.queue[RIG_TX]);
	rig_kick(&r, RIG_TX);
	rig_await_broken(&r);
}

/* ---- broken, again and again ---- */

START_TEST(broken_often_is_counted_and_said_once_a_second)
{
	enum { TIMES = 50 };
	time_t start = time(NULL);

	for (unsigned i = 0; i < TIMES; i++) {
		rig_up(&r, RIG_ALL, SIZE);
		break_transmit();
		if (i % 10 == 0)
			assert_sends(&neighbour);
	}
	ck_assert_uint_eq(faults(DEVICE_FAULT_BROKEN), TIMES);
	ck_assert_uint_ge(rig_log_lines(&r), 1);
	ck_assert_msg(rig_log_lines(&r) <= 2 + (unsigned)(time(NULL) - start), "%u lines",
		      rig_log_lines(&r));
	ck_assert_uint_eq(rig_log_lines(&neighbour), 0);
	rig_up(&r, RIG_ALL, SIZE);
	assert_sends(&r);
}
END_TEST

/* Nothing of the chain reaches the backend. */
/* rule: NET-26 */
START_TEST(a_writable_part_breaks_transmit)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	struct vnet_hdr h;

	rig_up(&r, RIG_ALL, SIZE);
	driver_desc(q, 0, 0x10000, RIG_HDR + LEN, _i == 0 ? D_NEXT : D_WRITE, 1);
	driver_desc(q, 1, 0x11000, 8, D_WRITE, 0);
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_TX);
	rig_await_broken(&r);
	ck_assert_uint_eq(driver_used_index(q), 0);
	ck_assert_int_lt(loopback_taken(r.backend, 0, &h, sent, sizeof(sent)), 0);
}
END_TEST

/* ---- the header: what is not agreed on or not known does not pass ---- */

/* rule: NET-14 NET-15 NET-16 NET-17 NET-20 */
START_TEST(the_header_is_made_anew)
{
	const struct vnet_hdr said = { .flags = 0xf6, /* not UDP_TUNNEL_CSUM: that is refused */
				       .hdr_len = 65535,
				       .gso_size = 77,
				       .csum_start = 9999,
				       .csum_offset = 9999 };
	struct vnet_hdr h = { .num_buffers = 9 };

	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, said, frame, LEN);
	ck_assert_int_eq(rig_await_sent(&r, &h, sent, sizeof(sent)), LEN);
	ck_assert_uint_eq(h.flags, 0);
	ck_assert_uint_eq(h.hdr_len, 0);
	ck_assert_uint_eq(h.gso_size, 0);
	ck_assert_uint_eq(h.csum_start, 0);
	ck_assert_uint_eq(h.csum_offset, 0);
	ck_assert_uint_eq(h.num_buffers, 0);
}
END_TEST

/* ---- a command that is refused changes nothing, not even in part (CTRL-12, B36) ---- */

static bool passes(uint8_t last_of_mac, bool multicast)
{
	uint64_t dropped = rig_stats(&r).drop[DROP_RX_FILTER], came = rig_stats(&r).rx.packets;

	rig_fill(frame, LEN, 1);
	memcpy(frame, (uint8_t[]){ multicast ? 1 : 2, 0, 0, 0, 0, last_of_mac }, 6);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	while (rig_stats(&r).rx.packets + rig_stats(&r).drop[DROP_RX_FILTER] == came + dropped)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	return rig_stats(&r).rx.packets > came;
}

/* rule: CTRL-12 CTRL-26 */
START_TEST(a_refused_command_changes_nothing)
{
	static const uint8_t good[20] = {
		1, 0, 0, 0, 2, 0, 0, 0, 0, 7, 1, 0, 0, 0, 1, 0, 0, 0, 0, 7
	};
	static const uint8_t bad[20] = {
		1, 0, 0, 0, 2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 0, 8
	};
	static const uint8_t offloads[8] = { 0x83 }, mac[5] = { 2, 0, 0, 0, 0 };
	struct backend_offloads before;

	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, ROOM);
	before = loopback_offloads(r.backend);
	ck_assert_int_eq(rig_control(&r, 1, 0, good, sizeof(good)), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 1, 0, bad, sizeof(bad)), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, 1, 1, mac, sizeof(mac)), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, 5, 0, offloads, sizeof(offloads)), VIRTIO_NET_ERR);
	ck_assert(passes(7, false) && passes(7, true) && passes(1, false));
	ck_assert(!passes(8, false) && !passes(8, true));
	ck_assert_uint_eq(rig_read(&r, 0x104) & 0xffff, 0x0100);
	ck_assert(loopback_offloads(r.backend).tso4 == before.tso4 && before.tso4);
}
END_TEST

/* ---- doorbells ---- */

static void nothing_happens(uint16_t used)
{
	for (unsigned i = 0; i < 20; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_TX]), used);
}

/* Too early is nothing; and at DRIVER_OK nobody waits for another one. */
/* rule: CORE-02 CORE-03 CORE-10 */
START_TEST(a_doorbell_before_driver_ok)
{
	rig_prepare(&r, RIG_ALL, SIZE);
	rig_send(&r, plain, frame, LEN);
	for (unsigned queue = 0; queue < 3; queue++)
		rig_kick(&r, queue);
	nothing_happens(0);
	ck_assert_uint_eq(rig_read(&r, 0x060), 0);
	rig_go(&r);
	rig_await_used(&r, RIG_TX, 1);
}
END_TEST

/* rule: MMIO-07 */
START_TEST(a_doorbell_of_a_queue_that_is_not_ready)
{
	rig_up(&r, RIG_ALL, SIZE);
	assert_sends(&r);
	rig_stop_queue(&r, RIG_TX);
	rig_send(&r, plain, frame, LEN);
	rig_kick(&r, RIG_TX);
	nothing_happens(1);
	/* The other queues run on (CORE-27), and the new one from its beginning, with no kick in
	 * between. */
	(void)rig_post(&r, 1, ROOM);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_await_used(&r, RIG_RX, 1);
	rig_set_queue(&r, RIG_TX, SIZE);
	assert_sends(&r);
}
END_TEST

static atomic_bool storming;

static void *storm(void *arg)
{
	static const uint32_t doorbells[] = { RIG_RX, RIG_TX, RIG_CTRL, 3, 0xffffffff };

	(void)arg;
	for (unsigned i = 0; atomic_load(&storming); i++) {
		rig_write(&r, MMIO_QUEUE_NOTIFY, doorbells[i % 5]);
		rig_write(&r, 0x064, i);
	}
	return NULL;
}

/* Its own time; its frames, its commands, its reset and the neighbour go on. */
/* rule: SPLIT-31 */
START_TEST(a_storm_of_doorbells)
{
	static const uint8_t on = 1;
	pthread_t thread;

	rig_up(&r, RIG_ALL, SIZE);
	atomic_store(&storming, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, storm, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_sends(&r);
		if (i % 50 == 0) {
			ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), VIRTIO_NET_OK);
			assert_sends(&neighbour);
		}
		if (i % 100 == 99)
			rig_up(&r, RIG_ALL, SIZE);
	}
	atomic_store(&storming, false);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* ---- memory that changes while it is read (B07, B30, CORE-31) ---- */

struct raw_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
static struct {
	volatile struct raw_desc *table;
	volatile uint8_t *header;
} flipped;

/* Races on purpose, so ThreadSanitizer is not to watch it. */
__attribute__((no_sanitize_thread)) static void *flip(void *arg)
{
	uint32_t random = 5;

	(void)arg;
	while (atomic_load(&storming)) {
		volatile struct raw_desc *d;

		random = random * 1664525 + 1013904223;
		d = &flipped.table[random >> 16 & 1];
		switch (random >> 28) {
		case 0: d->addr = UINT64_MAX - 7; break;
		case 1: d->flags = D_INDIRECT; break;
		case 2: d->flags = D_NEXT; break;
		case 3: d->next = (uint16_t)(random >> 8); break;
		case 4: d->len = 65536; break;
		case 5: d->len = 64; break;
		case 6: d->len = UINT32_MAX; break;
		case 7: flipped.header[random >> 20 & 15] = (uint8_t)(random >> 8); break;
		case 8:
			flipped.header[0] = 1, flipped.header[1] = 0, flipped.header[8] = 16;
			flipped.header[7] = flipped.header[9] = 0;
			break;
		/* A place for the checksum that will do, and one that will not. */
		default: flipped.header[6] = random >> 20 & 1 ? 34 : 250;
		}
	}
	return NULL;
}

/* Posts two descriptors that the other thread writes to. Returns whether the chain came back. */
static bool post_flipped(uint64_t at)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	uint16_t used = driver_used_index(q);

	driver_desc(q, 0, at, RIG_HDR, D_NEXT, 1);
	driver_desc(q, 1, at + RIG_HDR, 64, 0, 0);
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_TX);
	while (driver_used_index(q) == used && (rig_read(&r, 0x070) & 64) == 0)
		if (err_is(loop_once(r.loop, 0)))
			ck_abort_msg("the loop failed");
	return driver_used_index(q) != used;
}

/* rule: CORE-31 SPLIT-21 */
START_TEST(memory_that_changes_while_it_is_read)
{
	enum { ROUNDS = 3000, AT = 0x100000 };
	unsigned came_back = 0;
	pthread_t thread;
	struct vnet_hdr h;
	int len;

	rig_up(&r, RIG_ALL, SIZE);
	flipped.table = driver_at(&r.memory, r.queue[RIG_TX].desc);
	flipped.header = driver_at(&r.memory, AT);
	atomic_store(&storming, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, flip, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (post_flipped(AT))
			came_back++;
		else
			rig_up(&r, RIG_ALL, SIZE);
		while ((len = loopback_taken(r.backend, 0, &h, sent, sizeof(sent))) >= 0)
			if (len < FRAME_MIN || len > FRAME_MAX || (h.flags & ~1) != 0 ||
			    ((h.flags & 1) != 0 && h.csum_start + h.csum_offset + 2 > len))
				ck_abort_msg("a frame of %d bytes, flags %u", len, h.flags);
	}
	atomic_store(&storming, false);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_gt(came_back, 0);
	assert_sends(&neighbour);
	rig_up(&r, RIG_ALL, SIZE);
	assert_sends(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rules");
	TCase *tc = tcase_create("rules");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, broken_often_is_counted_and_said_once_a_second);
	tcase_add_loop_test(tc, a_writable_part_breaks_transmit, 0, 2);
	tcase_add_test(tc, the_header_is_made_anew);
	tcase_add_test(tc, a_refused_command_changes_nothing);
	tcase_add_test(tc, a_doorbell_before_driver_ok);
	tcase_add_test(tc, a_doorbell_of_a_queue_that_is_not_ready);
	tcase_add_test(tc, a_storm_of_doorbells);
	tcase_add_test(tc, memory_that_changes_while_it_is_read);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
