/* tests/driver/vhost_user.h: a vhost-user front-end for tests, and a liar: its messages are written
 * by hand, as any bytes with any descriptors, and nothing is checked for the back-end's sake.
 * Its guest memory is a memfd in two regions, whose user addresses are far from the guest's. */
#ifndef TAPVM_TESTS_VHOST_USER_H
#define TAPVM_TESTS_VHOST_USER_H

#include "devices/base/loop.h"
#include "devices/transport/wire_vhost_user.h"
#include "tests/driver/driver.h"

enum { FRONT_RINGS = 17, FRONT_REGION = 4 << 20, FRONT_WAIT_MS = 10000, FRONT_END = -1 };
#define FRONT_BIT(n) (UINT64_C(1) << (n))
#define FRONT_USER UINT64_C(0x7f0000000000) /* user address of guest address 0 */

struct front {
	int fd;
	struct loop *loop; /* of the back-end, if it has none of its own; or NULL */
	bool ack;          /* each request wants an answer: REPLY_ACK is agreed on */
	int memfd;
	struct driver_memory memory;
	uint64_t features;
	uint32_t hdr_bytes; /* as of features: 12, of an old driver without MRG_RXBUF 10 */
	struct driver_queue queue[FRONT_RINGS];
	int kick[FRONT_RINGS], call[FRONT_RINGS]; /* eventfds; -1: none */
};

/* socket: connected, ours from here on. */
void front_init(struct front *f, int socket, struct loop *loop);
void front_fini(struct front *f);
/* Another connection in place of this one; memory and rings stay as they are. */
void front_reconnect(struct front *f, int socket);

/* ---- messages ---- */
/* False: the other side is gone. */
bool front_send(struct front *f, uint32_t request, uint32_t flags, const void *payload,
		uint32_t bytes, const int *fds, unsigned fd_count);
bool front_send_raw(struct front *f, const void *bytes, size_t count, const int *fds,
		    unsigned fd_count);
/* The next message of the other side's: its payload's size; FRONT_END: it hung up. *ret_fd, if not
 * NULL: the descriptor that came with it, or -1. */
int front_receive(struct front *f, struct wire_vu_header *ret_header, void *ret_payload,
		  uint32_t max, int *ret_fd);
/* Has the other side hung up? Waits for it. */
bool front_is_dropped(struct front *f);
/* A request and its answer. */
uint64_t front_get(struct front *f, uint32_t request);
/* A request without an answer, or with f->ack that answer: 0 is good. */
uint64_t front_set(struct front *f, uint32_t request, const void *payload, uint32_t bytes,
		   const int *fds, unsigned fd_count);
uint64_t front_set_number(struct front *f, uint32_t request, uint64_t number);
uint64_t front_set_ring(struct front *f, uint32_t request, uint32_t index, uint32_t num);
uint32_t front_get_base(struct front *f, uint32_t index);

/* ---- the usual way up, in parts ---- */
void front_handshake(struct front *f, uint64_t features, uint64_t protocol);
struct wire_vu_region front_region(const struct front *f, unsigned index);
uint64_t front_mem_table(struct front *f);
struct wire_vu_ring_addr front_ring_addr(const struct front *f, uint32_t index);
void front_eventfds(struct front *f, uint32_t index); /* made if they are not there yet */
uint64_t front_set_call(struct front *f, uint32_t index);
/* The log of dirty pages: that part of a file. Always answered. */
uint64_t front_set_log(struct front *f, int fd, uint64_t bytes, uint64_t offset);
/* New rings in memory, split or packed, then NUM, BASE, ADDR, CALL; KICK is front_kick_off. */
void front_ring_set(struct front *f, uint32_t index, uint16_t size);
uint64_t front_kick_off(struct front *f, uint32_t index);
/* All of it, for one pair; enabled. */
void front_up(struct front *f, uint64_t features, uint16_t size);

/* ---- vhost_user_again.c: another back-end, with memory and rings as the last one left them ----
 */
/* The file for chains in flight: made, its descriptor; given. */
int front_get_inflight(struct front *f, uint16_t rings, uint16_t size,
		       struct wire_vu_inflight *ret);
uint64_t front_set_inflight(struct front *f, int fd, const struct wire_vu_inflight *i);
/* A ring from this index on: all but CALL, enabled. */
void front_ring_again(struct front *f, uint32_t index, uint32_t base);

/* ---- frames, a vnet_hdr of f->hdr_bytes in front ---- */
void front_kick(struct front *f, uint32_t index);
void front_transmit(struct front *f, uint32_t index, const void *frame, uint32_t len);
/* Posts receive buffers of len bytes; the first's guest address. */
uint64_t front_post(struct front *f, uint32_t index, unsigned count, uint32_t len);
/* Waits until the used index of a ring is this. */
void front_await_used(struct front *f, uint32_t index, uint16_t used);
/* A turn of the loop, or a moment. False: the time that began at deadline - FRONT_WAIT_MS is up. */
bool front_turn(struct front *f, int64_t deadline_ms);
int64_t front_deadline(void);

#endif
