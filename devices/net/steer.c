/* devices/net/steer.c: which pairs move frames, and so which queues of the backend take any. */
#include "devices/net/net_priv.h"

bool pair_receives(const struct net_pair *p)
{
	/* VHU-09: nothing is received into a queue that is off. */
	return p->index < p->net->steering.rx_pairs && queue_running(p->rx_queue) && !p->rx_off;
}

bool pair_transmits(const struct net_pair *p)
{
	return p->index < p->net->steering.tx_pairs && queue_running(p->tx_queue);
}

bool net_pair_active(const struct net_pair *p)
{
	return p->index < p->net->steering.rx_pairs || p->index < p->net->steering.tx_pairs;
}

/* CTRL-17, NET-46: by flow never to a queue that is not set up, or is being reset. The first stays:
 * without any queue the backend has no carrier to set; what comes into it meanwhile is dropped when
 * the queue is started. So is what a hash leads there. */
static bool wants_frames(const struct net_pair *p)
{
	const struct steering *s = &p->net->steering;

	return p->index == 0 || (s->by_hash ? p->index < s->rx_pairs : pair_receives(p));
}

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

/* NET-45, NET-47. */
static bool choose(struct net *n)
{
	struct backend *be = n->config.backend;
	const struct backend_steering *table = n->steering.by_hash ? &n->steering.table : NULL;
	struct err e;

	if (table == NULL && !n->hashes)
		return true;
	e = be->ops->set_steering(be, table);
	net_complain(n, "steer", e);
	if (!err_is(e))
		n->hashes = table != NULL;
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
	return choose(n) && good;
}

bool net_steer_by(struct net *n, const struct steering *to)
{
	struct steering before = n->steering;

	n->steering = *to;
	if (net_steer(n))
		return true;
	n->steering = before;
	(void)net_steer(n);
	return false;
}

/* CTRL-18: by flow. */
bool net_set_pairs(struct net *n, unsigned pairs)
{
	return net_steer_by(n, &(struct steering){ .rx_pairs = pairs, .tx_pairs = pairs });
}
