/* devices/net/stats.c: the account (contract 11): counters of all pairs summed. */
#include <string.h>

#include "devices/net/net_priv.h"

bool net_drop_is_rx(enum drop_reason why) { return why >= DROP_RX_RUNT; }

/* A frame that was dropped for a fault of its own counts as an error too. */
bool net_drop_is_error(enum drop_reason why)
{
	return why == DROP_RX_RUNT || why == DROP_RX_ERROR || why == DROP_RX_OFFLOAD ||
	       (why >= DROP_TX_NO_HEADER && why <= DROP_TX_GSO_PROTOCOL);
}

static void add_pair(const struct net_pair *p, struct net_stats *s)
{
	const struct pair_counters *c = &p->count;
	struct backend *be = p->net->config.backend;
	struct backend_counters backend = { 0 };

	s->rx.packets += counted(&c->rx_packets);
	s->rx.bytes += counted(&c->rx_bytes);
	s->tx.packets += counted(&c->tx_packets);
	s->tx.bytes += counted(&c->tx_bytes);
	s->tx_taken += counted(&c->tx_taken) - counted(&c->tx_rewound);
	s->tx_rewound += counted(&c->tx_rewound);
	s->rx_read += counted(&c->rx_read);
	s->rx_held += counted(&c->rx_held);
	s->rx_cut += counted(&c->rx_cut);
	s->rx_segments += counted(&c->rx_segments);
	s->kicks_rx += counted(&c->kicks_rx);
	s->kicks_tx += counted(&c->kicks_tx);
	s->signals += counted(&c->signals_rx) + counted(&c->signals_tx);
	s->rate_waits_rx += counted(&c->rate_waits_rx);
	s->rate_waits_tx += counted(&c->rate_waits_tx);
	s->batches_rx += counted(&c->batches_rx);
	s->batches_tx += counted(&c->batches_tx);
	for (unsigned why = 0; why < DROP_REASONS; why++)
		s->drop[why] += counted(&c->drop[why]);
	be->ops->counters(be, p->index, &backend);
	s->syscalls += backend.syscalls;
}

void net_stats(struct net *n, struct net_stats *ret)
{
	uint64_t rx_begins, rx_ends, tx_ends;

	memset(ret, 0, sizeof(*ret));
	device_lock(n->device);
	device_pause(n->device);
	for (unsigned i = 0; i < n->config.pairs; i++)
		add_pair(&n->pair[i], ret);
	if (n->config.capture != NULL)
		ret->capture = capture_counters(n->config.capture);
	device_resume(n->device);
	device_unlock(n->device);
	for (unsigned why = 0; why < DROP_REASONS; why++) {
		struct net_direction *d =
			net_drop_is_rx((enum drop_reason)why) ? &ret->rx : &ret->tx;

		d->drops += ret->drop[why];
		if (net_drop_is_error((enum drop_reason)why))
			d->errors += ret->drop[why];
	}
	rx_begins = ret->rx_read + ret->rx_segments;
	rx_ends = ret->rx.packets + ret->rx.drops + ret->rx_held + ret->rx_cut;
	tx_ends = ret->tx.packets + ret->tx.drops;
	ret->unaccounted = (int64_t)(rx_begins - rx_ends) + (int64_t)(ret->tx_taken - tx_ends);
}

uint64_t net_first_tx_ns(const struct net *n)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < n->config.pairs; i++) {
		uint64_t t = counted(&n->pair[i].count.first_tx_ns);

		if (t != 0 && (first == 0 || t < first))
			first = t;
	}
	return first;
}
