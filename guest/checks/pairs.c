/* guest/checks/pairs.c: two queue pairs: how many are in use, and which takes which flow. */
#include "guest/checks/check.h"

enum {
	FLOWS = 64,
	FLOW_PORT = 7008, /* ours, to which the host sends from FLOW_FROM on */
	FLOW_FROM = 7100,
	ECHO_PORT = 7000,
	OUR_PORT = 7020,
	ECHOES = 16,
	ROUNDS = 1000,
	CLASS_MQ = 4,
	PAIRS_SET = 0,
	RSS_CONFIG = 1,
	ACK_OK = 0,
	ACK_ERR = 1,
	KEY = 40,
	TABLE = 8,
	HASH_UDP4 = 4,
};

/* ---- which flow came on which pair ---- */

struct seen {
	uint64_t on[2]; /* a bit a flow */
	uint32_t count, echoes;
	unsigned echo_on;
};

static void on_frame(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		     uint32_t len)
{
	struct packet p = take_apart(frame, len);
	struct seen *s = self;
	uint32_t flow = (uint32_t)p.from_port - FLOW_FROM;

	(void)h;
	if (p.udp && p.to_port == FLOW_PORT && flow < FLOWS) {
		s->on[g->came_on] |= UINT64_C(1) << flow;
		s->count++;
	} else if (p.udp && p.from_port == ECHO_PORT) {
		s->echoes++;
		s->echo_on = g->came_on;
	}
}

/* A datagram of each flow from the host. false: not all came. */
static bool flows(struct guest *g, struct seen *s)
{
	*s = (struct seen){ 0 };
	g->on_frame = on_frame;
	g->on_frame_self = s;
	if (!step(g, "@flows %u", (uint32_t)FLOWS))
		return false;
	for (unsigned i = 0; i < ROUNDS && s->count < FLOWS; i++)
		(void)serve(g, true);
	return s->count == FLOWS && (s->on[0] ^ s->on[1]) == ~UINT64_C(0);
}

static bool set_pairs(struct guest *g, uint16_t pairs, int ack)
{
	return nic_control(&g->nic, CLASS_MQ, PAIRS_SET, &pairs, sizeof(pairs)) == ack;
}

/* ---- MQ ---- */

/* What a pair sent comes back on it. false: not so. */
static bool echoed(struct guest *g, struct seen *s, unsigned pair)
{
	struct flow f = g->host4;

	for (uint16_t i = 0; i < ECHOES; i++) {
		static const struct hdr plain;
		uint32_t len;

		f.from_port = (uint16_t)(OUR_PORT + 2u * i + pair);
		f.to_port = ECHO_PORT;
		s->echoes = 0;
		len = put_udp(g->work, &f, 100, SUM_FULL);
		if (!(pair == 0 ? nic_send(&g->nic, &plain, g->work, len, false)
				: nic_second_send(&g->nic, g->work, len)))
			return false;
		for (unsigned k = 0; k < ROUNDS && s->echoes == 0; k++)
			(void)serve(g, true);
		if (s->echoes != 1 || s->echo_on != pair)
			return false;
	}
	return true;
}

static enum verdict mq(struct guest *g)
{
	const char *why;
	struct seen s;

	if (!offers(g, UINT64_C(1) << F_MQ))
		return skip(g, "MQ is not offered");
	why = up_with(g, UINT64_C(1) << F_MQ, true);
	if (why != NULL)
		return fail(g, "%s", why);
	if (!flows(g, &s) || s.on[1] != 0)
		return fail(g, "%u flows came, some on the second pair before it was asked for",
			    s.count);
	if (!set_pairs(g, 0, ACK_ERR) ||
	    !set_pairs(g, (uint16_t)(nic_pairs_max(&g->nic) + 1), ACK_ERR))
		return fail(g, "no pair, or one too many, was not refused");
	if (!set_pairs(g, 2, ACK_OK) || !flows(g, &s) || s.on[0] == 0 || s.on[1] == 0)
		return fail(g, "of two pairs: %u flows came, or all on one", s.count);
	if (!step(g, "@udp-echo %u", (uint32_t)ECHO_PORT))
		return fail(g, "%s", g->answer);
	if (!echoed(g, &s, 0) || !echoed(g, &s, 1))
		return fail(g, "an answer did not come on the pair that asked");
	if (!set_pairs(g, 1, ACK_OK) || !flows(g, &s) || s.on[1] != 0)
		return fail(g, "one pair again: %u flows came, or some on the second", s.count);
	say(g, "1, 2 and 1 pairs, %u flows over them, %u answers on the pair that asked",
	    (uint32_t)FLOWS, 2u * ECHOES);
	return VERDICT_OK;
}

/* ---- RSS ---- */

static const uint8_t key[KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* Toeplitz: for each set bit of the input, the 32 bits of the key from that place on. */
static uint32_t toeplitz(const uint8_t *input, unsigned len)
{
	uint32_t hash = 0;

	for (unsigned bit = 0; bit < 8 * len; bit++) {
		uint64_t window = 0;

		if ((input[bit / 8] >> (7 - bit % 8) & 1) == 0)
			continue;
		for (unsigned i = 0; i < 5; i++)
			window = window << 8 | key[bit / 8 + i];
		hash ^= (uint32_t)(window >> (8 - bit % 8));
	}
	return hash;
}

static uint32_t hash_of_flow(const struct guest *g, unsigned flow)
{
	uint8_t input[12];

	for (unsigned i = 0; i < 4; i++) {
		input[i] = g->host4.to.bytes[i]; /* from the host to us */
		input[4 + i] = g->host4.from.bytes[i];
	}
	put_be16(input + 8, (uint16_t)(FLOW_FROM + flow));
	put_be16(input + 10, FLOW_PORT);
	return toeplitz(input, sizeof(input));
}

static void put_le16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

static int rss_config(struct guest *g, const uint8_t table[TABLE])
{
	uint8_t c[8 + 2 * TABLE + 3 + KEY] = { HASH_UDP4 };

	put_le16(c + 4, TABLE - 1);
	put_le16(c + 6, 0); /* what has no hash: the first */
	for (unsigned i = 0; i < TABLE; i++)
		put_le16(c + 8 + 2 * i, table[i]);
	put_le16(c + 8 + 2 * TABLE, 2);
	c[8 + 2 * TABLE + 2] = KEY;
	__builtin_memcpy(c + 8 + 2 * TABLE + 3, key, KEY);
	return nic_control(&g->nic, CLASS_MQ, RSS_CONFIG, c, sizeof(c));
}

static enum verdict rss(struct guest *g)
{
	static const uint8_t tables[][TABLE] = { { 1, 1, 1, 1, 1, 1, 1, 1 },
						 { 0, 1, 0, 0, 1, 1, 0, 1 } };
	static const uint8_t outside[TABLE] = { 0, 0, 0, 77 };
	const char *why;
	struct seen s;

	if (!offers(g, UINT64_C(1) << F_RSS))
		return skip(g, "RSS is not offered");
	why = up_with(g, UINT64_C(1) << F_RSS | (g->nic.offered & UINT64_C(1) << F_MQ), true);
	if (why != NULL)
		return fail(g, "%s", why);
	if (rss_config(g, outside) != ACK_ERR)
		return fail(g, "a queue that is not there was not refused");
	for (unsigned t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		uint64_t wanted = 0;

		for (unsigned i = 0; i < FLOWS; i++)
			wanted |= (uint64_t)tables[t][hash_of_flow(g, i) % TABLE] << i;
		if (rss_config(g, tables[t]) != ACK_OK || !flows(g, &s))
			return fail(g, "table %u: %u flows came", (uint32_t)t, s.count);
		if (s.on[1] != wanted)
			return fail(g, "table %u: flows %x%x on the second pair, not %x%x",
				    (uint32_t)t, (uint32_t)(s.on[1] >> 32), (uint32_t)s.on[1],
				    (uint32_t)(wanted >> 32), (uint32_t)wanted);
	}
	say(g, "%u flows, each on the pair that key and table say", (uint32_t)FLOWS);
	return VERDICT_OK;
}

const struct check pair_checks[] = { { "mq", mq, false }, { "rss", rss, false } };
const unsigned pair_count = sizeof(pair_checks) / sizeof(pair_checks[0]);
