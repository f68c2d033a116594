/* tests/contract/send.c: what is asked of send. */
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/contract/contract.h"
#include "tests/driver/rig.h"
#include "tests/host/host.h"

START_TEST(frames_go_out_whole_and_in_order)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < BATCH_MAX; i++)
			put(i, kind->shortest + i * 47, round * BATCH_MAX + i);
		send_batch(BATCH_MAX);
		for (unsigned i = 0; i < BATCH_MAX; i++)
			assert_fate(i, FATE_SENT, DROP_NONE);
		for (unsigned i = 0; i < BATCH_MAX; i++)
			(void)assert_taken(kind->shortest + i * 47, round * BATCH_MAX + i);
	}
	assert_nothing_taken();
}
END_TEST

START_TEST(the_longest_frame_goes_out)
{
	put(0, kind->longest_sent, 7);
	put(1, CONTRACT_LEN, 8);
	send_batch(2);
	assert_fate(0, FATE_SENT, DROP_NONE);
	(void)assert_taken(kind->longest_sent, 7);
	(void)assert_taken(CONTRACT_LEN, 8);
}
END_TEST

START_TEST(a_short_frame_is_refused_alone)
{
	put(0, CONTRACT_LEN, 0);
	put(1, 13, 1);
	put(2, CONTRACT_LEN, 2);
	send_batch(3);
	assert_fate(0, FATE_SENT, DROP_NONE);
	assert_fate(1, FATE_DROPPED, kind->short_why);
	assert_fate(2, FATE_SENT, DROP_NONE);
	(void)assert_taken(CONTRACT_LEN, 0);
	(void)assert_taken(CONTRACT_LEN, 2);
	assert_nothing_taken();
}
END_TEST

/* What was dropped before is not sent, and keeps its reason. */
START_TEST(a_dropped_frame_stays_so)
{
	put(0, CONTRACT_LEN, 0);
	put(1, CONTRACT_LEN, 1);
	put(2, CONTRACT_LEN, 2);
	frame_drop(&batch.frame[1], DROP_TX_MTU);
	send_batch(3);
	assert_fate(0, FATE_SENT, DROP_NONE);
	assert_fate(1, FATE_DROPPED, DROP_TX_MTU);
	assert_fate(2, FATE_SENT, DROP_NONE);
	(void)assert_taken(CONTRACT_LEN, 0);
	(void)assert_taken(CONTRACT_LEN, 2);
	assert_nothing_taken();
}
END_TEST

/* A lent rest, in parts of any length: one frame. */
START_TEST(a_lent_rest_is_a_part_of_the_frame)
{
	static uint8_t lent[20000];
	const uint32_t len = 20000, cut[] = { 128, 129, 5000, 5000, 19999, 20000 };
	struct iovec rest[ARRAY_LEN(cut) - 1];

	put(0, len, 3);
	memcpy(lent, batch.frame[0].bytes, len);
	for (unsigned i = 0; i + 1 < ARRAY_LEN(cut); i++)
		rest[i] = (struct iovec){ lent + cut[i], cut[i + 1] - cut[i] };
	memset(batch.frame[0].bytes + 128, 0xee, len - 128);
	batch.frame[0].local = 128;
	batch.frame[0].rest = rest;
	batch.frame[0].rest_count = ARRAY_LEN(rest);
	put(1, CONTRACT_LEN, 4);
	send_batch(2);
	assert_fate(0, FATE_SENT, DROP_NONE);
	(void)assert_taken(len, 3);
	(void)assert_taken(CONTRACT_LEN, 4);
	for (uint32_t i = 128; i < len; i++)
		ck_assert_msg(batch.frame[0].bytes[i] == 0xee,
			      "%s: byte %u of the slot was written", kind->name, i);
}
END_TEST

START_TEST(the_header_goes_with_the_frame)
{
	struct vnet_hdr hdr;

	put(0, CONTRACT_LEN, 1);
	batch.frame[0].hdr = (struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.csum_start = 34,
						.csum_offset = 16 };
	put(1, CONTRACT_LEN, 2);
	send_batch(2);
	hdr = assert_taken(CONTRACT_LEN, 1);
	ck_assert_msg((hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 && hdr.csum_start == 34 &&
			      hdr.csum_offset == 16,
		      "%s: flags %u, start %u, offset %u", kind->name, hdr.flags, hdr.csum_start,
		      hdr.csum_offset);
	hdr = assert_taken(CONTRACT_LEN, 2);
	ck_assert_msg((hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 && hdr.gso_type == 0,
		      "%s: flags %u, GSO %u", kind->name, hdr.flags, hdr.gso_type);
}
END_TEST

/* ---- would block ---- */

/* Sends until it would block: how many frames went, at least one. */
static unsigned fill_up(unsigned first)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < BATCH_MAX; i++)
		put(i, CONTRACT_LEN, first + i);
	frame_drop(&batch.frame[BATCH_MAX - 2], DROP_TX_MTU);
	send_batch(BATCH_MAX);
	while (sent < BATCH_MAX && batch.frame[sent].fate == FATE_SENT)
		sent++;
	ck_assert_msg(sent > 0 && sent < BATCH_MAX - 2, "%s: %u frames were sent", kind->name,
		      sent);
	return sent;
}

START_TEST(kept_frames_are_a_suffix_and_go_later)
{
	struct backend_counters before, after;
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	unsigned sent;

	if (kind->block == NULL)
		return;
	kind->block(be, true);
	be->ops->counters(be, 0, &before);
	sent = fill_up(0);
	be->ops->counters(be, 0, &after);
	for (unsigned i = sent; i < BATCH_MAX; i++)
		assert_fate(i, i == BATCH_MAX - 2 ? FATE_DROPPED : FATE_KEPT,
			    i == BATCH_MAX - 2 ? DROP_TX_MTU : DROP_NONE);
	ck_assert_uint_eq(after.syscalls - before.syscalls,
			  sent + 1); /* nothing behind the first is tried */
	ck_assert_uint_eq(after.again - before.again, 1);
	kind->block(be, false);
	for (unsigned next = sent; next < sent + 10; deadline = host_now_ms() + HOST_WAIT_MS) {
		put(0, CONTRACT_LEN, next);
		send_batch(1);
		next += batch.frame[0].fate == FATE_SENT;
		ck_assert_msg(host_now_ms() < deadline, "%s: blocked for ever", kind->name);
	}
	for (unsigned i = 0; i < sent + 10; i++) /* each once, in order */
		(void)assert_taken(CONTRACT_LEN, i);
}
END_TEST

/* An edge when it can go on: the watch is set anew after a KEPT, as the worker does. */
START_TEST(writable_is_an_edge)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd = be->ops->poll_fd(be, 0);
	bool writable = false;

	if (kind->block == NULL)
		return;
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	kind->block(be, true);
	(void)fill_up(0);
	while (epoll_wait(epoll, &event, 1, 0) > 0)
		continue;
	event.events = EPOLLIN | EPOLLOUT | EPOLLET;
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), 0);
	ck_assert_msg(epoll_wait(epoll, &event, 1, 0) == 0 || (event.events & EPOLLOUT) == 0,
		      "%s: writable at once", kind->name);
	kind->block(be, false);
	while (!writable && host_now_ms() < deadline)
		writable = epoll_wait(epoll, &event, 1, 100) == 1 && (event.events & EPOLLOUT) != 0;
	ck_assert_msg(writable, "%s: never writable again", kind->name);
	put(0, CONTRACT_LEN, 99);
	send_batch(1);
	assert_fate(0, FATE_SENT, DROP_NONE);
	ck_assert_int_eq(close(epoll), 0);
}
END_TEST

void contract_send(TCase *tc)
{
	tcase_add_test(tc, frames_go_out_whole_and_in_order);
	tcase_add_test(tc, the_longest_frame_goes_out);
	tcase_add_test(tc, a_short_frame_is_refused_alone);
	tcase_add_test(tc, a_dropped_frame_stays_so);
	tcase_add_test(tc, a_lent_rest_is_a_part_of_the_frame);
	tcase_add_test(tc, the_header_goes_with_the_frame);
	tcase_add_test(tc, kept_frames_are_a_suffix_and_go_later);
	tcase_add_test(tc, writable_is_an_edge);
}
