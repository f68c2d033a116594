/* tests/contract/life.c: carrier, link, end and counters of a backend. */
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/contract/contract.h"
#include "tests/driver/rig.h"
#include "tests/host/host.h"

START_TEST(carrier_is_seen)
{
	ck_assert(be->caps.carrier);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(!err_is(be->ops->set_carrier(be, i % 2 == 1)));
		ck_assert_int_eq(kind->carrier(be), i % 2 == 1);
	}
}
END_TEST

START_TEST(a_link_that_is_down_drops)
{
	kind->link(be, false);
	put(0, CONTRACT_LEN, 0);
	put(1, CONTRACT_LEN, 1);
	send_batch(2);
	assert_fate(0, FATE_DROPPED, DROP_TX_LINK_DOWN);
	assert_fate(1, FATE_DROPPED, DROP_TX_LINK_DOWN);
	ck_assert_msg(!be->ops->gone(be), "%s: gone, it says", kind->name);
	kind->link(be, true);
	put(0, CONTRACT_LEN, 2);
	send_batch(1);
	assert_fate(0, FATE_SENT, DROP_NONE);
	(void)assert_taken(CONTRACT_LEN, 2);
}
END_TEST

/* _i: it is seen by send first, or by recv. */
START_TEST(what_is_gone_stays_gone)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool more = true;

	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, be->ops->poll_fd(be, 0), &event), 0);
	while (epoll_wait(epoll, &event, 1, 0) > 0)
		continue;
	ck_assert(!be->ops->gone(be));
	kind->end(be);
	ck_assert_msg(epoll_wait(epoll, &event, 1, HOST_WAIT_MS) == 1, "%s: its end is not told",
		      kind->name);
	for (unsigned i = 0; i < 2; i++) {
		if (i == (unsigned)_i) {
			put(0, CONTRACT_LEN, 0);
			put(1, CONTRACT_LEN, 1);
			send_batch(2);
			assert_fate(0, FATE_DROPPED, DROP_TX_GONE);
			assert_fate(1, FATE_DROPPED, DROP_TX_GONE);
		} else {
			ck_assert_uint_eq(receive(BATCH_MAX, &more), 0);
			ck_assert(!more);
		}
		ck_assert_msg(be->ops->gone(be), "%s: not gone", kind->name);
	}
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	ck_assert(!err_is(be->ops->set_offloads(be, (struct backend_offloads){ 0 })));
	ck_assert_int_eq(close(epoll), 0);
}
END_TEST

START_TEST(calls_are_counted)
{
	struct backend_counters before, after;
	bool more;

	be->ops->counters(be, 0, &before);
	for (unsigned i = 0; i < 3; i++)
		put(i, CONTRACT_LEN, i);
	send_batch(3);
	ck_assert_uint_eq(receive(BATCH_MAX, &more), 0);
	be->ops->counters(be, 0, &after);
	ck_assert_uint_eq(after.syscalls - before.syscalls, 4);
	ck_assert_uint_eq(after.again - before.again, 1);
}
END_TEST

void contract_life(TCase *tc)
{
	tcase_add_test(tc, carrier_is_seen);
	tcase_add_test(tc, a_link_that_is_down_drops);
	tcase_add_loop_test(tc, what_is_gone_stays_gone, 0, 2);
	tcase_add_test(tc, calls_are_counted);
}
