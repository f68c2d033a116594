/* devices/virtio/device.h: the virtio device state machine, for any kind of device on any
 * transport.
 *
 * Transport -> device: the calls below. Device -> its kind (net): struct device_kind. Device ->
 * whoever moves the data: struct runner_ops.
 * Threads: one mutex a device serialises registers, control commands, reports and reset, and is
 * held across a pause; workers never take it. Each call says whether it takes it. Source: virtio
 * 1.4, sections 2.1 to 2.6, 3.1. */
#ifndef TAPVM_VIRTIO_DEVICE_H
#define TAPVM_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "devices/base/limits.h"
#include "devices/base/log.h"
#include "devices/base/loop.h"
#include "devices/mem/guest_mem.h"
#include "devices/virtio/queue.h"

enum { DEVICE_QUEUES_MAX = 2 * QUEUE_PAIRS_MAX + 1 }; /* pairs and the control queue */

/* Feature bits 0 to 127, named by their number as in the specification and the uapi headers. */
struct features {
	uint32_t word[4];
};
static inline bool features_has(const struct features *f, unsigned bit)
{
	return bit < 128 && (f->word[bit / 32] >> (bit % 32) & 1) != 0;
}
static inline void features_set(struct features *f, unsigned bit, bool on)
{
	uint32_t mask = UINT32_C(1) << (bit % 32);

	f->word[bit / 32] = on ? f->word[bit / 32] | mask : f->word[bit / 32] & ~mask;
}
bool features_subset(const struct features *of, const struct features *f);
/* What a device of any kind can offer: VERSION_1 and every form of rings that queue.h has. */
struct features device_ring_features(void);

/* What a driver did against the rules without breaking a queue: ignored and counted. */
enum device_fault {
	DEVICE_FAULT_STATUS,        /* status bits taken back, skipped or unknown */
	DEVICE_FAULT_FEATURES,      /* features not offered, or a forbidden combination */
	DEVICE_FAULT_FEATURES_LATE, /* feature words written after FEATURES_OK */
	DEVICE_FAULT_QUEUE,         /* QueueReady refused: size, alignment, address */
	DEVICE_FAULT_QUEUE_LATE,    /* queue registers written or read while the queue is ready */
	DEVICE_FAULT_ACCESS, /* reserved offset, wrong width or alignment, read-only, write-only */
	DEVICE_FAULT_CONFIG, /* a write to a read-only configuration field */
	DEVICE_FAULT_BROKEN, /* a queue was broken: DEVICE_NEEDS_RESET */
	DEVICE_FAULTS
};
const char *device_fault_name(enum device_fault fault);

enum { DEVICE_INT_QUEUE = 1, DEVICE_INT_CONFIG = 2 }; /* bits of the interrupt status */

/* Moves the data of the started queues. All calls with the device mutex held, from one thread at
 * a time; each returns only when it is done. */
struct runner_ops {
	/* The queues that are running (queue_running) are the runner's from here on, except the
	 * control queue. Acts as if every queue were kicked. */
	void (*start)(void *self);
	/* On return nothing is held (queue_held is 0 on each queue) and nothing is touched. */
	void (*pause)(void *self);
	/* After pause: queues may have been started or stopped in between. Acts as if kicked. */
	void (*resume)(void *self);
	/* On return no worker touches guest memory; frames held by workers are dropped and
	 * counted. */
	void (*stop)(void *self);
	/* Stopped or paused: the doorbell of queue i is descriptor `fd` from now on instead of
	 * `old` (-1: none, the ring is polled); both are open until this returns. false: it cannot
	 * be watched, and nothing changed. The control queue's is no affair of the runner's. */
	bool (*move_kick)(void *self, unsigned index, int old, int fd);
	/* What device_direct_call says of queue i is another from now on. Any thread, no mutex,
	 * perhaps with locks of the transport's held: may not come back to it but by that. NULL:
	 * of no interest. */
	void (*move_call)(void *self, unsigned index);
};

/* What a transport is asked by its other side and only the kind can do. */
enum device_request {
	DEVICE_REQUEST_MTU,      /* value: will this MTU do? */
	DEVICE_REQUEST_ANNOUNCE, /* value: tell the network that the guest with this MAC (first byte
				    lowest) is here now */
};

/* What kind of device this is. All calls with the device mutex held. All but queue_count may be
 * NULL: there is nothing to do, any features go together, there is no control queue, the
 * configuration space is empty. */
struct device_kind {
	uint32_t device_id; /* virtio 1.4, 5: net is 1 */
	/* Would this set work? Offered, dependencies and VERSION_1 were checked by the device for
	 * "offered" only: the kind checks combinations. */
	bool (*features_ok)(void *self, const struct features *accepted);
	/* Queues that exist for the driver, before and after negotiation. */
	unsigned (*queue_count)(void *self);
	/* The queue that device.c runs on the control loop, or -1 (features accepted decide). */
	int (*control_queue)(void *self);
	/* DRIVER_OK: queues are started, the runner is not yet. */
	void (*driver_ok)(void *self, const struct features *accepted);
	/* Back to power-on: queues are stopped, the runner too. */
	void (*reset)(void *self);
	/* That queue alone was stopped, in a pause: what the kind keeps for it ends here
	 * (CORE-28). */
	void (*queue_stopped)(void *self, unsigned index);
	/* That queue was started on a device that is live already, in a pause. */
	void (*queue_started)(void *self, unsigned index);
	/* Bytes [offset, offset + len) of the configuration space; beyond its end 0. */
	void (*config_read)(void *self, uint32_t offset, void *ret, uint32_t len);
	/* A worker called device_poke: something of the kind's own. On the control loop. */
	void (*poked)(void *self);
	/* The control queue was kicked: take some of its chains and push them; the device
	 * publishes, signals, and comes again if there are more. */
	void (*control)(void *self, struct queue *q);
	/* In a pause: a queue that is off may run, but nothing comes into it, and what the driver
	 * sends by it is used and thrown away. All are on at first; a reset changes nothing. */
	void (*queue_enabled)(void *self, unsigned index, bool on);
	/* false: no. */
	bool (*request)(void *self, enum device_request what, uint64_t value);
};

struct device_config {
	const struct device_kind *kind;
	void *kind_self;
	const struct runner_ops *runner; /* NULL: the control queue is all there is to run */
	void *runner_self;
	struct guest_mem *mem; /* lent */
	struct loop *loop;     /* lent: control queue, reports */
	struct log log;
	const char *name;        /* for log lines; lent */
	struct features offered; /* VERSION_1 included */
	uint16_t queue_size_max; /* split rings get the power of two at or below it */
	unsigned queue_max;      /* queues that may ever exist, 1 to DEVICE_QUEUES_MAX */
};

struct device;
struct signaller;

struct err device_create(const struct device_config *config, struct device **ret_device) MUST_USE;
void device_destroy(struct device *d); /* takes NULL; stops the runner first */

/* ---- transport -> device: each takes the mutex ---- */
uint32_t device_id(const struct device *d);
uint8_t device_status(struct device *d);
/* 0 resets and returns only when every worker has let go of guest memory (CORE-22). */
void device_set_status(struct device *d, uint32_t value);
uint32_t device_features_word(struct device *d, uint32_t select); /* 0 beyond the last word */
/* Are drivers older than virtio 1.0 served, without VERSION_1? That is for a transport whose other
 * side has a legacy interface (virtio 1.4, 1.3.1) and a driver of its own byte order. */
void device_serve_legacy(struct device *d, bool on);
void device_accept_word(struct device *d, uint32_t select, uint32_t value);
uint32_t device_accepted_word(struct device *d, uint32_t select); /* likewise */
uint32_t device_generation(struct device *d);
void device_config_read(struct device *d, uint32_t offset, void *ret, uint32_t len);

enum queue_address { QUEUE_ADDRESS_DESC, QUEUE_ADDRESS_DRIVER, QUEUE_ADDRESS_DEVICE };
unsigned device_queue_max(const struct device *d); /* queues that may ever exist; no mutex */
uint32_t device_queue_size_max(struct device *d, uint32_t index); /* 0: no such queue */
uint32_t device_queue_size(struct device *d, uint32_t index);     /* likewise */
void device_queue_set_size(struct device *d, uint32_t index, uint32_t size);
/* Sets one half (high: bits 32 to 63) of one ring address. */
void device_queue_set_address(struct device *d, uint32_t index, enum queue_address which, bool high,
			      uint32_t half);
uint32_t device_queue_address(struct device *d, uint32_t index, enum queue_address which,
			      bool high); /* 0: no such queue */
/* on: checked and started (taken up at DRIVER_OK); off: returns when the worker has let go. */
void device_queue_set_ready(struct device *d, uint32_t index, bool on);
bool device_queue_ready(struct device *d, uint32_t index);
/* Back to its defaults, registers too; returns when the worker has let go. Without RING_RESET
 * agreed on: ignored and counted (virtio 1.4, 2.6.1). */
void device_queue_reset(struct device *d, uint32_t index);
void device_fault(struct device *d, enum device_fault fault); /* counts; any thread, no mutex */

/* ---- a transport without registers: rings one by one, each with descriptors of its own. The
 * device goes live (DRIVER_OK) with no queue ready, and its queues are started then. Each takes
 * the mutex, and pauses. index is below queue_max. ---- */
/* Starts a stopped queue from state, and looks at it as if it were kicked. rings: size and
 * addresses. false: they won't do. Of a device that needs a reset nothing is started. */
bool device_queue_start(struct device *d, uint32_t index, const struct queue_config *rings,
			struct queue_state state);
/* Stops it once nothing of it is held: what device_queue_start needs to go on. */
struct queue_state device_queue_stop(struct device *d, uint32_t index);
void device_queue_enable(struct device *d, uint32_t index, bool on);
/* The doorbell, or the call, of a queue is this descriptor, lent, from now on. At first both are
 * the device's own. Neither is ever read; writing it must not wait, or it is signalled by the
 * signaller, lent too. */
enum { DEVICE_FD_NONE = -1, DEVICE_FD_OWN = -2 };
bool device_queue_set_kick(struct device *d, uint32_t index, int fd); /* false: not watchable */
void device_queue_set_call(struct device *d, uint32_t index, int fd, struct signaller *signaller);
bool device_request(struct device *d, enum device_request what, uint64_t value);

/* ---- notifications ---- */
/* The doorbell of a queue as it is now: an ioeventfd writes it, or the transport's fall-back.
 * Watched for edges, never read. -1: none. */
int device_kick_fd(struct device *d, uint32_t index);
/* As the device's own doorbell, with what was written to it: the index, or with NOTIFICATION_DATA
 * agreed on the index in bits 0 to 15. Ignored for no such queue; no mutex. */
void device_kick(struct device *d, uint32_t value);
/* The device's call eventfd: a transport makes an irqfd of it. For the configuration, and for each
 * queue without a call of its own. */
int device_call_fd(struct device *d);
uint32_t device_interrupt_status(struct device *d); /* atomic, no mutex */
void device_interrupt_ack(struct device *d,
			  uint32_t bits);         /* atomic; pulses again if some are left */
uint32_t device_interrupt_take(struct device *d); /* atomic: what it was; it is 0 now */
/* A transport with interrupts of its own tells the driver by these instead of call eventfds. Called
 * on any thread, perhaps with the mutex held; never wait. */
enum { DEVICE_NO_QUEUE = -1 };
struct interrupt_ops {
	/* Of queue, or of the configuration; after the status bit was ORed. */
	void (*interrupt)(void *self, int queue);
	/* Does the driver take messages, which need no status bit? */
	bool (*by_message)(void *self);
	/* Then: what sends that queue's when it is written, right now; DEVICE_FD_NONE: nothing, it
	 * is masked, or there is none. When that changes device_call_moved is called, which returns
	 * when the old one is not written any more. */
	int (*direct)(void *self, unsigned queue);
};
/* Set before the driver's first access; NULL: call eventfds again. */
void device_set_interrupt(struct device *d, const struct interrupt_ops *ops, void *self);
void device_call_moved(struct device *d, uint32_t index); /* no mutex */

/* ---- device's kind and runner -> device ---- */
void device_lock(struct device *d);
void device_unlock(struct device *d);
/* Queue i, to be used by its owner. Never NULL below queue_max. */
struct queue *device_queue(struct device *d, uint32_t index);
const struct features *device_accepted(const struct device *d);
/* Ors the status bit, then signals the queue's call: never waits; any thread, no mutex. */
void device_signal_queue(struct device *d, uint32_t index);
/* Who moves data without passing here may write this descriptor instead, until move_call;
 * DEVICE_FD_NONE: none now. Any thread, no mutex. */
int device_direct_call(struct device *d, uint32_t index);
/* Will there be such descriptors? Not for a driver that is told by a line or by registers. */
bool device_by_message(struct device *d);
/* Around each change of the configuration's bytes. notify: the driver is told. With the mutex. */
void device_config_begin(struct device *d);
void device_config_end(struct device *d, bool notify);
/* A worker says that queue i is broken: stores it with the reset count it saw and pokes the
 * control loop, which sets DEVICE_NEEDS_RESET. Any thread, no mutex, never waits. */
void device_report_broken(struct device *d, uint32_t index);
/* Has the kind's poked() called on the control loop. Any thread, no mutex, never waits. */
void device_poke(struct device *d);
/* Pauses / resumes the runner if it runs, and the control queue between two commands; a runner that
 * is started meanwhile waits. They nest: one resume for each pause, whatever happens in between.
 * With the mutex. */
void device_pause(struct device *d);
void device_resume(struct device *d);

struct device_counters {
	uint64_t fault[DEVICE_FAULTS];
	uint64_t kicks;   /* taken by the control queue; workers count theirs */
	uint64_t signals; /* call eventfd writes */
	uint64_t resets;
};
void device_counters(struct device *d, struct device_counters *ret); /* any thread */

#endif
