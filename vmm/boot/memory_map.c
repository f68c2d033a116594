/* vmm/boot/memory_map.c: what of the layout is memory. */
#include "vmm/boot/memory_map.h"

#include "vmm/boot/layout.h"

uint64_t memory_low_end(uint64_t memory_bytes)
{
	return memory_bytes < HOLE_START ? memory_bytes : HOLE_START;
}

unsigned memory_map(uint64_t memory_bytes, bool firmware,
		    struct memory_range ret[static MEMORY_RANGES_MAX])
{
	uint64_t low = memory_low_end(memory_bytes);
	unsigned n = 0;

	ret[n++] =
		(struct memory_range){ 0, low < LOW_MEMORY_END ? low : LOW_MEMORY_END, MEMORY_RAM };
	if (firmware)
		ret[n++] =
			(struct memory_range){ FIRMWARE, FIRMWARE_END - FIRMWARE, MEMORY_RESERVED };
	if (low > HIGH_MEMORY)
		ret[n++] = (struct memory_range){ HIGH_MEMORY, low - HIGH_MEMORY, MEMORY_RAM };
	if (firmware)
		ret[n++] = (struct memory_range){ PCI_ECAM, PCI_ECAM_BYTES, MEMORY_RESERVED };
	if (memory_bytes > low)
		ret[n++] = (struct memory_range){ HOLE_END, memory_bytes - low, MEMORY_RAM };
	return n;
}
