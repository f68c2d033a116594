/* guest/checks/queues.c: queues that are reset one by one while the NIC goes on. */
#include "guest/checks/check.h"

enum { RESETS = 5, DATAGRAMS = 5, DATAGRAM_PORT = 7003, ROUNDS = 1000 };

struct came {
	uint32_t datagrams, answers;
};

static void on_frame(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		     uint32_t len)
{
	struct packet p = take_apart(frame, len);
	struct came *c = self;

	(void)g, (void)h;
	c->datagrams += p.udp && p.to_port == DATAGRAM_PORT;
	c->answers += p.arp_reply;
}

static bool await(struct guest *g, const uint32_t *count, uint32_t wanted)
{
	for (unsigned i = 0; i < ROUNDS && *count < wanted; i++)
		(void)serve(g, true);
	return *count == wanted;
}

static enum verdict once(struct guest *g, struct came *c)
{
	*c = (struct came){ 0 };
	if (!nic_queue_reset(&g->nic, QUEUE_TX))
		return fail(g, "the transmit queue is ready after its reset");
	for (uint32_t i = 0; i < DATAGRAMS; i++)
		if (!step(g, "@csum-frame 1"))
			return fail(g, "%s", g->answer);
	if (!await(g, &c->datagrams, DATAGRAMS))
		return fail(g, "without a transmit queue %u of %u datagrams came", c->datagrams,
			    (uint32_t)DATAGRAMS);
	if (!nic_queue_again(&g->nic, QUEUE_TX))
		return fail(g, "the transmit queue is not ready again");
	ask_host(g);
	if (!await(g, &c->answers, 1))
		return fail(g, "nothing was sent by the queue that came back");
	if (!nic_queue_reset(&g->nic, QUEUE_RX) || !nic_queue_again(&g->nic, QUEUE_RX))
		return fail(g, "the receive queue could not be reset, or not set up again");
	ask_host(g);
	if (!await(g, &c->answers, 2))
		return fail(g, "nothing was received by the queue that came back");
	return VERDICT_OK;
}

static enum verdict queue_reset(struct guest *g)
{
	struct came c;

	if (!nic_has(&g->nic, F_RING_RESET))
		return skip(g, "RING_RESET is not offered");
	if (!g->our_device && g->nic.transport.bus == BUS_MMIO)
		return skip(g, "QEMU offers RING_RESET over mmio and has no QueueReset there");
	g->on_frame = on_frame;
	g->on_frame_self = &c;
	for (unsigned i = 0; i < RESETS; i++)
		if (once(g, &c) != VERDICT_OK)
			return VERDICT_FAIL;
	say(g, "%u times each, the other running meanwhile, traffic after it", (uint32_t)RESETS);
	return VERDICT_OK;
}

const struct check queue_checks[] = { { "queue-reset", queue_reset, false } };
const unsigned queue_count = sizeof(queue_checks) / sizeof(queue_checks[0]);
