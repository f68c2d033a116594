/* devices/net/ctrl_stats.c: statistics for the driver (virtio 1.4, 5.1.9.5.11). Counters count from
 * the making of the device on, over resets, and wrap to 0. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/base/uapi_compat.h"
#include "devices/net/ctrl_priv.h"

enum { VALUES_MAX = 6, NEEDS_MAX = 3 };

struct wire_stats_request {
	le16 index, reserved[3];
	le64 types;
};
struct wire_stats_reply {
	uint8_t type, reserved;
	le16 index, reserved1, size;
	le64 value[VALUES_MAX];
};
static_assert(sizeof(struct wire_stats_request) == 16, "virtio 1.4, 5.1.9.5.11.2");
static_assert(offsetof(struct wire_stats_reply, value) == 8, "virtio 1.4, 5.1.9.5.11.2");

/* ---- what each type says, in the order of its structure ---- */

static uint64_t drops_of(const struct net_pair *p, bool rx, bool errors_alone)
{
	uint64_t sum = 0;

	for (unsigned why = 0; why < DROP_REASONS; why++)
		if (net_drop_is_rx((enum drop_reason)why) == rx &&
		    (!errors_alone || net_drop_is_error((enum drop_reason)why)))
			sum += counted(&p->count.drop[why]);
	return sum;
}

static void rx_basic(const struct net_pair *p, uint64_t *ret)
{
	const struct pair_counters *c = &p->count;

	ret[0] = counted(&c->kicks_rx);
	ret[1] = counted(&c->rx_packets);
	ret[2] = counted(&c->rx_bytes);
	ret[3] = counted(&c->signals_rx);
	ret[4] = drops_of(p, true, false);
	ret[5] = counted(&c->drop[DROP_RX_NO_BUFFERS]);
}

static void tx_basic(const struct net_pair *p, uint64_t *ret)
{
	const struct pair_counters *c = &p->count;

	ret[0] = counted(&c->kicks_tx);
	ret[1] = counted(&c->tx_packets);
	ret[2] = counted(&c->tx_bytes);
	ret[3] = counted(&c->signals_tx);
	ret[4] = drops_of(p, false, false);
	ret[5] = drops_of(p, false, true);
}

/* Valid, unfinished, neither, and wrong: a frame with a wrong checksum is not told from others. */
static void rx_csum(const struct net_pair *p, uint64_t *ret)
{
	const struct pair_counters *c = &p->count;

	ret[0] = counted(&c->rx_valid);
	ret[1] = counted(&c->rx_unfinished);
	ret[2] = counted(&c->rx_packets) - ret[0] - ret[1];
}

static void tx_csum(const struct net_pair *p, uint64_t *ret)
{
	ret[1] = counted(&p->count.tx_unfinished);
	ret[0] = counted(&p->count.tx_packets) - ret[1];
}

/* The device itself joins no frames. */
static void rx_gso(const struct net_pair *p, uint64_t *ret)
{
	ret[0] = counted(&p->count.rx_gso);
	ret[1] = counted(&p->count.rx_gso_bytes);
}

/* Super-frames go to the host whole. */
static void tx_gso(const struct net_pair *p, uint64_t *ret)
{
	ret[0] = ret[4] = counted(&p->count.tx_gso);
	ret[1] = ret[5] = counted(&p->count.tx_gso_bytes);
}

/* Nothing is held to the speed that the driver is told. */
static void speed(const struct net_pair *p, uint64_t *ret) { (void)p, (void)ret; }

/* This command, which will succeed, is one of them. */
static void control(const struct net_pair *p, uint64_t *ret)
{
	ret[0] = p->net->commands;
	ret[1] = p->net->commands_ok + 1;
}

/* ---- the types ---- */

enum side { SIDE_RX, SIDE_TX, SIDE_CONTROL };

/* CTRL-37: a type needs one of these features, or none. */
/* clang-format off */
static const struct stats_type {
	uint8_t type; /* its bit, and its name in a reply */
	enum side side;
	uint8_t values;
	void (*fill)(const struct net_pair *p, uint64_t *ret);
	uint8_t needs_count, needs[NEEDS_MAX];
} types[] = {
	{ VIRTIO_NET_STATS_TYPE_REPLY_RX_BASIC, SIDE_RX, 6, rx_basic, 0, { 0 } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_RX_CSUM, SIDE_RX, 4, rx_csum, 1, { VIRTIO_NET_F_GUEST_CSUM } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_RX_GSO, SIDE_RX, 4, rx_gso, 2, { VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6 } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_RX_SPEED, SIDE_RX, 2, speed, 0, { 0 } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_TX_BASIC, SIDE_TX, 6, tx_basic, 0, { 0 } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_TX_CSUM, SIDE_TX, 2, tx_csum, 1, { VIRTIO_NET_F_CSUM } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_TX_GSO, SIDE_TX, 6, tx_gso, 3, { VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_USO } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_TX_SPEED, SIDE_TX, 2, speed, 0, { 0 } },
	{ VIRTIO_NET_STATS_TYPE_REPLY_CVQ, SIDE_CONTROL, 2, control, 0, { 0 } },
};
/* clang-format on */

static bool may_ask(const struct net *n, const struct stats_type *t)
{
	bool may = t->needs_count == 0;

	for (unsigned i = 0; i < t->needs_count; i++)
		may = may || ctrl_agreed(n, t->needs[i]);
	return may;
}

/* CTRL-35: those that a driver which agreed to these features can get: it may ask for all of them
 * without a look at what each needs. */
bool ctrl_stats_query(struct net *n, struct ctrl *c)
{
	uint64_t all = 0;
	le64 wire;

	if (c->len != 0)
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		if (may_ask(n, &types[i]))
			all |= UINT64_C(1) << types[i].type;
	wire = le64_put(all);
	ctrl_answer(c, CTRL_RESULT, &wire, sizeof(wire));
	return true;
}

static struct wire_stats_request request_at(const struct ctrl *c, uint32_t at)
{
	struct wire_stats_request w;

	memcpy(&w, c->data + at, sizeof(w));
	return w;
}

/* CTRL-36: of this queue only types that it has, and that this driver may ask for. */
static bool request_ok(const struct net *n, const struct wire_stats_request *w)
{
	unsigned index = le16_get(w->index), pairs = net_pairs_agreed(n);
	enum side side = index == 2 * pairs ? SIDE_CONTROL : index % 2 == 0 ? SIDE_RX : SIDE_TX;
	uint64_t left = le64_get(w->types);

	if (index > 2 * pairs)
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].side == side && may_ask(n, &types[i]))
			left &= ~(UINT64_C(1) << types[i].type);
	return left == 0;
}

/* CTRL-38, CTRL-39: the answers behind the ack, one after the other, as far as there is room.
 * Returns where the next one goes. */
static uint64_t answer(const struct net *n, struct ctrl *c, const struct wire_stats_request *w,
		       uint64_t at)
{
	unsigned index = le16_get(w->index);

	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		const struct stats_type *t = &types[i];
		uint16_t size = (uint16_t)(offsetof(struct wire_stats_reply, value) +
					   t->values * sizeof(le64));
		struct wire_stats_reply reply = { .type = t->type,
						  .index = w->index,
						  .size = le16_put(size) };
		uint64_t value[VALUES_MAX] = { 0 };

		if ((le64_get(w->types) >> t->type & 1) == 0)
			continue;
		t->fill(&n->pair[t->side == SIDE_CONTROL ? 0 : index / 2], value);
		for (unsigned k = 0; k < t->values; k++)
			reply.value[k] = le64_put(value[k]);
		ctrl_answer(c, at, &reply, size);
		at += size;
	}
	return at;
}

bool ctrl_stats_get(struct net *n, struct ctrl *c)
{
	uint64_t at = CTRL_RESULT;

	if (c->len == 0 || c->len % sizeof(struct wire_stats_request) != 0)
		return false;
	for (uint32_t i = 0; i < c->len; i += (uint32_t)sizeof(struct wire_stats_request)) {
		struct wire_stats_request w = request_at(c, i);

		if (!request_ok(n, &w))
			return false;
	}
	for (uint32_t i = 0; i < c->len; i += (uint32_t)sizeof(struct wire_stats_request)) {
		struct wire_stats_request w = request_at(c, i);

		at = answer(n, c, &w, at);
	}
	return true;
}
