/* vmm/boot/layout.h: the one table of guest addresses, ports and interrupts that device tree,
 * command line, ACPI tables, memory map and machine read. */
#ifndef TAPVM_BOOT_LAYOUT_H
#define TAPVM_BOOT_LAYOUT_H

#include <stdint.h>

/* Memory lies below 3 GiB and from 4 GiB on. Macros: too large for an ISO C enumerator. */
#define HOLE_START (UINT64_C(3) << 30)
#define HOLE_END (UINT64_C(4) << 30)
/* In the hole between them. */
#define PCI_WINDOW 0xc0000000u /* BARs */
#define PCI_WINDOW_BYTES 0x20000000u
#define PCI_ECAM 0xe0000000u    /* of bus 0 alone */
#define WINDOW_BASE 0xfeb00000u /* of virtio-mmio: NIC I in window I */
#define IOAPIC_BASE 0xfec00000u
#define LAPIC_BASE 0xfee00000u
/* Behind the memory: 64-bit BARs. */
#define PCI_WINDOW_HIGH (UINT64_C(1) << 38)
#define PCI_WINDOW_HIGH_BYTES (UINT64_C(1) << 36)
#define MEMORY_MAX (PCI_WINDOW_HIGH - (HOLE_END - HOLE_START))

enum {
	WINDOW_STEP = 0x1000,
	NIC_GSI_BASE = 16, /* IOAPIC pins 16 to 23 */
	PCI_GSI_BASE = 8,  /* pins 8 to 15, of slots that have no NIC */
	PCI_GSIS = 8,
	NICS_MAX = 8,
	DISKS_MAX = 8,
	CPUS_MAX = 32,
	RNG_WINDOW = NICS_MAX,
	WINDOWS = RNG_WINDOW + 1,
	RNG_GSI = 5, /* in its window */
	SERIAL_PORT = 0x3f8,
	SERIAL_GSI = 4,
	PANIC_PORT = 0x505,
	SLEEP_PORT = 0x600, /* ACPI: sleep control, and status behind it */
	PCI_CONFIG_PORT = 0xcf8,
	RESET_PORT = 0xcf9,
	PCI_ECAM_BYTES = 0x100000,
	/* Slots of bus 0. */
	NIC_SLOT = 1, /* to 8 */
	RNG_SLOT = 9,
	DISK_SLOT = 10, /* to 17 */

	BOOT_CMDLINE_MAX = 2047, /* what Linux on x86 takes, without the zero at its end */

	LOW_MEMORY_END = 0xa0000, /* behind it no memory is told up to HIGH_MEMORY */
	FIRMWARE = 0xe0000,       /* ACPI tables */
	MP_TABLES = 0xf0000,      /* where kernels look for them */
	FIRMWARE_END = 0x100000,
	HIGH_MEMORY = 0x100000,
};

static inline unsigned window_gsi(unsigned window)
{
	return window == RNG_WINDOW ? RNG_GSI : NIC_GSI_BASE + window;
}

#endif
