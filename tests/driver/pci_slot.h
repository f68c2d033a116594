/* tests/driver/pci_slot.h: a PCI bus with one virtio function in it, what its machine was told, and
 * a driver that finds its way by capabilities (virtio 1.4, 4.1.4). */
#ifndef TAPVM_TESTS_PCI_SLOT_H
#define TAPVM_TESTS_PCI_SLOT_H

#include <stdatomic.h>

#include "devices/platform/pci_host.h"
#include "devices/transport/pci.h"

enum {
	SLOT_NUMBER = 3,
	SLOT_VECTORS = DEVICE_QUEUES_MAX + 1,
	SLOT_WINDOW = 0x40000000, /* of 1 MiB; another one is at 4 GiB * SLOT_HIGH */
	SLOT_WINDOW_BYTES = 1 << 20,
	SLOT_HIGH = 16,
};

struct pci_slot {
	struct pci_host *host;
	struct pci *pci;
	/* What the machine was told. */
	uint64_t at[PCI_BARS]; /* 0: nowhere */
	unsigned moves;
	struct {
		uint64_t address;
		uint32_t data;
		unsigned count;
	} route[SLOT_VECTORS];
	atomic_bool line;
	unsigned line_changes;
	/* What the driver found. */
	uint32_t common, notify, notify_step, isr, device;
};

void pci_slot_init(struct pci_slot *s, struct device *device, struct loop *loop);
void pci_slot_fini(struct pci_slot *s);

/* By ECAM; width 1, 2 or 4. */
uint32_t pci_slot_config(struct pci_slot *s, uint32_t offset, unsigned width);
void pci_slot_set_config(struct pci_slot *s, uint32_t offset, unsigned width, uint32_t value);
/* By the address at which the BAR answers; width up to 8. */
uint64_t pci_slot_read(struct pci_slot *s, unsigned bar, uint32_t offset, unsigned width);
void pci_slot_write(struct pci_slot *s, unsigned bar, uint32_t offset, unsigned width,
		    uint64_t value);
/* The n-th capability of that type, counted from 0: where it is, 0: there is none. */
uint8_t pci_slot_capability(struct pci_slot *s, uint8_t type, unsigned n);
uint8_t pci_slot_msix(struct pci_slot *s); /* likewise */
/* Gives the BARs addresses, switches memory and bus mastering on, and finds the structures. */
void pci_slot_enable(struct pci_slot *s);

uint64_t pci_slot_get(struct pci_slot *s, uint32_t offset, unsigned width); /* a common field */
void pci_slot_set(struct pci_slot *s, uint32_t offset, unsigned width, uint64_t value);
void pci_slot_ring(struct pci_slot *s, unsigned queue); /* the doorbell that is told for it */

/* MSI-X on or off; an entry: its message, and unmasked. */
void pci_slot_msix_on(struct pci_slot *s, bool on);
void pci_slot_vector(struct pci_slot *s, unsigned vector, uint64_t address, uint32_t data);
void pci_slot_mask(struct pci_slot *s, unsigned vector, bool masked);
unsigned pci_slot_sent(struct pci_slot *s, unsigned vector); /* messages since the last look */

#endif
