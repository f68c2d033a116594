/* tests/driver/rig.h: a whole NIC for tests: guest memory, device, worker and transport around a
 * backend, and a driver that brings it up by its registers. The test's thread is driver and
 * control loop. */
#ifndef TAPVM_TESTS_RIG_H
#define TAPVM_TESTS_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/backend/loopback.h"
#include "devices/datapath/datapath.h"
#include "tests/driver/registers.h"

enum { RIG_RX = 0, RIG_TX = 1, RIG_CTRL = 2, RIG_HDR = 12, RIG_WAIT_MS = 10000 };
/* Of wanted_high: features 65 to 68. */
enum { RIG_TUNNELS = 0x1e };
#define RIG_BIT(n) (UINT64_C(1) << (n))
/* Everything that is offered, on split rings, and on packed ones. */
#define RIG_PACKED UINT64_MAX
#define RIG_ALL (RIG_PACKED & ~RIG_BIT(34))

struct rig {
	struct driver_memory memory;
	struct loop *loop;
	struct backend *backend;  /* a loopback, but for rig_make_on */
	struct capture *capture;  /* NULL, but for rig_make_captured */
	struct capture_wait wait; /* of its end: for ever, if nobody says else */
	struct datapath *datapath;
	struct net *net;
	struct mmio *mmio;    /* NULL: it is behind PCI */
	struct pci_slot slot; /* then */
	uint32_t wanted_high; /* features 64 to 95, of those offered; set before rig_up */
	uint64_t accepted;
	uint32_t accepted_high;
	uint32_t hdr_bytes; /* of the header: RIG_HDR but with HASH_REPORT or a tunnel feature */
	unsigned pairs;     /* that the driver knows of: 1 without MQ and RSS */
	struct driver_queue queue[DEVICE_QUEUES_MAX]; /* rx and tx of each pair, then ctrl */
	pthread_mutex_t log_mutex;                    /* lines come from any thread */
	unsigned log_lines;
	char last_log[256];
	struct clock clock;              /* the device's */
	atomic_uint_fast64_t stopped_ns; /* 0: it goes */
};
unsigned rig_log_lines(struct rig *r);

void rig_make(struct rig *r); /* on a loopback of one pair, where RIG_CTRL is the control queue */
void rig_make_pairs(struct rig *r, unsigned pairs);
/* Features switched on that are off as a rule. */
void rig_make_pairs_with(struct rig *r, unsigned pairs, uint64_t on);
/* On a backend, which is the rig's from here on; `on` as above. */
void rig_make_on(struct rig *r, struct backend *backend, uint64_t on);
/* On a loopback, with queues of this size, and features switched on that are off as a rule. */
void rig_make_with(struct rig *r, uint16_t queue_size, uint64_t on);
/* On a loopback, its frames into fd by rings of so many bytes. */
void rig_make_captured(struct rig *r, int fd, uint64_t ring_bytes);
/* On a loopback of `pairs`, behind PCI. What is said of registers below is translated. */
void rig_make_pci(struct rig *r, unsigned pairs);
/* On a backend, which is the rig's from here on, behind PCI; frames are moved by vhost-net (fds and
 * sys of datapath_config), and of the features it cannot have none is offered. */
void rig_make_vhost(struct rig *r, struct backend *backend, const int *vhost_fds,
		    const struct sys *sys);
/* The device's time stands still from here on, but for what it is moved. */
void rig_stop_clock(struct rig *r);
void rig_move_clock(struct rig *r, uint64_t ns);
/* Everything ends; the account must balance. */
void rig_end(struct rig *r);

/* A register by its place in virtio-mmio. */
uint32_t rig_read(struct rig *r, uint32_t offset);
void rig_write(struct rig *r, uint32_t offset, uint32_t value);
/* Reset, then up with those of `wanted` that are offered; new rings of `size` entries for all pairs
 * that are known then. */
void rig_up(struct rig *r, uint64_t wanted, uint16_t size);
/* The same in two parts: rings can be filled in between. */
void rig_prepare(struct rig *r, uint64_t wanted, uint16_t size);
void rig_go(struct rig *r);
/* New rings for a queue that is not ready, and QueueReady; rig_stop_queue is the way back. */
void rig_set_queue(struct rig *r, uint32_t index, uint16_t size);
void rig_stop_queue(struct rig *r, uint32_t index);
unsigned rig_ctrl(const struct rig *r); /* the control queue's index (NET-01) */
bool rig_has(const struct rig *r, unsigned bit);

/* Rings the doorbell, whatever the device wants. */
void rig_kick(struct rig *r, unsigned queue);
/* Posts a chain that carries header and frame in one buffer; the doorbell if the device wants
 * it. */
void rig_send(struct rig *r, struct vnet_hdr hdr, const void *bytes, uint32_t len);
void rig_send_on(struct rig *r, unsigned pair, struct vnet_hdr hdr, const void *bytes,
		 uint32_t len);
/* Posts `count` receive buffers of len bytes each (id i is the i-th since rig_up); returns the
 * first's address. */
uint64_t rig_post(struct rig *r, unsigned count, uint32_t len);
uint64_t rig_post_on(struct rig *r, unsigned pair, unsigned count, uint32_t len);
/* A control command of one readable part and one byte for the ack: the ack. */
int rig_control(struct rig *r, uint8_t class, uint8_t command, const void *data, uint32_t len);
/* Any command (class and command are the first two of bytes) with `room` writable bytes, RIG_BLANK
 * before, in descriptors of `piece` bytes: what is in them then, and the used length. */
enum { RIG_BLANK = 0xaa };
uint32_t rig_command(struct rig *r, const void *bytes, uint32_t len, uint32_t piece, void *ret,
		     uint32_t room);

/* ---- rig_wait.c ---- */
/* Turns the control loop until the used index of a queue is this, and fails after RIG_WAIT_MS. */
void rig_await_used(struct rig *r, unsigned queue, uint16_t index);
/* ... until DEVICE_NEEDS_RESET shows. */
void rig_await_broken(struct rig *r);
/* ... until the counter of that reason is so. */
void rig_await_drops(struct rig *r, enum drop_reason why, uint64_t count);
/* ... until the backend has put off at least so many offers. */
void rig_await_blocked(struct rig *r, uint64_t times);
/* ... until the next sent frame is there: its length. */
int rig_await_sent(struct rig *r, struct vnet_hdr *ret_hdr, void *ret_bytes, uint32_t max);
int rig_await_sent_on(struct rig *r, unsigned pair, struct vnet_hdr *ret_hdr, void *ret_bytes,
		      uint32_t max);
/* VQ_PAIRS_SET: its ack. */
int rig_set_pairs(struct rig *r, uint16_t pairs);
/* Which queues of the loopback take frames: a bit each, of as many as there are. */
unsigned rig_queues_on(struct rig *r);
struct net_stats rig_stats(struct rig *r);

/* A frame of `len` bytes: broadcast, ethertype 0x88b5, then a pattern that depends on number. */
void rig_fill(uint8_t *frame, uint32_t len, unsigned number);
/* An IPv4 or IPv6 TCP or UDP frame with payload pattern; header lengths without options. Returns
 * its length; the transport checksum is the pseudo sum (as NEEDS_CSUM wants it). */
uint32_t rig_fill_ip(uint8_t *frame, bool v6, bool tcp, uint32_t payload);

#endif
