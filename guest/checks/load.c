/* guest/checks/load.c: 100,000 frames each way with none lost, and what they cost in kicks and
 * interrupts. */
#include "guest/checks/check.h"

enum {
	FRAMES = 100000,
	SIZE = 64,
	WINDOW = 256,
	WINDOW_OUT = 128, /* what a socket's default buffer holds: a user may not ask for more */
	FLOOD_PORT = 7004,
	ACK_PORT = 7005,
	SINK_PORT = 7011,
	OUR_PORT = 7012,
	ACK_EACH = 64,
	STALL_ROUNDS = 4000,
	SETTLE_ROUNDS = 1000,
	UNASKED = 100,
	SPARE = 100, /* for what the host sends unasked meanwhile */
	/* One interrupt or kick for so many frames is asked for, and one for half as many
	 * allowed: whatever the speed of guest and host, EVENT_IDX makes it so. */
	TOGETHER = 32,
	ALLOWED = FRAMES / (TOGETHER / 2)
};

struct flood {
	uint32_t count, bad;
	bool stuck; /* an acknowledgement found no room: no other will */
};

/* false: no room within some seconds. */
static bool queue_number(struct guest *g, uint16_t from, uint16_t to, uint32_t number, uint32_t len,
			 uint8_t flag)
{
	static const struct hdr plain;
	struct flow f = g->host4;
	uint8_t *payload = g->work + udp_payload(false);

	f.from_port = from;
	f.to_port = to;
	put_be32(payload, number);
	payload[4] = flag;
	return nic_queue(&g->nic, &plain, g->work, put_udp(g->work, &f, len, SUM_FULL), false);
}

static void on_flood(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		     uint32_t len)
{
	struct flood *f = self;
	struct packet p = take_apart(frame, len);

	(void)h;
	if (!p.udp || p.to_port != FLOOD_PORT || p.payload_len != SIZE)
		return;
	f->bad += get_be32(p.payload) != f->count;
	f->count++;
	if (!f->stuck && (f->count % ACK_EACH == 0 || f->count == FRAMES)) {
		f->stuck = !queue_number(g, FLOOD_PORT, ACK_PORT, f->count, 4, 0);
		nic_flush(&g->nic);
	}
}

/* With EVENT_IDX an interrupt comes for the used index that was asked for, and for none before it.
 * How many frames a busy device tells of at once depends on its speed; this does not. By
 * what the NIC tells, as in the VM the serial line's interrupts count with its own. */
static enum verdict asked_only(struct guest *g)
{
	struct virtq *q = &g->nic.rx;
	uint64_t kicks;

	while (serve(g, false) > 0)
		;
	(void)virtq_ask(q, UNASKED + SPARE);
	wait_a_while(g);
	for (unsigned i = 0; i < SETTLE_ROUNDS && nic_ack(&g->nic).queues != 0; i++)
		wait_a_while(g);
	if (!step_apart(g, "@raw %u 02:54:41:50:00:02 200", (uint32_t)UNASKED))
		return fail(g, "%s", g->answer);
	for (unsigned i = 0; i < SETTLE_ROUNDS && virtq_waiting(q) < UNASKED; i++)
		wait_a_while(g);
	if (virtq_waiting(q) < UNASKED)
		return fail(g, "%u frames did not come", (uint32_t)UNASKED);
	wait_a_while(g);
	if (nic_ack(&g->nic).queues != 0)
		return fail(g, "an interrupt that was not asked for");
	/* Nor does tapvm ask for kicks while it has buffers left. */
	kicks = q->kicks;
	while (serve(g, false) > 0)
		;
	if (g->our_device && q->kicks != kicks)
		return fail(g, "%u kicks for buffers that it did not lack",
			    (uint32_t)(q->kicks - kicks));
	return VERDICT_OK;
}

static enum verdict flood_in(struct guest *g)
{
	struct flood f = { 0 };
	uint32_t before, interrupts;
	bool ok = false;

	if (nic_has(&g->nic, F_EVENT_IDX) && !g->ip_only && asked_only(g) != VERDICT_OK)
		return VERDICT_FAIL;
	before = g->seam->interrupts(g->seam->self);
	g->on_frame = on_flood;
	g->on_frame_self = &f;
	g->nic.rx_after = TOGETHER - 1;
	step_begin(g, "@flood %u %u %u", (uint32_t)FRAMES, (uint32_t)SIZE, (uint32_t)WINDOW);
	/* The serial line costs an exit each look: only when there is nothing else to do. */
	for (unsigned idle = 0; f.count < FRAMES && !f.stuck && idle < STALL_ROUNDS; idle++)
		if (serve(g, true) > 0)
			idle = 0;
	while (!step_done(g, &ok))
		(void)serve(g, true);
	g->nic.rx_after = 0;
	interrupts = g->seam->interrupts(g->seam->self) - before;
	if (!ok || f.count != FRAMES || f.bad != 0)
		return fail(g, "%u came, %u out of order; %s", f.count, f.bad, g->answer);
	if (nic_has(&g->nic, F_EVENT_IDX) && interrupts > ALLOWED)
		return fail(g, "%u interrupts for %u frames", interrupts, f.count);
	say(g, "%u frames, none lost, %u interrupts, %s", f.count, interrupts, g->answer + 3);
	return VERDICT_OK;
}

struct acks {
	uint32_t acked;
};

static void on_ack(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		   uint32_t len)
{
	struct acks *a = self;
	struct packet p = take_apart(frame, len);

	(void)g, (void)h;
	if (p.udp && p.to_port == OUR_PORT && p.payload_len == 4 && get_be32(p.payload) > a->acked)
		a->acked = get_be32(p.payload);
}

static enum verdict flood_out(struct guest *g)
{
	uint64_t kicks = g->nic.tx.kicks;
	struct acks a = { 0 };
	uint32_t sent = 0, spent;

	if (!step(g, "@sink %u", (uint32_t)SINK_PORT))
		return fail(g, "%s", g->answer);
	g->on_frame = on_ack;
	g->on_frame_self = &a;
	for (unsigned idle = 0; a.acked < FRAMES && idle < STALL_ROUNDS; idle++) {
		while (sent < FRAMES && sent - a.acked < WINDOW_OUT) {
			if (!queue_number(g, OUR_PORT, SINK_PORT, sent, SIZE, sent + 1 == FRAMES))
				return fail(g, "no room for number %u, %u were acknowledged", sent,
					    a.acked);
			if (++sent % TOGETHER == 0)
				nic_flush(&g->nic);
		}
		nic_flush(&g->nic);
		if (serve(g, true) > 0)
			idle = 0;
	}
	spent = (uint32_t)(g->nic.tx.kicks - kicks);
	if (a.acked != FRAMES)
		return fail(g, "%u of %u were acknowledged", a.acked, sent);
	if (!step(g, "@sink-count"))
		return fail(g, "%s", g->answer);
	if (nic_has(&g->nic, F_EVENT_IDX) && spent > ALLOWED)
		return fail(g, "%u kicks for %u frames", spent, sent);
	say(g, "%u frames, none lost, %u kicks", sent, spent);
	return VERDICT_OK;
}

const struct check load_checks[] = { { "flood-host-to-guest", flood_in, false },
				     { "flood-guest-to-host", flood_out, false } };
const unsigned load_count = sizeof(load_checks) / sizeof(load_checks[0]);
