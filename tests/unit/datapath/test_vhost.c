/* vhost-net as the kernel sees it: what it is asked, in which order, and where each ring stands
 * when the data path changes hands. */
#include <linux/virtio_net.h>

#include "tests/driver/suite.h"
#include "tests/unit/datapath/vhost_kernel.h"

static void setup(void) { make(1, RIG_HDR); }
static void setup_pairs(void) { make(PAIRS_MAX, RIG_HDR); }
static void teardown(void) { end(); }

static void assert_calls(const char *const *want, unsigned count)
{
	for (unsigned i = 0; i < count || i < kernel.calls; i++)
		ck_assert_msg(i < count && i < kernel.calls && strcmp(kernel.call[i], want[i]) == 0,
			      "call %u is %s, not %s", i,
			      i < kernel.calls ? kernel.call[i] : "none",
			      i < count ? want[i] : "any");
}

static bool kicked(unsigned pair, unsigned place)
{
	uint64_t count = 0;

	return read(ring_of(pair, place)->kick, &count, sizeof(count)) == sizeof(count);
}

/* ---- in which order ---- */

static const char *const owned[] = { "0 owner", "0 get features" };
static const char *const stopped[] = {
	"0 backend 0 none", "0 kick 0 none", "0 get base 0",
	"0 backend 1 none", "0 kick 1 none", "0 get base 1",
};

START_TEST(start_and_reset_in_their_order)
{
	assert_calls(owned, ARRAY_LEN(owned));
	up_by_messages();
	ck_assert_int_eq(path(), PATH_VHOST);
	assert_calls(started, ARRAY_LEN(started));
	ck_assert_msg(kicked(0, 0) && kicked(0, 1), "what is posted already waits for a kick");
	ck_assert_int_eq(ring_of(0, 0)->backend, kernel.tap[0]);
	forget_calls();
	rig_write(&r, 0x070, 0);
	assert_calls(stopped, ARRAY_LEN(stopped));
}
END_TEST

/* Only what concerns rings and headers: VERSION_1, EVENT_IDX, INDIRECT_DESC, MRG_RXBUF. */
START_TEST(features_are_the_agreed_ones_that_it_knows)
{
	rig_prepare(&r, RIG_PACKED & ~RIG_BIT(29), SIZE);
	map_vectors();
	rig_go(&r);
	ck_assert_uint_eq(kernel.features, RIG_BIT(15) | RIG_BIT(28) | RIG_BIT(32));
	ck_assert(!rig_has(&r, 34) && !rig_has(&r, 18) && !rig_has(&r, 53));
}
END_TEST

START_TEST(rings_and_memory_are_where_this_process_has_them)
{
	const struct vhost_vring_addr *a;

	up_by_messages();
	a = &ring_of(0, 1)->addr;
	ck_assert_ptr_eq((void *)(uintptr_t)a->desc_user_addr,
			 driver_at(&r.memory, r.queue[RIG_TX].desc));
	ck_assert_ptr_eq((void *)(uintptr_t)a->avail_user_addr,
			 driver_at(&r.memory, r.queue[RIG_TX].avail));
	ck_assert_ptr_eq((void *)(uintptr_t)a->used_user_addr,
			 driver_at(&r.memory, r.queue[RIG_TX].used));
	ck_assert_uint_eq(kernel.regions, 2);
	ck_assert_ptr_eq(in_memory(r.memory.size), driver_at(&r.memory, r.memory.size));
}
END_TEST

/* A TAP with room for a tunnel's header has the driver's only while the kernel moves frames. */
START_TEST(the_header_is_the_drivers_meanwhile)
{
	end();
	make(1, 24);
	ck_assert_int_eq(kernel.header, 24);
	up_by_messages();
	ck_assert_int_eq(kernel.header, RIG_HDR);
	ck_assert_str_eq(kernel.call[0], "header 12");
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
	ck_assert_int_eq(kernel.header, 24);
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
	ck_assert_int_eq(kernel.header, RIG_HDR);
	rig_write(&r, 0x070, 0);
	ck_assert_int_eq(kernel.header, 24);
}
END_TEST

START_TEST(pairs_are_its_as_the_driver_asks_for_them)
{
	up_by_messages();
	ck_assert_int_ne(ring_of(0, 0)->backend, -1);
	ck_assert_int_eq(ring_of(1, 0)->backend, -1);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
	for (unsigned place = 0; place < 2; place++)
		ck_assert_int_eq(ring_of(1, place)->backend, kernel.tap[1]);
	ck_assert_int_eq(rig_set_pairs(&r, 1), VIRTIO_NET_OK);
	ck_assert_int_eq(ring_of(1, 1)->backend, -1);
	ck_assert_int_ne(ring_of(0, 1)->backend, -1);
}
END_TEST

/* A queue that the driver resets by itself is set up anew, from its beginning; the other goes on.
 */
START_TEST(one_queue_is_reset)
{
	up_by_messages();
	send_one();
	ck_assert(kernel_use(0, 1, 0, 0));
	(void)rig_post(&r, 3, ROOM);
	ck_assert(kernel_use(0, 0, 1, ROOM));
	rig_stop_queue(&r, RIG_TX);
	ck_assert_int_eq(ring_of(0, 1)->backend, -1);
	ck_assert_int_ne(ring_of(0, 0)->backend, -1);
	ck_assert_uint_eq(ring_of(0, 0)->base, 1);
	rig_set_queue(&r, RIG_TX, SIZE);
	ck_assert_int_ne(ring_of(0, 1)->backend, -1);
	ck_assert_uint_eq(ring_of(0, 1)->base, 0);
	ck_assert_uint_eq(ring_of(0, 0)->base, 1);
}
END_TEST

/* ---- from one to the other ---- */

/* The worker sends what the kernel has left, and the kernel goes on where the worker stopped; often
 * enough for indices to come round. */
START_TEST(each_goes_on_where_the_other_was)
{
	enum { ROUNDS = 1100, A_ROUND = SIZE };
	uint64_t memory;
	unsigned by_worker = 0;
	uint16_t sent = 0;

	up_by_messages();
	memory = r.memory.next;
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool worker = round % 2 != 0;
		struct driver_used used;

		ck_assert(!err_is(datapath_switch(r.datapath, worker ? PATH_WORKER : PATH_VHOST)));
		ck_assert_int_eq(path(), worker ? PATH_WORKER : PATH_VHOST);
		forget_calls();
		r.memory.next = memory;
		for (unsigned i = 0; i < A_ROUND; i++, sent++)
			send_one();
		while (!worker && kernel_use(0, 1, 0, 0))
			continue;
		rig_await_used(&r, RIG_TX, sent);
		by_worker += worker ? A_ROUND : 0;
		for (unsigned i = 0; i < A_ROUND; i++)
			ck_assert_msg(driver_collect(&r.queue[RIG_TX], &used), "round %u: %u used",
				      round, i);
		ck_assert(!driver_collect(&r.queue[RIG_TX], &used));
	}
	ck_assert_uint_eq(kernel.written, by_worker);
}
END_TEST

/* Chains that were there for the one are there for the other, and nobody kicks for them again. */
START_TEST(what_waits_is_taken_over)
{
	up_by_messages();
	for (unsigned i = 0; i < 3; i++)
		send_one();
	ck_assert(kernel_use(0, 1, 0, 0));
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
	rig_await_used(&r, RIG_TX, 3);
	ck_assert_uint_eq(kernel.written, 2);
	ck_assert_int_eq(ring_of(0, 1)->kick, -1);
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
	ck_assert_uint_eq(ring_of(0, 1)->base, 3);
	ck_assert(kicked(0, 1));
}
END_TEST

/* A frame that waits in a worker for more buffers is lost with it, and counted. */
START_TEST(what_the_worker_holds_is_dropped)
{
	up_by_messages();
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
	(void)rig_post(&r, 4, ROOM);
	__atomic_store_n(&kernel.frames, 2, __ATOMIC_RELEASE);
	eventfd_poke(kernel.tap[0]);
	while (__atomic_load_n(&kernel.frames, __ATOMIC_ACQUIRE) > 0)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	ck_assert_uint_eq(rig_stats(&r).rx.drops, 1);
	ck_assert_uint_eq(rig_stats(&r).rx.packets, 1);
	ck_assert_uint_eq(ring_of(0, 0)->base, 3); /* a buffer is left */
}
END_TEST

/* What the kernel told the driver of on the eve of a pause is told. */
START_TEST(a_call_on_the_eve_is_not_lost)
{
	up_by_messages();
	pci_slot_mask(&r.slot, RIG_TX, true);
	send_one();
	ck_assert(kernel_use(0, 1, 0, 0));
	kernel_call(0, 1);
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
	pci_slot_mask(&r.slot, RIG_TX, false);
	ck_assert_uint_ge(pci_slot_sent(&r.slot, RIG_TX), 1);
}
END_TEST

START_TEST(the_choice_outlives_a_reset)
{
	up_by_messages();
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
	up_by_messages();
	ck_assert_int_eq(path(), PATH_WORKER);
	send_one();
	rig_await_used(&r, RIG_TX, 1);
	ck_assert_uint_eq(kernel.written, 1);
	rig_write(&r, 0x070, 0);
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
	ck_assert_int_eq(ring_of(0, 1)->backend, -1);
	up_by_messages();
	ck_assert_int_eq(path(), PATH_VHOST);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datapath/vhost");
	TCase *tc = tcase_create("one"), *pairs = tcase_create("pairs");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, start_and_reset_in_their_order);
	tcase_add_test(tc, features_are_the_agreed_ones_that_it_knows);
	tcase_add_test(tc, rings_and_memory_are_where_this_process_has_them);
	tcase_add_test(tc, the_header_is_the_drivers_meanwhile);
	tcase_add_test(tc, one_queue_is_reset);
	tcase_add_test(tc, each_goes_on_where_the_other_was);
	tcase_add_test(tc, what_waits_is_taken_over);
	tcase_add_test(tc, what_the_worker_holds_is_dropped);
	tcase_add_test(tc, a_call_on_the_eve_is_not_lost);
	tcase_add_test(tc, the_choice_outlives_a_reset);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(pairs, setup_pairs, teardown);
	tcase_add_test(pairs, pairs_are_its_as_the_driver_asks_for_them);
	suite_add_tcase(s, pairs);
	return suite_run(s);
}
