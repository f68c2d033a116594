/* vmm/boot/acpi.h: the ACPI tables of a machine without legacy hardware: RSDP, XSDT, FADT
 * (hardware-reduced), MADT, MCFG if there is PCI, and DSDT. Source: ACPI 6.5, chapter 5; PCI
 * Firmware Specification (MCFG).
 *
 * What the machine owes to them, by layout.h: SLEEP_PORT takes ACPI_POWER_OFF (a byte), RESET_PORT
 * ACPI_RESET; the port behind SLEEP_PORT is read as 0. A kernel that does not use RESET_PORT jumps
 * to the real-mode reset vector at 0xffff0: a stub there writes 0xfe to the i8042's port 0x64. */
#ifndef TAPVM_BOOT_ACPI_H
#define TAPVM_BOOT_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"
#include "devices/mem/guest_mem.h"

enum {
	ACPI_CPUS_MAX = 255,   /* APIC identifiers 0 to 254 */
	ACPI_POWER_OFF = 0x34, /* sleep type 5, and the bit that makes it so */
	ACPI_RESET = 0x06,
};

struct acpi_request {
	unsigned cpus;    /* at least one; APIC identifiers from 0 on */
	uint16_t windows; /* bit I: a device in window I, at WINDOW_BASE + I * WINDOW_STEP */
	bool pci;         /* bus 0 at PCI_ECAM and at PCI_CONFIG_PORT; INTA of slot S has GSI
			   * acpi_pci_gsi(S) */
};
unsigned acpi_pci_gsi(unsigned slot); /* 1 to 31 */

/* Writes all of it between FIRMWARE and FIRMWARE_END; ret: the RSDP's address, which a kernel also
 * finds by itself. */
struct err acpi_write(struct guest_mem *mem, const struct acpi_request *request,
		      uint64_t *ret_rsdp) MUST_USE;

#endif
