/* devices/base/counter.h: a number that one thread counts up and any thread reads. */
#ifndef TAPVM_BASE_COUNTER_H
#define TAPVM_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef atomic_uint_fast64_t counter;
static inline void count(counter *c, uint64_t n)
{
	/* One writer each: an add that need not be atomic as a whole. */
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}
static inline uint64_t counted(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
