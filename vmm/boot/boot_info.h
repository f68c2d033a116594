/* vmm/boot/boot_info.h: what any kernel is told at its entry, however it is entered, and where its
 * initial RAM disk lies. */
#ifndef TAPVM_BOOT_BOOT_INFO_H
#define TAPVM_BOOT_BOOT_INFO_H

#include <stdint.h>

#include "devices/base/err.h"
#include "devices/mem/guest_mem.h"
#include "vmm/boot/layout.h"

enum { BOOT_CMDLINE = 0x7000 };

struct boot_info {
	const char *cmdline;
	uint64_t memory_bytes;
	uint64_t initrd_at, initrd_bytes; /* of initrd_load; 0 bytes: none */
	uint64_t rsdp;                    /* of acpi_write; 0: no ACPI */
	const uint8_t *fdt;               /* NULL: none; for images with our own note alone */
	uint32_t fdt_bytes;
};

/* The command line, at BOOT_CMDLINE. Fails in words if it has more than max bytes. */
struct err cmdline_write(struct guest_mem *mem, const char *cmdline, uint32_t max) MUST_USE;

struct initrd {
	const uint8_t *bytes; /* the file */
	uint64_t size;
	const char *what; /* its name for messages */
};
/* Copies it as high as it can lie: below last + 1, in memory from 1 MiB to 3 GiB, behind the kernel
 * that ends at kernel_end. Fails in words if there is no room, or nothing in it. */
struct err initrd_load(struct guest_mem *mem, const struct initrd *initrd, uint64_t memory_bytes,
		       uint64_t kernel_end, uint32_t last, uint64_t *ret_at) MUST_USE;

#endif
