/* vmm/nic/config.h: what a NIC is made of: a TAP that is open, and what is known of it. */
#ifndef TAPVM_NIC_CONFIG_H
#define TAPVM_NIC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/net/features.h"
#include "devices/tap/tap.h"

/* Of a machine: AUTO is PCI, but for an image with our own ELF note. */
enum nic_bus { NIC_BUS_AUTO, NIC_BUS_PCI, NIC_BUS_MMIO };

struct machine_nic {
	struct tap tap;              /* its descriptors are the NIC's from nic_init on */
	uint8_t mac[6], host_mac[6]; /* the guest's; with a TUN, what it sees as its neighbour */
	uint16_t mtu;                /* 0: not offered */
	uint16_t queue_size;
	int capture_fd; /* -1: none; likewise; see capture_config */
	struct net_switches switches;
	struct net_speed speed;
	bool link_up;
	enum nic_bus bus;
};

#endif
