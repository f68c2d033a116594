/* devices/net/steer.c: which pairs move frames, and so which queues of the backend take any. */
#include "devices/net/net_priv.h"

bool pair_receives(const struct net_pair *p)
{
	/* VHU-09: nothing is received into a queue that is off. */
	return p->index < p->net->rx_pairs && queue_running(p->rx_queue) && !p->rx_off;
}

bool pair_transmits(const struct net_pair *p)
{
	return p->index < p->net->tx_pairs && queue_running(p->tx_queue);
}

bool net_pair_active(const struct net_pair *p)
{
	return p->index < p->net->rx_pairs || p->index < p->net->tx_pairs;
}

/* CTRL-17, NET-46: never to a queue that is not set up, or is being reset. The first stays: without
 * any queue the backend has no carrier to set; what comes into it meanwhile is dropped when the
 * queue is started. */
static bool wants_frames(const struct net_pair *p) { return p->index == 0 || pair_receives(p); }

static bool take_part(struct net_pair *p, bool on)
{
	struct backend *be = p->net->config.backend;
	struct err e;

	if (p->attached == on)
		return true;
	if (!on) {
		net_pair_stop(p);
		net_rx_stale(p);
	}
	e = be->ops->set_queue(be, p->index, on);
	net_complain(p->net, "steer", e);
	if (!err_is(e))
		p->attached = on;
	return !err_is(e);
}

/* The last is detached first: so the kernel keeps the order of the others. */
bool net_steer(struct net *n)
{
	bool good = true;

	for (unsigned i = n->config.pairs; i-- > 0;)
		if (!wants_frames(&n->pair[i]))
			good = take_part(&n->pair[i], false) && good;
	for (unsigned i = 0; i < n->config.pairs; i++)
		if (wants_frames(&n->pair[i]))
			good = take_part(&n->pair[i], true) && good;
	return good;
}

bool net_set_pairs(struct net *n, unsigned pairs)
{
	unsigned rx_before = n->rx_pairs, tx_before = n->tx_pairs;

	n->rx_pairs = n->tx_pairs = pairs;
	if (net_steer(n))
		return true;
	n->rx_pairs = rx_before;
	n->tx_pairs = tx_before;
	(void)net_steer(n);
	return false;
}
