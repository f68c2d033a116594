/* vmm/boot/pvh_boot.h: writes what a PVH kernel finds at its entry. Source: Xen
 * xen/include/public/arch-x86/hvm/start_info.h, version 1. */
#ifndef TAPVM_BOOT_PVH_BOOT_H
#define TAPVM_BOOT_PVH_BOOT_H

#include "vmm/boot/boot_info.h"

/* Where all of it lies. */
enum { PVH_BOOT_AT = 0x6000, PVH_BOOT_END = 0xd000 };

/* Writes start_info, memory map, list of modules (the initrd, then the FDT), command line and FDT;
 * ret: the address of start_info, for EBX. Fails if the command line is longer than
 * BOOT_CMDLINE_MAX, or the FDT than 16 KiB. */
struct err pvh_boot_write(struct guest_mem *mem, const struct boot_info *boot,
			  uint32_t *ret_start_info) MUST_USE;

#endif
