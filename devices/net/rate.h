/* devices/net/rate.h: a limit of a NIC's frames each way, as a bucket of tokens, a byte each. Pure
 * counting: who asks gives the time.
 *
 * Who is to move frames takes an allowance first and says afterwards what was used of it: what is
 * left goes back, what was more (of a frame that is moved whole, or not at all) is owed. So never
 * more than the burst and a frame of each pair go at once, and over time no more than the limit.
 *
 * Threads: rate_allow, rate_used and rate_wait any, also at once: the limit is the NIC's, not its
 * pairs'. rate_set while nobody else asks. */
#ifndef TAPVM_NET_RATE_H
#define TAPVM_NET_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/base/clock.h"
#include "devices/base/err.h"

struct rate_limit {
	uint64_t bytes_a_second; /* 0: none; up to RATE_MAX */
	uint64_t burst_bytes;    /* at least RATE_BURST_MIN */
};
struct net_rate {
	struct rate_limit rx, tx;
};
static inline bool net_rate_limits(const struct net_rate *r)
{
	return r->rx.bytes_a_second != 0 || r->tx.bytes_a_second != 0;
}
/* A super-frame; a hundred Gbit/s. */
#define RATE_BURST_MIN UINT64_C(65536)
#define RATE_MAX UINT64_C(12500000000)

struct rate {
	struct rate_limit limit;
	uint64_t since_ns;
	atomic_uint_fast64_t spent; /* since then; what ran over the bucket's rim is spent too */
};

/* The bucket is full. */
void rate_set(struct rate *r, const struct rate_limit *limit, const struct clock *clock);
/* For rate_allow: up to most bytes; 0: none now. */
uint64_t rate_take(struct rate *r, const struct clock *clock, uint64_t most);
/* How long until a millisecond's worth is there, in nanoseconds. 0: it is. */
uint64_t rate_wait(struct rate *r, const struct clock *clock);

/* Without a limit, most. */
static inline uint64_t rate_allow(struct rate *r, const struct clock *clock, uint64_t most)
{
	return r->limit.bytes_a_second == 0 ? most : rate_take(r, clock, most);
}

static inline void rate_used(struct rate *r, uint64_t allowed, uint64_t used)
{
	if (r->limit.bytes_a_second != 0)
		atomic_fetch_add_explicit(&r->spent, used - allowed, memory_order_relaxed);
}

/* "[rx:|tx:]BITS[/BURST]" or "[rx:|tx:]off" changes what it names, both ways if neither. BITS a
 * second with K, M, G (powers of 1000), BURST in bytes with K, M, G (powers of 1024); left out, it
 * is 10 ms' worth, at least RATE_BURST_MIN. */
struct err rate_parse(const char *text, struct net_rate *rate) MUST_USE;

#endif
