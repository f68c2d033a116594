/* devices/base/clock.c: the host's clocks. */
#include "devices/base/clock.h"

#include <time.h>

static uint64_t now_ns(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t host_now_ns(void *self)
{
	(void)self;
	return now_ns(CLOCK_MONOTONIC);
}

static uint64_t wall_now_ns(void *self)
{
	(void)self;
	return now_ns(CLOCK_REALTIME);
}

const struct clock clock_host = { .now_ns = host_now_ns };
const struct clock clock_wall = { .now_ns = wall_now_ns };
