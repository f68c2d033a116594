/* devices/net/rate.c: a bucket of tokens as two running sums: what the limit has given since it was
 * set, and what was spent of it. What is in the bucket is the difference. */
#include "devices/net/rate.h"

#include <assert.h>
#include <string.h>

#include "devices/base/number.h"

enum { NS_A_SECOND = 1000 * 1000 * 1000, WAKES_A_SECOND = 1000, DEFAULT_BURSTS_A_SECOND = 100 };
static const uint64_t BITS_MIN = 8000;
static const uint64_t BURST_MAX = UINT64_C(1) << 30;

static_assert(RATE_MAX <= UINT64_MAX / NS_A_SECOND, "a second's part of it is taken in 64 bits");

/* Rounded down: a byte is there when it is whole. */
static uint64_t given(const struct rate *r, const struct clock *clock)
{
	uint64_t ns = clock_now_ns(clock) - r->since_ns;

	return ns / NS_A_SECOND * r->limit.bytes_a_second +
	       ns % NS_A_SECOND * r->limit.bytes_a_second / NS_A_SECOND;
}

void rate_set(struct rate *r, const struct rate_limit *limit, const struct clock *clock)
{
	r->limit = *limit;
	r->since_ns = clock_now_ns(clock);
	atomic_store(&r->spent, 0);
}

uint64_t rate_take(struct rate *r, const struct clock *clock, uint64_t most)
{
	/* The first burst is given at once; of what came since, no more than a burst is kept. */
	uint64_t lost = given(r, clock);
	uint64_t all = lost + r->limit.burst_bytes;
	uint64_t before = atomic_load_explicit(&r->spent, memory_order_relaxed);
	uint64_t spent, take;

	do {
		spent = before > lost ? before : lost;
		if (spent >= all)
			return 0;
		take = all - spent < most ? all - spent : most;
	} while (!atomic_compare_exchange_weak_explicit(
		&r->spent, &before, spent + take, memory_order_relaxed, memory_order_relaxed));
	return take;
}

uint64_t rate_wait(struct rate *r, const struct clock *clock)
{
	uint64_t rate = r->limit.bytes_a_second, burst = r->limit.burst_bytes;
	uint64_t worth = rate / WAKES_A_SECOND;
	uint64_t spent = atomic_load_explicit(&r->spent, memory_order_relaxed);
	uint64_t want = spent + (worth < burst ? worth : burst), now, then;

	if (want <= burst)
		return 0;
	want -= burst;
	now = clock_now_ns(clock) - r->since_ns;
	then = want / rate * NS_A_SECOND + (want % rate * NS_A_SECOND + rate - 1) / rate;
	return then > now ? then - now : 0;
}

/* ---- its words ---- */

static bool is_between(enum number took, uint64_t number, uint64_t least, uint64_t most)
{
	return took == NUMBER_TAKEN && number >= least && number <= most;
}

/* "BITS[/BURST]" */
static struct err limit_parse(const char *text, struct rate_limit *ret_limit)
{
	const char *at = text;
	uint64_t bits = 0, burst;
	enum number took = number_take_scaled(&at, 1000, &bits), burst_took = NUMBER_TAKEN;

	burst = bits / 8 / DEFAULT_BURSTS_A_SECOND;
	if (burst < RATE_BURST_MIN)
		burst = RATE_BURST_MIN;
	if (*at == '/') {
		at++;
		burst_took = number_take_scaled(&at, 1024, &burst);
	}
	if (took == NUMBER_NONE || burst_took == NUMBER_NONE ||
	    (took == NUMBER_TAKEN && burst_took == NUMBER_TAKEN && *at != '\0'))
		return err_make(
			ERR_USAGE, 0,
			"'%.64s' is no rate; write it like 100M or tx:1G/256K: bits a second, "
			"and bytes at once; or off",
			text);
	if (!is_between(took, bits, BITS_MIN, RATE_MAX * 8))
		return err_make(ERR_USAGE, 0,
				"%.64s is out of range; a rate is 8K to 100G bits a second, or off",
				text);
	if (!is_between(burst_took, burst, RATE_BURST_MIN, BURST_MAX))
		return err_make(ERR_USAGE, 0,
				"%.64s: the burst is out of range; it is 64K to 1G bytes", text);
	*ret_limit = (struct rate_limit){ bits / 8, burst };
	return err_none();
}

struct err rate_parse(const char *text, struct net_rate *rate)
{
	bool rx = strncmp(text, "rx:", 3) == 0, tx = strncmp(text, "tx:", 3) == 0;
	struct rate_limit limit = { 0 };
	struct err e = err_none();

	if (rx || tx)
		text += 3;
	if (strcmp(text, "off") != 0)
		e = limit_parse(text, &limit);
	if (err_is(e))
		return e;
	if (!tx)
		rate->rx = limit;
	if (!rx)
		rate->tx = limit;
	return e;
}
