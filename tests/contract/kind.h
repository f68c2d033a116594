/* tests/contract/kind.h: what the contract test needs of each kind of backend: its other side. */
#ifndef TAPVM_TESTS_KIND_H
#define TAPVM_TESTS_KIND_H

#include "devices/backend/backend.h"

struct kind {
	const char *name;
	uint32_t shortest; /* of the frames that it carries */
	uint32_t longest_sent, longest_given;
	enum drop_reason short_why; /* of a sent frame of 13 bytes */
	bool gives_runts;           /* frames under 14 bytes can be given */
	bool by_flow;               /* frames of a flow come in the queue that last sent it */
	bool finishes; /* what set_offloads did not allow is finished before recv gives it */
	/* Makes of any frame one that it carries, and gives back as it is. NULL: each is. */
	void (*dress)(uint8_t *frame, uint32_t len);
	struct backend *(*make)(void); /* of one queue, nothing queued, link up, carrier on */
	struct backend *(*make_queues)(unsigned queues); /* NULL: it has one queue at most */
	void (*destroy)(struct backend *be);
	/* From the other side: a frame for recv. */
	void (*give)(struct backend *be, struct vnet_hdr hdr, const uint8_t *bytes, uint32_t len);
	/* To the other side: the next frame that send sent; its length, or -1 if none comes. */
	int (*taken)(struct backend *be, struct vnet_hdr *ret_hdr, uint8_t *ret_bytes,
		     uint32_t max);
	/* From now on send would block after a few frames of 1000 bytes; or goes on again. NULL:
	 * nothing that can be set up here makes it so. */
	void (*block)(struct backend *be, bool on);
	void (*link)(struct backend *be, bool up); /* of the host's side */
	void (*end)(struct backend *be);           /* the interface is deleted */
	bool (*carrier)(struct backend *be);       /* as the other side sees it */
};

extern const struct kind kind_loopback, kind_tap, kind_tun;

#endif
