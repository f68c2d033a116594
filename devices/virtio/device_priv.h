/* devices/virtio/device_priv.h: what the files of a device share. */
#ifndef TAPVM_VIRTIO_DEVICE_PRIV_H
#define TAPVM_VIRTIO_DEVICE_PRIV_H

#include "devices/virtio/device.h"

struct device_vq {
	struct queue *queue;
	struct queue_config set; /* as the driver wrote it; the flags are filled in by wanted() */
	bool ready;
	int own_kick_fd;
	int kick_fd; /* watched: our own, one lent by the transport, or -1 */
	/* The device's, one lent by the transport, or -1, and what it is signalled by, NULL: it is
	 * written; changed in a pause. */
	int call_fd;
	struct signaller *signaller;
};

enum runner_is {
	RUNNER_OFF,
	RUNNER_DUE, /* started as soon as nothing is paused */
	RUNNER_RUNS,
	RUNNER_PAUSED,
};

struct device {
	struct device_config config;
	struct device_kind kind; /* config's is this one, whole */
	pthread_mutex_t mutex;

	/* With the mutex. */
	uint8_t status;
	struct features accepted;
	bool legacy;          /* served without VERSION_1 */
	bool accepted_beyond; /* a bit past 127 was accepted: FEATURES_OK must not stick */
	uint32_t generation;
	enum runner_is runner;
	unsigned pauses;  /* device_pause calls that wait for their device_resume */
	int control;      /* the control queue while the loop watches it, or -1 */
	bool looks_again; /* whose next turn comes without a kick */
	bool missed;      /* a turn of it, in a pause */
	struct device_vq vq[DEVICE_QUEUES_MAX];
	struct log_limit broken_limit;

	/* Any thread. */
	int call_fd;
	int report_fd;
	const struct interrupt_ops *interrupt; /* NULL: call eventfds */
	void *interrupt_self;
	atomic_uint interrupt_status;
	atomic_bool notification_data; /* agreed on */
	atomic_uint resets;
	atomic_uint_fast64_t report; /* reset count + 1 of a worker's report, 0: none */
	atomic_uint_fast64_t faults[DEVICE_FAULTS];
	atomic_uint_fast64_t kicks, signals;
};

/* With the mutex. */
bool device_live(const struct device *d);  /* DRIVER_OK, and nothing has parked the queues since */
void device_park(struct device *d);        /* no queue is served any more until reset */
void device_needs_reset(struct device *d); /* as device_report_broken, at once */
/* false: the driver's rings won't do */
bool device_start_queue(struct device *d, unsigned index, struct queue_state state);
void device_queue_defaults(struct device *d, unsigned index);
void device_watch_control(struct device *d);
void device_unwatch_control(struct device *d);
void device_catch_up(struct device *d); /* after a pause */

/* device_kind.c: with a function in each place, so that nobody asks whether there is one. */
struct device_kind device_kind_whole(const struct device_kind *kind);
extern const struct runner_ops device_no_runner;

struct err device_notify_init(struct device *d) MUST_USE;
void device_notify_fini(struct device *d);
void device_on_report(void *self, uint32_t epoll_events);

#endif
