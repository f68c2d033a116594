/* devices/capture/capture.h: a NIC's frames as a pcapng file, both ways, as the guest saw them.
 *
 * Workers copy frames into rings, one a queue pair; the control loop writes them: whatever the
 * file does, no worker waits. A frame that finds its ring full is not in the file: the next one
 * there says how many it comes after, and the statistics at the end how many there were.
 *
 * Each frame has its direction, queue and time; what its vnet_hdr said (a partial checksum, a
 * frame of many segments) in flags and in a comment; why it was dropped in a comment. Of a
 * transmitted frame above COPY_MAX the bytes behind its head are read from guest memory a second
 * time: a guest that changes them meanwhile sent something else than the file shows.
 *
 * Threads: capture_frame on the worker that owns the pair (or whoever has paused it),
 * capture_counters on any, the rest on the control loop's. SIGPIPE is the caller's to ignore. */
#ifndef TAPVM_CAPTURE_CAPTURE_H
#define TAPVM_CAPTURE_CAPTURE_H

#include "devices/base/log.h"
#include "devices/base/loop.h"
#include "devices/frame/frame.h"

enum { CAPTURE_RING_BYTES = 4 << 20 };

struct capture_config {
	int fd; /* the capture's once it is made; of a FIFO O_NONBLOCK, or its reader can stop
		   the control loop */
	const char *name; /* the interface's, for the file and log lines; copied */
	unsigned pairs;
	uint64_t ring_bytes; /* a pair, a power of two; 0: CAPTURE_RING_BYTES */
	struct loop *loop;   /* lent */
	struct log log;
};

struct capture;
struct err capture_create(const struct capture_config *config,
			  struct capture **ret_capture) MUST_USE;
/* How long a capture's end waits for a reader that has no room. */
struct capture_wait {
	uint64_t until_ns; /* of clock_host */
	int cancel_fd;     /* whose hang-up ends it; -1: nothing does */
};
/* Writes what there is, and the statistics: what a reader has not taken when the wait ends is lost.
 * wait: NULL: there is none. Takes NULL. No worker may use it any more. */
void capture_destroy(struct capture *c, const struct capture_wait *wait);

enum capture_direction { CAPTURE_TO_GUEST, CAPTURE_FROM_GUEST };
/* A frame that has ended, with its fate; what it lends is read before this returns. */
void capture_frame(struct capture *c, unsigned pair, enum capture_direction direction,
		   const struct frame *f);

/* A file that cannot be written (no space, its reader gone) ends the capture with a log line, and
 * every frame from there on is lost to it. */
struct capture_counters {
	uint64_t frames; /* that ended */
	uint64_t lost;   /* of them, not in the file */
};
struct capture_counters capture_counters(const struct capture *c);

#endif
