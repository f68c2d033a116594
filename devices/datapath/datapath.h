/* devices/datapath/datapath.h: who moves a NIC's frames between its rings and its backend: threads
 * of ours (worker.h), or the kernel (vhost_net.h). One of them at a time; the other holds nothing.
 *
 * Both keep the contract of struct runner_ops: they are given running queues, and what is left of
 * them at a pause is each queue's state (queue_save), so that either goes on where the other was.
 * Frames that wait in a worker for receive buffers are dropped and counted when the kernel takes
 * over.
 * Threads: as struct runner_ops says; datapath_switch takes the device's mutex. */
#ifndef TAPVM_DATAPATH_DATAPATH_H
#define TAPVM_DATAPATH_DATAPATH_H

#include "devices/base/sys.h"
#include "devices/net/net.h"

enum path { PATH_WORKER, PATH_VHOST };
const char *path_name(enum path path); /* "worker", "vhost" */

struct datapath_config {
	unsigned pairs;
	/* Of /dev/vhost-net, one a pair; NULL: there are workers alone. Owned from success on. With
	 * them the kernel moves the frames whenever it can, until datapath_switch. */
	const int *vhost_fds;
	const struct sys *sys;
	struct guest_mem *mem; /* lent */
	struct loop *loop;     /* lent */
	struct log log;
	const char *name; /* for log lines; copied */
};

struct datapath;

struct err datapath_create(const struct datapath_config *config,
			   struct datapath **ret_datapath) MUST_USE;
void datapath_destroy(struct datapath *dp); /* takes NULL; after the device */
/* Before the driver is up: whose frames these are. */
struct err datapath_attach(struct datapath *dp, struct net *n) MUST_USE;
extern const struct runner_ops datapath_runner; /* self is a struct datapath */

/* Who moves the frames, from now on and after each reset. The kernel does so for a driver that is
 * told by MSI-X alone; else, or if it will not, workers do: that is an error here, and a log line
 * at the driver's start, or when it does not go on after a pause. */
struct err datapath_switch(struct datapath *dp, enum path to) MUST_USE;
enum path datapath_path(const struct datapath *dp); /* now; any thread */
bool datapath_has_vhost(const struct datapath *dp); /* made with its descriptors */

/* ---- limits.c: what the kernel cannot do ---- */
struct datapath_limit {
	uint8_t feature;
	const char *why;
};
extern const struct datapath_limit vhost_limits[];
extern const unsigned vhost_limit_count;

/* What the user wrote of a NIC. */
struct datapath_wish {
	const struct net_switches *switches;
	bool tun, capture, rate;
};
/* Can the kernel move its frames? If not, the first of these that needs a worker, and why. */
struct err datapath_check_vhost(const struct datapath_wish *wish) MUST_USE;
/* The same of what a driver has agreed on. */
struct err datapath_check_agreed(const struct features *accepted) MUST_USE;
/* The same of what is set while it runs. */
struct err datapath_check_rate(const struct net_rate *rate) MUST_USE;
/* Then: what is usual, and more than it can do, is switched off. */
void datapath_limit_to_vhost(struct net_switches *switches);

#endif
