/* devices/base/log.h: at most one line a second for each limit; what was held back is counted.
 * The library never prints: it hands lines to the sink that its user gave. */
#ifndef TAPVM_BASE_LOG_H
#define TAPVM_BASE_LOG_H

#include "devices/base/clock.h"
#include "devices/base/err.h"

struct log {
	void (*line)(void *self, const char *text); /* NULL: lines are dropped */
	void *self;
	const struct clock *clock; /* NULL: clock_host */
};

/* One of these for each thing that may be noisy. Zero is a good start. One thread at a time. */
struct log_limit {
	uint64_t last_ns;
	unsigned long held_back;
};

void log_limited(const struct log *log, struct log_limit *limit, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
