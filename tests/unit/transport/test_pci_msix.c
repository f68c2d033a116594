/* How a driver behind PCI is told by MSI-X: vectors, masks, pending bits. */
#include <pthread.h>
#include <sched.h>

#include "tests/driver/suite.h"
#include "tests/unit/transport/pci.h"

enum { PBA = 0x1000 };

static uint32_t table(uint32_t offset, unsigned width)
{
	return (uint32_t)pci_slot_read(&slot, PCI_BAR_MSIX, offset, width);
}
static uint64_t pending(void) { return pci_slot_read(&slot, PCI_BAR_MSIX, PBA, 8); }

static void map_queue(uint32_t queue, uint32_t vector)
{
	select_queue(queue);
	wr(QVECTOR, 2, vector);
}

/* Live, MSI-X on, event i (the last is the configuration) on vector i, all unmasked. */
static void live_with_vectors(void)
{
	live();
	pci_slot_msix_on(&slot, true);
	for (uint32_t i = 0; i < QUEUES; i++)
		map_queue(i, i);
	wr(CONFIG_VECTOR, 2, QUEUES);
	for (uint32_t i = 0; i < VECTORS; i++)
		pci_slot_vector(&slot, i, 0xfee00000 + (i << 12), 0x40 + i);
}

/* What was sent since the last look: a vector has four bits. */
static unsigned sent(void)
{
	unsigned all = 0;

	for (unsigned i = 0; i < VECTORS; i++)
		all |= pci_slot_sent(&slot, i) << 4 * i;
	return all;
}

static void assert_direct(uint32_t queue, unsigned vector)
{
	int want = vector < VECTORS ? pci_vector_fd(slot.pci, vector) : DEVICE_FD_NONE;

	ck_assert_int_eq(device_direct_call(w.device, queue), want);
	ck_assert_msg(w.call[queue] == want, "whoever writes it was not told");
}

/* Who interrupts the driver without asking is told of all that changes where. */
START_TEST(what_may_be_written_for_a_queue)
{
	live();
	ck_assert(!device_by_message(w.device));
	live_with_vectors();
	ck_assert(device_by_message(w.device));
	assert_direct(1, 1);
	pci_slot_mask(&slot, 1, true);
	assert_direct(1, NO_VECTOR);
	assert_direct(0, 0);
	map_queue(1, 2);
	assert_direct(1, 2);
	pci_slot_mask(&slot, 1, false);
	assert_direct(1, 2);
	pci_slot_msix_on(&slot, false);
	assert_direct(1, NO_VECTOR);
	ck_assert(!device_by_message(w.device));
	pci_slot_msix_on(&slot, true);
	assert_direct(1, 2);
	map_queue(1, NO_VECTOR);
	assert_direct(1, NO_VECTOR);
	map_queue(1, 1);
	wr(QRESET, 2, 1);
	assert_direct(1, NO_VECTOR);
	wr(STATUS, 1, 0);
	assert_direct(0, NO_VECTOR);
}
END_TEST

/* rule: PCI-30 */
START_TEST(the_capability)
{
	uint8_t at = pci_slot_msix(&slot);

	ck_assert_uint_ne(at, 0);
	ck_assert_uint_eq(pci_slot_config(&slot, at + 2u, 2), VECTORS - 1);
	ck_assert_uint_eq(pci_vector_count(slot.pci), VECTORS);
	ck_assert_uint_eq(pci_slot_config(&slot, at + 4u, 4), PCI_BAR_MSIX);
	ck_assert_uint_eq(pci_slot_config(&slot, at + 8u, 4), PBA | PCI_BAR_MSIX);
	for (unsigned i = 0; i < VECTORS; i++)
		ck_assert_int_ge(pci_vector_fd(slot.pci, i), 0);
}
END_TEST

/* Any event on any vector, several on one; what is no vector is none. */
/* rule: PCI-31 PCI-32 PCI-33 */
START_TEST(mapping)
{
	static const uint32_t none[] = { VECTORS, VECTORS + 1, 0x7ff, 0x8000, 0xfffe, 0xffff };

	for (uint32_t vector = 0; vector < VECTORS; vector++) {
		wr(CONFIG_VECTOR, 2, vector);
		ck_assert_uint_eq(rd(CONFIG_VECTOR, 2), vector);
		for (uint32_t i = 0; i < QUEUES; i++) {
			map_queue(i, vector);
			ck_assert_uint_eq(rd(QVECTOR, 2), vector);
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(none); i++) {
		wr(CONFIG_VECTOR, 2, 1);
		wr(CONFIG_VECTOR, 2, none[i]);
		ck_assert_msg(rd(CONFIG_VECTOR, 2) == NO_VECTOR, "configuration on %#x", none[i]);
		map_queue(1, 1);
		wr(QVECTOR, 2, none[i]);
		ck_assert_msg(rd(QVECTOR, 2) == NO_VECTOR, "a queue on %#x", none[i]);
	}
	map_queue(QUEUES, 1);
	ck_assert_uint_eq(rd(QVECTOR, 2), NO_VECTOR);
	map_queue(0xffff, 1);
	ck_assert_uint_eq(rd(QVECTOR, 2), NO_VECTOR);
	map_queue(2, 3);
	wr(CONFIG_VECTOR, 2, 3);
	wr(STATUS, 1, 0);
	ck_assert_uint_eq(rd(CONFIG_VECTOR, 2), NO_VECTOR);
	for (uint32_t i = 0; i < QUEUES; i++) {
		select_queue(i);
		ck_assert_msg(rd(QVECTOR, 2) == NO_VECTOR, "queue %u after the reset", i);
	}
}
END_TEST

/* Words and pairs of words, aligned; reserved bits, and entries past the last, read 0. */
START_TEST(the_table)
{
	uint64_t counted = 0;

	for (uint32_t i = 0; i < VECTORS * 16; i += 4)
		ck_assert_uint_eq(table(i, 4), i % 16 == 12);
	for (uint32_t i = 0; i < VECTORS * 16; i += 8)
		pci_slot_write(&slot, PCI_BAR_MSIX, i, 8,
			       i % 16 == 0 ? UINT64_C(0x112233445566778b) + i
					   : UINT64_C(0xffffffff00000000) + i);
	for (uint32_t i = 0; i < VECTORS * 16; i += 16) {
		ck_assert_uint_eq(table(i, 4), 0x55667788 + i);
		ck_assert_uint_eq(table(i + 4, 4), 0x11223344);
		ck_assert_uint_eq(pci_slot_read(&slot, PCI_BAR_MSIX, i + 8, 8),
				  0x100000000 + i + 8);
	}
	for (uint32_t at = 0; at < PBA + 0x1000; at++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			bool good = width >= 4 && at % width == 0;
			uint64_t before = pci_slot_read(&slot, PCI_BAR_MSIX, at, width);

			counted = faults(DEVICE_FAULT_ACCESS);
			if (good && at < VECTORS * 16)
				continue;
			pci_slot_write(&slot, PCI_BAR_MSIX, at, width, 0);
			ck_assert_uint_eq(before, 0);
			ck_assert_msg(faults(DEVICE_FAULT_ACCESS) > counted,
				      "a write of %u at %#x was not counted", width, at);
		}
	}
	ck_assert_uint_eq(table(VECTORS * 16 - 4, 4), 1);
	ck_assert_uint_eq(table(VECTORS * 16 - 12, 4), 0x11223344);
}
END_TEST

/* rule: PCI-24 PCI-31 PCI-34 */
START_TEST(each_event_has_its_vector)
{
	live_with_vectors();
	for (unsigned i = 0; i < VECTORS; i++) {
		ck_assert_uint_eq(slot.route[i].address, 0xfee00000 + (i << 12));
		ck_assert_uint_eq(slot.route[i].data, 0x40 + i);
		ck_assert_uint_eq(slot.route[i].count, 1);
	}
	ck_assert_uint_eq(sent(), 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		device_signal_queue(w.device, i);
		ck_assert_uint_eq(sent(), 1u << 4 * i);
	}
	(void)pci_slot_read(&slot, 0, slot.isr, 1);
	change_config();
	ck_assert_uint_eq(sent(), 0x1000);
	ck_assert_msg(pci_slot_read(&slot, 0, slot.isr, 1) == 2, "the ISR bit of a change");
	/* All on one. */
	for (uint32_t i = 0; i < QUEUES; i++)
		map_queue(i, 3);
	device_signal_queue(w.device, 0);
	device_signal_queue(w.device, 2);
	change_config();
	ck_assert_uint_eq(sent(), 0x3000);
	/* None. */
	map_queue(1, NO_VECTOR);
	wr(CONFIG_VECTOR, 2, NO_VECTOR);
	device_signal_queue(w.device, 1);
	change_config();
	ck_assert_uint_eq(sent(), 0);
	ck_assert_uint_eq(pending(), 0);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_msg(!atomic_load(&slot.line) && slot.line_changes == 0, "INTx under MSI-X");
}
END_TEST

/* Masked it is kept, once, shown, and sent when the last mask goes. */
START_TEST(masks_and_pending_bits)
{
	uint8_t at = pci_slot_msix(&slot);

	live_with_vectors();
	pci_slot_mask(&slot, 1, true);
	device_signal_queue(w.device, 1);
	device_signal_queue(w.device, 1);
	device_signal_queue(w.device, 0);
	ck_assert_uint_eq(sent(), 1);
	ck_assert_uint_eq(pending(), 2);
	ck_assert_uint_eq(pci_slot_read(&slot, PCI_BAR_MSIX, PBA, 4), 2);
	pci_slot_set_config(&slot, at + 2u, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	device_signal_queue(w.device, 0);
	ck_assert_uint_eq(pending(), 3);
	pci_slot_mask(&slot, 1, false);
	ck_assert_msg(sent() == 0 && pending() == 3, "sent though all are masked");
	pci_slot_mask(&slot, 0, true);
	pci_slot_set_config(&slot, at + 2u, 2, PCI_MSIX_FLAGS_ENABLE);
	ck_assert_uint_eq(sent(), 0x10);
	ck_assert_uint_eq(pending(), 1);
	pci_slot_mask(&slot, 0, true);
	ck_assert_uint_eq(sent(), 0);
	pci_slot_mask(&slot, 0, false);
	ck_assert_uint_eq(sent(), 1);
	ck_assert_uint_eq(pending(), 0);
	ck_assert_msg(slot.route[0].count == 1 && slot.route[1].count == 1,
		      "a mask is no reason for a new route");
	/* A message is a write to memory, and may be made only by a master of the bus. */
	command(PCI_COMMAND_MEMORY);
	change_config();
	ck_assert_uint_eq(sent(), 0);
	command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ck_assert_uint_eq(sent(), 0x1000);
}
END_TEST

/* A message that is changed counts from the unmasking on. */
START_TEST(messages_change)
{
	live_with_vectors();
	pci_slot_mask(&slot, 2, true);
	pci_slot_write(&slot, PCI_BAR_MSIX, 2 * 16, 8, 0x1fee01000);
	pci_slot_write(&slot, PCI_BAR_MSIX, 2 * 16 + 8, 4, 0x99);
	device_signal_queue(w.device, 2);
	ck_assert_uint_eq(slot.route[2].count, 1);
	pci_slot_mask(&slot, 2, false);
	ck_assert_uint_eq(slot.route[2].count, 2);
	ck_assert_uint_eq(slot.route[2].address, 0x1fee01000);
	ck_assert_uint_eq(slot.route[2].data, 0x99);
	ck_assert_uint_eq(sent(), 0x100);
	/* While all are masked an entry's own mask opens nothing. */
	pci_slot_msix_on(&slot, false);
	pci_slot_vector(&slot, 2, 0xfee02000, 0x9a);
	ck_assert_uint_eq(slot.route[2].count, 2);
	pci_slot_msix_on(&slot, true);
	ck_assert_uint_eq(slot.route[2].count, 3);
	ck_assert_uint_eq(slot.route[2].address, 0xfee02000);
}
END_TEST

/* Neither switching MSI-X off nor a reset leaves anything to be sent. */
START_TEST(what_pends_is_forgotten)
{
	live_with_vectors();
	pci_slot_mask(&slot, 1, true);
	device_signal_queue(w.device, 1);
	ck_assert_uint_eq(pending(), 2);
	pci_slot_msix_on(&slot, false);
	ck_assert_uint_eq(pending(), 0);
	pci_slot_msix_on(&slot, true);
	device_signal_queue(w.device, 1);
	ck_assert_uint_eq(pending(), 2);
	wr(STATUS, 1, 0);
	ck_assert_uint_eq(pending(), 0);
	pci_slot_mask(&slot, 1, false);
	ck_assert_uint_eq(sent(), 0);
}
END_TEST

enum { EVENTS = 3000, SIGNALLERS = 2 };
static atomic_uint happened[SIGNALLERS], seen[SIGNALLERS], ended;

/* Each goes on when the driver has seen its last event: both share a vector. */
static void *signaller(void *arg)
{
	unsigned me = (unsigned)((atomic_uint *)arg - happened);

	for (unsigned i = 1; i <= EVENTS; i++) {
		atomic_store(&happened[me], i);
		device_signal_queue(w.device, me);
		while (atomic_load(&seen[me]) != i)
			(void)sched_yield();
	}
	atomic_fetch_add(&ended, 1);
	return NULL;
}

static void start_signallers(pthread_t *thread)
{
	live_with_vectors();
	for (uint32_t i = 0; i < SIGNALLERS; i++) {
		map_queue(i, 0);
		atomic_store(&happened[i], 0), atomic_store(&seen[i], 0);
	}
	atomic_store(&ended, 0);
	for (unsigned i = 0; i < SIGNALLERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, signaller, &happened[i]), 0);
}

/* A driver that masks and unmasks without end loses nothing, and while it has masked nothing comes.
 */
START_TEST(no_message_is_lost_nor_sent_when_masked)
{
	pthread_t thread[SIGNALLERS];
	unsigned late = 0;
	bool any;

	start_signallers(thread);
	while (atomic_load(&ended) != SIGNALLERS) {
		pci_slot_mask(&slot, 0, true);
		any = pci_slot_sent(&slot, 0) > 0;
		for (unsigned i = 0; i < 4; i++) {
			(void)sched_yield();
			late += pci_slot_sent(&slot, 0);
		}
		for (unsigned i = 0; (any || late > 0) && i < SIGNALLERS; i++)
			atomic_store(&seen[i], atomic_load(&happened[i]));
		pci_slot_mask(&slot, 0, false);
	}
	for (unsigned i = 0; i < SIGNALLERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_msg(late == 0, "%u messages came after their mask", late);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/pci_msix");
	TCase *tc = tcase_create("pci_msix");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_capability);
	tcase_add_test(tc, what_may_be_written_for_a_queue);
	tcase_add_test(tc, mapping);
	tcase_add_test(tc, the_table);
	tcase_add_test(tc, each_event_has_its_vector);
	tcase_add_test(tc, masks_and_pending_bits);
	tcase_add_test(tc, messages_change);
	tcase_add_test(tc, what_pends_is_forgotten);
	tcase_add_test(tc, no_message_is_lost_nor_sent_when_masked);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
