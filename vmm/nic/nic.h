/* vmm/nic/nic.h: one NIC on a TAP that is open: backend, device, workers. Its transport, with its
 * doorbells and its calls, is the caller's: a machine's registers, or a front-end's messages. */
#ifndef TAPVM_NIC_NIC_H
#define TAPVM_NIC_NIC_H

#include "devices/base/loop.h"
#include "devices/datapath/worker.h"
#include "devices/net/net.h"
#include "vmm/nic/config.h"

struct nic {
	const char *name;
	struct backend *backend;
	struct workers *workers;
	struct capture *capture; /* NULL: none */
	struct net *net;
};
struct err nic_init(struct nic *nic, const struct machine_nic *config, unsigned index,
		    struct guest_mem *mem, struct loop *loop, struct log log) MUST_USE;
/* Lets go of everything. A capture's reader is waited for as capture_destroy says. */
void nic_fini(struct nic *nic, const struct capture_wait *wait);
/* A second from now on, or until cancel_fd (-1: none) hangs up: for all NICs that end together. */
struct capture_wait nic_end_wait(int cancel_fd);

#endif
