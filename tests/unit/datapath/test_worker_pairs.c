/* Workers of several pairs with traffic on all of them, while pairs and queues come and go. Meant
 * for ThreadSanitizer, true without it. */
#include <check.h>
#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { PAIRS = 4, SIZE = 32, LEN = 60, ROOM = 128, ROUNDS = 60 };

static struct rig r;

static void setup(void)
{
	rig_make_pairs(&r, PAIRS);
	loopback_set_echo(r.backend, true);
}
static void teardown(void) { rig_end(&r); }

/* ---- a driver that keeps each pair busy: what it sends comes back, or is lost with its queue ----
 */

static struct pair {
	uint64_t tx_at, rx_at; /* SIZE slots each */
	uint32_t sent, came;
} pairs[PAIRS];

static void fill_rx(unsigned i)
{
	struct driver_queue *rx = &r.queue[2 * i];

	for (uint16_t k = 0; k < SIZE; k++)
		(void)driver_post(rx, pairs[i].rx_at + (uint64_t)k * ROOM, ROOM, true);
	rig_kick(&r, 2 * i);
}

static void bring_up(void)
{
	rig_up(&r, RIG_ALL, SIZE);
	for (unsigned i = 0; i < PAIRS; i++) {
		pairs[i] = (struct pair){ .tx_at = driver_alloc(&r.memory, SIZE * ROOM, 16),
					  .rx_at = driver_alloc(&r.memory, SIZE * ROOM, 16) };
		fill_rx(i);
	}
}

static void send_one(unsigned i)
{
	struct driver_queue *tx = &r.queue[2 * i + 1];
	struct driver_used u;
	uint64_t at = pairs[i].tx_at + (uint64_t)(tx->avail_index % SIZE) * ROOM;
	uint16_t old = tx->avail_index;

	while (driver_collect(tx, &u))
		continue;
	if ((uint16_t)(tx->avail_index - tx->used_index) == SIZE)
		return;
	memset(driver_at(&r.memory, at), 0, RIG_HDR);
	rig_fill((uint8_t *)driver_at(&r.memory, at) + RIG_HDR, LEN, i);
	(void)driver_post(tx, at, RIG_HDR + LEN, false);
	pairs[i].sent++;
	if (driver_wants_kick(tx, old))
		rig_kick(&r, 2 * i + 1);
}

/* A frame comes on the pair that it was sent on, whole. */
static void collect(unsigned i)
{
	struct driver_queue *rx = &r.queue[2 * i];
	struct driver_used u;
	uint8_t want[LEN];

	rig_fill(want, LEN, i);
	while (driver_collect(rx, &u)) {
		uint64_t at = pairs[i].rx_at + (uint64_t)(u.id % SIZE) * ROOM;
		uint16_t old = rx->avail_index;

		ck_assert_uint_eq(u.len, RIG_HDR + LEN);
		ck_assert_msg(memcmp(driver_at(&r.memory, at + RIG_HDR), want, LEN) == 0,
			      "pair %u has a frame of another", i);
		pairs[i].came++;
		driver_desc(rx, (uint16_t)u.id, at, ROOM, D_WRITE, 0);
		driver_offer(rx, (uint16_t)u.id);
		driver_show(rx);
		if (driver_wants_kick(rx, old))
			rig_kick(&r, 2 * i);
	}
}

static void move(unsigned turns)
{
	for (unsigned turn = 0; turn < turns; turn++)
		for (unsigned i = 0; i < PAIRS; i++) {
			send_one(i);
			collect(i);
		}
}

static void set_pairs(unsigned count)
{
	const uint8_t wire[2] = { (uint8_t)count, 0 };

	ck_assert_int_eq(rig_control(&r, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, wire,
				     sizeof(wire)),
			 VIRTIO_NET_OK);
}

/* Every pair in turn has a frame of its own come back. */
static void assert_all_move(void)
{
	int64_t deadline = (int64_t)time(NULL) + RIG_WAIT_MS / 1000;

	for (unsigned i = 0; i < PAIRS; i++) {
		uint32_t before = pairs[i].came;

		while (pairs[i].came == before) {
			send_one(i);
			collect(i);
			ck_assert_msg((int64_t)time(NULL) < deadline, "pair %u stands still", i);
		}
	}
}

START_TEST(pairs_come_and_go_under_traffic)
{
	bring_up();
	for (unsigned round = 0; round < ROUNDS; round++) {
		set_pairs(1 + (round * 7 + round / 4) % PAIRS);
		move(50);
		if (round % 10 == 0)
			(void)rig_stats(&r);
	}
	set_pairs(PAIRS);
	assert_all_move();
	ck_assert_int_eq(rig_stats(&r).unaccounted, 0);
}
END_TEST

START_TEST(queues_come_and_go_under_traffic)
{
	bring_up();
	set_pairs(PAIRS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned pair = round % PAIRS;

		move(20);
		rig_stop_queue(&r, 2 * pair);
		if (round % 3 == 0)
			set_pairs(PAIRS);
		rig_set_queue(&r, 2 * pair, SIZE);
		fill_rx(pair);
	}
	assert_all_move();
	ck_assert_int_eq(rig_stats(&r).unaccounted, 0);
}
END_TEST

START_TEST(resets_under_traffic)
{
	for (unsigned life = 0; life < 20; life++) {
		bring_up();
		set_pairs(1 + life % PAIRS);
		move(50);
	}
	set_pairs(PAIRS);
	assert_all_move();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker_pairs");
	TCase *tc = tcase_create("worker_pairs");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, pairs_come_and_go_under_traffic);
	tcase_add_test(tc, queues_come_and_go_under_traffic);
	tcase_add_test(tc, resets_under_traffic);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
