/* devices/net/ctrl_priv.h: a command of the control queue, and the functions that do them, a file a
 * subject. All on the control loop with the device mutex held. */
#ifndef TAPVM_NET_CTRL_PRIV_H
#define TAPVM_NET_CTRL_PRIV_H

#include "devices/net/net_priv.h"

struct ctrl {
	uint8_t command;
	const uint8_t *data; /* what follows class and command: a copy */
	uint32_t len;
	const struct chain *chain; /* its writable part takes the answer */
	uint64_t written;          /* of it, from its first byte on */
};

/* Where a result begins that stands behind the ack. */
enum { CTRL_RESULT = 1 };

/* Puts bytes of the answer at that offset of the chain's writable part, in front of the ack or
 * behind it; what does not fit is cut off. */
void ctrl_answer(struct ctrl *c, uint64_t offset, const void *bytes, uint64_t len);

static inline bool ctrl_agreed(const struct net *n, unsigned bit)
{
	return features_has(device_accepted(n->device), bit);
}

/* Whether the command ends with a key of that length from data[at] on, or a byte behind it: newer
 * kernels of Linux (6.12.117 was seen) send the padding at the end of their own structure, too. */
static inline bool ctrl_ends_by_key(const struct ctrl *c, uint32_t at, uint8_t key_len)
{
	return c->len - at == key_len || c->len - at == key_len + 1u;
}

/* The commands. false: ERR, and nothing was changed. */

/* ctrl_filter.c */
bool ctrl_rx_mode(struct net *n, struct ctrl *c);
bool ctrl_mac_table(struct net *n, struct ctrl *c);
bool ctrl_mac_address(struct net *n, struct ctrl *c);
bool ctrl_vlan(struct net *n, struct ctrl *c);
/* ctrl_hash.c */
bool ctrl_hash(struct net *n, struct ctrl *c);
bool ctrl_hash_tunnel(struct net *n, struct ctrl *c);
/* Hash types and key, whichever command brings them. false: not supported, nothing was changed. */
bool net_hash_set(struct net *n, uint32_t types, const uint8_t *key, unsigned key_len);
/* ctrl_steer.c */
bool ctrl_pairs(struct net *n, struct ctrl *c);
bool ctrl_rss(struct net *n, struct ctrl *c);
/* ctrl_stats.c */
bool ctrl_stats_query(struct net *n, struct ctrl *c);
bool ctrl_stats_get(struct net *n, struct ctrl *c);
/* ctrl_coal.c */
bool ctrl_coal_set(struct net *n, struct ctrl *c);
bool ctrl_coal_queue_set(struct net *n, struct ctrl *c);
bool ctrl_coal_queue_get(struct net *n, struct ctrl *c);

#endif
