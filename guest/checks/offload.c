/* guest/checks/offload.c: checksums and segmentation left to the other side, judged where nobody
 * mends them in passing. */
#include "guest/checks/check.h"

enum {
	JUDGE_PORT = 7020,
	SUPER = 20000,
	MSS4 = 1448,
	MSS6 = 1428,
	RX_PORT = 7002,
	CSUM_PORT = 7003,
	ROUNDS = 1000,
	TCP_SUM = 16,
	UDP_SUM = 6,
	RX_SUPER = 64000,
};

/* A kind of frame that is left unfinished. */
struct kind {
	const char *name;
	bool v6, tcp;
	uint8_t gso;
	uint32_t payload, mss;
	unsigned needs;
};

static const struct kind udp_plain = { "udp4", false, false, GSO_NONE, 1000, 1000, F_CSUM };
static const struct kind tcp_plain6 = { "tcp6", true, true, GSO_NONE, 1000, 1000, F_CSUM };
static const struct kind tso4 = { "tcp4", false, true, GSO_TCPV4, SUPER, MSS4, F_HOST_TSO4 };
static const struct kind tso6 = { "tcp6", true, true, GSO_TCPV6, SUPER, MSS6, F_HOST_TSO6 };
static const struct kind uso4 = { "udp4", false, false, GSO_UDP_L4, SUPER, MSS4, F_HOST_USO };
static const struct kind uso6 = { "udp6", true, false, GSO_UDP_L4, SUPER, MSS6, F_HOST_USO };

static bool send_kind(struct guest *g, const struct kind *k, enum sum sum)
{
	struct flow f = k->v6 ? g->judge6 : g->judge4;
	uint32_t at = k->tcp ? tcp_payload(k->v6) : udp_payload(k->v6), len;
	struct hdr h = {
		.flags = H_NEEDS_CSUM,
		.gso_type = k->gso,
		.hdr_len = (uint16_t)at,
		.gso_size = k->gso != GSO_NONE ? (uint16_t)k->mss : 0,
		.csum_start = (uint16_t)(ETH + (k->v6 ? IP6 : IP4)),
		.csum_offset = k->tcp ? TCP_SUM : UDP_SUM,
	};

	f.from_port = f.to_port = JUDGE_PORT;
	fill_pattern(g->work + at, 0, k->payload);
	len = k->tcp ? put_tcp(g->work, &f, k->payload, sum)
		     : put_udp(g->work, &f, k->payload, sum);
	return nic_send(&g->nic, &h, g->work, len, false);
}

/* Sends one and has it judged; with a wrong pseudo sum every segment must be wrong. */
static enum verdict judge(struct guest *g, const struct kind *k, bool good)
{
	if (!nic_has(&g->nic, k->needs))
		return skip(g, "not offered");
	if (!step(g, "@judge-open %s %u", k->name, (uint32_t)JUDGE_PORT))
		return fail(g, "%s", g->answer);
	if (!send_kind(g, k, good ? SUM_PSEUDO : SUM_BAD_PSEUDO))
		return fail(g, "could not be sent");
	if (!step(g, good ? "@judge-take %u %u" : "@judge-wrong %u %u", k->payload, k->mss))
		return fail(g, "%s", g->answer);
	say(g, "%u bytes: %s", k->payload, g->answer + 3);
	return VERDICT_OK;
}

static enum verdict tx_csum(struct guest *g) { return judge(g, &udp_plain, true); }
static enum verdict tx_csum6(struct guest *g) { return judge(g, &tcp_plain6, true); }
static enum verdict tx_csum_wrong(struct guest *g) { return judge(g, &udp_plain, false); }
static enum verdict tx_tso4(struct guest *g) { return judge(g, &tso4, true); }
static enum verdict tx_tso4_wrong(struct guest *g) { return judge(g, &tso4, false); }
static enum verdict tx_tso6(struct guest *g) { return judge(g, &tso6, true); }
static enum verdict tx_tso6_wrong(struct guest *g) { return judge(g, &tso6, false); }
static enum verdict tx_uso4(struct guest *g) { return judge(g, &uso4, true); }
static enum verdict tx_uso4_wrong(struct guest *g) { return judge(g, &uso4, false); }
static enum verdict tx_uso6(struct guest *g) { return judge(g, &uso6, true); }

/* ---- receive ---- */

struct wanted {
	uint16_t port;
	uint32_t pattern, len, head; /* head: bytes in front of the payload */
	bool came, tcp;
	struct hdr h;
	const char *fault;
};

static void on_wanted(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		      uint32_t len)
{
	struct wanted *w = self;
	struct packet p = take_apart(frame, len);
	uint16_t l4 = (uint16_t)(p.l4 - frame), field = w->tcp ? TCP_SUM : UDP_SUM;
	struct flow back =
		p.v6 ? g->host6 : g->host4; /* the pseudo header's sum is the same both ways */

	if (!(w->tcp ? p.tcp : p.udp) || p.to_port != w->port)
		return;
	w->came = true;
	w->h = *h;
	w->head = (uint32_t)(p.payload - frame);
	if (p.payload_len != w->len || !is_pattern(p.payload, w->pattern, w->len))
		w->fault = "wrong contents";
	else if ((h->flags & H_NEEDS_CSUM) == 0 && !p.sum_right)
		w->fault = "a wrong checksum without NEEDS_CSUM";
	else if ((h->flags & H_NEEDS_CSUM) != 0 && (h->csum_start != l4 || h->csum_offset != field))
		w->fault = "NEEDS_CSUM with a wrong place";
	else if ((h->flags & H_NEEDS_CSUM) != 0 &&
		 get_be16(p.l4 + field) !=
			 pseudo_sum(&back, w->tcp ? PROTO_TCP : PROTO_UDP, p.l4_len))
		w->fault = "NEEDS_CSUM with a wrong pseudo sum";
}

static bool await(struct guest *g, struct wanted *w)
{
	for (unsigned i = 0; i < ROUNDS && !w->came; i++)
		(void)serve(g, true);
	return w->came;
}

static enum verdict take_csum(struct guest *g, bool needs)
{
	struct wanted w = { .port = CSUM_PORT, .pattern = 1, .len = 1000 };

	g->on_frame = on_wanted;
	g->on_frame_self = &w;
	if (!step(g, "@csum-frame 1"))
		return fail(g, "%s", g->answer);
	if (!await(g, &w))
		return fail(g, "the datagram did not come");
	if (w.fault != NULL)
		return fail(g, "%s", w.fault);
	if (((w.h.flags & H_NEEDS_CSUM) != 0) != needs)
		return fail(g, "flags %x", (uint32_t)w.h.flags);
	return VERDICT_OK;
}

static enum verdict rx_csum(struct guest *g)
{
	if (!nic_has(&g->nic, F_GUEST_CSUM))
		return skip(g, "not offered");
	if (take_csum(g, true) != VERDICT_OK)
		return VERDICT_FAIL;
	say(g, "NEEDS_CSUM with a right pseudo sum and place");
	return VERDICT_OK;
}

/* CTRL_GUEST_OFFLOADS with none: from its answer on frames come finished; then all again. */
static enum verdict offloads_off(struct guest *g)
{
	const uint8_t none[8] = { 0 };
	uint8_t all[8];
	uint64_t bits =
		g->nic.accepted & (UINT64_C(1) << F_GUEST_CSUM | UINT64_C(1) << F_GUEST_TSO4 |
				   UINT64_C(1) << F_GUEST_TSO6 | UINT64_C(1) << F_GUEST_USO4 |
				   UINT64_C(1) << F_GUEST_USO6);
	enum verdict v;

	if (g->control_kept)
		return skip(g, CONTROL_KEPT);
	if (!nic_has(&g->nic, F_CTRL_GUEST_OFFLOADS))
		return skip(g, "not offered");
	for (unsigned i = 0; i < 8; i++)
		all[i] = (uint8_t)(bits >> (8 * i));
	if (nic_control(&g->nic, 5, 0, none, 8) != 0)
		return fail(g, "the command was refused");
	v = take_csum(g, false);
	if (nic_control(&g->nic, 5, 0, all, 8) != 0)
		return fail(g, "the offloads could not be set again");
	if (v == VERDICT_OK)
		v = take_csum(g, true);
	if (v == VERDICT_OK)
		say(g, "finished checksums while off, NEEDS_CSUM again after");
	return v;
}

static enum verdict rx_gso(struct guest *g, const char *kind, bool tcp, uint8_t gso, unsigned needs)
{
	struct wanted w = { .port = RX_PORT, .len = RX_SUPER, .tcp = tcp };

	if (!nic_has(&g->nic, needs) || !nic_has(&g->nic, F_MRG_RXBUF))
		return skip(g, "not offered");
	g->on_frame = on_wanted;
	g->on_frame_self = &w;
	if (!step(g, "@gso-frame %s %u %u", kind, (uint32_t)RX_SUPER, (uint32_t)MSS6))
		return fail(g, "%s", g->answer);
	if (!await(g, &w))
		return fail(g, "the frame did not come");
	if (w.fault != NULL)
		return fail(g, "%s", w.fault);
	if (w.h.gso_type != gso || w.h.gso_size != MSS6 || (w.h.flags & H_NEEDS_CSUM) == 0)
		return fail(g, "gso_type %u, gso_size %u, flags %x", (uint32_t)w.h.gso_type,
			    (uint32_t)w.h.gso_size, (uint32_t)w.h.flags);
	if (g->our_device && w.h.hdr_len != w.head)
		return fail(g, "hdr_len %u, the headers have %u bytes", (uint32_t)w.h.hdr_len,
			    w.head);
	say(g, "%u bytes over %u buffers, contents compared", (uint32_t)RX_SUPER,
	    (uint32_t)w.h.num_buffers);
	return VERDICT_OK;
}

static enum verdict rx_tso4(struct guest *g)
{
	return rx_gso(g, "tcp4", true, GSO_TCPV4, F_GUEST_TSO4);
}
static enum verdict rx_tso6(struct guest *g)
{
	return rx_gso(g, "tcp6", true, GSO_TCPV6, F_GUEST_TSO6);
}
static enum verdict rx_uso4(struct guest *g)
{
	return rx_gso(g, "udp4", false, GSO_UDP_L4, F_GUEST_USO4);
}

/* clang-format off */
const struct check offload_checks[] = {
	{ "tx-csum", tx_csum, false }, { "tx-csum-ipv6", tx_csum6, false }, { "tx-csum-wrong", tx_csum_wrong, false },
	{ "tx-tso4", tx_tso4, false }, { "tx-tso4-wrong", tx_tso4_wrong, false }, { "tx-tso6", tx_tso6, false },
	{ "tx-tso6-wrong", tx_tso6_wrong, false }, { "tx-uso4", tx_uso4, false }, { "tx-uso4-wrong", tx_uso4_wrong, false },
	{ "tx-uso6", tx_uso6, false }, { "rx-csum", rx_csum, false }, { "rx-tso4", rx_tso4, false }, { "rx-tso6", rx_tso6, false },
	{ "rx-uso4", rx_uso4, false }, { "guest-offloads", offloads_off, false },
};
/* clang-format on */
const unsigned offload_count = sizeof(offload_checks) / sizeof(offload_checks[0]);
