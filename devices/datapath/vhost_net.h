/* devices/datapath/vhost_net.h: frames moved by the kernel's vhost-net: it has the rings and the
 * TAP of each queue pair; the control queue stays ours. Split rings alone; for datapath.c, which
 * says when. Source: Linux drivers/vhost, uapi linux/vhost.h.
 *
 * Threads: vhost_net_run and vhost_net_pause with the device's mutex; vhost_net_move_call on any.
 * What the kernel writes for the driver goes straight to where the transport's interrupt is while
 * there is such a descriptor, else by the control loop, which signals as a worker would. */
#ifndef TAPVM_DATAPATH_VHOST_NET_H
#define TAPVM_DATAPATH_VHOST_NET_H

#include "devices/datapath/datapath.h"

struct vhost_net;

/* fds as datapath_config.vhost_fds, owned from success on. Tied to this process's memory. */
struct err vhost_net_create(const struct datapath_config *config,
			    struct vhost_net **ret_vhost) MUST_USE;
void vhost_net_destroy(struct vhost_net *v); /* takes NULL; after the device */
struct err vhost_net_attach(struct vhost_net *v, struct net *n) MUST_USE;

/* The running queues of active pairs are the kernel's from here on, as if they were kicked. An
 * error: none is. */
struct err vhost_net_run(struct vhost_net *v) MUST_USE;
/* On return the kernel touches none of them, each has moved to where it left off, and what it told
 * the driver is told. Stopped: nothing. */
void vhost_net_pause(struct vhost_net *v);
void vhost_net_move_call(struct vhost_net *v, unsigned index); /* as move_call of a runner */

#endif
