/* devices/base/clock.h: the seam for time. */
#ifndef TAPVM_BASE_CLOCK_H
#define TAPVM_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	uint64_t (*now_ns)(void *self);
	void *self;
};

extern const struct clock clock_host; /* monotonic: for whatever is waited for or compared */
extern const struct clock clock_wall; /* since 1970: for what somebody else reads */

static inline uint64_t clock_now_ns(const struct clock *c) { return c->now_ns(c->self); }

#endif
