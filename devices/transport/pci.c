/* devices/transport/pci.c: one virtio function on PCI: what lies where in its BARs, and how its
 * driver is told. */
#include "devices/transport/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "devices/mem/range.h"
#include "devices/transport/pci_priv.h"

static void config_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width)
{
	device_config_read(p->config.device, offset, ret_bytes, width);
}

static void config_write(struct pci *p, uint32_t offset, const void *bytes, unsigned width)
{
	(void)offset, (void)bytes, (void)width;
	device_fault(p->config.device, DEVICE_FAULT_CONFIG); /* NET-04: no field may be written */
}

/* PCI-23: the address says which queue. */
static void doorbell(struct pci *p, uint32_t offset, const void *bytes, unsigned width)
{
	(void)bytes, (void)width;
	if (offset % PCI_DOORBELL_STEP == 0)
		device_kick(p->config.device, offset / PCI_DOORBELL_STEP);
	else
		device_fault(p->config.device, DEVICE_FAULT_ACCESS);
}

/* PCI-09, PCI-21, PCI-22: aligned to their widest fields; a page of doorbells for as many queues as
 * there can be, at a step that NOTIFICATION_DATA may have too. */
const struct pci_region pci_regions[PCI_REGIONS] = {
	{ VIRTIO_PCI_CAP_COMMON_CFG, 0x000, VIRTIO_PCI_COMMON_Q_RESET + 2, pci_common_read,
	  pci_common_write },
	{ VIRTIO_PCI_CAP_ISR_CFG, 0x040, 1, pci_isr_read, NULL },
	{ VIRTIO_PCI_CAP_DEVICE_CFG, 0x100, 0x100, config_read, config_write },
	{ VIRTIO_PCI_CAP_NOTIFY_CFG, PCI_DOORBELLS, 0x1000, NULL, doorbell },
};
_Static_assert(DEVICE_QUEUES_MAX *PCI_DOORBELL_STEP <= 0x1000, "a doorbell for each queue");

const struct pci_region *pci_region_at(uint64_t offset, uint64_t length)
{
	for (unsigned i = 0; i < PCI_REGIONS; i++)
		if (range_inside(pci_regions[i].offset, pci_regions[i].length, offset, length))
			return &pci_regions[i];
	return NULL;
}

/* PCI-34. Lock-free: a worker's thread, or one that holds the device's mutex. */
static void interrupt(void *self, int queue)
{
	struct pci *p = self;
	unsigned vector =
		atomic_load(queue == DEVICE_NO_QUEUE ? &p->config_vector : &p->queue_vector[queue]);

	if (!atomic_load(&p->msix_on))
		eventfd_poke(p->line_fd);
	else if (vector != VIRTIO_MSI_NO_VECTOR)
		pci_msix_send(p, vector);
}

static bool by_message(void *self)
{
	struct pci *p = self;

	return atomic_load(&p->msix_on);
}

/* Whoever writes it is told before a mask counts, so that the two words need not be one. */
static int direct(void *self, unsigned queue)
{
	struct pci *p = self;
	unsigned vector = atomic_load(&p->queue_vector[queue]);

	return vector != VIRTIO_MSI_NO_VECTOR && pci_msix_open(p, vector) ? p->vector[vector].fd
									  : DEVICE_FD_NONE;
}

static const struct interrupt_ops interrupt_ops = {
	.interrupt = interrupt,
	.by_message = by_message,
	.direct = direct,
};

void pci_map_queue(struct pci *p, unsigned queue, unsigned vector)
{
	atomic_store(&p->queue_vector[queue], vector);
	device_call_moved(p->config.device, queue);
}

/* PCI-31. */
void pci_reset_vectors(struct pci *p)
{
	atomic_store(&p->config_vector, VIRTIO_MSI_NO_VECTOR);
	for (unsigned i = 0; i < device_queue_max(p->config.device); i++)
		pci_map_queue(p, i, VIRTIO_MSI_NO_VECTOR);
	pci_msix_forget(p);
	pci_line_update(p);
}

struct err pci_create(const struct pci_config *config, struct pci **ret_pci)
{
	struct pci *p = calloc(1, sizeof(*p));
	struct err e;

	if (p == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make a PCI transport");
	p->config = *config;
	p->master = true;
	/* PCI-30: one for each event, so that none need be shared. */
	p->vector_count = device_queue_max(config->device) + 1;
	(void)pthread_mutex_init(&p->mutex, NULL);
	(void)pthread_mutex_init(&p->line_mutex, NULL);
	p->line_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	e = pci_msix_init(p);
	if (!err_is(e) && p->line_fd < 0)
		e = err_make(ERR_SETUP, errno, "make an eventfd for INTx");
	if (!err_is(e))
		e = loop_add(config->loop, p->line_fd, EPOLLIN, pci_on_line, p);
	if (err_is(e)) {
		pci_destroy(p);
		return e;
	}
	pci_config_init(p);
	pci_reset_vectors(p);
	device_set_interrupt(config->device, &interrupt_ops, p);
	*ret_pci = p;
	return err_none();
}

void pci_destroy(struct pci *p)
{
	if (p == NULL)
		return;
	device_set_status(p->config.device, 0); /* nobody tells the driver anything after that */
	device_set_interrupt(p->config.device, NULL, NULL);
	pci_set_master(p, true);
	if (p->line_fd >= 0) {
		loop_remove(p->config.loop, p->line_fd);
		(void)close(p->line_fd);
	}
	pci_msix_fini(p);
	(void)pthread_mutex_destroy(&p->line_mutex);
	(void)pthread_mutex_destroy(&p->mutex);
	free(p);
}

unsigned pci_vector_count(const struct pci *p) { return p->vector_count; }
int pci_vector_fd(const struct pci *p, unsigned vector) { return p->vector[vector].fd; }

void pci_read(struct pci *p, unsigned bar, uint64_t offset, void *ret_bytes, unsigned width)
{
	const struct pci_region *region;

	memset(ret_bytes, 0, width);
	if (bar == PCI_BAR_MSIX) {
		pci_msix_read(p, offset, ret_bytes, width);
		return;
	}
	region = pci_region_at(offset, width);
	if (region != NULL && region->read != NULL)
		region->read(p, (uint32_t)offset - region->offset, ret_bytes, width);
	else
		device_fault(p->config.device, DEVICE_FAULT_ACCESS);
}

void pci_write(struct pci *p, unsigned bar, uint64_t offset, const void *bytes, unsigned width)
{
	const struct pci_region *region;

	if (bar == PCI_BAR_MSIX) {
		pci_msix_write(p, offset, bytes, width);
		return;
	}
	region = pci_region_at(offset, width);
	if (region != NULL && region->write != NULL)
		region->write(p, (uint32_t)offset - region->offset, bytes, width);
	else
		device_fault(p->config.device, DEVICE_FAULT_ACCESS);
}
