/* devices/net/coal.h: when a signal of a queue is due (virtio 1.4, 5.1.9.5.10). Pure counting: who
 * asks gives the time. Whether the driver wants the signal is the ring's affair. */
#ifndef TAPVM_NET_COAL_H
#define TAPVM_NET_COAL_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/clock.h"

/* As a driver sets them. Either 0: after every packet. */
struct coal_limits {
	uint32_t max_packets, max_usecs;
};

struct coal {
	struct coal_limits limits;
	uint32_t packets; /* since the last signal was given, or not wanted */
	uint64_t due_ns;  /* the end of the time that began with the first of them; 0: not begun */
};

#define COAL_NEVER UINT64_MAX

static inline void coal_count(struct coal *c) { c->packets += c->packets < UINT32_MAX; }

static inline bool coal_owes(const struct coal *c) { return c->packets > 0; }

/* How long until a signal is due, in nanoseconds: 0: it is; COAL_NEVER: nothing was counted. */
uint64_t coal_wait(struct coal *c, const struct clock *clock);

/* It was given, or nobody wants it. */
static inline void coal_done(struct coal *c)
{
	c->packets = 0;
	c->due_ns = 0;
}

#endif
