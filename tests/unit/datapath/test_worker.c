/* The worker between rings and backend, under pause, resume, reset and a reader of its account,
 * with traffic all the while. Meant for ThreadSanitizer, true without it. */
#include <check.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, FRAMES = 20000, LEN = 60, ROOM = 128 };
static struct rig r;

static void setup(void)
{
	rig_make(&r);
	loopback_set_echo(r.backend, true);
}
static void teardown(void) { rig_end(&r); }

/* ---- a driver that keeps both rings busy: what it sends comes back ---- */

struct traffic {
	uint64_t tx_at, rx_at; /* SIZE slots each */
	uint32_t sent, came;
	bool wrong;
};

static void begin(struct traffic *t)
{
	struct driver_queue *rx = &r.queue[RIG_RX];

	*t = (struct traffic){ .tx_at = driver_alloc(&r.memory, SIZE * ROOM, 16),
			       .rx_at = driver_alloc(&r.memory, SIZE * ROOM, 16) };
	for (uint16_t i = 0; i < SIZE; i++)
		(void)driver_post(rx, t->rx_at + (uint64_t)i * ROOM, ROOM, true);
	rig_kick(&r, RIG_RX);
}

static void send_one(struct traffic *t)
{
	struct driver_queue *tx = &r.queue[RIG_TX];
	uint64_t at = t->tx_at + (uint64_t)(t->sent % SIZE) * ROOM;
	uint8_t *bytes = driver_at(&r.memory, at);
	uint16_t old = tx->avail_index;

	memset(bytes, 0, RIG_HDR);
	rig_fill(bytes + RIG_HDR, LEN, t->sent);
	(void)driver_post(tx, at, RIG_HDR + LEN, false);
	t->sent++;
	if (driver_wants_kick(tx, old))
		rig_kick(&r, RIG_TX);
}

/* Takes what came, compares it, and posts its buffer again. */
static void collect(struct traffic *t)
{
	struct driver_queue *rx = &r.queue[RIG_RX];
	struct driver_used u;
	uint8_t want[LEN];

	while (driver_collect(rx, &u)) {
		uint64_t at = t->rx_at + (uint64_t)(u.id % SIZE) * ROOM;
		uint16_t old = rx->avail_index;

		rig_fill(want, LEN, t->came);
		t->wrong |= u.len != RIG_HDR + LEN ||
			    memcmp(driver_at(&r.memory, at + RIG_HDR), want, LEN) != 0;
		t->came++;
		/* In order: the next descriptor, or id, is that of the buffer that came back. */
		(void)driver_post(rx, at, ROOM, true);
		if (driver_wants_kick(rx, old))
			rig_kick(&r, RIG_RX);
	}
}

static bool room_to_send(struct traffic *t)
{
	struct driver_queue *tx = &r.queue[RIG_TX];
	struct driver_used u;

	while (driver_collect(tx, &u))
		continue;
	/* Never more in flight than receive buffers: nothing may be lost. */
	return (uint16_t)(tx->avail_index - tx->used_index) < SIZE && t->sent - t->came < SIZE;
}

/* Frames there and back, all in order; `disturb` is called every so often. */
static void traffic(struct traffic *t, uint32_t frames, void (*disturb)(void))
{
	uint32_t idle = 0;

	while (t->came < frames && idle < 50 * 1000 * 1000) {
		uint32_t before = t->came;

		if (t->sent < frames && room_to_send(t))
			send_one(t);
		collect(t);
		if (disturb != NULL && t->came != before && t->came % 16 == 0)
			disturb();
		idle = t->came == before ? idle + 1 : 0;
	}
	ck_assert_msg(t->came == frames, "%u of %u frames came back", t->came, frames);
	ck_assert_msg(!t->wrong, "a frame is another, or out of order");
}

/* EVENT_IDX or flags, split or packed, by the loop's number. */
enum { RINGS = 4 };
static uint64_t features(int i)
{
	return (i < 2 ? RIG_ALL : RIG_PACKED) &
	       (i % 2 == 0 ? RIG_PACKED : ~RIG_BIT(VIRTIO_RING_F_EVENT_IDX));
}

START_TEST(there_and_back)
{
	struct traffic t;
	struct net_stats s;

	rig_up(&r, features(_i), SIZE);
	begin(&t);
	traffic(&t, FRAMES, NULL);
	s = rig_stats(&r);
	ck_assert_uint_eq(s.tx.packets, FRAMES);
	ck_assert_uint_eq(s.rx.packets, FRAMES);
	ck_assert_uint_eq(s.rx.drops + s.tx.drops, 0);
}
END_TEST

/* ---- pause and resume ---- */

static void pause_and_resume(void)
{
	struct device *d = net_device(r.net);

	device_lock(d);
	device_pause(d);
	ck_assert_uint_eq(queue_held(device_queue(d, RIG_RX)), 0);
	ck_assert_uint_eq(queue_held(device_queue(d, RIG_TX)), 0);
	device_resume(d);
	device_unlock(d);
}

START_TEST(pause_and_resume_lose_nothing)
{
	struct traffic t;

	rig_up(&r, features(_i), SIZE);
	begin(&t);
	traffic(&t, FRAMES, pause_and_resume);
}
END_TEST

/* What is made available during a pause is seen after it, without a kick. */
START_TEST(a_resume_acts_as_if_kicked)
{
	struct device *d = net_device(r.net);
	struct traffic t;

	rig_up(&r, features(_i), SIZE);
	begin(&t);
	traffic(&t, 1, NULL);
	for (unsigned round = 0; round < 200; round++) {
		struct driver_queue *tx = &r.queue[RIG_TX];
		uint64_t at = t.tx_at + (uint64_t)(t.sent % SIZE) * ROOM;

		device_lock(d);
		device_pause(d);
		memset(driver_at(&r.memory, at), 0, RIG_HDR);
		rig_fill((uint8_t *)driver_at(&r.memory, at) + RIG_HDR, LEN, t.sent);
		(void)driver_post(tx, at, RIG_HDR + LEN, false);
		t.sent++;
		device_resume(d);
		device_unlock(d);
		traffic(&t, t.sent, NULL);
	}
}
END_TEST

/* A backend that takes three frames at a time, paused in between. */
static void little_room(void)
{
	loopback_set_room(r.backend, 3);
	pause_and_resume();
	loopback_set_room(r.backend, UINT32_MAX);
}

START_TEST(a_backend_that_blocks_under_pauses)
{
	struct traffic t;

	rig_up(&r, features(_i), SIZE);
	begin(&t);
	traffic(&t, FRAMES / 4, little_room);
}
END_TEST

/* ---- reset ---- */

static uint64_t checksum_of_memory(void)
{
	uint64_t sum = 0;

	for (unsigned region = 0; region < 2; region++)
		for (uint64_t i = 0; i < r.memory.size; i += 8) {
			uint64_t v;

			memcpy(&v, r.memory.map[region] + i, 8);
			sum = sum * 31 + v;
		}
	return sum;
}

/* Status 0 returns when the workers have let go: from then on guest memory is left alone. */
/* rule: CORE-21 CORE-22 */
START_TEST(reset_lets_go_of_memory)
{
	for (unsigned round = 0; round < 20; round++) {
		struct traffic t;
		uint64_t sum;

		rig_up(&r, features(_i), SIZE);
		begin(&t);
		traffic(&t, 50, NULL);
		for (unsigned i = 0; i < SIZE / 2; i++)
			send_one(&t);
		rig_write(&r, 0x070, 0);
		ck_assert_uint_eq(rig_read(&r, 0x070), 0);
		sum = checksum_of_memory();
		for (unsigned i = 0; i < 5; i++)
			ck_assert(!err_is(loop_once(r.loop, 1)));
		ck_assert_msg(sum == checksum_of_memory(), "guest memory changed after reset %u",
			      round);
		ck_assert_uint_eq(rig_read(&r, 0x060), 0);
	}
}
END_TEST

/* QueueReady = 0 as well. */
START_TEST(a_stopped_queue_lets_go_of_memory)
{
	struct traffic t;
	uint64_t sum;

	rig_up(&r, features(_i), SIZE);
	begin(&t);
	traffic(&t, 50, NULL);
	for (unsigned i = 0; i < SIZE / 2; i++)
		send_one(&t);
	for (uint32_t q = 0; q < ARRAY_LEN(r.queue); q++)
		rig_stop_queue(&r, q);
	sum = checksum_of_memory();
	for (unsigned i = 0; i < 5; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert(sum == checksum_of_memory());
}
END_TEST

/* ---- a reader of the account, the link, and control commands from other threads ---- */

static atomic_bool reading;

static void *read_account(void *arg)
{
	bool up = false;

	(void)arg;
	while (atomic_load(&reading)) {
		struct net_stats s = rig_stats(&r);

		if (s.unaccounted != 0)
			return &reading;
		net_set_link(r.net, up);
		up = !up;
	}
	return NULL;
}

START_TEST(the_account_balances_at_any_time)
{
	struct traffic t;
	pthread_t reader;
	void *bad;

	rig_up(&r, features(_i), SIZE);
	begin(&t);
	atomic_store(&reading, true);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_account, NULL), 0);
	traffic(&t, FRAMES / 4, NULL);
	atomic_store(&reading, false);
	ck_assert_int_eq(pthread_join(reader, &bad), 0);
	ck_assert_ptr_null(bad);
}
END_TEST

/* With EVENT_IDX a driver that is behind is signalled once, not for each frame. */
START_TEST(one_signal_for_many_frames)
{
	struct device_counters c;
	struct traffic t;

	rig_up(&r, RIG_ALL, SIZE);
	begin(&t);
	driver_set_used_event(&r.queue[RIG_RX], 40); /* not before the 41st */
	driver_set_used_event(&r.queue[RIG_TX], SIZE - 1);
	for (unsigned i = 0; i < 40; i++)
		send_one(&t);
	rig_await_used(&r, RIG_RX, 40);
	device_counters(net_device(r.net), &c);
	ck_assert_uint_eq(c.signals, 0);
	ck_assert_uint_eq(rig_read(&r, 0x060), 0);
	send_one(&t);
	rig_await_used(&r, RIG_RX, 41);
	while ((rig_read(&r, 0x060) & DEVICE_INT_QUEUE) == 0)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	device_counters(net_device(r.net), &c);
	ck_assert_uint_eq(c.signals, 1);
	collect(&t);
	ck_assert(!t.wrong);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker");
	TCase *tc = tcase_create("worker");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, there_and_back, 0, RINGS);
	tcase_add_loop_test(tc, pause_and_resume_lose_nothing, 0, RINGS);
	tcase_add_loop_test(tc, a_resume_acts_as_if_kicked, 0, RINGS);
	tcase_add_loop_test(tc, a_backend_that_blocks_under_pauses, 0, RINGS);
	tcase_add_loop_test(tc, reset_lets_go_of_memory, 0, RINGS);
	tcase_add_loop_test(tc, a_stopped_queue_lets_go_of_memory, 0, RINGS);
	tcase_add_loop_test(tc, the_account_balances_at_any_time, 0, RINGS);
	tcase_add_test(tc, one_signal_for_many_frames);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
