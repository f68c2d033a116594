/* devices/net/net.c: puts the virtio-net device together: its kind for virtio/device.h, its
 * pairs. */
#include "devices/net/net.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "devices/base/uapi_compat.h"
#include "devices/net/net_priv.h"

/* ---- struct device_kind: all with the device mutex ---- */

static bool kind_features_ok(void *self, const struct features *accepted)
{
	(void)self;
	return net_features_ok(accepted);
}

/* A driver without MQ and RSS knows of one pair, whatever was offered. */
unsigned net_pairs_agreed(const struct net *n)
{
	const struct features *f = device_accepted(n->device);

	return features_has(f, VIRTIO_NET_F_MQ) || features_has(f, VIRTIO_NET_F_RSS)
		       ? n->config.pairs
		       : 1;
}

/* NET-01: receive and transmit of each pair, then the control queue if it was accepted. */
static int kind_control_queue(void *self)
{
	struct net *n = self;

	return features_has(device_accepted(n->device), VIRTIO_NET_F_CTRL_VQ)
		       ? 2 * (int)net_pairs_agreed(n)
		       : -1;
}

static unsigned kind_queue_count(void *self)
{
	struct net *n = self;

	return 2 * net_pairs_agreed(n) + (kind_control_queue(n) >= 0 ? 1 : 0);
}

void net_complain(struct net *n, const char *what, struct err e)
{
	if (err_is(e))
		log_limited(&n->config.log, &n->log_limit, "%s: %s: %s", n->name, what, e.text);
}

void net_replan(struct net *n)
{
	struct backend *be = n->config.backend;

	n->plan =
		plan_make(device_accepted(n->device), n->guest_offloads, n->config.mtu, &be->caps);
	net_complain(n, "set offloads", be->ops->set_offloads(be, n->plan.offloads));
}

/* Offloads first, then what was queued in the old form is dropped, then the host sees a carrier. */
static void kind_driver_ok(void *self, const struct features *accepted)
{
	struct net *n = self;
	struct backend *be = n->config.backend;

	n->mrg_rxbuf = features_has(accepted, VIRTIO_NET_F_MRG_RXBUF);
	/* CTRL-16. */
	n->announces = features_has(accepted, VIRTIO_NET_F_GUEST_ANNOUNCE) &&
		       features_has(accepted, VIRTIO_NET_F_STATUS);
	n->filter.by_vlan = features_has(accepted, VIRTIO_NET_F_CTRL_VLAN);
	n->guest_offloads = plan_guest_offloads(accepted);
	net_replan(n);
	/* VHU-17: without a control queue of ours nobody asks for more pairs or fewer: each moves
	 * frames as its queues run and are switched on. */
	(void)net_set_pairs(n, kind_control_queue(n) < 0 ? n->config.pairs : 1);
	for (unsigned i = 0; i < n->config.pairs; i++)
		if (n->pair[i].attached)
			net_rx_stale(&n->pair[i]);
	net_complain(n, "carrier on", be->ops->set_carrier(be, true));
}

/* CTRL-08: after a reset everything is as at power-on, the address of the driver's choice
 * included. */
static void kind_reset(void *self)
{
	struct net *n = self;
	struct backend *be = n->config.backend;

	device_config_begin(n->device);
	memcpy(n->mac, n->config.mac, sizeof(n->mac));
	n->announces = n->announce = false;
	device_config_end(n->device, false);
	n->filter = (struct filter){ 0 };
	memcpy(n->filter.mac, n->mac, sizeof(n->mac));
	n->hash = (struct hash_config){ 0 }; /* CTRL-22, CTRL-23 */
	n->guest_offloads = 0;
	n->mrg_rxbuf = false;
	/* CTRL-28. */
	n->rx_limits = n->tx_limits = (struct coal_limits){ 0 };
	for (unsigned i = 0; i < n->config.pairs; i++)
		n->pair[i].rx_coal = n->pair[i].tx_coal = (struct coal){ 0 };
	net_complain(n, "carrier off", be->ops->set_carrier(be, false));
	(void)net_set_pairs(n, 1); /* NET-43 */
}

/* The pair of a queue; NULL: it is the control queue. */
static struct net_pair *pair_of(struct net *n, unsigned index)
{
	return index / 2 < n->config.pairs && (int)index != kind_control_queue(n)
		       ? &n->pair[index / 2]
		       : NULL;
}

/* Frames held for a receive queue do not come into the next one in its place. CTRL-33: that one has
 * the limits of its kind, not those of its own. */
static void kind_queue_stopped(void *self, unsigned index)
{
	struct net *n = self;
	struct net_pair *p = pair_of(n, index);
	bool tx = index % 2 != 0;

	if (p == NULL)
		return;
	*net_pair_coal(p, tx) = (struct coal){ .limits = tx ? n->tx_limits : n->rx_limits };
	if (tx)
		return;
	net_pair_stop(p);
	(void)net_steer(n);
}

/* NET-46: nor do those that came while there was none. */
static void kind_queue_started(void *self, unsigned index)
{
	struct net *n = self;
	struct net_pair *p = pair_of(n, index);

	if (p == NULL || index % 2 != 0)
		return;
	if (p->attached)
		net_rx_stale(p);
	(void)net_steer(n);
}

/* VHU-09: what workers read is changed in a pause alone. */
static void kind_queue_enabled(void *self, unsigned index, bool on)
{
	struct net *n = self;

	if (index / 2 >= n->config.pairs)
		return;
	if (index % 2 == 0)
		n->pair[index / 2].rx_off = !on;
	else
		n->pair[index / 2].tx_off = !on;
	(void)net_steer(n);
}

static void kind_config_read(void *self, uint32_t offset, void *ret, uint32_t len)
{
	net_config_bytes(self, offset, ret, len);
}

/* NET-05. */
static void set_link(struct net *n, bool up)
{
	if (n->link_up == up)
		return;
	device_config_begin(n->device);
	n->link_up = up;
	/* CTRL-16: one change, one interrupt. */
	n->announce |= up && n->announces;
	device_config_end(n->device, true);
}

static void kind_poked(void *self)
{
	struct net *n = self;

	/* Whoever watches the host's links may have taken this one down already. */
	if (!atomic_load(&n->gone) || n->gone_said)
		return;
	n->gone_said = true;
	set_link(n, false);
	log_limited(&n->config.log, &n->log_limit,
		    "%s: its interface is gone from the host: the guest's link is down", n->name);
}

static void kind_control(void *self, struct queue *q) { ctrl_run(self, q); }

static const struct device_kind net_kind = {
	.device_id = 1,
	.features_ok = kind_features_ok,
	.queue_count = kind_queue_count,
	.control_queue = kind_control_queue,
	.driver_ok = kind_driver_ok,
	.reset = kind_reset,
	.queue_stopped = kind_queue_stopped,
	.queue_started = kind_queue_started,
	.config_read = kind_config_read,
	.poked = kind_poked,
	.control = kind_control,
	.queue_enabled = kind_queue_enabled,
	.request = net_request,
};

/* ---- life ---- */

static bool pair_init(struct net_pair *p, struct net *n, unsigned index)
{
	p->rx_queue = device_queue(n->device, 2 * index);
	p->tx_queue = device_queue(n->device, 2 * index + 1);
	p->rx_guess = BATCH_MAX;
	p->rx_chain_bytes = VNET_HDR_BYTES + 1514;
	/* Slots are touched only as far as frames reach: memory, not resident memory. */
	p->tx_slots = calloc(BATCH_MAX, TX_SLOT_BYTES);
	p->tx_whole = calloc(1, SLOT_BYTES);
	p->rx_slots = calloc(BATCH_MAX + 1, SLOT_BYTES);
	p->rx_chain = calloc(n->config.queue_size, sizeof(*p->rx_chain));
	return p->tx_slots != NULL && p->tx_whole != NULL && p->rx_slots != NULL &&
	       p->rx_chain != NULL;
}

/* NET-43: the first pair alone. */
static struct err others_off(struct net *n)
{
	struct backend *be = n->config.backend;
	struct err e = err_none();

	for (unsigned i = n->config.pairs; i-- > 1 && !err_is(e);)
		e = be->ops->set_queue(be, i, false);
	return e;
}

struct err net_create(const struct net_config *config, const struct runner_ops *runner,
		      void *runner_self, struct net **ret_net)
{
	struct net *n;
	struct err e = net_offer_check(config);

	assert(config->pairs >= 1 && config->pairs <= config->backend->caps.queues &&
	       config->pairs <= QUEUE_PAIRS_MAX);
	if (err_is(e))
		return e;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make NIC %s", config->name);
	n->config = *config;
	(void)snprintf(n->name, sizeof(n->name), "%s", config->name);
	n->config.name = n->name;
	if (config->clock == NULL)
		n->config.clock = &clock_host;
	rate_set(&n->rx_rate, &config->rate.rx, n->config.clock);
	rate_set(&n->tx_rate, &config->rate.tx, n->config.clock);
	memcpy(n->mac, config->mac, sizeof(n->mac));
	memcpy(n->filter.mac, config->mac, sizeof(n->mac));
	n->link_up = config->link_up;
	n->ctrl_bytes = calloc(1, CTRL_BYTES_MAX);
	n->steering.rx_pairs = n->steering.tx_pairs = 1;
	n->pair[0].attached = true;
	for (unsigned i = 0; i < config->pairs; i++) {
		n->pair[i].net = n;
		n->pair[i].index = i;
	}
	e = device_create(
		&(struct device_config){
			.kind = &net_kind,
			.kind_self = n,
			.runner = runner,
			.runner_self = runner_self,
			.mem = config->mem,
			.loop = config->loop,
			.log = config->log,
			.name = n->name,
			.offered = net_offer(&n->config),
			.queue_size_max = config->queue_size,
			.queue_max = 2 * config->pairs + 1,
		},
		&n->device);
	for (unsigned i = 0; i < config->pairs && !err_is(e); i++)
		if (!pair_init(&n->pair[i], n, i))
			e = err_make(ERR_SETUP, ENOMEM, "make the buffers of NIC %s", config->name);
	if (n->ctrl_bytes == NULL && !err_is(e))
		e = err_make(ERR_SETUP, ENOMEM, "make NIC %s", config->name);
	if (!err_is(e))
		e = others_off(n);
	if (err_is(e)) {
		net_destroy(n);
		return e;
	}
	*ret_net = n;
	return err_none();
}

void net_destroy(struct net *n)
{
	if (n == NULL)
		return;
	device_destroy(n->device);
	for (unsigned i = 0; i < QUEUE_PAIRS_MAX; i++) {
		free(n->pair[i].tx_slots);
		free(n->pair[i].tx_whole);
		free(n->pair[i].rx_slots);
		free(n->pair[i].rx_chain);
	}
	free(n->ctrl_bytes);
	free(n);
}

struct device *net_device(struct net *n) { return n->device; }
struct net_pair *net_pair(struct net *n, unsigned index) { return &n->pair[index]; }
unsigned net_pairs(const struct net *n) { return n->config.pairs; }

int net_backend_fd(struct net_pair *p)
{
	struct backend *be = p->net->config.backend;

	return be->ops->poll_fd(be, p->index);
}

struct err net_lend_backend(struct net *n, bool on)
{
	struct backend *be = n->config.backend;

	if (be->ops->lend == NULL)
		return err_make(ERR_SETUP, 0, "%s is nothing that the kernel moves frames of",
				n->name);
	return be->ops->lend(be, on ? n->plan.hdr_bytes : 0);
}

bool net_has_input(const struct net_pair *p)
{
	const struct backend *be = p->net->config.backend;

	return be->ops->has_input != NULL && be->ops->has_input(be, p->index);
}

void net_count_kick(struct net_pair *p, bool tx)
{
	count(tx ? &p->count.kicks_tx : &p->count.kicks_rx, 1);
}

/* A write that had to wait while the interface was down gets no edge when it comes up: the resume
 * makes the worker look at everything. */
void net_set_link(struct net *n, bool up)
{
	device_lock(n->device);
	set_link(n, up && !atomic_load(&n->gone));
	device_pause(n->device);
	device_resume(n->device);
	device_unlock(n->device);
}

/* What was spent of a limit that stays is spent. */
static void change_rate(struct net *n, struct rate *r, const struct rate_limit *to)
{
	if (r->limit.bytes_a_second != to->bytes_a_second ||
	    r->limit.burst_bytes != to->burst_bytes)
		rate_set(r, to, n->config.clock);
}

void net_set_rate(struct net *n, const struct net_rate *rate)
{
	device_lock(n->device);
	device_pause(n->device);
	n->config.rate = *rate;
	change_rate(n, &n->rx_rate, &rate->rx);
	change_rate(n, &n->tx_rate, &rate->tx);
	device_resume(n->device);
	device_unlock(n->device);
}

const struct net_rate *net_rate(const struct net *n) { return &n->config.rate; }

uint64_t net_rate_wait(struct net_pair *p, bool tx)
{
	return rate_wait(tx ? &p->net->tx_rate : &p->net->rx_rate, p->net->config.clock);
}
