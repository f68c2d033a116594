/* vmm/boot/elf_pvh.h: loads an ELF with a PVH entry note into guest memory, and writes what a PVH
 * kernel finds at its entry. Sources: Xen docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/
 * start_info.h; ELF note of name "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY).
 * No KVM here. Everything in the file is hostile: each offset and size is checked. */
#ifndef TAPVM_BOOT_ELF_PVH_H
#define TAPVM_BOOT_ELF_PVH_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"
#include "devices/mem/guest_mem.h"

struct pvh_image {
	uint32_t entry; /* guest physical, 32-bit */
	uint64_t end;   /* first guest address behind the loaded segments */
	bool wants_fdt; /* carries our own note (name "tapvm", type 1): takes the FDT as a PVH
			   module */
};

/* The file is in bytes[0, size); what: its name for messages. Segments behind .filesz stay as
 * they are (fresh memory is zero). Fails in words: not an ELF, 32-bit, no PVH note, truncated,
 * larger than memory, segments over each other or over what pvh_boot_write writes, an entry
 * outside of them. */
struct err elf_pvh_load(const uint8_t *bytes, uint64_t size, const char *what,
			struct guest_mem *mem, struct pvh_image *ret_image) MUST_USE;

struct pvh_boot {
	const char *cmdline;
	uint64_t memory_bytes;
	const uint8_t *fdt; /* NULL: no module */
	uint32_t fdt_bytes;
};
/* Writes start_info, memory map, command line and FDT below 1 MiB (0x6000 to 0xd000); ret: the
 * address of start_info, for EBX. Fails if the command line is longer than PVH_CMDLINE_MAX, or
 * the FDT than 16 KiB. */
enum { PVH_CMDLINE_MAX = 2047 };
struct err pvh_boot_write(struct guest_mem *mem, const struct pvh_boot *boot,
			  uint32_t *ret_start_info) MUST_USE;

#endif
