/* guest/driver/transport.h: a virtio device's registers, wherever its bus has them.
 *
 * Both transports have the same registers at other places and of other widths: a table of places,
 * filled by mmio_open or pci_open, is most of what differs; the rest is how the device tells. */
#ifndef TAPVM_GUEST_TRANSPORT_H
#define TAPVM_GUEST_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/seam.h"

/* Those with a _HIGH behind them are the lower half of 64 bits. */
enum reg {
	REG_DEVICE_FEATURES_SELECT,
	REG_DEVICE_FEATURES,
	REG_DRIVER_FEATURES_SELECT,
	REG_DRIVER_FEATURES,
	REG_STATUS,
	REG_GENERATION,
	REG_INTERRUPT_STATUS, /* PCI: the ISR byte, which says nothing under MSI-X */
	REG_QUEUE_SELECT,
	REG_QUEUE_SIZE_MAX, /* PCI: what REG_QUEUE_SIZE reads after a reset */
	REG_QUEUE_SIZE,
	REG_QUEUE_READY,
	REG_QUEUE_DESC,
	REG_QUEUE_DESC_HIGH,
	REG_QUEUE_DRIVER,
	REG_QUEUE_DRIVER_HIGH,
	REG_QUEUE_DEVICE,
	REG_QUEUE_DEVICE_HIGH,
	REG_QUEUE_RESET,
	REGS,
};

enum { TRANSPORT_QUEUES = 64 };

/* What interrupts told of. */
struct told {
	uint32_t queues; /* bit Q: of queue Q; mmio does not say which: all */
	bool config;
};

struct reg_place {
	uint64_t at;
	uint8_t width;
};

struct transport;
struct transport_ops {
	/* After FEATURES_OK: what tells of the configuration. false: the device refuses. */
	bool (*map_config)(struct transport *t);
	/* The selected queue, before it is ready: its doorbell, and what tells of it. */
	bool (*map_queue)(struct transport *t, uint32_t queue);
	/* Since the last call. */
	struct told (*told)(struct transport *t);
};

struct transport {
	const struct seam *seam;
	const struct transport_ops *ops;
	enum bus bus;
	struct reg_place reg[REGS];
	uint64_t config; /* the device's own configuration */
	uint64_t doorbell[TRANSPORT_QUEUES];
	unsigned doorbell_width;
	/* PCI's. */
	uint64_t function; /* its configuration space */
	uint64_t doorbells, msix_table;
	uint32_t doorbell_step, vectors;
	uint32_t seen[SEAM_MESSAGES]; /* messages */
};

/* false: there is no virtio-net device that can be used. */
bool mmio_open(struct transport *t, uint64_t registers);
/* On bus 0, whose configuration space is at `ecam`. */
bool pci_open(struct transport *t, uint64_t ecam);

#endif
