/* tests/contract/queues.c: queues that are switched off and on again. */
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/contract/contract.h"
#include "tests/driver/rig.h"
#include "tests/host/host.h"

enum { QUEUES = 4, FLOWS = 64 };

static bool has_queues(void)
{
	if (kind->make_queues == NULL)
		return false;
	kind->destroy(be);
	be = kind->make_queues(QUEUES);
	return true;
}

static void set(unsigned queue, bool on)
{
	struct err e = be->ops->set_queue(be, queue, on);

	ck_assert_msg(!err_is(e), "%s: %s", kind->name, e.text);
}

/* How many frames are in that queue. */
static unsigned drain(unsigned queue)
{
	unsigned count = 0;
	bool more;

	do {
		for (unsigned i = 0; i < BATCH_MAX; i++)
			batch.frame[i] = (struct frame){ .bytes = slots[i] + VNET_HDR_MAX };
		be->ops->recv(be, queue, &batch, BATCH_MAX, &more);
		count += batch.count;
	} while (more);
	return count;
}

/* UDP over IPv4 from as many ports: what is steered by flow goes everywhere. */
static void give_flows(void)
{
	uint8_t frame[256];
	uint32_t len = rig_fill_ip(frame, false, false, 60);

	for (unsigned i = 0; i < FLOWS; i++) {
		frame[35] = (uint8_t)i;
		kind->give(be, (struct vnet_hdr){ 0 }, frame, len);
	}
}

/* Whatever order they went and came in. */
START_TEST(frames_come_to_those_that_are_on)
{
	static const unsigned masks[] = { 0xf, 0x7, 0x1, 0x3, 0x5, 0xd, 0xf, 0x9, 0xf };
	unsigned now = 0xf;

	if (!has_queues())
		return;
	for (unsigned m = 0; m < ARRAY_LEN(masks); m++) {
		unsigned count = 0;

		for (unsigned i = QUEUES; i-- > 0;)
			if ((now & ~masks[m]) >> i & 1)
				set(i, false);
		for (unsigned i = 0; i < QUEUES; i++)
			if ((masks[m] & ~now) >> i & 1)
				set(i, true);
		now = masks[m];
		give_flows();
		for (unsigned i = 0; i < QUEUES; i++) {
			unsigned came = drain(i);

			ck_assert_msg(came == 0 || (now >> i & 1) != 0,
				      "%s: %u frames in queue %u of mask %#x", kind->name, came, i,
				      now);
			count += came;
		}
		ck_assert_msg(count == FLOWS, "%s: %u frames of %u with mask %#x", kind->name,
			      count, FLOWS, now);
	}
}
END_TEST

START_TEST(what_is_in_one_that_goes_is_lost)
{
	if (!has_queues())
		return;
	set(3, false);
	set(2, false);
	give_flows();
	set(1, false);
	ck_assert_uint_eq(drain(1), 0);
	set(1, true);
	ck_assert_uint_eq(drain(1), 0);
	(void)drain(0);
	give_flows();
	ck_assert_uint_eq(drain(0) + drain(1), FLOWS);
}
END_TEST

/* rule: NET-45 */
START_TEST(a_flow_comes_where_it_was_last_sent)
{
	uint8_t frame[256];
	uint32_t len = rig_fill_ip(frame, false, false, 60);

	if (!kind->by_flow || !has_queues())
		return;
	for (unsigned i = 0; i < FLOWS; i++) {
		unsigned queue = (i + i / QUEUES) % QUEUES, came;

		frame[35] = (uint8_t)(i / 2); /* each twice, from different queues */
		put(0, len, 0);
		memcpy(batch.frame[0].bytes, frame, len);
		batch.count = 1;
		be->ops->send(be, queue, &batch);
		assert_fate(0, FATE_SENT, DROP_NONE);
		kind->give(be, (struct vnet_hdr){ 0 }, frame, len);
		came = drain(queue);
		ck_assert_msg(came == 1, "%s: flow %u sent by queue %u: %u frames there",
			      kind->name, i / 2, queue, came);
	}
}
END_TEST

/* It still sends, and is as before when it is on again: header, offloads, its readable edge. */
START_TEST(one_that_is_off_sends)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct vnet_hdr hdr;
	int epoll;

	if (!has_queues())
		return;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	set(3, false);
	for (unsigned on = 0; on < 2; on++) {
		put(0, CONTRACT_LEN, on);
		batch.frame[0].hdr =
			(struct vnet_hdr){ .flags = 1, .csum_start = 34, .csum_offset = 16 };
		batch.count = 1;
		be->ops->send(be, 3, &batch);
		assert_fate(0, FATE_SENT, DROP_NONE);
		hdr = assert_taken(CONTRACT_LEN, on);
		ck_assert_uint_eq(hdr.csum_start, 34);
		if (on == 0)
			set(3, true);
	}
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, be->ops->poll_fd(be, 3), &event), 0);
	while (epoll_wait(epoll, &event, 1, 0) > 0)
		(void)drain(3);
	give_flows();
	ck_assert_msg(epoll_wait(epoll, &event, 1, HOST_WAIT_MS) == 1 &&
			      (event.events & EPOLLIN) != 0,
		      "%s: frames are not told", kind->name);
	ck_assert_uint_gt(drain(3), 0);
	ck_assert_int_eq(close(epoll), 0);
}
END_TEST

/* Then nothing is asked any more, and nothing is wrong. */
START_TEST(of_one_that_is_gone)
{
	if (!has_queues())
		return;
	set(3, false);
	kind->end(be);
	ck_assert_uint_eq(drain(0), 0);
	set(3, true);
	set(3, false);
}
END_TEST

void contract_queues(TCase *tc)
{
	tcase_add_test(tc, frames_come_to_those_that_are_on);
	tcase_add_test(tc, what_is_in_one_that_goes_is_lost);
	tcase_add_test(tc, a_flow_comes_where_it_was_last_sent);
	tcase_add_test(tc, one_that_is_off_sends);
	tcase_add_test(tc, of_one_that_is_gone);
}
