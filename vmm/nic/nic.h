/* vmm/nic/nic.h: one NIC on a TAP that is open: backend, device, data path. Its transport, with its
 * doorbells and its calls, is the caller's: a machine's registers, or a front-end's messages. */
#ifndef TAPVM_NIC_NIC_H
#define TAPVM_NIC_NIC_H

#include "devices/base/loop.h"
#include "devices/datapath/datapath.h"
#include "devices/net/net.h"
#include "vmm/nic/config.h"

struct nic {
	char name[IFNAMSIZ];
	struct backend *backend;
	struct datapath *datapath;
	struct capture *capture; /* NULL: none */
	struct net *net;
};
/* With bus=AUTO it counts as none on PCI. */
struct err nic_init(struct nic *nic, const struct machine_nic *config, unsigned index,
		    struct guest_mem *mem, struct loop *loop, struct log log) MUST_USE;
/* Lets go of everything. A capture's reader is waited for as capture_destroy says. */
void nic_fini(struct nic *nic, const struct capture_wait *wait);
/* The frames change hands while they flow. On the control loop. */
struct err nic_set_path(struct nic *nic, enum path to) MUST_USE;
/* path.c: for nic_init; common: without vhost-net. */
struct err nic_path_create(const struct machine_nic *config, unsigned index,
			   const struct datapath_config *common,
			   struct datapath **ret_datapath) MUST_USE;
/* A second from now on, or until cancel_fd (-1: none) hangs up: for all NICs that end together. */
struct capture_wait nic_end_wait(int cancel_fd);

#endif
