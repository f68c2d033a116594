/* devices/capture/capture_priv.h: what the files of this room share. */
#ifndef TAPVM_CAPTURE_CAPTURE_PRIV_H
#define TAPVM_CAPTURE_CAPTURE_PRIV_H

#include <stdbool.h>

#include "devices/base/counter.h"
#include "devices/capture/capture.h"

/* ---- ring.c: records, each with its bytes behind it, from one thread to another ---- */
struct capture_record {
	uint64_t time_ns;
	uint64_t lost; /* frames that found no room since the record before */
	uint32_t len;  /* of the frame */
	uint32_t captured;
	struct vnet_hdr hdr;
	enum capture_direction direction;
	enum drop_reason why; /* DROP_NONE: it was not dropped */
};

struct capture_ring {
	uint8_t *bytes;
	uint64_t size;        /* a power of two */
	counter head, tail;   /* bytes ever put and taken: the worker's, the control loop's */
	counter frames, lost; /* offered, and turned down: the worker's */
	uint64_t lost_before; /* lost as of the last record: the worker's */
};
bool ring_init(struct capture_ring *r, uint64_t size);
void ring_fini(struct capture_ring *r);
/* The worker. false: no room, nothing was put. Sets record->lost and record->captured. */
bool ring_put(struct capture_ring *r, struct capture_record *record, const struct frame *f);
/* The control loop. false: empty. The bytes, in at most two parts, stay in the ring until
 * ring_drop of that record. */
bool ring_first(const struct capture_ring *r, struct capture_record *ret,
		struct iovec ret_data[static 2]);
void ring_drop(struct capture_ring *r, const struct capture_record *record);

/* ---- comment.c: what a record means ---- */
struct capture_comments {
	char dropped[160], hdr[320]; /* "": nothing to say */
};
void capture_comment(const struct capture_record *record, struct capture_comments *ret);
uint32_t capture_flags(const struct capture_record *record); /* PCAPNG_* */

#endif
