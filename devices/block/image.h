/* devices/block/image.h: the bytes of a disk: a raw file or block device, read and written as it
 * is, or left as it is with everything that is written kept in another file beside it (copy on
 * write).
 *
 * Threads: one at a time. Errors: errno values; struct err in set-up. */
#ifndef TAPVM_BLOCK_IMAGE_H
#define TAPVM_BLOCK_IMAGE_H

#include <stdint.h>

#include "devices/base/err.h"
#include "devices/base/sys.h"
#include "devices/mem/slices.h"

struct image_config {
	int fd;         /* lent */
	int beside_fd;  /* lent: an empty file for what is written; -1: that goes to fd */
	uint64_t bytes; /* of the disk */
	const struct sys *sys;
};

struct image;

struct err image_create(const struct image_config *config, struct image **ret_image) MUST_USE;
void image_destroy(struct image *m); /* takes NULL */

/* [offset, offset + len) inside the disk, and at least len bytes in `at`, which moves on by what
 * was done. 0, or why not; then a part of it may have been done. */
int image_read(struct image *m, uint64_t offset, struct slices_at *at, uint64_t len);
int image_write(struct image *m, uint64_t offset, struct slices_at *at, uint64_t len);
/* Returns when what was written would outlive the host's power; once that has failed nothing says
 * what of it does, so it fails for good. What is kept beside ends with the run: there is nothing to
 * wait for. */
int image_flush(struct image *m);

#endif
