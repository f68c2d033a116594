/* devices/net/coal.c: when a signal of a queue is due. */
#include "devices/net/coal.h"

enum { NS_A_USEC = 1000 };

/* CTRL-29: whichever comes first. The time is not asked for where nothing is held back. */
uint64_t coal_wait(struct coal *c, const struct clock *clock)
{
	uint64_t now;

	if (!coal_owes(c))
		return COAL_NEVER;
	/* CTRL-28: 0 of either means after every packet. */
	if (c->limits.max_usecs == 0 || c->packets >= c->limits.max_packets)
		return 0;
	now = clock_now_ns(clock);
	if (c->due_ns == 0)
		c->due_ns = now + (uint64_t)c->limits.max_usecs * NS_A_USEC;
	return c->due_ns > now ? c->due_ns - now : 0;
}
