/* tests/unit/vmm/test_board.c: what KVM is told of PCI functions: doorbells where their BARs lie, a
 * message for each vector, levels that slots share. */
#include "tests/driver/suite.h"
#include "tests/unit/vmm/board.h"

/* As a kernel finds them: addresses of their own in the window, lines, and nothing decoded. */
START_TEST(as_firmware_leaves_them)
{
	const unsigned slots[] = { FIRST, LAST };
	uint64_t end = PCI_WINDOW;

	for (unsigned i = 0; i < ARRAY_LEN(slots); i++) {
		ck_assert_uint_ge(bar_of(slots[i], BAR), end);
		ck_assert_uint_eq(bar_of(slots[i], BAR + 4), 0);
		ck_assert_uint_eq(bar_of(slots[i], BAR) % 0x2000, 0);
		ck_assert_uint_ge(bar_of(slots[i], MSIX_BAR), bar_of(slots[i], BAR) + 0x2000);
		end = bar_of(slots[i], MSIX_BAR) + 0x2000;
		ck_assert_uint_eq(config_get(slots[i], PCI_INTERRUPT_LINE) & 0xff,
				  acpi_pci_gsi(slots[i]));
	}
	ck_assert_uint_le(end, (uint64_t)PCI_WINDOW + PCI_WINDOW_BYTES);
	ck_assert_uint_eq(kvm.bells, 0);
}
END_TEST

START_TEST(doorbells_follow_their_bar)
{
	uint64_t at = bar_of(FIRST, BAR);

	memory_on(FIRST, true);
	ck_assert_uint_eq(kvm.bells, QUEUES);
	expect_bells(at, first.device);
	memory_on(LAST, true);
	ck_assert_uint_eq(kvm.bells, 2 * QUEUES);
	expect_bells(bar_of(LAST, BAR), last.device);

	memory_on(FIRST, false);
	ck_assert_uint_eq(kvm.bells, QUEUES);
	config_set(FIRST, BAR, PCI_WINDOW + 0x100000);
	memory_on(FIRST, true);
	expect_bells(PCI_WINDOW + 0x100000, first.device);
	config_set(FIRST, BAR + 4, (uint32_t)(PCI_WINDOW_HIGH >> 32));
	config_set(FIRST, BAR, 0x4000);
	ck_assert_uint_eq(kvm.bells, 2 * QUEUES);
	expect_bells(PCI_WINDOW_HIGH + 0x4000, first.device);
	ck_assert_uint_eq(lines, 0);
}
END_TEST

/* On memory, on the other function, on the IOAPIC: no doorbell is there, and the other's stay. */
START_TEST(no_doorbells_where_no_bar_may_lie)
{
	const uint32_t wrong[] = { 0, 0x100000, IOAPIC_BASE, PCI_ECAM,
				   (uint32_t)bar_of(LAST, BAR) };

	memory_on(LAST, true);
	memory_on(FIRST, true);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		config_set(FIRST, BAR, wrong[i]);
		ck_assert_uint_eq(kvm.bells, QUEUES);
		expect_bells(bar_of(LAST, BAR), last.device);
	}
}
END_TEST

/* The guest lives on without them, and it is said: once, however often it tries. */
START_TEST(doorbells_that_kvm_refuses)
{
	kvm.error = ENOSPC;
	for (unsigned i = 0; i < 10; i++) {
		memory_on(FIRST, true);
		memory_on(FIRST, false);
	}
	ck_assert_uint_eq(lines, 1);
	kvm.error = 0;
}
END_TEST

static const struct kvm_irq_routing_entry *message_of(int fd)
{
	for (unsigned i = 0; i < kvm.irqfds; i++)
		for (unsigned r = 0; r < kvm.routes; r++)
			if ((int)kvm.irqfd[i].fd == fd && kvm.route[r].gsi == kvm.irqfd[i].gsi)
				return &kvm.route[r];
	return NULL;
}

static void write_entry(unsigned slot, unsigned vector, uint32_t address, uint32_t data)
{
	uint64_t at = bar_of(slot, MSIX_BAR) + (uint64_t)vector * PCI_MSIX_ENTRY_SIZE;
	const le32 words[] = { le32_put(address), le32_put(0), le32_put(data), le32_put(0) };

	for (unsigned i = 0; i < ARRAY_LEN(words); i++)
		ck_assert(pci_host_write(board.host, at + 4 * (uint64_t)i, &words[i], 4));
}

static void msix_on(unsigned slot)
{
	uint32_t at = config_get(slot, PCI_CAPABILITY_LIST) & 0xff;

	while ((config_get(slot, at) & 0xff) != PCI_CAP_ID_MSIX) {
		ck_assert_uint_ne(at, 0);
		at = config_get(slot, at) >> 8 & 0xff;
	}
	config_set(slot, at, (uint32_t)PCI_MSIX_FLAGS_ENABLE << 16);
}

/* Every vector has an irqfd before it has a message; a message changes and the irqfd stays. */
START_TEST(messages_of_vectors)
{
	unsigned vectors = pci_vector_count(board.slot[FIRST].pci);
	int fd = pci_vector_fd(board.slot[FIRST].pci, 1);
	const le32 masked = le32_put(PCI_MSIX_ENTRY_CTRL_MASKBIT);

	ck_assert_uint_eq(vectors, QUEUES + 1);
	ck_assert_uint_eq(kvm.irqfds, 2 * vectors);
	ck_assert_ptr_null(message_of(fd));
	memory_on(FIRST, true);
	memory_on(LAST, true);
	msix_on(FIRST);
	msix_on(LAST);
	write_entry(FIRST, 1, 0xfee01000, 0x41);
	write_entry(LAST, 1, 0xfee02000, 0x42);
	for (unsigned i = 0; i < 3; i++) {
		const struct kvm_irq_routing_entry *r = message_of(fd);

		ck_assert_ptr_nonnull(r);
		ck_assert_uint_eq(r->type, KVM_IRQ_ROUTING_MSI);
		ck_assert_uint_eq(r->u.msi.address_lo, 0xfee01000);
		ck_assert_uint_eq(r->u.msi.data, 0x41 + i);
		r = message_of(pci_vector_fd(board.slot[LAST].pci, 1));
		ck_assert_uint_eq(r->u.msi.data, 0x42);
		/* Masked, changed, unmasked. */
		ck_assert(pci_host_write(board.host,
					 bar_of(FIRST, MSIX_BAR) + PCI_MSIX_ENTRY_SIZE +
						 PCI_MSIX_ENTRY_VECTOR_CTRL,
					 &masked, sizeof(masked)));
		write_entry(FIRST, 1, 0xfee01000, 0x42 + i);
	}
	ck_assert_uint_eq(kvm.irqfds, 2 * vectors);
	ck_assert_uint_eq(kvm.routes, IOAPIC_PINS + 2);
}
END_TEST

static void read_isr(unsigned slot)
{
	uint8_t isr;

	ck_assert(pci_host_read(board.host, bar_of(slot, BAR) + 0x40, &isr, 1));
}

static void look(void) { ck_assert(!err_is(loop_once(first.loop, 0))); }

/* Two functions on a pin: it is up while one of them asserts it. */
START_TEST(a_pin_is_shared)
{
	unsigned pin = acpi_pci_gsi(FIRST);

	ck_assert_uint_eq(pin, acpi_pci_gsi(LAST));
	memory_on(FIRST, true);
	memory_on(LAST, true);
	device_signal_queue(first.device, 0);
	look();
	ck_assert(kvm.level[pin]);
	device_signal_queue(last.device, 0);
	look();
	read_isr(FIRST);
	ck_assert(kvm.level[pin]);
	read_isr(LAST);
	ck_assert(!kvm.level[pin]);
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		ck_assert(!kvm.level[i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/board");
	TCase *tc = tcase_create("board");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, as_firmware_leaves_them);
	tcase_add_test(tc, doorbells_follow_their_bar);
	tcase_add_test(tc, no_doorbells_where_no_bar_may_lie);
	tcase_add_test(tc, doorbells_that_kvm_refuses);
	tcase_add_test(tc, messages_of_vectors);
	tcase_add_test(tc, a_pin_is_shared);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
