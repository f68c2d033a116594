/* devices/transport/pci_msix.c: the table of MSI-X, its pending bits, and what is sent when.
 * Source: PCI Local Bus 3.0, 6.8.2 and 6.8.3. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "devices/transport/pci_priv.h"

enum {
	MASKED = PCI_MASKED_ITSELF | PCI_MASKED_WITH_ALL,
	CONTROL = PCI_MSIX_ENTRY_VECTOR_CTRL / 4,
	ENTRY_WORDS = PCI_MSIX_ENTRY_SIZE / 4,
};

struct err pci_msix_init(struct pci *p)
{
	for (unsigned i = 0; i < p->vector_count; i++)
		p->vector[i] = (struct pci_vector){ .state = MASKED, .fd = -1 };
	p->vectors_off = true;
	for (unsigned i = 0; i < p->vector_count; i++) {
		p->vector[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (p->vector[i].fd < 0)
			return err_make(ERR_SETUP, errno, "make an eventfd for MSI-X");
	}
	return err_none();
}

void pci_msix_fini(struct pci *p)
{
	for (unsigned i = 0; i < p->vector_count; i++)
		if (p->vector[i].fd >= 0)
			(void)close(p->vector[i].fd);
}

/* Sends what is pending unless it is masked. Of several that find one message one sends it. */
static void send_pending(struct pci_vector *v)
{
	unsigned old = atomic_load(&v->state);

	do {
		if ((old & PCI_PENDING) == 0 || (old & MASKED) != 0)
			return;
	} while (!atomic_compare_exchange_weak(&v->state, &old,
					       (old & ~(unsigned)PCI_PENDING) + PCI_SENDING));
	eventfd_poke(v->fd);
	atomic_fetch_sub(&v->state, PCI_SENDING);
}

void pci_msix_send(struct pci *p, unsigned vector)
{
	struct pci_vector *v = &p->vector[vector];

	atomic_fetch_or(&v->state, PCI_PENDING);
	send_pending(v);
}

bool pci_msix_open(const struct pci *p, unsigned vector)
{
	return (atomic_load(&p->vector[vector].state) & MASKED) == 0;
}

/* Of every queue whose vector that is. */
static void tell_writers(struct pci *p, unsigned vector)
{
	for (unsigned i = 0; i < device_queue_max(p->config.device); i++)
		if (atomic_load(&p->queue_vector[i]) == vector)
			device_call_moved(p->config.device, i);
}

/* On return nothing is being sent; who sends only writes an eventfd, so that it never takes long.
 */
static void mask(struct pci *p, unsigned vector, unsigned which)
{
	struct pci_vector *v = &p->vector[vector];

	atomic_fetch_or(&v->state, which);
	tell_writers(p, vector);
	while (atomic_load(&v->state) >= PCI_SENDING)
		(void)sched_yield();
}

/* The message counts as it is when the last mask goes: it may not change without one. */
static void unmask(struct pci *p, unsigned vector, unsigned which)
{
	struct pci_vector *v = &p->vector[vector];
	bool opens = (atomic_load(&v->state) & MASKED & ~which) == 0;

	if (opens && memcmp(v->routed, v->message, sizeof(v->routed)) != 0) {
		memcpy(v->routed, v->message, sizeof(v->routed));
		p->config.board->route(p->config.board_self, vector,
				       (uint64_t)v->message[1] << 32 | v->message[0],
				       v->message[2]);
	}
	atomic_fetch_and(&v->state, ~which);
	send_pending(v);
	tell_writers(p, vector);
}

void pci_msix_forget(struct pci *p)
{
	for (unsigned i = 0; i < p->vector_count; i++)
		atomic_fetch_and(&p->vector[i].state, ~(unsigned)PCI_PENDING);
}

void pci_msix_set(struct pci *p, bool on, bool all_masked)
{
	bool off = !on || all_masked;

	if (on)
		atomic_store(&p->msix_on, true);
	for (unsigned i = 0; off != p->vectors_off && i < p->vector_count; i++) {
		if (off)
			mask(p, i, PCI_MASKED_WITH_ALL);
		else
			unmask(p, i, PCI_MASKED_WITH_ALL);
	}
	p->vectors_off = off;
	if (!on && atomic_exchange(&p->msix_on, false))
		pci_msix_forget(p);
}

/* ---- the BAR ---- */

static uint32_t pending_word(const struct pci *p, uint32_t index)
{
	uint32_t word = 0;

	for (unsigned i = 0; i < 32 && 32 * index + i < p->vector_count; i++)
		if ((atomic_load(&p->vector[32 * index + i].state) & PCI_PENDING) != 0)
			word |= UINT32_C(1) << i;
	return word;
}

static uint32_t table_word(const struct pci *p, uint32_t index)
{
	const struct pci_vector *v;

	if (index >= p->vector_count * ENTRY_WORDS)
		return 0;
	v = &p->vector[index / ENTRY_WORDS];
	if (index % ENTRY_WORDS < CONTROL)
		return v->message[index % ENTRY_WORDS];
	return (atomic_load(&v->state) & PCI_MASKED_ITSELF) != 0 ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0;
}

static void set_table_word(struct pci *p, uint32_t index, uint32_t value)
{
	static const uint32_t writable[] = { UINT32_MAX & ~UINT32_C(3), UINT32_MAX, UINT32_MAX };
	uint32_t vector = index / ENTRY_WORDS, word = index % ENTRY_WORDS;

	if (vector >= p->vector_count)
		device_fault(p->config.device, DEVICE_FAULT_ACCESS);
	else if (word < CONTROL)
		p->vector[vector].message[word] = value & writable[word];
	else if ((value & PCI_MSIX_ENTRY_CTRL_MASKBIT) != 0)
		mask(p, vector, PCI_MASKED_ITSELF);
	else
		unmask(p, vector, PCI_MASKED_ITSELF);
}

/* By words and by pairs of words, aligned; anything else is undefined for a driver. */
static bool allowed(struct pci *p, uint64_t offset, unsigned width)
{
	if ((width == 4 || width == 8) && offset % width == 0)
		return true;
	device_fault(p->config.device, DEVICE_FAULT_ACCESS);
	return false;
}

void pci_msix_read(struct pci *p, uint64_t offset, void *ret_bytes, unsigned width)
{
	if (!allowed(p, offset, width))
		return;
	(void)pthread_mutex_lock(&p->mutex);
	for (unsigned i = 0; i < width / 4; i++) {
		uint32_t at = (uint32_t)offset + 4 * i;
		le32 word = le32_put(at < PCI_MSIX_PENDING
					     ? table_word(p, at / 4)
					     : pending_word(p, (at - PCI_MSIX_PENDING) / 4));

		memcpy((uint8_t *)ret_bytes + 4 * (size_t)i, &word, sizeof(word));
	}
	(void)pthread_mutex_unlock(&p->mutex);
}

void pci_msix_write(struct pci *p, uint64_t offset, const void *bytes, unsigned width)
{
	if (!allowed(p, offset, width))
		return;
	(void)pthread_mutex_lock(&p->mutex);
	for (unsigned i = 0; i < width / 4; i++) {
		le32 word;

		memcpy(&word, (const uint8_t *)bytes + 4 * (size_t)i, sizeof(word));
		set_table_word(p, (uint32_t)offset / 4 + i, le32_get(word));
	}
	(void)pthread_mutex_unlock(&p->mutex);
}
