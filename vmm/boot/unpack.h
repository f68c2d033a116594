/* vmm/boot/unpack.h: unpacks what a bzImage carries: the kernel's ELF, packed by gzip, lz4 (its
 * legacy frame), zstd or xz, and behind it its length in four bytes (gzip's own last field).
 * A kernel entered by its PVH note then need not unpack itself in the guest. */
#ifndef TAPVM_BOOT_UNPACK_H
#define TAPVM_BOOT_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"

enum { UNPACKED_MAX = 1 << 30 };

/* Is it packed in one of these ways? If not, the kernel can only unpack itself. */
bool unpack_knows(const uint8_t *bytes, uint32_t size);

/* bytes[0, size): a bzImage's payload; what: the kernel's name for messages. *ret_bytes is to be
 * freed by free(). Fails in words: packed in another way, damaged, not of the length that it says,
 * longer than UNPACKED_MAX. */
struct err unpack(const uint8_t *bytes, uint32_t size, const char *what, uint8_t **ret_bytes,
		  uint32_t *ret_size) MUST_USE;

#endif
