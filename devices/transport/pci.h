/* devices/transport/pci.h: virtio-pci, modern only (virtio 1.4, 4.1): one PCI function.
 *
 * Translates accesses to its configuration space and its BARs into virtio/device.h calls; knows no
 * kind of device, no bus and no KVM. Bytes are little endian, an access has 1 to 8 of them.
 * Threads: any vCPU thread; the loop's, which relays INTx. A write of device_status = 0 or of
 * queue_reset = 1 returns only when the workers have let go of guest memory. */
#ifndef TAPVM_TRANSPORT_PCI_H
#define TAPVM_TRANSPORT_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/loop.h"
#include "devices/virtio/device.h"

enum {
	PCI_BAR_REGISTERS = 0, /* 64 bits: the structures of virtio */
	PCI_BAR_MSIX = 2,      /* 32 bits: table and pending bits */
	/* In PCI_BAR_REGISTERS: queue i has its doorbell at PCI_DOORBELLS + i * PCI_DOORBELL_STEP,
	 * where any write of any width and value rings (PCI-23): an ioeventfd that matches the
	 * address alone, on device_kick_fd. The page holds nothing else. */
	PCI_DOORBELLS = 0x1000,
	PCI_DOORBELL_STEP = 4,
};

/* What the machine does for a function. Each is called with locks of the function's held: none may
 * come back to it. */
struct pci_board {
	/* The driver wants that BAR at `at`, of so many bytes, from now on; size 0: nowhere.
	 * Whether anything may lie there is for the board to say: what may not is not decoded.
	 * Doorbells move with their BAR. */
	void (*place)(void *self, unsigned bar, uint64_t at, uint64_t size);
	/* What vector's eventfd (pci_vector_fd: an irqfd) sends from now on is this message; at
	 * first it sends none. Nothing is sent meanwhile. */
	void (*route)(void *self, unsigned vector, uint64_t address, uint32_t data);
	/* The level of INTA. */
	void (*line)(void *self, bool asserted);
};

struct pci_config {
	struct device *device; /* lent; nobody has accessed it yet */
	struct loop *loop;     /* lent; relays INTx */
	uint32_t class_code;   /* class, subclass, programming interface: 24 bits */
	const struct pci_board *board;
	void *board_self;
};

struct pci;

struct err pci_create(const struct pci_config *config, struct pci **ret_pci) MUST_USE;
void pci_destroy(struct pci *p); /* takes NULL; resets the device, which is of no use after that */

/* Vectors of MSI-X, each with an eventfd, written when its message is due. A masked vector keeps
 * its irqfd: it is not written. */
unsigned pci_vector_count(const struct pci *p);
int pci_vector_fd(const struct pci *p, unsigned vector);

void pci_config_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width);
void pci_config_write(struct pci *p, uint32_t offset, const void *bytes, unsigned width);
/* offset inside that BAR */
void pci_read(struct pci *p, unsigned bar, uint64_t offset, void *ret_bytes, unsigned width);
void pci_write(struct pci *p, unsigned bar, uint64_t offset, const void *bytes, unsigned width);

#endif
