/* The life of a device behind PCI: doorbells, generations, resets, and a function that may not
 * master the bus. */
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/transport/pci.h"

/* Was the doorbell of that queue rung since the last look? */
static bool rung(uint32_t queue)
{
	uint64_t count;

	return read(device_kick_fd(w.device, queue), &count, sizeof(count)) == sizeof(count);
}

static void ring(uint32_t offset, unsigned width, uint64_t value)
{
	pci_slot_write(&slot, 0, slot.notify + offset, width, value);
}

/* Any width and any value: the address decides. */
/* rule: PCI-23 */
START_TEST(doorbells)
{
	static const uint64_t values[] = { 0, 1, 2, 0xffff, UINT64_MAX };

	if (_i == 0)
		live();
	else
		accept(FEATURE(VIRTIO_F_NOTIFICATION_DATA));
	for (uint32_t queue = 0; queue < QUEUES; queue++)
		(void)rung(queue);
	for (uint32_t queue = 0; queue < QUEUES; queue++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
				ring(queue * slot.notify_step, width, values[i]);
				for (uint32_t other = 0; other < QUEUES; other++)
					ck_assert_msg(rung(other) == (other == queue),
						      "queue %u by %u bytes of %#llx", queue, width,
						      (unsigned long long)values[i]);
			}
		}
		pci_slot_ring(&slot, queue);
		ck_assert(rung(queue));
	}
	ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), 0);
}
END_TEST

/* rule: PCI-23 */
START_TEST(doorbells_of_no_queue)
{
	uint64_t counted;

	pci_slot_ring(&slot, 2);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_msg(w.controls == 0, "a doorbell before DRIVER_OK reached the control queue");
	live();
	for (uint32_t queue = 0; queue < QUEUES; queue++)
		(void)rung(queue);
	for (uint32_t at = QUEUES * slot.notify_step; at < 0x1000; at += slot.notify_step)
		ring(at, 2, 0);
	counted = faults(DEVICE_FAULT_ACCESS);
	for (uint32_t at = 1; at < 8; at += at == 3 ? 2 : 1)
		ring(at, 1, 0);
	ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), counted + 6);
	ck_assert_uint_eq(pci_slot_read(&slot, 0, slot.notify, 4), 0);
	for (uint32_t queue = 0; queue < QUEUES; queue++)
		ck_assert_msg(!rung(queue), "queue %u was rung", queue);
	select_queue(QUEUES);
	ck_assert_uint_eq(rd(VIRTIO_PCI_COMMON_Q_NOFF, 2), 0);
}
END_TEST

/* However many changes come between two looks, the second is another; without one it is not. */
/* rule: PCI-12 */
START_TEST(generations)
{
	uint32_t before = rd(GENERATION, 1);

	for (unsigned i = 0; i < 600; i++) {
		for (unsigned k = 0; k <= i; k++)
			change_config();
		ck_assert_msg(rd(GENERATION, 1) != before, "not after %u changes", i + 1);
		before = rd(GENERATION, 1);
		ck_assert_uint_eq(rd(GENERATION, 1), before);
	}
}
END_TEST

/* rule: PCI-13 PCI-14 PCI-15 CORE-22 */
START_TEST(reset_is_power_on)
{
	unsigned before;

	live();
	before = w.resets;
	select_queue(1);
	wr(QVECTOR, 2, 1);
	wr(STATUS, 1, 0);
	ck_assert_uint_eq(rd(STATUS, 1), 0);
	ck_assert_uint_eq(w.stops, 1);
	ck_assert_uint_eq(w.resets, before + 1);
	ck_assert_msg(!w.touched_while_stopped, "reset was called while the runner ran");
	for (uint32_t i = 0; i < QUEUES; i++) {
		select_queue(i);
		ck_assert_uint_eq(rd(QENABLE, 2), 0);
		ck_assert_uint_eq(rd(QRESET, 2), 0);
		ck_assert_uint_eq(rd(QSIZE, 2), SIZE_MAX_HERE);
		ck_assert_uint_eq(rd(QVECTOR, 2), NO_VECTOR);
		ck_assert_uint_eq(rd(QDESC, 8) | rd(QDRIVER, 8) | rd(QDEVICE, 8), 0);
	}
	live();
	ck_assert(w.running);
}
END_TEST

/* One queue alone; without the feature none. */
/* rule: PCI-14 */
START_TEST(queue_reset)
{
	live();
	select_queue(1);
	wr(QVECTOR, 2, 1);
	wr(QRESET, 2, 0);
	wr(QRESET, 2, 2);
	ck_assert_uint_eq(rd(QENABLE, 2), 1);
	wr(QRESET, 2, 1);
	ck_assert_uint_eq(rd(QRESET, 2), 0);
	ck_assert_uint_eq(rd(QENABLE, 2), 0);
	ck_assert_uint_eq(rd(QSIZE, 2), SIZE_MAX_HERE);
	ck_assert_uint_eq(rd(QVECTOR, 2), NO_VECTOR);
	ck_assert_uint_eq(w.stopped, 2);
	ck_assert_msg(w.running && !w.touched_while_stopped, "not in a pause");
	ck_assert(queue_running(device_queue(w.device, 0)));
	ck_assert(!queue_running(device_queue(w.device, 1)));
	enable_queue(1);
	ck_assert_uint_eq(rd(QRESET, 2), 0);
	ck_assert(queue_running(device_queue(w.device, 1)));

	accept(0);
	enable_queue(1);
	wr(QVECTOR, 2, 1);
	wr(QRESET, 2, 1);
	ck_assert_uint_eq(rd(QENABLE, 2), 1);
	ck_assert_uint_eq(rd(QVECTOR, 2), 1);
	select_queue(QUEUES);
	wr(QRESET, 2, 1);
	ck_assert_uint_eq(rd(QRESET, 2), 0);
}
END_TEST

/* Nothing of guest memory is touched meanwhile, by the control queue neither; then all goes on. */
/* rule: PCI-01 */
START_TEST(without_bus_mastering_the_rings_rest)
{
	const uint32_t off = PCI_COMMAND_MEMORY, on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct device_counters c;

	command(off);
	live();
	ck_assert_uint_eq(w.starts, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_msg(w.controls == 0, "the control queue was looked at");
	command(on);
	ck_assert_uint_eq(w.starts, 1);
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 1);

	command(off);
	command(off | PCI_COMMAND_INTX_DISABLE);
	ck_assert_uint_eq(w.pauses, 1);
	ck_assert(!w.running);
	pci_slot_ring(&slot, 2);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_uint_eq(w.controls, 1);
	command(on);
	command(on);
	ck_assert_uint_eq(w.resumes, 1);
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 2);
	device_counters(w.device, &c);
	ck_assert_uint_eq(c.kicks, 1);
	/* And whatever happens in between. */
	command(off);
	wr(STATUS, 1, 0);
	live();
	ck_assert(!w.running);
	command(on);
	ck_assert(w.running);
}
END_TEST

/* The transport goes while the device is live: nobody tells anybody after that. */
START_TEST(the_end_of_a_live_device)
{
	live();
	pci_slot_msix_on(&slot, true);
	if (_i == 1)
		command(PCI_COMMAND_MEMORY);
	pci_slot_fini(&slot);
	ck_assert(!w.running);
	device_signal_queue(w.device, 0);
	pci_slot_init(&slot, w.device, w.loop);
	pci_slot_enable(&slot);
	ck_assert_uint_eq(rd(STATUS, 1), 0);
	live();
	ck_assert(w.running);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/pci_life");
	TCase *tc = tcase_create("pci_life");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, doorbells, 0, 2);
	tcase_add_test(tc, doorbells_of_no_queue);
	tcase_add_test(tc, generations);
	tcase_add_test(tc, reset_is_power_on);
	tcase_add_test(tc, queue_reset);
	tcase_add_test(tc, without_bus_mastering_the_rings_rest);
	tcase_add_loop_test(tc, the_end_of_a_live_device, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
