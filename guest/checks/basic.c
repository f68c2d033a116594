/* guest/checks/basic.c: negotiation, ARP, echo both ways, UDP of every size. */
#include "guest/checks/check.h"

enum { PING_COUNT = 100, ECHO_PORT = 7000, OUR_PORT = 7010, TRIES = 3, ROUNDS = 1000 };

/* tapvm offers the rest on every TAP; USO is the kernel's to have. Of a feature that is lost the
 * other rows would only say that they were skipped. */
static uint64_t not_offered(const struct guest *g)
{
	const uint64_t uso = UINT64_C(1) << F_GUEST_USO4 | UINT64_C(1) << F_GUEST_USO6 |
			     UINT64_C(1) << F_HOST_USO;

	return known_features() & ~uso & ~g->nic.offered;
}

static enum verdict negotiate(struct guest *g)
{
	uint64_t lost;

	(void)nic_negotiate(&g->nic, 0);
	lost = not_offered(g);
	if ((g->nic.offered >> F_VERSION_1 & 1) == 0)
		return fail(g, "VERSION_1 is not offered");
	if (g->our_device && lost != 0)
		return fail(g, "not offered: %x %x", (uint32_t)(lost >> 32), (uint32_t)lost);
	if (g->our_device && nic_negotiate(&g->nic, wanted_features(g, UINT64_C(1) << F_VERSION_1)))
		return fail(g, "FEATURES_OK stuck without VERSION_1");
	if (!nic_negotiate(&g->nic, wanted_features(g, 0)))
		return fail(g, "FEATURES_OK did not stick");
	say(g, "features %x%x", (uint32_t)(g->nic.accepted >> 32), (uint32_t)g->nic.accepted);
	return VERDICT_OK;
}

static enum verdict arp(struct guest *g)
{
	if (!bring_up(g, 0))
		return fail(g, "10.77.0.1 did not answer %s", g->answer);
	say(g, "10.77.0.1 is at %x:%x:%x:%x:%x:%x", (uint32_t)g->host4.to_mac[0],
	    (uint32_t)g->host4.to_mac[1], (uint32_t)g->host4.to_mac[2],
	    (uint32_t)g->host4.to_mac[3], (uint32_t)g->host4.to_mac[4],
	    (uint32_t)g->host4.to_mac[5]);
	return VERDICT_OK;
}

/* ---- echo ---- */

struct awaited {
	uint16_t sequence;
	uint32_t len, pattern;
	bool came, wrong;
};

static void on_echo_reply(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
			  uint32_t len)
{
	struct awaited *a = self;
	struct packet p = take_apart(frame, len);

	(void)g, (void)h;
	if (!p.echo_reply || p.sequence != a->sequence)
		return;
	a->came = true;
	a->wrong = !p.sum_right || p.payload_len != a->len ||
		   !is_pattern(p.payload, a->pattern, a->len);
}

static bool await(struct guest *g, const bool *came)
{
	for (unsigned i = 0; i < ROUNDS && !*came; i++)
		(void)serve(g, true);
	return *came;
}

static enum verdict ping_out(struct guest *g)
{
	static const uint32_t sizes[] = { 64, 65, 128, 577, 1024, 1499, 1500 };
	static const struct hdr plain;
	struct awaited a = { 0 };
	uint32_t sent = 0;

	g->on_frame = on_echo_reply;
	g->on_frame_self = &a;
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (unsigned i = 0; i < PING_COUNT; i++, sent++) {
			uint32_t len = sizes[s] - IP4 - ICMP;

			a = (struct awaited){ .sequence = (uint16_t)sent,
					      .len = len,
					      .pattern = sent };
			fill_pattern(g->work + ETH + IP4 + ICMP, sent, len);
			len = put_echo_request(g->work, &g->host4, (uint16_t)sent, len);
			if (!nic_send(&g->nic, &plain, g->work, len, false) || !await(g, &a.came))
				return fail(g, "no reply to number %u of %u bytes", sent, sizes[s]);
			if (a.wrong)
				return fail(g, "wrong reply to number %u of %u bytes", sent,
					    sizes[s]);
		}
	}
	say(g, "%u echoes of 64 to 1500 bytes", sent);
	return VERDICT_OK;
}

static enum verdict ping_in(struct guest *g)
{
	static const uint32_t sizes[] = { 64, 65, 128, 577, 1024, 1499, 1500 };

	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		if (!step(g, "@ping4 %u %u", (uint32_t)PING_COUNT, sizes[s]))
			return fail(g, "size %u: %s", sizes[s], g->answer);
	say(g, "%u echoes of 64 to 1500 bytes",
	    (uint32_t)(PING_COUNT * sizeof(sizes) / sizeof(sizes[0])));
	return VERDICT_OK;
}

/* ---- UDP ---- */

static void on_udp_echo(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
			uint32_t len)
{
	struct awaited *a = self;
	struct packet p = take_apart(frame, len);

	(void)g;
	if (!p.udp || p.to_port != OUR_PORT || p.payload_len != a->len)
		return;
	a->came = true;
	/* NEEDS_CSUM: a local sum that nobody has finished, which is right by that. */
	a->wrong = !is_pattern(p.payload, a->pattern, a->len) ||
		   (!p.sum_right && (h->flags & H_NEEDS_CSUM) == 0);
}

/* One datagram there and back. */
static enum verdict udp_once(struct guest *g, uint32_t len, bool indirect)
{
	static const struct hdr plain;
	struct awaited a = { .len = len, .pattern = len };
	struct flow f = g->host4;
	uint32_t bytes;

	f.from_port = OUR_PORT;
	f.to_port = ECHO_PORT;
	g->on_frame = on_udp_echo;
	g->on_frame_self = &a;
	fill_pattern(g->work + udp_payload(false), len, len);
	bytes = put_udp(g->work, &f, len, SUM_FULL);
	if (!nic_send(&g->nic, &plain, g->work, bytes, indirect))
		return fail(g, "%u bytes could not be sent", len);
	if (!await(g, &a.came))
		return fail(g, "%u bytes did not come back", len);
	return a.wrong ? fail(g, "%u bytes came back wrong", len) : VERDICT_OK;
}

static enum verdict udp_echo(struct guest *g)
{
	if (!step(g, "@udp-echo %u", (uint32_t)ECHO_PORT))
		return fail(g, "%s", g->answer);
	for (uint32_t len = 0; len <= 1472; len++)
		if (udp_once(g, len, false) != VERDICT_OK)
			return VERDICT_FAIL;
	say(g, "payloads of 0 to 1472 bytes, contents compared");
	return VERDICT_OK;
}

static enum verdict indirect(struct guest *g)
{
	if (!nic_has(&g->nic, F_INDIRECT))
		return skip(g, "INDIRECT_DESC is not offered");
	if (!step(g, "@udp-echo %u", (uint32_t)ECHO_PORT))
		return fail(g, "%s", g->answer);
	for (uint32_t len = 1; len <= 1472; len += 37)
		if (udp_once(g, len, true) != VERDICT_OK)
			return VERDICT_FAIL;
	say(g, "40 datagrams by tables of 3 descriptors");
	return VERDICT_OK;
}

/* ---- interrupts ---- */

/* Nothing has come that was not looked at, and of the next that does an interrupt is asked for. */
static bool settled(struct guest *g, struct virtq *q)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (serve(g, false) > 0)
			;
		if (!virtq_ask(q, 0) && nic_ack(&g->nic).queues == 0)
			return true;
		wait_a_while(g);
	}
	return false;
}

/* The timer wakes us too, so that without interrupts all else would go on, if slowly. */
static bool told_of(struct guest *g, uint32_t queue)
{
	uint32_t told = 0;

	for (unsigned i = 0; i < ROUNDS && (told >> queue & 1) == 0; i++) {
		wait_a_while(g);
		told |= nic_ack(&g->nic).queues;
	}
	return (told >> queue & 1) != 0;
}

static enum verdict interrupts(struct guest *g)
{
	if (!settled(g, &g->nic.rx))
		return fail(g, "interrupts without end");
	if (!step_apart(g, "@csum-frame 1"))
		return fail(g, "%s", g->answer);
	if (!told_of(g, QUEUE_RX))
		return fail(g, "a frame that came was not told of");
	if (!settled(g, &g->nic.tx))
		return fail(g, "interrupts without end");
	ask_host(g);
	if (!told_of(g, QUEUE_TX))
		return fail(g, "a frame that was sent was not told of");
	say(g, "a frame each way, by its queue's");
	return VERDICT_OK;
}

const struct check basic_checks[] = {
	{ "negotiate", negotiate, false },        { "arp", arp, false },
	{ "interrupts", interrupts, false },      { "ping-guest-to-host", ping_out, false },
	{ "ping-host-to-guest", ping_in, false }, { "udp-echo", udp_echo, false },
	{ "indirect", indirect, false },
};
const unsigned basic_count = sizeof(basic_checks) / sizeof(basic_checks[0]);
