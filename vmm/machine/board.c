/* vmm/machine/board.c: between virtio devices and KVM. Where a BAR lies its doorbells are attached;
 * each vector has an irqfd for good, of which only the message changes: detaching one costs 1.9 ms.
 */
#include "vmm/machine/board.h"

#include <assert.h>
#include <linux/pci_regs.h>

#include "devices/base/le.h"
#include "vmm/boot/acpi.h"
#include "vmm/machine/machine_priv.h"
#include "vmm/nic/pci_function.h"

enum { VECTORS = DEVICE_QUEUES_MAX + 1 }; /* that a function may have */
static_assert(PCI_SLOTS * VECTORS <= VM_MESSAGES, "a message for each vector of each slot");

/* On the thread of the vCPU whose driver asked for it, as often as it likes: the guest goes on
 * without. */
static void say(struct board *b, struct err e)
{
	if (!err_is(e))
		return;
	(void)pthread_mutex_lock(&b->mutex);
	log_limited(&b->log, &b->log_limit, "%s", e.text);
	(void)pthread_mutex_unlock(&b->mutex);
}

/* ---- what a function asks of its board ---- */

static void place(void *self, unsigned bar, uint64_t at, uint64_t size)
{
	const struct board_slot *s = self;

	pci_host_place(s->board->host, s->number, bar, at, size);
}

static void route(void *self, unsigned vector, uint64_t address, uint32_t data)
{
	const struct board_slot *s = self;

	say(s->board, vm_route_message(s->board->vm, s->number * VECTORS + vector, address, data));
}

/* Slots that share a pin assert it together. */
static void line(void *self, bool asserted)
{
	struct board_slot *s = self;
	struct board *b = s->board;
	unsigned pin = acpi_pci_gsi(s->number);
	bool level = false;
	struct err e;

	(void)pthread_mutex_lock(&b->mutex);
	s->asserted = asserted;
	for (unsigned i = 1; i < PCI_SLOTS; i++)
		level = level || (b->slot[i].asserted && acpi_pci_gsi(i) == pin);
	e = vm_line(b->vm, pin, level);
	(void)pthread_mutex_unlock(&b->mutex);
	say(b, e);
}

static const struct pci_board asks = { .place = place, .route = route, .line = line };

/* ---- what the bus asks of a function ---- */

static void moved(void *self, unsigned slot, unsigned bar, uint64_t at, bool mapped)
{
	struct board *b = self;
	struct device *d = b->slot[slot].device;
	struct err e = err_none();

	if (bar != PCI_BAR_REGISTERS)
		return;
	for (unsigned q = 0; q < device_queue_max(d) && !err_is(e); q++) {
		const struct doorbell bell = {
			.address = at + PCI_DOORBELLS + (uint64_t)q * PCI_DOORBELL_STEP,
			.any_value = true,
		};

		e = vm_doorbell(b->vm, &bell, device_kick_fd(d, q), mapped);
	}
	say(b, e);
}

/* ---- life ---- */

struct err board_init(struct board *b, struct vm *vm, struct loop *loop, struct log log)
{
	const struct pci_host_config config = {
		.window = { { PCI_WINDOW, PCI_WINDOW_BYTES },
			    { PCI_WINDOW_HIGH, PCI_WINDOW_HIGH_BYTES } },
		.moved = moved,
		.self = b,
	};

	*b = (struct board){ .vm = vm, .loop = loop, .log = log };
	(void)pthread_mutex_init(&b->mutex, NULL);
	return pci_host_create(&config, &b->host);
}

void board_fini(struct board *b)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		pci_destroy(b->slot[i].pci);
	for (unsigned i = 0; i < WINDOWS; i++)
		mmio_destroy(b->window[i]);
	pci_host_destroy(b->host);
	*b = (struct board){ .host = NULL };
}

struct err board_plug(struct board *b, unsigned slot, struct device *device, uint32_t class_code)
{
	struct board_slot *s = &b->slot[slot];
	const struct pci_config config = {
		.device = device,
		.loop = b->loop,
		.class_code = class_code,
		.board = &asks,
		.board_self = s,
	};
	struct err e;

	*s = (struct board_slot){ .board = b, .number = slot, .device = device };
	e = pci_create(&config, &s->pci);
	for (unsigned i = 0; !err_is(e) && i < pci_vector_count(s->pci); i++)
		e = vm_message(b->vm, slot * VECTORS + i, pci_vector_fd(s->pci, i));
	if (!err_is(e))
		pci_host_plug(b->host, slot, &virtio_pci_function, s->pci);
	return e;
}

struct err board_plug_window(struct board *b, unsigned window, struct device *device)
{
	struct err e = mmio_create(device, &b->window[window]);

	return err_is(e) ? e : vm_wire(b->vm, device, window);
}

/* ---- as firmware ---- */

static uint32_t get(struct pci *pci, uint32_t offset)
{
	le32 value;

	pci_config_read(pci, offset, &value, sizeof(value));
	return le32_get(value);
}

static void set(struct pci *pci, uint32_t offset, uint32_t value)
{
	le32 bytes = le32_put(value);

	pci_config_write(pci, offset, &bytes, sizeof(bytes));
}

/* All lie in the window below 4 GiB, where any kernel reaches them. *at: what is free of it. */
static void place_bars(struct pci *pci, uint32_t *at)
{
	for (unsigned bar = 0; bar < PCI_BARS; bar++) {
		uint32_t offset = PCI_BASE_ADDRESS_0 + bar * 4, type = get(pci, offset), size;

		set(pci, offset, UINT32_MAX);
		size = -(get(pci, offset) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK);
		if (size == 0)
			continue;
		*at = (*at + size - 1) & -size;
		set(pci, offset, *at);
		*at += size;
		if ((type & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64)
			set(pci, PCI_BASE_ADDRESS_0 + ++bar * 4, 0);
	}
}

void board_power_on(struct board *b)
{
	uint32_t at = PCI_WINDOW;

	for (unsigned i = 1; i < PCI_SLOTS; i++) {
		uint8_t pin = (uint8_t)acpi_pci_gsi(i);

		if (b->slot[i].pci == NULL)
			continue;
		place_bars(b->slot[i].pci, &at);
		pci_config_write(b->slot[i].pci, PCI_INTERRUPT_LINE, &pin, sizeof(pin));
	}
}
