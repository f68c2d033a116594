/* BARs of the function: sized, moved, decoded or not; and the window to them through configuration
 * space. */
#include "tests/driver/suite.h"
#include "tests/unit/transport/pci.h"

enum { MEMORY_AND_MASTER = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER };

static uint32_t cfg(uint32_t offset) { return pci_slot_config(&slot, offset, 4); }
static void set(uint32_t offset, uint32_t value) { pci_slot_set_config(&slot, offset, 4, value); }

/* As a driver does it: ones, then what reads back. */
/* rule: PCI-01 */
START_TEST(sizes)
{
	command(0);
	for (uint32_t at = PCI_BASE_ADDRESS_0; at <= PCI_BASE_ADDRESS_5; at += 4)
		set(at, 0xffffffff);
	ck_assert_uint_eq(cfg(PCI_BASE_ADDRESS_0), 0xffffe004); /* 64 bits wide, 8 KiB */
	ck_assert_uint_eq(cfg(PCI_BASE_ADDRESS_1), 0xffffffff);
	ck_assert_uint_eq(cfg(PCI_BASE_ADDRESS_2), 0xffffe000); /* 32 bits wide, 8 KiB */
	for (uint32_t at = PCI_BASE_ADDRESS_3; at <= PCI_BASE_ADDRESS_5; at += 4)
		ck_assert_uint_eq(cfg(at), 0);
	ck_assert_uint_eq(slot.at[0], 0);
	ck_assert_uint_eq(slot.at[2], 0);
}
END_TEST

/* Decoded only while the command says so. */
/* rule: PCI-01 */
START_TEST(the_command_switches_memory)
{
	unsigned moves = slot.moves;
	uint64_t at = slot.at[0];

	command(PCI_COMMAND_MASTER);
	ck_assert_uint_eq(slot.at[0], 0);
	ck_assert_uint_eq(slot.at[2], 0);
	command(PCI_COMMAND_MASTER);
	ck_assert_msg(slot.moves == moves + 2, "told twice");
	set(PCI_BASE_ADDRESS_0, 0x4000);
	ck_assert_uint_eq(slot.moves, moves + 2);
	command(MEMORY_AND_MASTER);
	ck_assert_uint_eq(slot.at[0], at + 0x4000);
	ck_assert_uint_eq(rd(QSIZE, 2), SIZE_MAX_HERE);
}
END_TEST

static const struct {
	const char *says;
	uint32_t low, high;
	uint64_t want; /* 0: nowhere */
} moves[] = {
	{ "low", SLOT_WINDOW, 0, SLOT_WINDOW },
	{ "the last place", SLOT_WINDOW + SLOT_WINDOW_BYTES - 0x2000, 0,
	  SLOT_WINDOW + SLOT_WINDOW_BYTES - 0x2000 },
	{ "an address whose low bits do not count", SLOT_WINDOW + 0x3fff, 0, SLOT_WINDOW + 0x2000 },
	{ "onto RAM", 0x100000, 0, 0 },
	{ "address 0", 0, 0, 0 },
	{ "across the window's end", SLOT_WINDOW + SLOT_WINDOW_BYTES, 0, 0 },
	{ "onto the other BAR", SLOT_WINDOW + 0x10000, 0, 0 },
	{ "sized while decoded", 0xffffffff, 0xffffffff, 0 },
	{ "high, but not where the window is", 0, SLOT_HIGH + 1, 0 },
};

/* Moved where nothing may be it is not decoded, its old place neither; the rest lives. */
START_TEST(a_bar_moves)
{
	uint64_t old = slot.at[0];
	uint8_t b[2];

	set(PCI_BASE_ADDRESS_1, moves[_i].high);
	set(PCI_BASE_ADDRESS_0, moves[_i].low);
	ck_assert_msg(slot.at[0] == moves[_i].want, "%s: at %#llx", moves[_i].says,
		      (unsigned long long)slot.at[0]);
	ck_assert_msg(!pci_host_read(slot.host, old + QSIZE, b, 2), "%s: it is still there",
		      moves[_i].says);
	ck_assert_uint_eq(pci_slot_read(&slot, PCI_BAR_MSIX, PCI_MSIX_ENTRY_VECTOR_CTRL, 4), 1);
	set(PCI_BASE_ADDRESS_1, SLOT_HIGH), set(PCI_BASE_ADDRESS_0, 0);
	ck_assert_uint_eq(slot.at[0], old);
	ck_assert_uint_eq(rd(QSIZE, 2), SIZE_MAX_HERE);
}
END_TEST

/* Both halves by one write, and a write across two registers. */
START_TEST(wide_writes_of_bars)
{
	const uint8_t there[8] = { 0, 0x40, 0, 0, SLOT_HIGH, 0, 0, 0 };
	unsigned before = slot.moves;

	pci_host_config_write(slot.host, SLOT_NUMBER << 15 | PCI_BASE_ADDRESS_0, there, 8);
	ck_assert_uint_eq(slot.at[0], ((uint64_t)SLOT_HIGH << 32) + 0x4000);
	ck_assert_msg(slot.moves == before + 2, "by way of somewhere else");
	/* The upper half of one register and the lower half of the next. */
	pci_slot_set_config(&slot, PCI_BASE_ADDRESS_0 + 2, 4, SLOT_HIGH << 16 | 3);
	ck_assert_uint_eq(slot.at[0], ((uint64_t)SLOT_HIGH << 32) + 0x34000);
}
END_TEST

/* ---- the window ---- */

static uint8_t cap;

static void aim(uint8_t bar, uint32_t offset, uint32_t length)
{
	cap = pci_slot_capability(&slot, VIRTIO_PCI_CAP_PCI_CFG, 0);
	pci_slot_set_config(&slot, cap + (uint32_t)VIRTIO_PCI_CAP_BAR, 1, bar);
	set(cap + (uint32_t)VIRTIO_PCI_CAP_OFFSET, offset);
	set(cap + (uint32_t)VIRTIO_PCI_CAP_LENGTH, length);
}

/* With BARs that are nowhere, as firmware finds them. */
/* rule: PCI-27 */
START_TEST(the_window_reads_and_writes)
{
	command(0);
	aim(0, slot.common + QSELECT, 2);
	set(cap + 16u, 1);
	aim(0, slot.common + QDESC, 4);
	set(cap + 16u, 0xcafe0000);
	ck_assert_uint_eq(cfg(cap + 16u), 0xcafe0000);
	aim(0, slot.common + QSIZE, 2);
	ck_assert_uint_eq(cfg(cap + 16u), SIZE_MAX_HERE);
	aim(0, slot.common + STATUS, 1);
	set(cap + 16u, 0xffffff01);
	ck_assert_msg(cfg(cap + 16u) == 1, "more than the byte was written, or read");
	aim(0, slot.device + 3, 1);
	ck_assert_uint_eq(cfg(cap + 16u), 0xa3);
	aim(0, slot.device + 8, 4);
	ck_assert_uint_eq(cfg(cap + 16u), 0xabaaa9a8);
	ck_assert_uint_eq(pci_slot_config(&slot, cap + 18u, 1), 0xaa);
	command(MEMORY_AND_MASTER);
	ck_assert_uint_eq(rd(QSELECT, 2), 1);
	ck_assert_uint_eq(rd(QDESC, 4), 0xcafe0000);
	ck_assert_uint_eq(rd(STATUS, 1), 1);
}
END_TEST

/* A doorbell and the ISR byte through it. */
/* rule: PCI-27 */
START_TEST(the_window_rings_and_acknowledges)
{
	live();
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 1);
	aim(0, slot.notify + 2 * slot.notify_step, 2);
	set(cap + 16u, 2);
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 2);
	device_signal_queue(w.device, 0);
	aim(0, slot.isr, 1);
	ck_assert_uint_eq(cfg(cap + 16u), 1);
	ck_assert_uint_eq(cfg(cap + 16u), 0);
	/* A reset by it, from within its own access. */
	aim(0, slot.common + STATUS, 1);
	set(cap + 16u, 0);
	ck_assert_uint_eq(rd(STATUS, 1), 0);
	ck_assert(!w.running);
}
END_TEST

/* Structures begin at 0 (common, 60 bytes), 0x40 (ISR, 1), 0x100 and 0x1000. */
static const struct {
	const char *says;
	uint8_t bar;
	uint32_t offset, length;
} nowhere[] = {
	{ "length 0", 0, STATUS, 0 },
	{ "length 3", 0, 12, 3 },
	{ "length 8", 0, QDESC, 8 },
	{ "length 2^31", 0, 0, 0x80000000 },
	{ "not a multiple of 2", 0, 17, 2 },
	{ "not a multiple of 4", 0, 6, 4 },
	{ "the BAR of MSI-X", 2, FEATURES, 4 },
	{ "the upper half of a BAR", 1, FEATURES, 4 },
	{ "a BAR that is not there", 5, FEATURES, 4 },
	{ "a BAR that cannot be", 255, FEATURES, 4 },
	{ "between two structures", 0, 0x3c, 4 },
	{ "half in the ISR structure", 0, 0x40, 2 },
	{ "behind the ISR byte", 0, 0x41, 1 },
	{ "behind the device's", 0, 0x200, 4 },
	{ "behind the doorbells", 0, 0x2000, 4 },
	{ "the last offset", 0, 0xfffffffc, 4 },
};

/* rule: PCI-28 */
START_TEST(the_window_is_only_to_structures)
{
	live();
	device_signal_queue(w.device, 0);
	aim(0, slot.device, 4);
	ck_assert_uint_eq(cfg(pci_slot_capability(&slot, VIRTIO_PCI_CAP_PCI_CFG, 0) + 16u),
			  0xa3a2a1a0);
	aim(nowhere[_i].bar, nowhere[_i].offset, nowhere[_i].length);
	ck_assert_msg(cfg(cap + 16u) == 0, "%s: got %#x", nowhere[_i].says, cfg(cap + 16u));
	set(cap + 16u, 0);
	ck_assert_msg(rd(STATUS, 1) == 0xf, "%s: it wrote", nowhere[_i].says);
	ck_assert_msg(device_interrupt_status(w.device) == 1, "%s: it read", nowhere[_i].says);
	for (unsigned i = 0; i < DEVICE_FAULTS; i++)
		ck_assert_msg(faults(i) == 0, "%s: fault %s", nowhere[_i].says,
			      device_fault_name(i));
}
END_TEST

/* At first it aims at nothing: a dump of configuration space does nothing. */
/* rule: PCI-28 */
START_TEST(a_dump_is_harmless)
{
	live();
	device_signal_queue(w.device, 0);
	for (uint32_t at = 0; at < 4096; at += 4)
		(void)cfg(at);
	ck_assert_uint_eq(device_interrupt_status(w.device), 1);
	for (unsigned i = 0; i < DEVICE_FAULTS; i++)
		ck_assert_uint_eq(faults(i), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/pci_bar");
	TCase *tc = tcase_create("pci_bar");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, the_command_switches_memory);
	tcase_add_loop_test(tc, a_bar_moves, 0, (int)ARRAY_LEN(moves));
	tcase_add_test(tc, wide_writes_of_bars);
	tcase_add_test(tc, the_window_reads_and_writes);
	tcase_add_test(tc, the_window_rings_and_acknowledges);
	tcase_add_loop_test(tc, the_window_is_only_to_structures, 0, (int)ARRAY_LEN(nowhere));
	tcase_add_test(tc, a_dump_is_harmless);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
