/* vmm/selftest/hosted_bus.c: virtio-mmio, or a PCI bus with one function that nobody gave
 * addresses. */
#include "vmm/selftest/hosted_bus.h"

#include <string.h>

#include "vmm/boot/fdt.h"
#include "vmm/nic/pci_function.h"

enum { CLASS_ETHERNET = 0x020000 };

/* ---- what the function asks of its board ---- */

static void place(void *self, unsigned bar, uint64_t at, uint64_t size)
{
	const struct hosted_bus *b = self;

	pci_host_place(b->host, NIC_SLOT, bar, at, size);
}

static void route(void *self, unsigned vector, uint64_t address, uint32_t data)
{
	struct hosted_bus *b = self;

	(void)address;
	atomic_store(&b->call[vector].data, data);
}

/* The guest's driver has no use for INTx. */
static void line(void *self, bool asserted) { (void)self, (void)asserted; }

static const struct pci_board board = { .place = place, .route = route, .line = line };

/* ---- what the bus asks of the function ---- */

static void moved(void *self, unsigned slot, unsigned bar, uint64_t at, bool mapped)
{
	(void)self, (void)slot, (void)bar, (void)at, (void)mapped;
}

static struct err plug(struct hosted_bus *b, struct device *device, struct loop *loop)
{
	const struct pci_host_config host = { .window = { { PCI_WINDOW, PCI_WINDOW_BYTES } },
					      .moved = moved };
	const struct pci_config config = { .device = device,
					   .loop = loop,
					   .class_code = CLASS_ETHERNET,
					   .board = &board,
					   .board_self = b };
	struct err e = pci_host_create(&host, &b->host);

	if (!err_is(e))
		e = pci_create(&config, &b->pci);
	if (err_is(e))
		return e;
	pci_host_plug(b->host, NIC_SLOT, &virtio_pci_function, b->pci);
	b->calls = pci_vector_count(b->pci);
	for (unsigned i = 0; i < b->calls; i++)
		b->call[i].fd = pci_vector_fd(b->pci, i);
	return err_none();
}

/* ---- both buses ---- */

struct err hosted_bus_init(struct hosted_bus *b, enum nic_bus kind, struct device *device,
			   struct loop *loop)
{
	memset(b, 0, sizeof(*b));
	if (kind == NIC_BUS_PCI)
		return plug(b, device, loop);
	b->call[0].fd = device_call_fd(device);
	b->calls = 1;
	return mmio_create(device, &b->mmio);
}

void hosted_bus_fini(struct hosted_bus *b)
{
	mmio_destroy(b->mmio);
	pci_destroy(b->pci);
	pci_host_destroy(b->host);
}

static bool in_ecam(uint64_t address)
{
	return address >= PCI_ECAM && address - PCI_ECAM < PCI_ECAM_BYTES;
}

void hosted_bus_read(struct hosted_bus *b, uint64_t address, void *ret_bytes, unsigned width)
{
	if (b->mmio != NULL)
		mmio_read(b->mmio, (uint32_t)(address - WINDOW_BASE), ret_bytes, width);
	else if (in_ecam(address))
		pci_host_config_read(b->host, (uint32_t)(address - PCI_ECAM), ret_bytes, width);
	else
		(void)pci_host_read(b->host, address, ret_bytes, width);
}

void hosted_bus_write(struct hosted_bus *b, uint64_t address, const void *bytes, unsigned width)
{
	if (b->mmio != NULL)
		mmio_write(b->mmio, (uint32_t)(address - WINDOW_BASE), bytes, width);
	else if (in_ecam(address))
		pci_host_config_write(b->host, (uint32_t)(address - PCI_ECAM), bytes, width);
	else
		(void)pci_host_write(b->host, address, bytes, width);
}
