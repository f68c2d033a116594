/* guest/checks/odd.c: a driver that does what is seldom done and no fault, or does it too early:
 * empty buffers, buffers too small for a frame, status bits and doorbells out of turn. */
#include "guest/checks/check.h"

enum {
	QUEUES = 3,
	ROUNDS = 1000,
	SMALL = 40, /* less than a header and an ARP frame */
	SMALL_ROUNDS = 20,
};

/* ---- buffers ---- */

static void on_answer(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		      uint32_t len)
{
	uint32_t *answers = self;

	(void)g, (void)h;
	*answers += take_apart(frame, len).arp_reply;
}

static bool answered(struct guest *g, const uint32_t *answers, unsigned rounds)
{
	for (unsigned i = 0; i < rounds && *answers == 0; i++)
		(void)serve(g, true);
	return *answers > 0;
}

static void post_with_empty(struct guest *g, uint64_t at, uint32_t len)
{
	const struct buffer parts[] = { { at, 0, false },
					{ at, NIC_HDR, false },
					{ at, 0, false },
					{ at + NIC_HDR, len, false },
					{ at, 0, false } };

	(void)virtq_post(&g->nic.tx, parts, 5, g->nic.tx.free_head, false);
	nic_flush(&g->nic);
}

static enum verdict empty_buffers(struct guest *g)
{
	uint32_t answers = 0, slot;
	uint8_t *bytes;

	if (!bring_up(g, 0))
		return fail(g, "no traffic before it: %s", g->answer);
	g->on_frame = on_answer;
	g->on_frame_self = &answers;
	slot = g->nic.tx.free_head * TX_SLOT;
	bytes = g->nic.tx_bytes + slot;
	__builtin_memset(bytes, 0, NIC_HDR);
	post_with_empty(g, g->nic.tx_at + slot, put_arp_request(bytes + NIC_HDR, &g->host4));
	if (!answered(g, &answers, ROUNDS))
		return fail(g, "the frame between them was not answered");
	say(g, "first, in the middle and last in a chain: the frame goes out");
	return VERDICT_OK;
}

/* Of a buffer that the device has: it may be reading. */
static void set_len(struct guest *g, unsigned i, uint32_t len)
{
	__atomic_store_n(&g->nic.rx.desc[i].len, len, __ATOMIC_RELAXED);
}

/* Without merging, and too small for any answer; then as they were, and nothing posted anew. */
static enum verdict small_buffers(struct guest *g)
{
	uint64_t without = UINT64_C(1) << F_MRG_RXBUF;
	uint32_t answers = 0;

	if (!bring_up(g, without))
		return fail(g, "no traffic before it: %s", g->answer);
	g->on_frame = on_answer;
	g->on_frame_self = &answers;
	for (unsigned i = 0; i < NIC_QUEUE; i++)
		set_len(g, i, SMALL);
	ask_host(g);
	if (answered(g, &answers, SMALL_ROUNDS))
		return fail(g, "an answer came in buffers of %u bytes", (uint32_t)SMALL);
	for (unsigned i = 0; i < NIC_QUEUE; i++)
		set_len(g, i, RX_BUFFER);
	ask_host(g);
	if (!answered(g, &answers, ROUNDS))
		return fail(g, "no answer came in the same buffers made larger");
	say(g, "the frame is dropped, its buffers stay");
	return VERDICT_OK;
}

/* ---- status ---- */

static enum verdict status_refused(struct guest *g)
{
	static const uint32_t seen = S_ACKNOWLEDGE | S_DRIVER;
	static const uint32_t bad[] = { seen | S_DRIVER_OK, seen | 16, seen | 256, S_DRIVER };

	nic_reset(&g->nic);
	nic_write(&g->nic, REG_STATUS, seen);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		nic_write(&g->nic, REG_STATUS, bad[i]);
		if (nic_read(&g->nic, REG_STATUS) != seen)
			return fail(g, "status %x was taken", bad[i]);
	}
	if (!nic_negotiate(&g->nic, wanted_features(g, 0)) || !nic_queues(&g->nic))
		return fail(g, "the queues could not be set up");
	for (uint32_t queue = 0; queue < QUEUES; queue++)
		nic_ring(&g->nic, queue);
	nic_go(&g->nic);
	if (!step(g, "@carrier on") || !step(g, "@ping4 10 100"))
		return fail(g, "no traffic after doorbells before DRIVER_OK: %s", g->answer);
	say(g, "DRIVER_OK without FEATURES_OK, unknown bits, doorbells before DRIVER_OK");
	return VERDICT_OK;
}

/* QEMU takes no empty buffers. */
const struct check odd_checks[] = {
	{ "hostile-status", status_refused, true },
	{ "empty-buffers", empty_buffers, true },
	{ "small-buffers", small_buffers, true },
};
const unsigned odd_count = sizeof(odd_checks) / sizeof(odd_checks[0]);
