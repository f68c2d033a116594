/* tests/contract/recv.c: what is asked of recv, and of offloads on the receive way. */
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/contract/contract.h"
#include "tests/driver/rig.h"
#include "tests/host/host.h"

START_TEST(frames_come_in_whole_and_in_order)
{
	bool more = true;

	for (unsigned i = 0; i < BATCH_MAX; i++)
		give(kind->shortest + i * 47, i);
	await_frames(BATCH_MAX);
	for (unsigned i = 0; i < BATCH_MAX; i++)
		assert_received(i, kind->shortest + i * 47, i);
	ck_assert_uint_eq(receive(BATCH_MAX, &more), 0);
	ck_assert_msg(!more, "%s: more, it says, and there is nothing", kind->name);
}
END_TEST

START_TEST(the_longest_frame_comes_in)
{
	give(kind->longest_given, 5);
	await_frames(1);
	assert_received(0, kind->longest_given, 5);
}
END_TEST

/* More: it stopped at the maximum or at its budget of bytes, not because nothing was there. */
START_TEST(the_maximum_is_kept)
{
	bool more = false;

	for (unsigned i = 0; i < 10; i++)
		give(CONTRACT_LEN, i);
	ck_assert(host_wait_readable(be->ops->poll_fd(be, 0), HOST_WAIT_MS));
	ck_assert_uint_eq(receive(4, &more), 4);
	ck_assert_msg(more, "%s: no more, it says after 4 of 10", kind->name);
	assert_received(3, CONTRACT_LEN, 3);
	ck_assert_uint_eq(receive(BATCH_MAX, &more), 6);
	ck_assert_msg(!more, "%s: more, it says after the last", kind->name);
	assert_received(0, CONTRACT_LEN, 4);
	assert_received(5, CONTRACT_LEN, 9);
}
END_TEST

START_TEST(the_budget_of_bytes_is_kept)
{
	enum { LARGE = 60000, FIT = BATCH_BYTES_MAX / LARGE + 1, ALL = FIT + 3 };
	bool more = false;

	for (unsigned i = 0; i < ALL; i++)
		give(LARGE, i);
	ck_assert(host_wait_readable(be->ops->poll_fd(be, 0), HOST_WAIT_MS));
	ck_assert_uint_eq(receive(BATCH_MAX, &more), FIT);
	ck_assert_msg(more, "%s: no more, it says at its budget", kind->name);
	assert_received(FIT - 1, LARGE, FIT - 1);
	ck_assert_uint_eq(receive(BATCH_MAX, &more), 3);
	ck_assert(!more);
	assert_received(2, LARGE, ALL - 1);
}
END_TEST

START_TEST(a_runt_is_read_and_dropped)
{
	if (!kind->gives_runts)
		return;
	give(CONTRACT_LEN, 0);
	give(13, 1);
	give(0, 2);
	give(14, 3);
	await_frames(4);
	assert_received(0, CONTRACT_LEN, 0);
	assert_fate(1, FATE_DROPPED, DROP_RX_RUNT);
	assert_fate(2, FATE_DROPPED, DROP_RX_RUNT);
	assert_received(3, 14, 3);
}
END_TEST

START_TEST(readable_is_an_edge)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool more;

	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, be->ops->poll_fd(be, 0), &event), 0);
	for (unsigned i = 0; i < 5; i++) {
		while (epoll_wait(epoll, &event, 1, 0) > 0)
			(void)receive(BATCH_MAX, &more);
		give(CONTRACT_LEN, i);
		ck_assert_msg(epoll_wait(epoll, &event, 1, HOST_WAIT_MS) == 1 &&
				      (event.events & EPOLLIN) != 0,
			      "%s: frame %u was not told", kind->name, i);
		ck_assert_uint_eq(receive(BATCH_MAX, &more), 1);
		assert_received(0, CONTRACT_LEN, i);
	}
	ck_assert_int_eq(close(epoll), 0);
}
END_TEST

/* ---- offloads of the receive way ---- */

static uint8_t want[8192];

static void give_partial(bool gso)
{
	const struct vnet_hdr csum = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .csum_start = 34,
				       .csum_offset = 16 };
	struct vnet_hdr hdr = csum;
	uint32_t len = rig_fill_ip(want, false, true, gso ? 4000 : 900);

	hdr.gso_type = gso ? VIRTIO_NET_HDR_GSO_TCPV4 : 0;
	hdr.gso_size = gso ? 1448 : 0;
	hdr.hdr_len = gso ? 54 : 0;
	kind->give(be, hdr, want, len);
}

/* rule: NET-40 */
START_TEST(a_partial_sum_comes_as_it_was_set)
{
	bool csum = _i != 0;
	const struct frame *f = &batch.frame[0];

	ck_assert(!err_is(be->ops->set_offloads(be, (struct backend_offloads){ .csum = csum })));
	give_partial(false);
	await_frames(1);
	if (!csum && !kind->finishes)
		return;
	ck_assert_msg((f->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == csum, "%s: flags %u",
		      kind->name, f->hdr.flags);
	ck_assert_msg(f->hdr.csum_start == (csum ? 34 : 0) && f->hdr.csum_offset == (csum ? 16 : 0),
		      "%s: start %u, offset %u", kind->name, f->hdr.csum_start, f->hdr.csum_offset);
	ck_assert_msg((memcmp(f->bytes + 50, want + 50, 2) != 0) == !csum, "%s: the sum is %s",
		      kind->name, csum ? "finished" : "not finished");
}
END_TEST

START_TEST(a_super_frame_comes_as_it_was_set)
{
	bool tso4 = _i != 0;
	unsigned frames = tso4 || !kind->finishes ? 1 : 3;

	ck_assert(!err_is(be->ops->set_offloads(
		be, (struct backend_offloads){ .csum = true, .tso4 = tso4 })));
	give_partial(true);
	await_frames(frames);
	ck_assert_uint_eq(batch.frame[0].hdr.gso_type, frames == 1 ? VIRTIO_NET_HDR_GSO_TCPV4 : 0);
	ck_assert_uint_eq(batch.frame[0].hdr.gso_size, frames == 1 ? 1448 : 0);
	ck_assert_uint_eq(batch.frame[0].len, frames == 1 ? 4054 : 1502);
}
END_TEST

void contract_recv(TCase *tc)
{
	tcase_add_test(tc, frames_come_in_whole_and_in_order);
	tcase_add_test(tc, the_longest_frame_comes_in);
	tcase_add_test(tc, the_maximum_is_kept);
	tcase_add_test(tc, the_budget_of_bytes_is_kept);
	tcase_add_test(tc, a_runt_is_read_and_dropped);
	tcase_add_test(tc, readable_is_an_edge);
	tcase_add_loop_test(tc, a_partial_sum_comes_as_it_was_set, 0, 2);
	tcase_add_loop_test(tc, a_super_frame_comes_as_it_was_set, 0, 2);
}
