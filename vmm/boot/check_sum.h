/* vmm/boot/check_sum.h: of tables of firmware: the byte that makes the sum of all of them zero. */
#ifndef TAPVM_BOOT_CHECK_SUM_H
#define TAPVM_BOOT_CHECK_SUM_H

#include <stddef.h>
#include <stdint.h>

static inline uint8_t check_sum(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + at[i]);
	return (uint8_t)-sum;
}

#endif
