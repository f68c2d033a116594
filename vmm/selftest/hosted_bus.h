/* vmm/selftest/hosted_bus.h: a device on the bus of its choice without a virtual machine: accesses
 * are calls, and what a machine would have irqfds for is polled. */
#ifndef TAPVM_SELFTEST_HOSTED_BUS_H
#define TAPVM_SELFTEST_HOSTED_BUS_H

#include <stdatomic.h>

#include "devices/platform/pci_host.h"
#include "devices/transport/mmio.h"
#include "devices/transport/pci.h"
#include "vmm/nic/config.h"

enum { HOSTED_CALLS_MAX = DEVICE_QUEUES_MAX + 1 };

struct hosted_bus {
	struct mmio *mmio; /* or the rest: */
	struct pci_host *host;
	struct pci *pci;
	/* What the device tells its driver by. */
	struct {
		int fd;           /* an eventfd */
		atomic_uint data; /* of its message; mmio: 0 */
	} call[HOSTED_CALLS_MAX];
	unsigned calls;
};

/* All lent. */
struct err hosted_bus_init(struct hosted_bus *b, enum nic_bus kind, struct device *device,
			   struct loop *loop) MUST_USE;
void hosted_bus_fini(struct hosted_bus *b);
/* As a vCPU's: little endian; ones where nothing is. */
void hosted_bus_read(struct hosted_bus *b, uint64_t address, void *ret_bytes, unsigned width);
void hosted_bus_write(struct hosted_bus *b, uint64_t address, const void *bytes, unsigned width);

#endif
