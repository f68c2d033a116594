/* guest/driver/second.c: a second queue pair (virtio 1.4, 5.1.2, 5.1.9.5.6). */
#include "guest/driver/nic.h"

enum { RX1 = 2, TX1 = 3 };

bool nic_second_memory(struct nic *n)
{
	const struct seam *s = n->seam;

	if (!virtq_memory(&n->rx1, s, SECOND_QUEUE) || !virtq_memory(&n->tx1, s, SECOND_QUEUE))
		return false;
	n->rx1_bytes = s->memory(s->self, SECOND_QUEUE * RX_BUFFER, &n->rx1_at);
	n->tx1_bytes = s->memory(s->self, SECOND_QUEUE * TX_SLOT, &n->tx1_at);
	return n->rx1_bytes != NULL && n->tx1_bytes != NULL;
}

static void post(struct nic *n, uint32_t slot)
{
	const struct buffer b = { n->rx1_at + (uint64_t)slot * RX_BUFFER, RX_BUFFER, true };

	(void)virtq_post(&n->rx1, &b, 1, slot, false);
}

bool nic_second(struct nic *n)
{
	n->second = nic_set_queue(n, RX1, &n->rx1) && nic_set_queue(n, TX1, &n->tx1);
	for (uint32_t slot = 0; slot < SECOND_QUEUE && n->second; slot++)
		post(n, slot);
	return n->second;
}

void nic_second_go(struct nic *n) { nic_kick(n, RX1, &n->rx1); }

bool nic_second_send(struct nic *n, const void *bytes, uint32_t len)
{
	static const struct hdr plain;
	struct buffer b = { .len = NIC_HDR + len };
	uint32_t slot, cookie, written;
	uint8_t *to;

	while (virtq_used(&n->tx1, &cookie, &written))
		;
	if (n->tx1.free_count == 0)
		return false;
	slot = n->tx1.free_head;
	b.addr = n->tx1_at + (uint64_t)slot * TX_SLOT;
	to = n->tx1_bytes + slot * TX_SLOT;
	nic_put_hdr(to, &plain);
	__builtin_memcpy(to + NIC_HDR, bytes, len);
	(void)virtq_post(&n->tx1, &b, 1, slot, false);
	nic_kick(n, TX1, &n->tx1);
	return true;
}

uint32_t nic_second_receive(struct nic *n, struct hdr *ret_hdr)
{
	uint32_t slot, written;

	if (!virtq_used(&n->rx1, &slot, &written)) {
		nic_kick(n, RX1, &n->rx1);
		return 0;
	}
	*ret_hdr = nic_get_hdr(n->rx1_bytes + slot * RX_BUFFER);
	__builtin_memcpy(n->frame, n->rx1_bytes + slot * RX_BUFFER + NIC_HDR, written - NIC_HDR);
	post(n, slot);
	return written - NIC_HDR;
}
