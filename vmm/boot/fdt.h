/* vmm/boot/fdt.h: the flattened device tree of a machine, by libfdt: /memory, /chosen (bootargs),
 * a virtio,mmio node each NIC that is on no other bus (reg, interrupts: GSI, edge), the UART. */
#ifndef TAPVM_BOOT_FDT_H
#define TAPVM_BOOT_FDT_H

#include <stdint.h>

#include "devices/base/err.h"
#include "vmm/boot/layout.h"

struct fdt_request {
	const char *cmdline;
	uint64_t memory_bytes;
	uint8_t nics; /* bit I: NIC I has its window at WINDOW_BASE + I * WINDOW_STEP */
};
/* ret_bytes holds size bytes at most; *ret_len is the tree's length. */
struct err fdt_build(const struct fdt_request *request, uint8_t *ret_bytes, uint32_t size,
		     uint32_t *ret_len) MUST_USE;
/* Appends " virtio_mmio.device=4K@0xfeb00000:16" for each of those NICs to cmdline (a buffer of
 * size bytes). */
struct err cmdline_add_nics(char *cmdline, unsigned size, uint8_t nics) MUST_USE;

#endif
