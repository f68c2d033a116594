/* devices/net/settle.c: the only place where a frame ends: its fate gives the used length, the
 * counter and what the capture says. Whatever was read or taken is in exactly one of them (contract
 * 11). */
#include <assert.h>

#include "devices/base/clock.h"
#include "devices/net/net_priv.h"

static void settle_drop(struct net_pair *p, const struct frame *f)
{
	count(&p->count.drop[f->why], 1);
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
		if (f->fate == FATE_DROPPED) {
			settle_drop(p, f);
			if (f->why == DROP_TX_GONE)
				settle_gone(p);
			continue;
		}
		if (counted(&p->count.tx_packets) == 0)
			atomic_store_explicit(&p->count.first_tx_ns, clock_now_ns(&clock_host),
					      memory_order_relaxed);
		count(&p->count.tx_packets, 1);
		count(&p->count.tx_bytes, f->len);
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
		count(&p->count.rx_packets, 1);
		count(&p->count.rx_bytes, f->len);
	}
}

void settle_gone(struct net_pair *p)
{
	struct backend *be = p->net->config.backend;

	if (be->ops->gone(be) && !atomic_exchange(&p->net->gone, true))
		device_poke(p->net->device);
}

/* One publish and at most one signal a batch. */
void settle_signal(struct net_pair *p, struct queue *q, unsigned queue_index)
{
	if (queue_publish(q)) {
		count(&p->count.signals, 1);
		device_signal_queue(p->net->device, queue_index);
	}
	if (queue_fault_of(q) != QUEUE_FINE)
		device_report_broken(p->net->device, queue_index);
}
