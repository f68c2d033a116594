/* devices/transport/vhost_user.h: the back-end's side of one vhost-user connection.
 *
 * Translates messages into virtio/device.h calls, maps the front-end's memory and fills the
 * device's table with it; knows no kind of device. One object a connection, one connection at a
 * time a device: while a ring runs, the device is as a driver sees it after DRIVER_OK; when the
 * last one stops, or the front-end goes, it is reset.
 * A front-end that breaks the protocol, or asks for what cannot be without asking for an answer,
 * is dropped with one line in the log. Its files may be cut short at any time: whoever has the
 * process handles SIGBUS by mem_fault_fix and then calls vhost_user_fault.
 * Threads: the loop's. Source: QEMU docs/interop/vhost-user.rst. */
#ifndef TAPVM_TRANSPORT_VHOST_USER_H
#define TAPVM_TRANSPORT_VHOST_USER_H

#include "devices/base/signaller.h"
#include "devices/virtio/device.h"

struct vhost_user_config {
	struct device *device; /* lent */
	struct guest_mem *mem; /* lent: the device's; empty whenever nobody is connected */
	struct loop *loop;     /* lent */
	struct log log;
	struct log_limit *limit;     /* lent: the device's, over all its connections */
	const char *name;            /* for log lines; lent */
	struct signaller *signaller; /* for eventfds that a front-end shares with us; lent */
	unsigned rings;              /* of the device, 1 to DEVICE_QUEUES_MAX */
	unsigned queue_num;          /* the answer to GET_QUEUE_NUM: for a net device, pairs */
	bool inband;                 /* offer notifications by messages */
	/* Takes off what a front-end agreed to for queues that it serves itself. */
	void (*trim)(struct features *f);
	/* The connection is over and the device is reset: last call of all, from the loop;
	 * vhost_user_destroy may be called in it. */
	void (*ended)(void *self);
	void *self;
};

struct vhost_user;

/* socket_fd: connected, stream; the object's from here on, on failure too. */
struct err vhost_user_create(const struct vhost_user_config *config, int socket_fd,
			     struct vhost_user **ret_vhost_user) MUST_USE;
void vhost_user_destroy(struct vhost_user *v); /* takes NULL; ends the connection without a word */
/* A file of the front-end's was cut short: it is dropped. */
void vhost_user_fault(struct vhost_user *v);

#endif
