/* vmm/nic/config.h: what a NIC is made of: a TAP that is open, and what is known of it. */
#ifndef TAPVM_NIC_CONFIG_H
#define TAPVM_NIC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/net/features.h"
#include "devices/net/rate.h"
#include "devices/tap/tap.h"

/* Of a machine: AUTO is PCI, but for an image with our own ELF note. */
enum nic_bus { NIC_BUS_AUTO, NIC_BUS_PCI, NIC_BUS_MMIO };

/* Who moves its frames: workers; vhost-net; vhost-net unless something that the user wrote, the
 * host or the bus is against it. */
enum nic_vhost { NIC_VHOST_OFF, NIC_VHOST_ON, NIC_VHOST_AUTO };

struct machine_nic {
	struct tap tap;              /* its descriptors are the NIC's from nic_init on */
	uint8_t mac[6], host_mac[6]; /* the guest's; with a TUN, what it sees as its neighbour */
	uint16_t mtu;                /* 0: not offered */
	uint16_t queue_size;
	int capture_fd; /* -1: none; likewise; see capture_config */
	struct net_switches switches;
	struct net_speed speed;
	struct net_rate rate;
	bool link_up;
	enum nic_bus bus; /* AUTO is decided by the machine */
	enum nic_vhost vhost;
	int vhost_fd[QUEUE_PAIRS_MAX]; /* of /dev/vhost-net, one a pair; likewise */
	unsigned vhost_fds;            /* as many as pairs, or none, and then why not */
	struct err vhost_why;
};

#endif
