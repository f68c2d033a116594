/* vmm/boot/mp_table.h: processors and interrupts for a kernel without ACPI (acpi=off, or built so):
 * the tables of the MultiProcessor Specification 1.4, chapter 4. A kernel with ACPI does not read
 * them. Such a kernel is told of NICs in windows by its command line alone
 * (virtio_mmio.device=4K@0xfeb00000:16). */
#ifndef TAPVM_BOOT_MP_TABLE_H
#define TAPVM_BOOT_MP_TABLE_H

#include "vmm/boot/acpi.h"

/* Into MP_TABLES, where a kernel looks for them; behind acpi_write, which judges the request. */
void mp_table_write(struct guest_mem *mem, const struct acpi_request *request);

#endif
