/* vmm/boot/dsdt.c: the devices of a machine in ACPI's terms. */
#include "vmm/boot/dsdt.h"

#include <stdio.h>

#include "vmm/boot/aml.h"
#include "vmm/boot/layout.h"

enum {
	SLEEP_TYPE = 5, /* of ACPI_POWER_OFF */
	SERIAL_PORTS = 8,
	PCI_CONFIG_PORTS = 8,
	SLEEP_PORTS = 2,
	PCI_SLOTS = 32,
	PCI_ANY_FUNCTION = 0xffff,
	PCI_PORTS = 0x1000, /* from here to the last one */
};

/* The first slots are the NICs': each has one interrupt, whichever bus it is on. Edges of NICs in
 * memory and levels of other functions never share one. */
unsigned acpi_pci_gsi(unsigned slot)
{
	unsigned index = slot - NIC_SLOT;

	return index < NICS_MAX ? window_gsi(index) : PCI_GSI_BASE + index % PCI_GSIS;
}

static void name_integer(struct aml *a, const char *name, uint64_t value)
{
	aml_name(a, name);
	aml_integer(a, value);
}

static void name_text(struct aml *a, const char *name, const char *value)
{
	aml_name(a, name);
	aml_text(a, value);
}

static void name_eisa_id(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	aml_eisa_id(a, id);
}

static void open_resources(struct aml *a)
{
	aml_name(a, "_CRS");
	aml_resources(a);
}

/* INTA of each slot; its fourth value is a GSI as the third names no device. */
static void pci_interrupts(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a, PCI_SLOTS - 1);
	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		aml_package(a, 4);
		aml_integer(a, slot << 16 | PCI_ANY_FUNCTION);
		aml_integer(a, 0);
		aml_integer(a, 0);
		aml_integer(a, acpi_pci_gsi(slot));
		aml_close(a);
	}
	aml_close(a);
}

static void pci_bridge(struct aml *a)
{
	aml_device(a, "PCI0");
	name_eisa_id(a, "_HID", "PNP0A08");
	name_eisa_id(a, "_CID", "PNP0A03");
	name_integer(a, "_UID", 0);
	name_integer(a, "_SEG", 0);
	name_integer(a, "_BBN", 0);
	name_integer(a, "_CCA", 1);
	open_resources(a);
	aml_bus_window(a, 0, 1);
	aml_ports(a, PCI_CONFIG_PORT, PCI_CONFIG_PORTS);
	aml_port_window(a, PCI_PORTS, UINT16_MAX + 1 - PCI_PORTS);
	aml_memory_window(a, PCI_WINDOW, PCI_WINDOW_BYTES);
	aml_memory_window64(a, PCI_WINDOW_HIGH, PCI_WINDOW_HIGH_BYTES);
	aml_close(a);
	pci_interrupts(a);
	aml_close(a);
}

/* What belongs to no device. Linux uses the configuration space of MCFG only if it is here, too. */
static void board(struct aml *a, bool pci)
{
	aml_device(a, "MBRD");
	name_eisa_id(a, "_HID", "PNP0C02");
	name_integer(a, "_UID", 0);
	open_resources(a);
	aml_ports(a, SLEEP_PORT, SLEEP_PORTS);
	if (pci)
		aml_memory(a, PCI_ECAM, PCI_ECAM_BYTES);
	aml_close(a);
	aml_close(a);
}

static void window(struct aml *a, unsigned index)
{
	char name[8];

	(void)snprintf(name, sizeof(name), "VIO%u", index % WINDOWS);
	aml_device(a, name);
	name_text(a, "_HID", "LNRO0005");
	name_integer(a, "_UID", index);
	name_integer(a, "_CCA", 1);
	open_resources(a);
	aml_memory(a, WINDOW_BASE + index * WINDOW_STEP, WINDOW_STEP);
	aml_interrupt(a, window_gsi(index));
	aml_close(a);
	aml_close(a);
}

static void serial(struct aml *a)
{
	aml_device(a, "COM1");
	name_eisa_id(a, "_HID", "PNP0501");
	name_integer(a, "_UID", 1);
	open_resources(a);
	aml_ports(a, SERIAL_PORT, SERIAL_PORTS);
	aml_interrupt(a, SERIAL_GSI);
	aml_close(a);
	aml_close(a);
}

static void panic_event(struct aml *a)
{
	aml_device(a, "PEVT");
	name_text(a, "_HID", "QEMU0001");
	open_resources(a);
	aml_ports(a, PANIC_PORT, 1);
	aml_close(a);
	aml_close(a);
}

static void power_off(struct aml *a)
{
	aml_name(a, "_S5_");
	aml_package(a, 4);
	aml_integer(a, SLEEP_TYPE);
	for (unsigned i = 1; i < 4; i++)
		aml_integer(a, 0);
	aml_close(a);
}

struct err dsdt_build(const struct acpi_request *request, uint8_t *ret_bytes, uint32_t size,
		      uint32_t *ret_used)
{
	struct aml a;

	aml_init(&a, ret_bytes, size);
	aml_scope(&a, "_SB_");
	board(&a, request->pci);
	if (request->pci)
		pci_bridge(&a);
	for (unsigned i = 0; i < WINDOWS; i++)
		if ((request->windows & 1u << i) != 0)
			window(&a, i);
	serial(&a);
	panic_event(&a);
	aml_close(&a);
	power_off(&a);
	return aml_finish(&a, ret_used);
}
