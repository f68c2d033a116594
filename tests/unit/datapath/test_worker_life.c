/* What comes between a worker and its frames: a backend that blocks or is gone, the link, queues
 * that are stopped and set up again, and a reset in the middle of each. */
#include <check.h>
#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LEN = 60, ROOM = 128, REG_STATUS = 0x070, REG_LINK = 0x104 };

static struct rig r;
static uint8_t frame[LEN], got[LEN];
static const struct vnet_hdr plain;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static void send_number(unsigned number)
{
	rig_fill(frame, LEN, number);
	rig_send(&r, plain, frame, LEN);
}

static void assert_sent(unsigned number)
{
	struct vnet_hdr h;

	rig_fill(frame, LEN, number);
	ck_assert_int_eq(rig_await_sent(&r, &h, got, LEN), LEN);
	ck_assert_msg(memcmp(frame, got, LEN) == 0, "another frame than %u", number);
}

static void assert_received(unsigned number)
{
	uint16_t used = driver_used_index(&r.queue[RIG_RX]);

	rig_fill(frame, LEN, number);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_await_used(&r, RIG_RX, (uint16_t)(used + 1));
}

/* ---- a backend that blocks ---- */

/* B45: what waited in the old life is gone with it; the new one waits, and is sent alone. */
START_TEST(blocked_then_reset)
{
	rig_up(&r, RIG_ALL, SIZE);
	loopback_set_room(r.backend, 0);
	for (unsigned i = 0; i < 3; i++)
		send_number(i);
	rig_await_blocked(&r, 1);
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 4, ROOM);
	send_number(7);
	assert_received(1); /* the other way goes on */
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_TX]), 0);
	loopback_set_room(r.backend, UINT32_MAX);
	assert_sent(7);
	rig_await_used(&r, RIG_TX, 1);
}
END_TEST

START_TEST(blocked_then_the_queue_is_set_up_again)
{
	rig_up(&r, RIG_ALL, SIZE);
	loopback_set_room(r.backend, 0);
	send_number(1);
	rig_await_blocked(&r, 1);
	rig_stop_queue(&r, RIG_TX);
	loopback_set_room(r.backend, UINT32_MAX);
	rig_set_queue(&r, RIG_TX, SIZE);
	send_number(2);
	assert_sent(2);
}
END_TEST

/* A descriptor that never tells of room: what the link's coming up stands for. */
static struct mute {
	struct backend backend;
	struct backend *under;
	struct backend_ops ops;
	int fd;
} mute;

static void mute_send(struct backend *be, unsigned queue, struct batch *batch)
{
	(void)be;
	mute.under->ops->send(mute.under, queue, batch);
}
static void mute_recv(struct backend *be, unsigned queue, struct batch *batch, unsigned max,
		      bool *ret_more)
{
	(void)be, (void)queue, (void)max;
	batch->count = 0;
	*ret_more = false;
}
static int mute_poll_fd(struct backend *be, unsigned queue)
{
	(void)be, (void)queue;
	return mute.fd;
}
static struct err mute_set_offloads(struct backend *be, struct backend_offloads o)
{
	(void)be, (void)o;
	return err_none();
}
static struct err mute_set_carrier(struct backend *be, bool on)
{
	(void)be, (void)on;
	return err_none();
}
static bool mute_gone(const struct backend *be)
{
	(void)be;
	return false;
}
static void mute_counters(const struct backend *be, unsigned queue, struct backend_counters *ret)
{
	(void)be, (void)queue;
	*ret = (struct backend_counters){ 0 };
}
static void mute_destroy(struct backend *be)
{
	(void)be;
	mute.under->ops->destroy(mute.under);
	(void)close(mute.fd);
}
static const struct backend_ops mute_ops = {
	.send = mute_send,
	.recv = mute_recv,
	.poll_fd = mute_poll_fd,
	.set_offloads = mute_set_offloads,
	.set_carrier = mute_set_carrier,
	.gone = mute_gone,
	.counters = mute_counters,
	.destroy = mute_destroy,
};

START_TEST(the_link_comes_up_while_blocked)
{
	const uint64_t full = UINT64_MAX - 1;
	struct vnet_hdr h;

	rig_end(&r);
	mute = (struct mute){ .backend = { .ops = &mute_ops, .caps = { .queues = 1 } },
			      .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	ck_assert_int_eq(write(mute.fd, &full, sizeof(full)), sizeof(full));
	ck_assert(!err_is(loopback_create(1, &mute.under)));
	rig_make_on(&r, &mute.backend, 0);
	rig_up(&r, RIG_ALL, SIZE);
	loopback_set_room(mute.under, 0);
	send_number(1);
	for (unsigned i = 0; i < 20; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	net_set_link(r.net, false);
	loopback_set_room(mute.under, UINT32_MAX);
	net_set_link(r.net, true);
	rig_await_used(&r, RIG_TX, 1);
	ck_assert_int_eq(loopback_taken(mute.under, 0, &h, got, LEN), LEN);
}
END_TEST

/* ---- a backend that is gone, for this life and the next ---- */

START_TEST(gone_then_reset)
{
	rig_up(&r, RIG_ALL, SIZE);
	loopback_fail(r.backend, DROP_TX_GONE, UINT32_MAX);
	send_number(1);
	while ((rig_read(&r, REG_LINK) >> 16 & 1) != 0)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	for (unsigned life = 0; life < 3; life++) {
		rig_up(&r, RIG_ALL, SIZE);
		ck_assert_uint_eq(rig_read(&r, REG_LINK) >> 16 & 1, 0);
		send_number(2);
		rig_await_used(&r, RIG_TX, 1);
		net_set_link(r.net, true);
		ck_assert_msg((rig_read(&r, REG_LINK) >> 16 & 1) == 0, "up without an interface");
	}
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_TX_GONE], 4);
	ck_assert_uint_eq(rig_log_lines(&r), 1);
	ck_assert_uint_eq(rig_read(&r, REG_STATUS), 0xf);
}
END_TEST

/* ---- queues that come and go on a live device ---- */

START_TEST(each_queue_again_and_again)
{
	static const uint8_t on = 1;

	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 16, ROOM);
	for (unsigned i = 0; i < 60; i++) {
		unsigned queue = i % 3;

		if (i % 12 == 0) {
			rig_up(&r, RIG_ALL, SIZE);
			(void)rig_post(&r, 16, ROOM);
		}
		rig_stop_queue(&r, queue);
		rig_kick(&r, queue);
		rig_set_queue(&r, queue, queue == RIG_CTRL ? 16 : SIZE);
		if (queue == RIG_RX)
			(void)rig_post(&r, 16, ROOM);
		send_number(i);
		assert_sent(i);
		assert_received(i);
		ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), VIRTIO_NET_OK);
	}
}
END_TEST

/* ---- a reset while the control loop is at work ---- */

static atomic_bool turning;

static void *turn_the_loop(void *arg)
{
	(void)arg;
	while (atomic_load(&turning))
		if (err_is(loop_once(r.loop, 1)))
			return &turning;
	return NULL;
}

START_TEST(reset_while_commands_run)
{
	struct driver_queue *q = &r.queue[RIG_CTRL];
	pthread_t thread;
	void *bad;

	atomic_store(&turning, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, turn_the_loop, NULL), 0);
	for (unsigned life = 0; life < 200; life++) {
		uint64_t at;

		rig_up(&r, RIG_ALL, SIZE);
		at = driver_alloc(&r.memory, 16, 16);
		memcpy(driver_at(&r.memory, at), (uint8_t[]){ 0, 0, 1, 0xaa }, 4);
		for (uint16_t i = 0; i < 8; i++) {
			driver_desc(q, (uint16_t)(2 * i), at, 3, D_NEXT, (uint16_t)(2 * i + 1));
			driver_desc(q, (uint16_t)(2 * i + 1), at + 3, 1, D_WRITE, 0);
			driver_offer(q, (uint16_t)(2 * i));
		}
		driver_show(q);
		rig_kick(&r, RIG_CTRL);
		if (life % 2 == 0)
			rig_stop_queue(&r, RIG_CTRL);
		rig_write(&r, REG_STATUS, 0);
		ck_assert_uint_eq(rig_read(&r, REG_STATUS), 0);
	}
	atomic_store(&turning, false);
	ck_assert_int_eq(pthread_join(thread, &bad), 0);
	ck_assert_ptr_null(bad);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker_life");
	TCase *tc = tcase_create("worker_life");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, blocked_then_reset);
	tcase_add_test(tc, blocked_then_the_queue_is_set_up_again);
	tcase_add_test(tc, the_link_comes_up_while_blocked);
	tcase_add_test(tc, gone_then_reset);
	tcase_add_test(tc, each_queue_again_and_again);
	tcase_add_test(tc, reset_while_commands_run);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
