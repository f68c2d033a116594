/* The way of an interrupt of vhost-net's: straight to the message of an open vector, else by the
 * control loop, which keeps what is masked pending; never behind a mask. */
#include <stdatomic.h>

#include "tests/driver/suite.h"
#include "tests/unit/datapath/vhost_kernel.h"

enum { TX_PLACE = 1, PENDING_BITS = 0x1000 };

static void setup(void) { make(PAIRS_MAX, RIG_HDR); }
static void teardown(void) { end(); }

static bool is_direct(unsigned vector)
{
	return ring_of(0, TX_PLACE)->call == pci_vector_fd(r.slot.pci, vector);
}

static void turn(void) { ck_assert(!err_is(loop_once(r.loop, 0))); }
static bool pending(unsigned vector)
{
	return (pci_slot_read(&r.slot, PCI_BAR_MSIX, PENDING_BITS, 4) >> vector & 1) != 0;
}

/* Whatever it was before: by the loop. */
static void assert_relayed_and_pending(unsigned vector)
{
	ck_assert(!is_direct(vector));
	kernel_call(0, TX_PLACE);
	turn();
	ck_assert_uint_eq(pci_slot_sent(&r.slot, vector), 0);
	ck_assert(pending(vector));
}

START_TEST(an_open_vector_is_written_by_the_kernel)
{
	up_by_messages();
	ck_assert(is_direct(RIG_TX));
	kernel_call(0, TX_PLACE);
	ck_assert_uint_eq(pci_slot_sent(&r.slot, RIG_TX), 1); /* without a turn of the loop */
}
END_TEST

START_TEST(a_masked_one_is_not)
{
	up_by_messages();
	pci_slot_mask(&r.slot, RIG_TX, true);
	assert_relayed_and_pending(RIG_TX);
	pci_slot_mask(&r.slot, RIG_TX, false);
	ck_assert_uint_eq(pci_slot_sent(&r.slot, RIG_TX), 1);
	ck_assert(is_direct(RIG_TX) && !pending(RIG_TX));
	kernel_call(0, TX_PLACE);
	ck_assert_uint_eq(pci_slot_sent(&r.slot, RIG_TX), 1);
}
END_TEST

/* What the kernel had written when the mask went is given all the same. */
START_TEST(a_call_that_is_under_way_as_the_mask_goes)
{
	up_by_messages();
	pci_slot_mask(&r.slot, RIG_TX, true);
	kernel_call(0, TX_PLACE);
	pci_slot_mask(&r.slot, RIG_TX, false);
	turn();
	ck_assert_uint_eq(pci_slot_sent(&r.slot, RIG_TX), 1);
}
END_TEST

START_TEST(masked_before_the_start)
{
	rig_prepare(&r, RIG_ALL, SIZE);
	map_vectors();
	pci_slot_mask(&r.slot, RIG_TX, true);
	rig_go(&r);
	assert_relayed_and_pending(RIG_TX);
}
END_TEST

START_TEST(a_queue_gets_another_vector_or_none)
{
	up_by_messages();
	pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_SELECT, 2, RIG_TX);
	pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_MSIX, 2, RIG_RX);
	ck_assert(is_direct(RIG_RX));
	pci_slot_mask(&r.slot, RIG_TX, true); /* not its own any more */
	ck_assert(is_direct(RIG_RX));
	pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_MSIX, 2, 0xffff);
	kernel_call(0, TX_PLACE);
	turn();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(pci_slot_sent(&r.slot, i), 0);
}
END_TEST

/* The driver goes back to a line while its queues run. */
START_TEST(without_messages_the_line_tells)
{
	up_by_messages();
	pci_slot_msix_on(&r.slot, false);
	ck_assert(!is_direct(RIG_TX));
	ck_assert(!atomic_load(&r.slot.line));
	kernel_call(0, TX_PLACE);
	turn(); /* which signals */
	turn(); /* which raises the line */
	ck_assert(atomic_load(&r.slot.line));
	pci_slot_msix_on(&r.slot, true);
	ck_assert(is_direct(RIG_TX));
}
END_TEST

/* ---- a kernel that never stops calling, and a driver that masks ---- */

static atomic_bool over;

static void *caller(void *arg)
{
	while (!atomic_load(&over))
		kernel_call(0, TX_PLACE);
	return arg;
}

/* Once a mask is set not one more message is sent, however close it was, and whoever has the ring
 * meanwhile; and when it goes one is. */
START_TEST(none_behind_a_mask)
{
	enum { ROUNDS = 300 };
	bool behind = false;
	pthread_t thread;

	up_by_messages();
	atomic_store(&over, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, caller, NULL), 0);
	for (unsigned i = 0; i < ROUNDS && !behind; i++) {
		forget_calls();
		pci_slot_mask(&r.slot, RIG_TX, true);
		(void)pci_slot_sent(&r.slot, RIG_TX);
		turn();
		if (i % 10 == 0) {
			ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
			ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
		}
		behind = pci_slot_sent(&r.slot, RIG_TX) != 0;
		pci_slot_mask(&r.slot, RIG_TX, false);
		while (!behind && pci_slot_sent(&r.slot, RIG_TX) == 0)
			turn();
	}
	atomic_store(&over, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_msg(!behind, "a message behind the mask");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datapath/vhost_calls");
	TCase *tc = tcase_create("calls");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_open_vector_is_written_by_the_kernel);
	tcase_add_test(tc, a_masked_one_is_not);
	tcase_add_test(tc, a_call_that_is_under_way_as_the_mask_goes);
	tcase_add_test(tc, masked_before_the_start);
	tcase_add_test(tc, a_queue_gets_another_vector_or_none);
	tcase_add_test(tc, without_messages_the_line_tells);
	tcase_add_test(tc, none_behind_a_mask);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
