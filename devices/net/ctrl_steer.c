/* devices/net/ctrl_steer.c: commands that say which pairs move frames and which gets a received
 * frame (virtio 1.4, 5.1.9.5.6, 5.1.9.5.7). */
#include <assert.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/net/ctrl_priv.h"

/* CTRL-17, CTRL-18. */
bool ctrl_pairs(struct net *n, struct ctrl *c)
{
	le16 wire;
	unsigned pairs;
	bool good;

	if (c->len != sizeof(wire))
		return false;
	memcpy(&wire, c->data, sizeof(wire));
	pairs = le16_get(wire);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > n->config.pairs)
		return false;
	device_pause(n->device);
	good = net_set_pairs(n, pairs);
	device_resume(n->device);
	return good;
}

/* ---- RSS_CONFIG: a head, mask + 1 entries of the table, a tail, the key ---- */

struct wire_rss_head {
	le32 types;
	le16 mask, unclassified;
};
struct wire_rss_tail {
	uint8_t max_tx[2], key_len; /* le16, at no even place */
};
static_assert(sizeof(struct wire_rss_head) == 8 && sizeof(struct wire_rss_tail) == 3,
	      "virtio 1.4, 5.1.9.5.7.1");

/* CTRL-19, CTRL-21: a pair's number. Those that receive reach up to the last that is named. */
static bool name_pair(const struct net *n, le16 wire, uint16_t *ret_pair, unsigned *rx_pairs)
{
	*ret_pair = le16_get(wire);
	if (*ret_pair >= *rx_pairs)
		*rx_pairs = *ret_pair + 1u;
	return *ret_pair < n->config.pairs;
}

/* CTRL-20, CTRL-21. Returns the bytes in front of the key, 0: it cannot be. */
static uint32_t read_table(const struct net *n, const struct ctrl *c, struct steering *ret)
{
	struct wire_rss_head head;
	uint32_t at = sizeof(head);
	le16 entry;

	if (c->len < sizeof(head))
		return 0;
	memcpy(&head, c->data, sizeof(head));
	ret->table.hash.types = le32_get(head.types);
	ret->table.mask = le16_get(head.mask);
	if (ret->table.mask >= STEERING_TABLE_MAX ||
	    ((ret->table.mask + 1u) & ret->table.mask) != 0 ||
	    c->len - at < (ret->table.mask + 1u) * sizeof(entry) ||
	    !name_pair(n, head.unclassified, &ret->table.unclassified, &ret->rx_pairs))
		return 0;
	for (unsigned i = 0; i <= ret->table.mask; i++, at += sizeof(entry)) {
		memcpy(&entry, c->data + at, sizeof(entry));
		if (!name_pair(n, entry, &ret->table.queue[i], &ret->rx_pairs))
			return 0;
	}
	return at;
}

bool ctrl_rss(struct net *n, struct ctrl *c)
{
	struct steering to = { .by_hash = true };
	uint32_t at = read_table(n, c, &to);
	struct wire_rss_tail tail;
	const uint8_t *key;
	bool good;

	if (at == 0 || c->len - at < sizeof(tail))
		return false;
	memcpy(&tail, c->data + at, sizeof(tail));
	at += (uint32_t)sizeof(tail);
	key = c->data + at;
	to.tx_pairs = tail.max_tx[0] | (unsigned)tail.max_tx[1] << 8;
	if (!ctrl_ends_by_key(c, at, tail.key_len) || to.tx_pairs == 0 ||
	    to.tx_pairs > n->config.pairs || tail.key_len > HASH_KEY_MAX ||
	    (to.table.hash.types & ~(uint32_t)HASH_TYPES_ALL) != 0)
		return false;
	to.table.hash.tunnels = n->hash.tunnels;
	hash_set_key(&to.table.hash, key, tail.key_len);
	device_pause(n->device);
	good = net_steer_by(n, &to) && net_hash_set(n, to.table.hash.types, key, tail.key_len);
	device_resume(n->device);
	return good;
}
