/* devices/net/tx.c: the way of a frame from the guest to the backend. Start reading at net_tx. */
#include <string.h>

#include "devices/frame/gso.h"
#include "devices/mem/slices.h"
#include "devices/net/net_priv.h"

/* virtio 1.4, 5.1.2: transmit queue of pair i. */
static unsigned tx_index(const struct net_pair *p) { return 2 * p->index + 1; }

/* The slices behind the first `skip` bytes, into ret: their number, -1 if there are more than
 * max. */
static int slices_behind(const struct chain *c, uint64_t skip, struct iovec *ret, int max)
{
	int used = 0;

	for (int i = 0; i < c->readable_count; i++) {
		struct iovec part = c->readable[i];

		if (skip >= part.iov_len) {
			skip -= part.iov_len;
			continue;
		}
		if (used == max)
			return -1;
		ret[used++] =
			(struct iovec){ (uint8_t *)part.iov_base + skip, part.iov_len - skip };
		skip = 0;
	}
	return used;
}

/* Copies the head of a frame above COPY_MAX. false: it is not enough to judge the frame by: more
 * options or extension headers than usual. */
static bool read_head(struct frame *f, const struct chain *c, unsigned hdr_bytes)
{
	struct gso_headers headers;

	f->local = LENT_HEAD;
	(void)slices_read(c->readable, c->readable_count, hdr_bytes, f->bytes, f->local);
	return f->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE || gso_parse(f, &headers);
}

/* SPLIT-04: a frame above COPY_MAX: its head is copied and judged, the rest is lent. In too many
 * slices, or with too long headers, it is copied whole, one such a batch. false: the slot for that
 * is taken, end the batch before it. */
static bool lend(struct net_pair *p, struct frame *f, unsigned slot, const struct chain *c)
{
	unsigned hdr_bytes = p->net->plan.hdr_bytes;
	int slices = slices_behind(c, hdr_bytes + LENT_HEAD, p->tx_lent[slot], LENT_SLICES);

	if (slices >= 0 && read_head(f, c, hdr_bytes)) {
		f->rest = p->tx_lent[slot];
		f->rest_count = slices;
		return true;
	}
	if (p->tx_whole_used)
		return false;
	p->tx_whole_used = true;
	f->bytes = p->tx_whole + VNET_HDR_MAX;
	f->local = f->len;
	(void)slices_read(c->readable, c->readable_count, hdr_bytes, f->bytes, f->local);
	return true;
}

/* Fills slot from the chain, and judges it (NET-25). false: end the batch before this chain.
 * SPLIT-06: the guest's bytes are read alone; what is changed is the copy. */
static bool gather(struct net_pair *p, unsigned slot, const struct chain *c)
{
	struct frame *f = &p->tx.frame[slot];
	uint8_t header[VNET_HDR_MAX];
	unsigned hdr_bytes = p->net->plan.hdr_bytes;

	*f = (struct frame){ .bytes = p->tx_slots + (size_t)slot * TX_SLOT_BYTES + VNET_HDR_MAX };
	/* VHU-09: used and thrown away. */
	if (p->tx_off) {
		frame_drop(f, DROP_TX_OFF);
		return true;
	}
	if (!slices_read(c->readable, c->readable_count, 0, header, hdr_bytes)) {
		frame_drop(f, DROP_TX_NO_HEADER);
		return true;
	}
	if (c->readable_bytes - hdr_bytes > FRAME_MAX) {
		frame_drop(f, DROP_TX_LONG);
		return true;
	}
	f->hdr = vnet_hdr_read(header, hdr_bytes);
	f->len = f->local = (uint32_t)(c->readable_bytes - hdr_bytes);
	if (f->len <= COPY_MAX)
		(void)slices_read(c->readable, c->readable_count, hdr_bytes, f->bytes, f->len);
	else if (!lend(p, f, slot, c))
		return false;
	if (f->len < FRAME_MIN)
		f->why = DROP_TX_SHORT;
	else
		f->why = vnet_hdr_judge_tx(f, &p->net->plan.tx);
	if (f->why != DROP_NONE)
		frame_drop(f, f->why);
	return true;
}

static void give_back(struct net_pair *p, const struct chain *c, unsigned chains)
{
	count(&p->count.tx_rewound, chains);
	queue_rewind(p->tx_queue, c);
}

/* Takes and judges up to a batch of frames, until they have so many bytes. Returns what ended it.
 */
static enum take take_batch(struct net_pair *p, uint64_t most)
{
	uint64_t bytes = 0;

	p->tx.count = 0;
	p->tx_whole_used = false;
	while (p->tx.count < BATCH_MAX && bytes < most) {
		struct chain *c = &p->tx_chain[p->tx.count];
		enum take took = queue_take(p->tx_queue, c);

		if (took != TAKE_CHAIN)
			return took;
		count(&p->count.tx_taken, 1);
		if (c->writable_count > 0) { /* NET-26 */
			give_back(p, c, 1);
			queue_break(p->tx_queue, QUEUE_FAULT_DIRECTION);
			return TAKE_BROKEN;
		}
		if (!gather(p, p->tx.count, c)) {
			give_back(p, c, 1);
			return TAKE_FULL;
		}
		bytes += c->readable_bytes;
		p->tx.count++;
	}
	return TAKE_FULL;
}

/* The kernel found what was lent to be gone: a file that was cut short. Whoever has it gone is told
 * by SIGBUS, as everywhere else. */
static void lost_memory(struct net_pair *p, const struct frame *f)
{
	slices_touch(f->rest, f->rest_count);
	queue_break(p->tx_queue, QUEUE_FAULT_MEMORY);
}

enum run net_tx(struct net_pair *p)
{
	struct net *n = p->net;
	struct backend *be = n->config.backend;
	uint64_t allowed, sent = counted(&p->count.tx_bytes);
	enum take ended;
	bool kept = false;

	/* NET-44. */
	if (!pair_transmits(p))
		return RUN_IDLE;
	allowed = rate_allow(&n->tx_rate, n->config.clock, BATCH_BYTES_MAX);
	if (allowed == 0) {
		count(&p->count.rate_waits_tx, 1);
		return RUN_LATER;
	}
	queue_kick_disable(p->tx_queue);
	ended = take_batch(p, allowed);
	if (p->tx.count > 0) {
		count(&p->count.batches_tx, 1);
		be->ops->send(be, p->index, &p->tx);
		for (unsigned i = 0; i < p->tx.count && !kept; i++)
			kept = p->tx.frame[i].fate == FATE_KEPT;
		for (unsigned i = 0; i < p->tx.count; i++)
			if (p->tx.frame[i].why == DROP_TX_MEMORY_GONE)
				lost_memory(p, &p->tx.frame[i]);
		settle_tx(p);
	}
	rate_used(&n->tx_rate, allowed, counted(&p->count.tx_bytes) - sent);
	settle_signal(p, true);
	if (ended == TAKE_BROKEN || queue_fault_of(p->tx_queue) != QUEUE_FINE)
		return RUN_BROKEN;
	if (kept)
		return RUN_BLOCKED;
	return ended == TAKE_EMPTY ? RUN_IDLE : RUN_MORE;
}

bool net_tx_wait(struct net_pair *p)
{
	return pair_transmits(p) && queue_fault_of(p->tx_queue) == QUEUE_FINE &&
	       queue_kick_enable(p->tx_queue);
}

bool net_tx_waiting(struct net_pair *p)
{
	return pair_transmits(p) && queue_fault_of(p->tx_queue) == QUEUE_FINE &&
	       queue_available(p->tx_queue) > 0;
}

int net_kick_fd_tx(struct net_pair *p) { return device_kick_fd(p->net->device, tx_index(p)); }
