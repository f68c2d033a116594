/* devices/net/ctrl_coal.c: how long signals may be held back (virtio 1.4, 5.1.9.5.10). */
#include <string.h>

#include "devices/base/le.h"
#include "devices/base/uapi_compat.h"
#include "devices/net/ctrl_priv.h"

struct wire_coal {
	le32 max_packets, max_usecs;
};
struct wire_coal_queue {
	le16 index, reserved;
};

static struct coal_limits limits_of(const uint8_t *bytes)
{
	struct wire_coal w;

	memcpy(&w, bytes, sizeof(w));
	return (struct coal_limits){ le32_get(w.max_packets), le32_get(w.max_usecs) };
}

/* CTRL-30: what has been counted is tested against the new limits at once, and more: a pause gives
 * whatever is owed. */
bool ctrl_coal_set(struct net *n, struct ctrl *c)
{
	bool tx = c->command == VIRTIO_NET_CTRL_NOTF_COAL_TX_SET;
	struct coal_limits limits;

	if (c->len != sizeof(struct wire_coal))
		return false;
	limits = limits_of(c->data);
	device_pause(n->device);
	*(tx ? &n->tx_limits : &n->rx_limits) = limits;
	for (unsigned i = 0; i < n->config.pairs; i++)
		net_pair_coal(&n->pair[i], tx)->limits = limits;
	device_resume(n->device);
	return true;
}

/* CTRL-32: NULL: not an enabled receive or transmit queue. What is reserved is ignored. */
static struct coal *queue_named(struct net *n, const uint8_t *bytes)
{
	struct wire_coal_queue w;
	unsigned index;

	memcpy(&w, bytes, sizeof(w));
	index = le16_get(w.index);
	if (index >= 2 * net_pairs_agreed(n) || !queue_running(device_queue(n->device, index)))
		return NULL;
	return net_pair_coal(&n->pair[index / 2], index % 2 != 0);
}

bool ctrl_coal_queue_set(struct net *n, struct ctrl *c)
{
	struct coal *coal;

	if (c->len != sizeof(struct wire_coal_queue) + sizeof(struct wire_coal))
		return false;
	coal = queue_named(n, c->data);
	if (coal == NULL)
		return false;
	device_pause(n->device);
	coal->limits = limits_of(c->data + sizeof(struct wire_coal_queue));
	device_resume(n->device);
	return true;
}

/* CTRL-34: answered in front of the ack. */
bool ctrl_coal_queue_get(struct net *n, struct ctrl *c)
{
	const struct coal *coal;
	struct wire_coal w;

	if (c->len != sizeof(struct wire_coal_queue))
		return false;
	coal = queue_named(n, c->data);
	if (coal == NULL)
		return false;
	w = (struct wire_coal){ le32_put(coal->limits.max_packets),
				le32_put(coal->limits.max_usecs) };
	ctrl_answer(c, 0, &w, sizeof(w));
	return true;
}
