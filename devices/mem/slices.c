/* devices/mem/slices.c: walks over slices: one for both directions, one that stops and goes on. */
#include "devices/mem/slices.h"

#include <string.h>
#include <unistd.h>

static bool copy(const struct iovec *iov, int iov_count, uint64_t offset, uint8_t *local,
		 uint64_t len, bool in)
{
	for (int i = 0; i < iov_count && len > 0; i++) {
		uint64_t part = iov[i].iov_len;
		uint8_t *at;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		at = (uint8_t *)iov[i].iov_base + offset;
		part -= offset;
		if (part > len)
			part = len;
		if (in)
			memcpy(local, at, part);
		else
			memcpy(at, local, part);
		local += part;
		len -= part;
		offset = 0;
	}
	return len == 0;
}

/* SPLIT-03: header, frame and command may be cut anywhere. */
bool slices_read(const struct iovec *iov, int iov_count, uint64_t offset, void *ret, uint64_t len)
{
	return copy(iov, iov_count, offset, ret, len, true);
}

bool slices_write(const struct iovec *iov, int iov_count, uint64_t offset, const void *bytes,
		  uint64_t len)
{
	/* copy() only reads from it in this direction. */
	return copy(iov, iov_count, offset, (uint8_t *)(uintptr_t)bytes, len, false);
}

void slices_touch(const struct iovec *iov, int iov_count)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (int i = 0; i < iov_count; i++) {
		uintptr_t at = (uintptr_t)iov[i].iov_base, end = at + iov[i].iov_len;

		for (; at < end; at = (at | (page - 1)) + 1)
			(void)*(const volatile uint8_t *)at;
	}
}

int slices_cut(const struct slices_at *at, uint64_t len, struct iovec *ret, int max)
{
	uint64_t offset = at->offset;
	int count = 0;

	for (int i = 0; i < at->count && count < max && len > 0; i++) {
		uint64_t part = at->iov[i].iov_len - offset;

		if (part > len)
			part = len;
		if (part > 0)
			ret[count++] =
				(struct iovec){ (uint8_t *)at->iov[i].iov_base + offset, part };
		len -= part;
		offset = 0;
	}
	return count;
}

void slices_skip(struct slices_at *at, uint64_t len)
{
	at->offset += len;
	while (at->count > 0 && at->offset >= at->iov[0].iov_len) {
		at->offset -= at->iov[0].iov_len;
		at->iov++;
		at->count--;
	}
	if (at->count == 0)
		at->offset = 0;
}
