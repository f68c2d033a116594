/* devices/net/net.h: the virtio-net device (virtio 1.4, 5.1): features, configuration, control
 * queue, and the two ways of a frame.
 *
 * net_create makes the device around a backend; the caller then gives its `device` to a transport.
 * Threads: net_pair_* only on the worker that owns the pair; everything else says so. */
#ifndef TAPVM_NET_NET_H
#define TAPVM_NET_NET_H

#include <stdint.h>

#include "devices/backend/backend.h"
#include "devices/base/clock.h"
#include "devices/base/limits.h"
#include "devices/base/loop.h"
#include "devices/capture/capture.h"
#include "devices/frame/frame.h"
#include "devices/net/coal.h"
#include "devices/net/features.h"
#include "devices/net/rate.h"
#include "devices/virtio/device.h"

struct net_config {
	const char *name; /* for log lines; copied */
	uint8_t mac[6];
	uint16_t mtu;        /* offered if not 0: 68 to 65535 */
	uint16_t queue_size; /* power of two, 2 to 32768 */
	unsigned pairs;      /* up to QUEUE_PAIRS_MAX, and to the backend's queues */
	struct net_switches switches;
	struct backend *backend; /* lent */
	struct guest_mem *mem;   /* lent */
	struct loop *loop;       /* lent */
	struct capture *capture; /* lent; NULL: none */
	struct log log;
	bool link_up; /* at start */
	struct net_speed speed;
	struct net_rate rate;
	const struct clock *clock; /* lent; NULL: the host's */
};

struct net;

/* runner moves the data: see datapath.h, worker.h. It may be attached after: net_set_runner. */
struct err net_create(const struct net_config *config, const struct runner_ops *runner,
		      void *runner_self, struct net **ret_net) MUST_USE;
void net_destroy(struct net *n); /* takes NULL */
struct device *net_device(struct net *n);

/* The host's link changed: config status, generation, interrupt; when it comes up the guest is
 * asked to announce itself, for the network may have another shape now. The control loop's thread.
 */
void net_set_link(struct net *n, bool up);

/* Limits, from now on: no reset takes them away. One that is another than before begins with a full
 * burst. On the control loop's thread, as net_rate. */
void net_set_rate(struct net *n, const struct net_rate *rate);
const struct net_rate *net_rate(const struct net *n);

/* ---- the account (contract 11) ---- */
struct net_direction {
	uint64_t packets, bytes, errors, drops;
};
struct net_stats {
	struct net_direction rx, tx; /* rx is what the guest received */
	uint64_t tx_taken;           /* chains taken from transmit rings, less those rewound */
	uint64_t rx_read;            /* frames read from the backend */
	uint64_t rx_held;            /* in workers' hands now */
	uint64_t rx_cut;             /* super-frames read and cut: not agreed to, or no longer */
	uint64_t rx_segments;        /* frames made of those */
	uint64_t drop[DROP_REASONS];
	uint64_t tx_rewound;         /* offers that the backend put off */
	uint64_t kicks_rx, kicks_tx; /* doorbells seen by workers */
	uint64_t signals;            /* interrupts asked for */
	uint64_t batches_tx, batches_rx, syscalls;
	struct capture_counters capture;       /* 0 without one */
	uint64_t rate_waits_rx, rate_waits_tx; /* visits that found no tokens */
	/* frames read + segments - cut - placed - held - dropped, + chains taken - sent - dropped:
	 * always 0. Exact when workers are paused or stopped. */
	int64_t unaccounted;
};
/* Any thread; takes the device mutex and pauses for an exact account. */
void net_stats(struct net *n, struct net_stats *ret);
/* When the first frame was sent to the backend: CLOCK_MONOTONIC, 0: none yet. Any thread. */
uint64_t net_first_tx_ns(const struct net *n);

/* ---- for the data path: one worker a pair ---- */
struct net_pair;
enum run {              /* why a direction stopped */
	   RUN_IDLE,    /* nothing to do until an edge: a kick (tx, rx out of chains), the backend
			   readable (rx) */
	   RUN_BLOCKED, /* tx: the backend would block; rx: out of chains, wait for a kick */
	   RUN_MORE,    /* the budget is used: come again */
	   RUN_LATER,   /* the limit lets nothing pass: net_rate_wait says how long */
	   RUN_BROKEN,  /* the queue is broken, reported; nothing to do until reset */
};

struct net_pair *net_pair(struct net *n, unsigned index);
unsigned net_pairs(const struct net *n);
/* Whether it moves frames in any direction; it is another only after a pause. */
bool net_pair_active(const struct net_pair *p);
/* One batch; publishes and signals. */
enum run net_tx(struct net_pair *p);
enum run net_rx(struct net_pair *p);
/* Asks for kicks again after RUN_IDLE of tx, RUN_BLOCKED of rx; true: look again at once. */
bool net_tx_wait(struct net_pair *p);
/* Has the driver made anything available since? Looks at memory only. */
bool net_tx_waiting(struct net_pair *p);
bool net_rx_wait(struct net_pair *p);
int net_kick_fd_rx(struct net_pair *p);
int net_kick_fd_tx(struct net_pair *p);
int net_backend_fd(struct net_pair *p);
/* Behind net_tx: the backend has frames of which its descriptor does not tell. */
bool net_has_input(const struct net_pair *p);
void net_count_kick(struct net_pair *p, bool tx);
/* Held frames are dropped and counted: at stop, of the worker or of the receive queue in a
 * pause. */
void net_pair_stop(struct net_pair *p);
/* Gives the signals of both queues that are due, or with `all` those that are owed: returns the
 * nanoseconds until the next one is due, COAL_NEVER: none is owed. */
uint64_t net_signals(struct net_pair *p, bool all);
/* In a pause: the backend is lent to the kernel, which moves frames by net_backend_fd, or is ours
 * again. */
struct err net_lend_backend(struct net *n, bool on) MUST_USE;
/* After RUN_LATER: the nanoseconds until that direction may go on. 0: it may. */
uint64_t net_rate_wait(struct net_pair *p, bool tx);
/* Nothing is held in the rings: asserted at each pause. */
void net_pair_assert_paused(struct net_pair *p);

#endif
