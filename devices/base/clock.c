/* devices/base/clock.c: the host's monotonic clock. */
#include "devices/base/clock.h"

#include <time.h>

static uint64_t host_now_ns(void *self)
{
	struct timespec t;

	(void)self;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

const struct clock clock_host = { .now_ns = host_now_ns };
