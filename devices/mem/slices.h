/* devices/mem/slices.h: bytes that lie scattered over host slices, as mem_slice gives them. Pure.
 */
#ifndef TAPVM_MEM_SLICES_H
#define TAPVM_MEM_SLICES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* Copies len bytes from offset of the slices to ret. false: the slices end before that. */
bool slices_read(const struct iovec *iov, int iov_count, uint64_t offset, void *ret, uint64_t len);
/* The other way; what the slices have no room for is left out, and false. */
bool slices_write(const struct iovec *iov, int iov_count, uint64_t offset, const void *bytes,
		  uint64_t len);
/* Reads a byte of each page: memory that is gone is found as by any other access. */
void slices_touch(const struct iovec *iov, int iov_count);

/* A place in slices, for whoever goes through them piece by piece: where iov begins, and the bytes
 * of its first entry that lie behind. */
struct slices_at {
	const struct iovec *iov;
	int count;
	uint64_t offset;
};
/* What lies from here on, len bytes at most, in up to max slices: their number, 0 at the end. */
int slices_cut(const struct slices_at *at, uint64_t len, struct iovec *ret, int max);
/* Moves on by len bytes, or to the end. */
void slices_skip(struct slices_at *at, uint64_t len);

#endif
