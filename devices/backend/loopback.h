/* devices/backend/loopback.h: a backend of memory, for tests: what is sent can be looked at,
 * what shall be received is put in; errors on demand. Threads: every call may come from any
 * thread.
 *
 * Other than a TAP: set_offloads and set_carrier are only noted (nothing is finished or
 * segmented, and frames move without a carrier); a frame above FRAME_MAX is no memory to it, a
 * TAP takes 3 MB; poll_fd stays readable when all was read (the edge is right, the level is
 * not). */
#ifndef TAPVM_BACKEND_LOOPBACK_H
#define TAPVM_BACKEND_LOOPBACK_H

#include "devices/backend/backend.h"

struct err loopback_create(unsigned queues, struct backend **ret_backend) MUST_USE;

/* Gives a frame to recv: returns false if full (4096 frames), if it is above FRAME_MAX, gone, or
 * the queue is off. */
bool loopback_give(struct backend *be, unsigned queue, struct vnet_hdr hdr, const void *bytes,
		   uint32_t len);
/* Takes the oldest sent frame: its length (bytes beyond max are lost), or -1 if there is none. */
int loopback_taken(struct backend *be, unsigned queue, struct vnet_hdr *ret_hdr, void *ret_bytes,
		   uint32_t max);
/* Every sent frame is given back to recv at once. */
void loopback_set_echo(struct backend *be, bool on);
/* After `room` more frames send keeps (would block) until more room is given; UINT32_MAX: no
 * limit. */
void loopback_set_room(struct backend *be, uint32_t room);
/* The next `count` sends are dropped with this reason. DROP_TX_GONE: it is gone for good with
 * the first. */
void loopback_fail(struct backend *be, enum drop_reason why, uint32_t count);
/* As if its interface were deleted: what was given is lost, sends are dropped, gone. */
void loopback_end(struct backend *be);
struct backend_offloads loopback_offloads(struct backend *be); /* as last set */
bool loopback_carrier(struct backend *be);
bool loopback_queue_on(struct backend *be, unsigned queue);
/* The queue that a frame has by set_steering; false: it is by flow. */
bool loopback_steers(struct backend *be, const void *bytes, uint32_t len, unsigned *ret_queue);

#endif
