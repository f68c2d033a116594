/* vmm/boot/elf_pvh.h: loads an ELF with a PVH entry note into guest memory. Source: Xen
 * docs/misc/pvh.pandoc; ELF note of name "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY).
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

/* Is it an x86-64 ELF with a PVH entry? */
bool elf_pvh_is(const uint8_t *bytes, uint64_t size);
/* Is it one with our own note? */
bool elf_pvh_wants_fdt(const uint8_t *bytes, uint64_t size);

#endif
