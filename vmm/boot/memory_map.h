/* vmm/boot/memory_map.h: the memory that a kernel is told of, in the terms of e820. */
#ifndef TAPVM_BOOT_MEMORY_MAP_H
#define TAPVM_BOOT_MEMORY_MAP_H

#include <stdbool.h>
#include <stdint.h>

enum memory_kind { MEMORY_RAM = 1, MEMORY_RESERVED = 2 };
struct memory_range {
	uint64_t at, size;
	enum memory_kind kind;
};
enum { MEMORY_RANGES_MAX = 5 };

/* By address, without overlap. firmware: ACPI tables and PCI configuration space are reserved.
 * Returns how many there are. */
unsigned memory_map(uint64_t memory_bytes, bool firmware,
		    struct memory_range ret[static MEMORY_RANGES_MAX]);

/* Where the memory below 3 GiB ends. */
uint64_t memory_low_end(uint64_t memory_bytes);

#endif
