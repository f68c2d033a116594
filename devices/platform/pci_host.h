/* devices/platform/pci_host.h: one PCI bus behind its host bridge, KVM-free.
 *
 * Configuration space by ECAM and by the ports 0xcf8 and 0xcfc; functions are plugged in, and
 * where there is none everything reads as ones. Device memory: which function answers at which
 * address. Bytes are little endian; an access has 1 to 8 of them, at any alignment.
 * Threads: any vCPU thread, once all functions are plugged in. */
#ifndef TAPVM_PLATFORM_PCI_HOST_H
#define TAPVM_PLATFORM_PCI_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"

enum {
	PCI_SLOTS = 32,          /* one function each; slot 0 is the bridge itself */
	PCI_HOST_ECAM = 1 << 20, /* bytes of configuration space, 4 KiB a function */
	PCI_PORTS = 0xcf8,       /* the first of eight: the address, then the data */
	PCI_PORT_COUNT = 8,
	PCI_BARS = 6,
	PCI_WINDOWS = 2,
};

/* What is plugged in. Any vCPU thread; the bus holds no lock of its own meanwhile. */
struct pci_function {
	/* [offset, offset + width) of its 4 KiB. */
	void (*config_read)(void *self, uint32_t offset, void *ret_bytes, unsigned width);
	void (*config_write)(void *self, uint32_t offset, const void *bytes, unsigned width);
	/* Inside the BAR, as far as its first byte goes. */
	void (*read)(void *self, unsigned bar, uint64_t offset, void *ret_bytes, unsigned width);
	void (*write)(void *self, unsigned bar, uint64_t offset, const void *bytes, unsigned width);
};

/* Where BARs may lie: neither RAM nor anything else of the machine's is in there. */
struct pci_window {
	uint64_t at, size;
};

struct pci_host_config {
	struct pci_window window[PCI_WINDOWS]; /* of size 0: none */
	/* A BAR answers there from now on, or with mapped false no longer. Functions may have
	 * locks of theirs held; the bus's is. */
	void (*moved)(void *self, unsigned slot, unsigned bar, uint64_t at, bool mapped);
	void *self;
};

struct pci_host;

struct err pci_host_create(const struct pci_host_config *config,
			   struct pci_host **ret_host) MUST_USE;
void pci_host_destroy(struct pci_host *h); /* takes NULL */
/* slot 1 to 31; both pointers are lent. */
void pci_host_plug(struct pci_host *h, unsigned slot, const struct pci_function *function,
		   void *self);

/* offset in the ECAM. */
void pci_host_config_read(struct pci_host *h, uint32_t offset, void *ret_bytes, unsigned width);
void pci_host_config_write(struct pci_host *h, uint32_t offset, const void *bytes, unsigned width);
/* One of PCI_PORTS, 1, 2 or 4 bytes. */
void pci_host_port_read(struct pci_host *h, uint16_t port, void *ret_bytes, unsigned width);
void pci_host_port_write(struct pci_host *h, uint16_t port, const void *bytes, unsigned width);

/* A function wants that BAR at `at` from now on; size 0: nowhere. While it would lie outside the
 * windows, or on a BAR that is there already, it is not decoded. */
void pci_host_place(struct pci_host *h, unsigned slot, unsigned bar, uint64_t at, uint64_t size);
/* false: no BAR is there; then a read gives ones. */
bool pci_host_read(struct pci_host *h, uint64_t gpa, void *ret_bytes, unsigned width);
bool pci_host_write(struct pci_host *h, uint64_t gpa, const void *bytes, unsigned width);

#endif
