/* vmm/boot/bzimage.h: a Linux bzImage: its setup header, and the packed kernel inside.
 * Source: Linux Documentation/arch/x86/boot.rst, protocol 2.12 (Linux 3.8) and later.
 * No KVM here, nothing is copied. Everything in the file is hostile: each field is checked. */
#ifndef TAPVM_BOOT_BZIMAGE_H
#define TAPVM_BOOT_BZIMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"

enum {
	BZIMAGE_HEADER = 0x1f1, /* where the setup header begins, in the file and in boot_params */
	BZIMAGE_HEADER_MAX = 0x281 - BZIMAGE_HEADER, /* a short jump leads behind it */
	BZIMAGE_ENTRY64 = 0x200,                     /* of the kernel, from its beginning */
};

/* Pointers lead into the file. */
struct bzimage {
	const uint8_t *header; /* header_bytes from BZIMAGE_HEADER on */
	uint32_t header_bytes;
	const uint8_t *kernel; /* its protected-mode part, which unpacks itself */
	uint64_t kernel_bytes;
	const uint8_t *payload; /* what it unpacks: for unpack.h */
	uint32_t payload_bytes; /* 0: it is not packed (memtest86+) */
	uint64_t load_at;       /* where it prefers to lie, 1 MiB or above */
	uint32_t room;          /* from there on, to unpack itself in: kernel_bytes or more */
	uint32_t cmdline_max;   /* bytes, without the NUL */
	uint32_t initrd_last;   /* no byte of an initrd lies above this address */
	bool entry64;           /* can be entered by the 64-bit protocol */
};

/* The file is in bytes[0, size); what: its name for messages. Fails in words: no bzImage, a
 * protocol before 2.12, a zImage, truncated, a field that contradicts the file or another. */
struct err bzimage_parse(const uint8_t *bytes, uint64_t size, const char *what,
			 struct bzimage *ret_image) MUST_USE;

#endif
