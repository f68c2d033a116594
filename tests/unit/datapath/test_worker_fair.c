/* A direction that never rests must not keep the worker from the other one. The backend of these
 * tests is the busy side: within each batch it sees to it that there is another. What is counted
 * is batches, not time. */
#include <check.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LEN = 60, ROOM = 128, START = 200, SOON = 16, LAST = 20000 };

/* What waits, while the other direction is busy. */
enum waits { WAITS_FRAME, WAITS_BUFFERS, WAITS_CHAIN, WAITS_WRITABLE };

static struct busy {
	struct backend backend;
	struct backend *under; /* its frames are looked at, its descriptor is polled */
	enum waits waits;
	atomic_uint turns;  /* batches of the busy direction */
	atomic_uint served; /* the turn in which what waited was served; 0: not yet */
	uint64_t at;
} b;
static struct rig r;

static bool over(void) { return b.turns > LAST || atomic_load(&b.served) != 0; }

/* In turn START: the event that the worker must see. */
static void happens(void)
{
	static uint8_t frame[LEN];

	if (b.turns != START)
		return;
	rig_fill(frame, LEN, 0);
	switch (b.waits) {
	case WAITS_FRAME:
		ck_assert(loopback_give(b.under, 0, (struct vnet_hdr){ 0 }, frame, LEN));
		break;
	case WAITS_BUFFERS: (void)rig_post(&r, 4, ROOM); break;
	case WAITS_CHAIN: rig_send(&r, (struct vnet_hdr){ 0 }, frame, LEN); break;
	case WAITS_WRITABLE: loopback_set_room(b.under, UINT32_MAX); break;
	}
}

static void served(void)
{
	if (b.turns >= START && !over())
		atomic_store(&b.served, b.turns);
}

/* The driver's part, played in the middle of a batch: every chain that came back is offered
 * again. */
static void offer_again(struct driver_queue *q)
{
	struct driver_used u;

	while (driver_collect(q, &u))
		driver_offer(q, (uint16_t)u.id);
	driver_show(q);
}

static void busy_send(struct backend *be, unsigned queue, struct batch *batch)
{
	(void)be;
	if (b.waits == WAITS_CHAIN || b.waits == WAITS_WRITABLE) {
		b.under->ops->send(b.under, queue, batch);
		if (batch->frame[0].fate == FATE_SENT)
			served();
		return;
	}
	for (unsigned i = 0; i < batch->count; i++)
		batch->frame[i].fate = FATE_SENT;
	b.turns++;
	happens();
	if (!over())
		offer_again(&r.queue[RIG_TX]);
}

static void busy_recv(struct backend *be, unsigned queue, struct batch *batch, unsigned max,
		      bool *ret_more)
{
	(void)be;
	if (b.waits == WAITS_FRAME || b.waits == WAITS_BUFFERS) {
		b.under->ops->recv(b.under, queue, batch, max, ret_more);
		if (batch->count > 0)
			served();
		return;
	}
	b.turns++;
	happens();
	offer_again(&r.queue[RIG_RX]);
	*ret_more = !over();
	for (batch->count = 0; batch->count < max && !over(); batch->count++) {
		struct frame *f = &batch->frame[batch->count];

		*f = (struct frame){ .bytes = f->bytes, .len = LEN, .local = LEN };
		rig_fill(f->bytes, LEN, b.turns);
	}
}

static int busy_poll_fd(struct backend *be, unsigned queue)
{
	(void)be;
	return b.under->ops->poll_fd(b.under, queue);
}
static struct err busy_set_offloads(struct backend *be, struct backend_offloads o)
{
	(void)be, (void)o;
	return err_none();
}
static struct err busy_set_carrier(struct backend *be, bool on)
{
	(void)be, (void)on;
	return err_none();
}
static bool busy_gone(const struct backend *be)
{
	(void)be;
	return false;
}
static void busy_counters(const struct backend *be, unsigned queue, struct backend_counters *ret)
{
	(void)be, (void)queue;
	*ret = (struct backend_counters){ 0 };
}
static void busy_destroy(struct backend *be)
{
	(void)be;
	b.under->ops->destroy(b.under);
}
static const struct backend_ops busy_ops = {
	.send = busy_send,
	.recv = busy_recv,
	.poll_fd = busy_poll_fd,
	.set_offloads = busy_set_offloads,
	.set_carrier = busy_set_carrier,
	.gone = busy_gone,
	.counters = busy_counters,
	.destroy = busy_destroy,
};

static void setup(void)
{
	b = (struct busy){ .backend = { .ops = &busy_ops, .caps = { .queues = 1 } } };
	ck_assert(!err_is(loopback_create(1, &b.under)));
	rig_make_on(&r, &b.backend, 0);
}
static void teardown(void) { rig_end(&r); }

/* One chain before: a ring asks for a kick at its start, and then not while its worker is busy. */
static const struct {
	const char *says;
	enum waits waits;
	unsigned receive_buffers, chains;
} rows[] = {
	{ "a frame to be received, while transmit is busy", WAITS_FRAME, 4, SIZE },
	{ "receive buffers, while transmit is busy", WAITS_BUFFERS, 0, SIZE },
	{ "a chain to be sent, while receive is busy", WAITS_CHAIN, SIZE, 1 },
	{ "a backend that can take more, while receive is busy", WAITS_WRITABLE, SIZE, 1 },
};

START_TEST(the_other_direction_is_served_soon)
{
	static uint8_t frame[LEN];

	b.waits = rows[_i].waits;
	/* No stale frames at the start: the busy receive way would give them without end. */
	b.turns = b.waits == WAITS_FRAME || b.waits == WAITS_BUFFERS ? 0 : LAST + 1;
	rig_prepare(&r, RIG_ALL, SIZE);
	rig_go(&r);
	device_lock(net_device(r.net));
	device_pause(net_device(r.net));
	b.turns = 0;
	rig_fill(frame, LEN, 0);
	if (b.waits == WAITS_WRITABLE)
		loopback_set_room(b.under, 0);
	if (b.waits == WAITS_BUFFERS)
		ck_assert(loopback_give(b.under, 0, (struct vnet_hdr){ 0 }, frame, LEN));
	(void)rig_post(&r, rows[_i].receive_buffers, ROOM);
	for (unsigned i = 0; i < rows[_i].chains; i++)
		rig_send(&r, (struct vnet_hdr){ 0 }, frame, LEN);
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
	while (!over())
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert_msg(atomic_load(&b.served) != 0, "%s: not in %d batches", rows[_i].says, LAST);
	ck_assert_msg(atomic_load(&b.served) <= START + SOON, "%s: after %u batches", rows[_i].says,
		      atomic_load(&b.served) - START);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker_fair");
	TCase *tc = tcase_create("worker_fair");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_other_direction_is_served_soon, 0, (int)ARRAY_LEN(rows));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
