/* vmm/boot/boot.h: a kernel's file, of whatever kind, becomes guest memory and the state in which a
 * processor enters it. No KVM here.
 *
 *   what the file is                          how it is entered
 *   an ELF with a PVH note                    PVH
 *   a bzImage whose packed kernel has one     unpacked here, then PVH: the guest need not unpack
 *   any other bzImage for x86-64              its 64-bit entry; it unpacks itself
 *
 * An image with our own ELF note reads command line and device tree, and gets these; any other
 * kernel gets ACPI tables. */
#ifndef TAPVM_BOOT_BOOT_H
#define TAPVM_BOOT_BOOT_H

#include "vmm/boot/acpi.h"
#include "vmm/boot/bzimage_boot.h"

struct boot_request {
	const uint8_t *kernel; /* the file; not used after the call */
	uint64_t kernel_bytes;
	const char *kernel_name;     /* for messages */
	const struct initrd *initrd; /* NULL: none */
	const char *append;          /* command line; NULL: empty */
	uint64_t memory_bytes;
	struct acpi_request hardware;
};

/* Has that file our own note? */
bool boot_is_own(const uint8_t *kernel, uint64_t bytes);

enum boot_mode { BOOT_PVH, BOOT_64 };
struct boot_entry {
	enum boot_mode mode;
	uint32_t entry, start_info; /* BOOT_PVH: EIP and EBX, in 32-bit protected mode */
	struct entry64 entry64;     /* BOOT_64: as bzimage_boot.h has it */
};

/* mem: memory_bytes of zeros, below 3 GiB and from 4 GiB on. Fails in words. */
struct err boot_load(struct guest_mem *mem, const struct boot_request *request,
		     struct boot_entry *ret_entry) MUST_USE;

#endif
