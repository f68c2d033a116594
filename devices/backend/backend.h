/* devices/backend/backend.h: what carries frames out of and into the device: a TAP, or memory.
 *
 * send and recv never wait and leave nothing behind: on return the kernel holds no reference to
 * slots or guest memory. Threads: one thread a queue for send and recv; the rest under a pause.
 * The same contract test runs over every backend: tests/contract. */
#ifndef TAPVM_BACKEND_BACKEND_H
#define TAPVM_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"
#include "devices/frame/frame.h"
#include "devices/frame/hash.h"

/* Offloads of the receive way (backend to guest): what the backend may leave unfinished. */
struct backend_offloads {
	bool csum, tso4, tso6, ecn, uso;
	bool tunnel, tunnel_csum; /* the same in a UDP tunnel; with that one's checksum left open */
};

/* Steering by hash (RSS): the queue of a frame is that of the table's entry. */
enum { STEERING_TABLE_MAX = 128 };
struct backend_steering {
	struct hash_config hash;
	uint16_t mask;                      /* one below the number of entries, a power of two */
	uint16_t queue[STEERING_TABLE_MAX]; /* each is on */
	uint16_t unclassified;              /* for what has no hash; it is on */
};

struct backend_caps {
	struct backend_offloads offloads; /* what it can do, both ways */
	bool sends_tunnels;               /* else those of tunnels are for recv alone */
	unsigned queues;                  /* of each direction, all switched on */
	bool carrier;                     /* set_carrier has an effect */
	bool steering;                    /* set_steering is there */
};

struct backend_counters {
	uint64_t syscalls, again;
};

struct backend;

struct backend_ops {
	/* Transmit. For each frame with FATE_OPEN, in order: sets SENT, KEPT or DROPPED with a
	 * reason. After the first KEPT nothing more is tried: all OPEN frames behind it are KEPT
	 * (those already DROPPED stay so). hdr goes in front of bytes: up to VNET_HDR_MAX bytes
	 * before f->bytes are the backend's to write. One write a frame; a short count is a
	 * drop. */
	void (*send)(struct backend *be, unsigned queue, struct batch *batch);
	/* Receive. Frames [0, max) of batch have bytes pointing at slots of SLOT_BYTES -
	 * VNET_HDR_MAX bytes; fills hdr, local = len, fate OPEN (or DROPPED: a runt, or one that
	 * the backend could not give, counted as read) and sets batch->count. Fewer than max: it
	 * would block, or the byte budget was used (*ret_more). */
	void (*recv)(struct backend *be, unsigned queue, struct batch *batch, unsigned max,
		     bool *ret_more);
	/* Becomes readable and writable (EPOLLIN, EPOLLOUT, edges) as recv and send can go on.
	 * After a KEPT the watch for EPOLLOUT must be set anew (EPOLL_CTL_MOD): a TAP arms it
	 * only when it is asked. */
	int (*poll_fd)(struct backend *be, unsigned queue);
	/* Whether recv has frames that poll_fd does not tell of: answers that send gave rise to.
	 * For the thread of the queue, behind each send. NULL: there never are any. */
	bool (*has_input)(const struct backend *be, unsigned queue);
	/* What the kernel may hand over from now on; frames already queued may still have the
	 * old form. Of a backend that is gone, this and set_carrier ask nothing and are no
	 * error. */
	struct err (*set_offloads)(struct backend *be, struct backend_offloads wanted);
	struct err (*set_carrier)(struct backend *be, bool on);
	/* Off: no frame comes into this queue any more, and those in it are lost; send goes on. On
	 * again: as it was. Never of queue 0, without which there is no interface to set anything
	 * of. NULL: it has one queue. */
	struct err (*set_queue)(struct backend *be, unsigned queue, bool on);
	/* NULL: by flow, a frame to the queue that sent the last of its flow. So it is at first.
	 * Asked for again when a queue was switched off or on. */
	struct err (*set_steering)(struct backend *be, const struct backend_steering *s);
	/* Neither send nor recv is called while the kernel moves frames between rings and poll_fd
	 * by itself, behind a header of so many bytes as the driver has it. 0: no more; it is the
	 * backend's own again. NULL: poll_fd is nothing that the kernel could do so with. */
	struct err (*lend)(struct backend *be, unsigned hdr_bytes);
	bool (*gone)(const struct backend *be); /* the interface was deleted: park */
	void (*counters)(const struct backend *be, unsigned queue, struct backend_counters *ret);
	void (*destroy)(struct backend *be);
};

struct backend {
	const struct backend_ops *ops;
	struct backend_caps caps;
};

#endif
