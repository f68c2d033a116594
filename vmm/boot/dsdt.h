/* vmm/boot/dsdt.h: the contents of the DSDT: what a guest cannot find by itself. */
#ifndef TAPVM_BOOT_DSDT_H
#define TAPVM_BOOT_DSDT_H

#include "vmm/boot/acpi.h"

/* The definition block without its table header. */
struct err dsdt_build(const struct acpi_request *request, uint8_t *ret_bytes, uint32_t size,
		      uint32_t *ret_used) MUST_USE;

#endif
