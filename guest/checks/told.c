/* guest/checks/told.c: what the device tells of itself by the control queue: limits of interrupts,
 * counters. */
#include "guest/checks/check.h"

enum {
	CLASS_COAL = 6,
	COAL_RX_SET = 1,
	COAL_QUEUE_SET = 2,
	COAL_QUEUE_GET = 3,
	CLASS_STATS = 8,
	STATS_QUERY = 0,
	STATS_GET = 1,
	RX_BASIC = 0,
	TX_BASIC = 16,
	ACK_OK = 0,
	ACK_ERR = 1,
	PACKETS = 4,
	USECS = 1000,
	PINGS = 20,
	ROUNDS = 1000,
	REPLY_BASIC = 56,
};

static uint64_t get64(const volatile uint8_t *at)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

/* ---- interrupts held back ---- */

static bool limits_are(struct guest *g, uint8_t queue, uint32_t packets, uint32_t usecs)
{
	const uint8_t which[4] = { queue };
	uint32_t written;
	const volatile uint8_t *a =
		nic_ask(&g->nic, CLASS_COAL, COAL_QUEUE_GET, which, sizeof(which), 9, &written);

	return a != NULL && written == 9 && a[8] == ACK_OK &&
	       get64(a) == (packets | (uint64_t)usecs << 32);
}

static enum verdict coalescing(struct guest *g)
{
	static const uint8_t limits[8] = { PACKETS, 0, 0, 0, USECS & 0xff, USECS >> 8 };
	static const uint8_t of_control[12] = { 2, 0, 0, 0, 1, 0, 0, 0, 1 };
	const char *why;

	if (!offers(g, UINT64_C(1) << F_NOTF_COAL | UINT64_C(1) << F_VQ_NOTF_COAL))
		return skip(g, "not offered");
	why = up_with(g, UINT64_C(1) << F_NOTF_COAL | UINT64_C(1) << F_VQ_NOTF_COAL, false);
	if (why != NULL)
		return fail(g, "%s", why);
	if (!limits_are(g, QUEUE_RX, 0, 0))
		return fail(g, "there are limits before any was set");
	if (nic_control(&g->nic, CLASS_COAL, COAL_RX_SET, limits, sizeof(limits)) != ACK_OK ||
	    !limits_are(g, QUEUE_RX, PACKETS, USECS) || !limits_are(g, QUEUE_TX, 0, 0))
		return fail(g, "what was set for receive queues is not what they have");
	if (nic_control(&g->nic, CLASS_COAL, COAL_QUEUE_SET, of_control, sizeof(of_control)) !=
	    ACK_ERR)
		return fail(g, "limits of the control queue were not refused");
	/* When each signal comes is not judged here: we look by ourselves after a while. */
	if (!step(g, "@ping4 %u 200", (uint32_t)PINGS))
		return fail(g, "traffic with it: %s", g->answer);
	say(g, "%u packets or %u us are kept and told, %u pings answered under them",
	    (uint32_t)PACKETS, (uint32_t)USECS, (uint32_t)PINGS);
	return VERDICT_OK;
}

/* ---- counters ---- */

/* Packets that this queue has carried. false: the reply is none. */
static bool packets(struct guest *g, uint8_t queue, uint8_t type, uint64_t *ret)
{
	uint8_t request[16] = { queue };
	const volatile uint8_t *a;
	uint32_t written;

	request[8 + type / 8] = (uint8_t)(1u << (type % 8));
	a = nic_ask(&g->nic, CLASS_STATS, STATS_GET, request, sizeof(request), 1 + REPLY_BASIC,
		    &written);
	if (a == NULL || written != 1 + REPLY_BASIC || a[0] != ACK_OK || a[1] != type ||
	    a[3] != queue || a[7] != REPLY_BASIC)
		return false;
	*ret = get64(a + 1 + 16);
	return true;
}

/* What came back is counted: the last answer may be with the host before that. */
static bool all_came_back(struct guest *g)
{
	for (unsigned i = 0; i < ROUNDS && g->nic.tx.free_count != NIC_QUEUE; i++)
		(void)serve(g, true);
	return g->nic.tx.free_count == NIC_QUEUE;
}

static enum verdict device_stats(struct guest *g)
{
	const uint64_t both = UINT64_C(1) << RX_BASIC | UINT64_C(1) << TX_BASIC;
	uint64_t rx[2], tx[2];
	const volatile uint8_t *a;
	const char *why;
	uint32_t written;

	if (!offers(g, UINT64_C(1) << F_DEVICE_STATS))
		return skip(g, "not offered");
	why = up_with(g, UINT64_C(1) << F_DEVICE_STATS, false);
	if (why != NULL)
		return fail(g, "%s", why);
	a = nic_ask(&g->nic, CLASS_STATS, STATS_QUERY, "", 0, 9, &written);
	if (a == NULL || written != 9 || a[0] != ACK_OK || (get64(a + 1) & both) != both)
		return fail(g, "it does not say which counters there are");
	if (!packets(g, QUEUE_RX, RX_BASIC, &rx[0]) || !packets(g, QUEUE_TX, TX_BASIC, &tx[0]))
		return fail(g, "no counters");
	if (!step(g, "@ping4 %u 200", (uint32_t)PINGS))
		return fail(g, "%s", g->answer);
	if (!all_came_back(g))
		return fail(g, "a chain did not come back");
	if (!packets(g, QUEUE_RX, RX_BASIC, &rx[1]) || !packets(g, QUEUE_TX, TX_BASIC, &tx[1]))
		return fail(g, "no counters after the pings");
	if (rx[1] - rx[0] < PINGS || tx[1] - tx[0] < PINGS)
		return fail(g, "%u pings make %u received and %u sent", (uint32_t)PINGS,
			    (uint32_t)(rx[1] - rx[0]), (uint32_t)(tx[1] - tx[0]));
	say(g, "%u pings are counted, received and sent", (uint32_t)PINGS);
	return VERDICT_OK;
}

const struct check told_checks[] = {
	{ "coalescing", coalescing, false },
	{ "device-stats", device_stats, false },
};
const unsigned told_count = sizeof(told_checks) / sizeof(told_checks[0]);
