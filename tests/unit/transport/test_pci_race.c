/* What two threads do to the interrupts of a function behind PCI: each caught in the middle. */
#include <pthread.h>
#include <sched.h>

#include "devices/transport/pci_priv.h"
#include "tests/driver/suite.h"
#include "tests/unit/transport/pci.h"

enum { CHANCES = 2000 }; /* turns that the other thread gets to do what it should not */

static atomic_bool begun, done;

static void setup_race(void)
{
	setup();
	atomic_store(&begun, false), atomic_store(&done, false);
}

static void give_chances(void)
{
	for (unsigned i = 0; i < CHANCES && !atomic_load(&done); i++)
		(void)sched_yield();
}

static void *masker(void *arg)
{
	pci_slot_mask(&slot, 0, true);
	atomic_store(&done, true);
	return arg;
}

/* Who is about to write the eventfd has looked at the masks already. */
START_TEST(a_mask_waits_for_a_message_on_its_way)
{
	atomic_uint *state = &slot.pci->vector[0].state;
	pthread_t thread;

	live();
	pci_slot_msix_on(&slot, true);
	pci_slot_vector(&slot, 0, 0xfee00000, 0x40);
	atomic_fetch_add(state, PCI_SENDING);
	ck_assert_int_eq(pthread_create(&thread, NULL, masker, NULL), 0);
	while ((atomic_load(state) & PCI_MASKED_ITSELF) == 0)
		(void)sched_yield();
	give_chances();
	ck_assert_msg(!atomic_load(&done), "masked while a message is being sent");
	atomic_fetch_sub(state, PCI_SENDING);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(atomic_load(&done));
}
END_TEST

static void *relay(void *arg)
{
	atomic_store(&begun, true);
	pci_line_update(slot.pci);
	atomic_store(&done, true);
	return arg;
}

/* Who raises the line must not go by what the ISR byte was before it was read. */
START_TEST(the_line_goes_by_the_isr_byte_as_it_is)
{
	pthread_t thread;

	live();
	device_signal_queue(w.device, 0);
	(void)pthread_mutex_lock(&slot.pci->line_mutex);
	ck_assert_int_eq(pthread_create(&thread, NULL, relay, NULL), 0);
	while (!atomic_load(&begun))
		(void)sched_yield();
	give_chances();
	ck_assert_uint_eq(device_interrupt_take(w.device), 1);
	(void)pthread_mutex_unlock(&slot.pci->line_mutex);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!atomic_load(&slot.line));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/pci_race");
	TCase *tc = tcase_create("pci_race");

	tcase_add_checked_fixture(tc, setup_race, teardown);
	tcase_add_test(tc, a_mask_waits_for_a_message_on_its_way);
	tcase_add_test(tc, the_line_goes_by_the_isr_byte_as_it_is);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
