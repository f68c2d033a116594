/* devices/net/settle.c: the only place where a frame ends: its fate gives the used length, the
 * counter and what the capture says. Whatever was read or taken is in exactly one of them (contract
 * 11). */
#include <assert.h>
#include <linux/virtio_net.h>

#include "devices/base/clock.h"
#include "devices/net/net_priv.h"

static void settle_drop(struct net_pair *p, const struct frame *f)
{
	count(&p->count.drop[f->why], 1);
}

static void count_sent(struct pair_counters *c, const struct frame *f)
{
	count(&c->tx_packets, 1);
	count(&c->tx_bytes, f->len);
	if ((f->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		count(&c->tx_unfinished, 1);
	if (f->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		count(&c->tx_gso, 1);
		count(&c->tx_gso_bytes, f->len);
	}
}

static void count_placed(struct pair_counters *c, const struct frame *f)
{
	count(&c->rx_packets, 1);
	count(&c->rx_bytes, f->len);
	if ((f->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		count(&c->rx_unfinished, 1);
	else if ((f->hdr.flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0)
		count(&c->rx_valid, 1);
	if (f->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		count(&c->rx_gso, 1);
		count(&c->rx_gso_bytes, f->len);
	}
}

static void settle_capture(struct net_pair *p, enum capture_direction direction,
			   const struct frame *f)
{
	if (p->net->config.capture != NULL)
		capture_frame(p->net->config.capture, p->index, direction, f);
}

/* CORE-19, SPLIT-28, PACKED-07, PACKED-23: in the order in which they were taken, each by itself.
 * Transmit chains carry nothing back: used length 0. From the first kept frame on everything goes
 * back to the ring, judged or not, and is offered again. */
void settle_tx(struct net_pair *p)
{
	for (unsigned i = 0; i < p->tx.count; i++) {
		const struct frame *f = &p->tx.frame[i];

		if (f->fate == FATE_KEPT) {
			count(&p->count.tx_rewound, p->tx.count - i);
			queue_rewind(p->tx_queue, &p->tx_chain[i]);
			break;
		}
		assert(f->fate == FATE_SENT || f->fate == FATE_DROPPED);
		settle_capture(p, CAPTURE_FROM_GUEST, f);
		queue_push(p->tx_queue, &p->tx_chain[i], 0);
		coal_count(&p->tx_coal);
		if (f->fate == FATE_DROPPED) {
			settle_drop(p, f);
			if (f->why == DROP_TX_GONE)
				settle_gone(p);
			continue;
		}
		if (counted(&p->count.tx_packets) == 0)
			atomic_store_explicit(&p->count.first_tx_ns, clock_now_ns(&clock_host),
					      memory_order_relaxed);
		count_sent(&p->count, f);
	}
	p->tx.count = 0;
}

/* One that was placed was pushed by whoever placed it. Of one that was cut the guest sees the
 * segments. */
void settle_rx(struct net_pair *p, const struct frame *f)
{
	assert(f->fate == FATE_PLACED || f->fate == FATE_DROPPED || f->fate == FATE_CUT);
	if (f->fate != FATE_CUT)
		settle_capture(p, CAPTURE_TO_GUEST, f);
	if (f->fate == FATE_DROPPED) {
		settle_drop(p, f);
	} else if (f->fate == FATE_CUT) {
		count(&p->count.rx_cut, 1);
	} else {
		coal_count(&p->rx_coal);
		count_placed(&p->count, f);
	}
}

void settle_gone(struct net_pair *p)
{
	struct backend *be = p->net->config.backend;

	if (be->ops->gone(be) && !atomic_exchange(&p->net->gone, true))
		device_poke(p->net->device);
}

/* What was counted is told, if the driver wants that (CTRL-31). */
static void tell(struct net_pair *p, bool tx)
{
	if (queue_wants_signal(tx ? p->tx_queue : p->rx_queue)) {
		count(tx ? &p->count.signals_tx : &p->count.signals_rx, 1);
		device_signal_queue(p->net->device, 2 * p->index + (tx ? 1 : 0));
	}
	coal_done(net_pair_coal(p, tx));
}

/* One publish and at most one signal a batch. What was used shows at once, held back is the signal
 * alone: a driver that looks by itself finds it. */
void settle_signal(struct net_pair *p, bool tx)
{
	struct queue *q = tx ? p->tx_queue : p->rx_queue;

	if (queue_show(q) || coal_wait(net_pair_coal(p, tx), p->net->config.clock) == 0)
		tell(p, tx);
	if (queue_fault_of(q) != QUEUE_FINE)
		device_report_broken(p->net->device, 2 * p->index + (tx ? 1 : 0));
}

void settle_owed(struct net_pair *p, bool tx)
{
	if (coal_owes(net_pair_coal(p, tx)))
		tell(p, tx);
}

/* CTRL-29: each queue for itself. */
uint64_t net_signals(struct net_pair *p, bool all)
{
	uint64_t soonest = COAL_NEVER;

	for (unsigned tx = 0; tx < 2; tx++) {
		struct coal *c = net_pair_coal(p, tx != 0);
		uint64_t wait = COAL_NEVER;

		if (coal_owes(c) && !all)
			wait = coal_wait(c, p->net->config.clock);
		if (wait == 0 || all)
			settle_owed(p, tx != 0);
		else if (wait < soonest)
			soonest = wait;
	}
	return soonest;
}
