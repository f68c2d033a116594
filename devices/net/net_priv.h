/* devices/net/net_priv.h: what the files of this room share. */
#ifndef TAPVM_NET_NET_PRIV_H
#define TAPVM_NET_NET_PRIV_H

#include <stdatomic.h>

#include "devices/base/counter.h"
#include "devices/frame/filter.h"
#include "devices/frame/hash.h"
#include "devices/frame/segment.h"
#include "devices/net/net.h"
#include "devices/net/plan.h"

enum {
	TX_SLOT_BYTES = VNET_HDR_MAX + COPY_MAX,
	LENT_SLICES = 64, /* a lent frame in more slices than this is copied whole instead */
	CTRL_BYTES_MAX = 65536,
	NET_LINK_UP = 1, /* config status, virtio 1.4, 5.1.4 */
	NET_ANNOUNCE = 2,
};

/* The worker's; read by anybody. */
struct pair_counters {
	counter rx_packets, rx_bytes, rx_read;
	counter rx_cut, rx_segments; /* super-frames cut to their end, segments made */
	counter tx_packets, tx_bytes, tx_taken, tx_rewound;
	counter rx_held; /* not a sum: frames in the worker's hands now */
	counter rate_waits_rx, rate_waits_tx;
	counter kicks_rx, kicks_tx, signals_rx, signals_tx, batches_rx, batches_tx;
	/* Of what was received and of what was sent: with a verified checksum, with one that is not
	 * finished, super-frames. */
	counter rx_valid, rx_unfinished, rx_gso, rx_gso_bytes;
	counter tx_unfinished, tx_gso, tx_gso_bytes;
	counter drop[DROP_REASONS];
	counter first_tx_ns;
};

struct net_pair {
	struct net *net;
	unsigned index;
	struct queue *rx_queue, *tx_queue;
	bool rx_off, tx_off; /* running, but nothing comes in; used and thrown away */
	bool attached;       /* frames may come into its queue of the backend */
	struct coal rx_coal, tx_coal;
	struct pair_counters count;

	struct batch tx;
	struct chain tx_chain[BATCH_MAX];
	uint8_t *tx_slots; /* BATCH_MAX of TX_SLOT_BYTES */
	struct iovec tx_lent[BATCH_MAX][LENT_SLICES];
	uint8_t *tx_whole; /* a slot for one frame in too many slices, each batch */
	bool tx_whole_used;

	struct batch rx;
	unsigned rx_next; /* frames [rx_next, rx.count) are held */
	/* While the first of them is cut: the segment in hand, which is held as well. */
	bool rx_cutting;
	struct segmenter rx_segmenter;
	struct frame rx_segment;
	bool rx_looked;    /* the held ones have waited for new chains once */
	uint32_t rx_tried; /* chains that were there, all of them, when the first held one found no
			      room */
	uint32_t rx_most;  /* chains seen posted at once since the last stop */
	unsigned rx_guess; /* frames that a visit reads at most */
	uint32_t rx_longest;     /* frame of the last visit */
	uint64_t rx_bytes;       /* of all its frames */
	uint32_t rx_chain_bytes; /* room of the last chain used */
	uint8_t *rx_slots;       /* BATCH_MAX of SLOT_BYTES, and one for the segment */
	struct chain *rx_chain;  /* of one frame; as many as the queue has entries */
};

/* Which pairs move frames, and which gets one that is received (virtio 1.4, 5.1.9.5.5). */
struct steering {
	unsigned rx_pairs, tx_pairs; /* from the first on: those that receive, those that send */
	bool by_hash;                /* RSS: by the table; else by flow, as the backend does */
	struct backend_steering table;
};

struct net {
	struct net_config config;
	char name[32];
	struct device *device;
	struct log_limit log_limit;

	/* With the device mutex; what workers read of it (plan, filter, hash, mrg, pairs) only
	 * under a pause. */
	uint8_t mac[6];
	bool link_up;
	atomic_bool gone; /* the backend is: told by a worker, once */
	bool gone_said;   /* in the log */
	bool mrg_rxbuf;
	bool announces; /* the driver knows the bit, and how to acknowledge it */
	bool announce;  /* the bit */
	struct coal_limits rx_limits, tx_limits; /* of queues that are made ready */
	uint64_t guest_offloads;
	struct plan plan;
	struct filter filter;
	struct hash_config hash;
	struct steering steering;
	bool hashes;                    /* the backend steers by a table */
	struct rate rx_rate, tx_rate;   /* of all pairs together */
	uint8_t *ctrl_bytes;            /* CTRL_BYTES_MAX */
	uint64_t commands, commands_ok; /* since the device was made */

	struct net_pair pair[QUEUE_PAIRS_MAX];
};

/* settle.c: the one place where a frame ends. */
void settle_tx(struct net_pair *p);
void settle_rx(struct net_pair *p, const struct frame *f);
/* The backend's interface was deleted: has the link taken down, once. */
void settle_gone(struct net_pair *p);
/* Shows what was used of the queue, and gives the signal if it is due. */
void settle_signal(struct net_pair *p, bool tx);
/* Gives it if it is owed: a driver that has nothing left to post waits for nothing else. */
void settle_owed(struct net_pair *p, bool tx);

static inline struct coal *net_pair_coal(struct net_pair *p, bool tx)
{
	return tx ? &p->tx_coal : &p->rx_coal;
}

/* ctrl.c */
void ctrl_run(struct net *n, struct queue *q);
/* config.c */
void net_config_bytes(const struct net *n, uint32_t offset, void *ret, uint32_t len);
/* request.c */
bool net_request(void *self, enum device_request what, uint64_t value);
/* stats.c: of which way is a reason; is the frame itself at fault? */
bool net_drop_is_rx(enum drop_reason why);
bool net_drop_is_error(enum drop_reason why);
/* net.c: as many pairs as the driver can know of. */
unsigned net_pairs_agreed(const struct net *n);
/* net.c: the plan of what is agreed on now; workers paused. */
void net_replan(struct net *n);
void net_complain(struct net *n, const char *what, struct err e); /* if it is one */
/* steer.c: has frames come to those pairs alone that are to have any (NET-43, NET-44, NET-46);
 * workers paused. false: the backend would not, and it is in the log. */
bool net_steer(struct net *n);
/* The same by another steering; false: nothing was changed. */
bool net_steer_by(struct net *n, const struct steering *to);
/* By flow, over that many pairs from the first on: 1 to net_pairs. */
bool net_set_pairs(struct net *n, unsigned pairs);
/* Its queue is set up, and its place below the pairs that do. */
bool pair_receives(const struct net_pair *p);
bool pair_transmits(const struct net_pair *p);
/* rx.c: reads and drops what was queued for a driver, or a queue, that was not there. */
void net_rx_stale(struct net_pair *p);

#endif
