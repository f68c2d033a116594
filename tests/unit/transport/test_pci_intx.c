/* How a driver behind PCI is told by INTx: the line and the ISR byte. */
#include <pthread.h>

#include "tests/driver/suite.h"
#include "tests/unit/transport/pci.h"

static bool intx(void)
{
	bool shown = (pci_slot_config(&slot, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) != 0;

	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert(!atomic_load(&slot.line) || shown);
	return shown && atomic_load(&slot.line);
}

/* rule: PCI-24 PCI-25 PCI-26 */
START_TEST(the_line_follows_the_isr_byte)
{
	live();
	ck_assert(!intx());
	device_signal_queue(w.device, 1);
	ck_assert_msg(device_interrupt_status(w.device) == 1, "the bit after the signal");
	ck_assert(intx());
	change_config();
	ck_assert(intx());
	ck_assert_uint_eq(slot.line_changes, 1);
	ck_assert_uint_eq(pci_slot_read(&slot, 0, slot.isr, 1), 3);
	ck_assert_msg(!atomic_load(&slot.line), "the line is up when the answer is there");
	ck_assert(!intx());
	ck_assert_uint_eq(pci_slot_read(&slot, 0, slot.isr, 1), 0);
	pci_slot_write(&slot, 0, slot.isr, 1, 0xff);
	ck_assert_uint_eq(pci_slot_read(&slot, 0, slot.isr, 1), 0);
	change_config();
	ck_assert(intx());
	ck_assert_uint_eq(pci_slot_read(&slot, 0, slot.isr, 1), 2);
	for (unsigned i = 0; i < VECTORS; i++)
		ck_assert_msg(pci_slot_sent(&slot, i) == 0, "vector %u without MSI-X", i);
	/* And a reset ends it. */
	change_config();
	ck_assert(intx());
	wr(STATUS, 1, 0);
	ck_assert(!atomic_load(&slot.line));
	ck_assert_uint_eq(pci_slot_read(&slot, 0, slot.isr, 1), 0);
}
END_TEST

/* Masked by the command register, and out of the way of MSI-X. */
/* rule: PCI-25 */
START_TEST(the_line_can_be_masked)
{
	const uint32_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	live();
	command(on | PCI_COMMAND_INTX_DISABLE);
	device_signal_queue(w.device, 0);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert(!atomic_load(&slot.line));
	ck_assert_msg((pci_slot_config(&slot, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) != 0,
		      "Interrupt Status shows it all the same");
	command(on);
	ck_assert(atomic_load(&slot.line));
	pci_slot_msix_on(&slot, true);
	ck_assert(!atomic_load(&slot.line));
	ck_assert(!intx());
	pci_slot_msix_on(&slot, false);
	ck_assert(intx());
}
END_TEST

enum { READS = 3000 };
static atomic_uint ended;

/* The line's level is that of the ISR byte in the end, whoever changed it last. */
static void *reader(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < READS; i++)
		(void)pci_slot_read(&slot, 0, slot.isr, 1);
	atomic_store(&ended, 1);
	return NULL;
}

START_TEST(the_line_is_true_in_the_end)
{
	pthread_t thread;

	live();
	atomic_store(&ended, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, reader, NULL), 0);
	while (atomic_load(&ended) == 0) {
		device_signal_queue(w.device, 0);
		ck_assert(!err_is(loop_once(w.loop, 0)));
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_int_eq(atomic_load(&slot.line), device_interrupt_status(w.device) != 0);
	device_signal_queue(w.device, 0);
	ck_assert(intx());
	(void)pci_slot_read(&slot, 0, slot.isr, 1);
	ck_assert(!intx());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/pci_intx");
	TCase *tc = tcase_create("pci_intx");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_line_follows_the_isr_byte);
	tcase_add_test(tc, the_line_can_be_masked);
	tcase_add_test(tc, the_line_is_true_in_the_end);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
