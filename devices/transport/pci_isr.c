/* devices/transport/pci_isr.c: the ISR byte, and INTx, which follows it (virtio 1.4, 4.1.4.5). */
#include <unistd.h>

#include "devices/transport/pci_priv.h"

/* PCI-25. */
bool pci_intx_pending(const struct pci *p)
{
	return !atomic_load(&p->msix_on) && device_interrupt_status(p->config.device) != 0;
}

/* Looks and tells under one lock: who comes last tells the last level. */
void pci_line_update(struct pci *p)
{
	bool level;

	(void)pthread_mutex_lock(&p->line_mutex);
	level = pci_intx_pending(p) && !atomic_load(&p->intx_off);
	if (level != p->line) {
		p->line = level;
		p->config.board->line(p->config.board_self, level);
	}
	(void)pthread_mutex_unlock(&p->line_mutex);
}

void pci_on_line(void *self, uint32_t epoll_events)
{
	struct pci *p = self;
	uint64_t count;
	ssize_t got = read(p->line_fd, &count, sizeof(count));

	(void)epoll_events, (void)got; /* EAGAIN: it was 0 */
	pci_line_update(p);
}

/* PCI-26: the line is down before the driver has its answer. */
void pci_isr_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width)
{
	(void)offset, (void)width; /* the structure is one byte */
	*(uint8_t *)ret_bytes = (uint8_t)device_interrupt_take(p->config.device);
	pci_line_update(p);
}
