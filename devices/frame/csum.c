/* devices/frame/csum.c: the Internet checksum. */
#include "devices/frame/csum.h"

enum { UDP_CSUM_OFFSET = 6 };

uint32_t csum_add(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	uint64_t wide = sum;

	for (; len >= 2; bytes += 2, len -= 2)
		wide += (uint32_t)bytes[0] << 8 | bytes[1];
	if (len > 0)
		wide += (uint32_t)bytes[0] << 8;
	while (wide >> 32 != 0)
		wide = (wide & UINT32_MAX) + (wide >> 32);
	return (uint32_t)wide;
}

uint16_t csum_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

bool csum_finish(uint8_t *bytes, uint32_t len, uint32_t start, uint32_t offset)
{
	uint32_t field = start + offset;
	uint16_t sum;

	if (start >= len || offset > UINT16_MAX || len < 2 || field > len - 2)
		return false;
	/* The field holds the pseudo header's sum and is summed with the rest. */
	sum = csum_fold(csum_add(0, bytes + start, len - start));
	if (sum == 0 && offset == UDP_CSUM_OFFSET)
		sum = 0xffff;
	bytes[field] = (uint8_t)(sum >> 8);
	bytes[field + 1] = (uint8_t)sum;
	return true;
}
