/* vmm/boot/bzimage_boot.h: loads a bzImage, which unpacks itself, and writes what it finds at its
 * 64-bit entry: boot_params, command line, page tables and a GDT. Source: Linux
 * Documentation/arch/x86/boot.rst (64-bit boot protocol) and zero-page.rst. */
#ifndef TAPVM_BOOT_BZIMAGE_BOOT_H
#define TAPVM_BOOT_BZIMAGE_BOOT_H

#include "vmm/boot/boot_info.h"
#include "vmm/boot/bzimage.h"

/* The processor at the entry: 64-bit mode with paging by cr3, this GDT, CS of CODE64_SELECTOR, the
 * other segments of DATA64_SELECTOR, interrupts off. */
enum { CODE64_SELECTOR = 0x10, DATA64_SELECTOR = 0x18 };
struct entry64 {
	uint64_t rip, rsi, cr3, gdt;
	uint16_t gdt_limit;
};

/* *ret_end: the first address behind the room in which it unpacks itself. Fails in words if it does
 * not fit into memory below 3 GiB, or has no 64-bit entry. */
struct err bzimage_load(const struct bzimage *image, const char *what, struct guest_mem *mem,
			uint64_t memory_bytes, uint64_t *ret_end) MUST_USE;

/* Below 0xf000; the first 4 GiB are mapped to themselves. boot->fdt is left out. Fails if the
 * command line is longer than the kernel takes, or than BOOT_CMDLINE_MAX. */
struct err bzimage_boot_write(struct guest_mem *mem, const struct bzimage *image,
			      const struct boot_info *boot, struct entry64 *ret_entry) MUST_USE;

#endif
