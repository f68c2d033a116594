/* devices/mem/range.h: tests on address ranges that cannot overflow. Pure. */
#ifndef TAPVM_MEM_RANGE_H
#define TAPVM_MEM_RANGE_H

#include <stdint.h>

/* Does [at, at + len) lie inside [base, base + size)? True for len 0 at any at inside or at the
 * end. base + size may be 2^64 at most (size counts from base, so it never wraps by itself). */
static inline int range_inside(uint64_t base, uint64_t size, uint64_t at, uint64_t len)
{
	return at >= base && at - base <= size && len <= size - (at - base);
}

/* Do two ranges share a byte? Neither may wrap. */
static inline int range_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a_size != 0 && b_size != 0 && (a < b ? b - a < a_size : a - b < b_size);
}

#endif
