/* tests/unit/vmm/test_mp_table.c: the MP tables as a kernel without ACPI walks them, by the offsets
 * of the specification, against what ACPI's tables of the same machine say. */
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/acpi_tables.h"
#include "vmm/boot/layout.h"
#include "vmm/boot/mp_table.h"

enum { PINS = 24, SLOTS = 32, EDGE_HIGH = 5, LEVEL_LOW = 15 };

static const struct acpi_request requests[] = {
	{ .cpus = 1 },
	{ .cpus = 1, .windows = 0x1ff },
	{ .cpus = 2, .pci = true },
	{ .cpus = 32, .windows = 0x02, .pci = true },
	{ .cpus = ACPI_CPUS_MAX, .windows = 0xff, .pci = true },
};

static struct acpi_tables a;
static unsigned processors, buses, apics, locals, pci_bus, isa_bus;
static unsigned how[PINS]; /* each pin is told; 0: it is not */
static unsigned slot_pin[SLOTS];

static unsigned get(uint64_t at, unsigned bytes) { return (unsigned)acpi_number(&a, at, bytes); }

static unsigned sum(uint64_t at, unsigned bytes)
{
	unsigned v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v += get(at + i, 1);
	return v & 0xff;
}

static void interrupt(uint64_t at, unsigned cpus)
{
	unsigned bus = get(at + 4, 1), line = get(at + 5, 1), pin = get(at + 7, 1);

	ck_assert_uint_eq(get(at + 1, 1), 0);
	ck_assert_uint_eq(get(at + 6, 1), cpus); /* the I/O APIC */
	ck_assert_uint_lt(pin, PINS);
	ck_assert_msg(how[pin] == 0 || how[pin] == get(at + 2, 2), "pin %u is edge and level", pin);
	how[pin] = get(at + 2, 2);
	if (bus == isa_bus)
		ck_assert_uint_eq(line, pin);
	else if (bus == pci_bus)
		slot_pin[line >> 2] = pin;
	else
		ck_abort_msg("an interrupt of bus %u", bus);
}

/* Returns its bytes. */
static unsigned entry(uint64_t at, unsigned cpus)
{
	switch (get(at, 1)) {
	case 0:
		ck_assert_uint_eq(get(at + 1, 1), processors);
		ck_assert_uint_eq(get(at + 3, 1), processors == 0 ? 3 : 1);
		processors++;
		return 20;
	case 1:
		if (memcmp(driver_at(&a.m, at + 2), "PCI   ", 6) == 0)
			pci_bus = get(at + 1, 1);
		else if (memcmp(driver_at(&a.m, at + 2), "ISA   ", 6) == 0)
			isa_bus = get(at + 1, 1);
		buses++;
		return 8;
	case 2:
		ck_assert_uint_eq(get(at + 1, 1), cpus);
		ck_assert_uint_eq(get(at + 3, 1), 1);
		ck_assert_uint_eq(get(at + 4, 4), IOAPIC_BASE);
		apics++;
		return 8;
	case 3: interrupt(at, cpus); return 8;
	case 4: locals++; return 8;
	default: ck_abort_msg("an entry of type %u", get(at, 1));
	}
}

static void walk(const struct acpi_request *request)
{
	uint64_t table, at, end;
	unsigned entries = 0;

	driver_memory_init(&a.m, ACPI_REGION);
	mp_table_write(a.m.mem, request);
	ck_assert_mem_eq(driver_at(&a.m, 0xf0000), "_MP_", 4);
	ck_assert_uint_eq(get(0xf0000 + 8, 2), 0x401); /* a paragraph, 1.4 */
	ck_assert_uint_eq(sum(0xf0000, 16), 0);
	table = get(0xf0000 + 4, 4);
	ck_assert_mem_eq(driver_at(&a.m, table), "PCMP", 4);
	end = table + get(table + 4, 2);
	ck_assert_uint_le(end, 0xffff0);
	ck_assert_uint_eq(sum(table, (unsigned)(end - table)), 0);
	ck_assert_uint_eq(get(table + 36, 4), LAPIC_BASE);
	for (at = table + 44; at < end; entries++)
		at += entry(at, request->cpus);
	ck_assert_uint_eq(at, end);
	ck_assert_uint_eq(entries, get(table + 34, 2));
	driver_memory_fini(&a.m);
}

START_TEST(a_machine)
{
	const struct acpi_request *r = &requests[_i];
	unsigned want[PINS] = { [SERIAL_GSI] = EDGE_HIGH };

	processors = buses = apics = locals = 0;
	pci_bus = isa_bus = SLOTS;
	memset(how, 0, sizeof(how));
	memset(slot_pin, 0, sizeof(slot_pin));
	walk(r);
	ck_assert_uint_eq(processors, r->cpus);
	ck_assert_uint_eq(buses, r->pci ? 2 : 1);
	ck_assert_uint_eq(apics, 1);
	ck_assert_uint_eq(locals, 2);
	ck_assert_uint_eq(pci_bus, r->pci ? 0 : SLOTS);
	for (unsigned i = 0; i < WINDOWS; i++)
		if ((r->windows & 1u << i) != 0)
			want[window_gsi(i)] = EDGE_HIGH;
	for (unsigned slot = 1; r->pci && slot < SLOTS; slot++) {
		bool in_window =
			slot - NIC_SLOT < NICS_MAX && (r->windows & 1u << (slot - NIC_SLOT)) != 0;

		ck_assert_msg(slot_pin[slot] == (in_window ? 0 : acpi_pci_gsi(slot)),
			      "slot %u: pin %u", slot, slot_pin[slot]);
		if (!in_window)
			want[acpi_pci_gsi(slot)] = LEVEL_LOW;
	}
	for (unsigned pin = 0; pin < PINS; pin++)
		ck_assert_msg(how[pin] == want[pin], "pin %u is told as %#x, not %#x", pin,
			      how[pin], want[pin]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mp_table");
	TCase *tc = tcase_create("mp_table");

	tcase_add_loop_test(tc, a_machine, 0, ARRAY_LEN(requests));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
