/* tests/driver/pci_slot.c: the machine and the driver around one PCI function, for tests. */
#include "tests/driver/pci_slot.h"

#include <check.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <unistd.h>

/* ---- the bus -> the function ---- */

static void config_read(void *self, uint32_t offset, void *ret_bytes, unsigned width)
{
	pci_config_read(((struct pci_slot *)self)->pci, offset, ret_bytes, width);
}
static void config_write(void *self, uint32_t offset, const void *bytes, unsigned width)
{
	pci_config_write(((struct pci_slot *)self)->pci, offset, bytes, width);
}
static void bar_read(void *self, unsigned bar, uint64_t offset, void *ret_bytes, unsigned width)
{
	pci_read(((struct pci_slot *)self)->pci, bar, offset, ret_bytes, width);
}
static void bar_write(void *self, unsigned bar, uint64_t offset, const void *bytes, unsigned width)
{
	pci_write(((struct pci_slot *)self)->pci, bar, offset, bytes, width);
}
static const struct pci_function function = { config_read, config_write, bar_read, bar_write };

/* ---- the function -> the machine ---- */

static void place(void *self, unsigned bar, uint64_t at, uint64_t size)
{
	pci_host_place(((struct pci_slot *)self)->host, SLOT_NUMBER, bar, at, size);
}
static void route(void *self, unsigned vector, uint64_t address, uint32_t data)
{
	struct pci_slot *s = self;

	s->route[vector].address = address;
	s->route[vector].data = data;
	s->route[vector].count++;
}
static void line(void *self, bool asserted)
{
	struct pci_slot *s = self;

	ck_assert_msg(asserted != atomic_load(&s->line), "told a level that it has");
	atomic_store(&s->line, asserted);
	s->line_changes++;
}
static const struct pci_board board = { .place = place, .route = route, .line = line };

static void moved(void *self, unsigned slot, unsigned bar, uint64_t at, bool mapped)
{
	struct pci_slot *s = self;

	s->moves++;
	if (slot == SLOT_NUMBER)
		s->at[bar] = mapped ? at : 0;
}

void pci_slot_init(struct pci_slot *s, struct device *device, struct loop *loop)
{
	struct pci_host_config host = {
		.window = { { SLOT_WINDOW, SLOT_WINDOW_BYTES },
			    { (uint64_t)SLOT_HIGH << 32, SLOT_WINDOW_BYTES } },
		.moved = moved,
		.self = s,
	};
	struct pci_config config = { .device = device,
				     .loop = loop,
				     .class_code = 0x020000,
				     .board = &board,
				     .board_self = s };

	memset(s, 0, sizeof(*s));
	ck_assert(!err_is(pci_host_create(&host, &s->host)));
	ck_assert(!err_is(pci_create(&config, &s->pci)));
	pci_host_plug(s->host, SLOT_NUMBER, &function, s);
}

void pci_slot_fini(struct pci_slot *s)
{
	pci_destroy(s->pci);
	pci_host_destroy(s->host);
}

/* ---- accesses ---- */

static uint64_t from_bytes(const uint8_t *b, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)b[i] << 8 * i;
	return value;
}

static void to_bytes(uint8_t *b, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(value >> 8 * i);
}

uint32_t pci_slot_config(struct pci_slot *s, uint32_t offset, unsigned width)
{
	uint8_t b[8];

	pci_host_config_read(s->host, SLOT_NUMBER << 15 | offset, b, width);
	return (uint32_t)from_bytes(b, width);
}

void pci_slot_set_config(struct pci_slot *s, uint32_t offset, unsigned width, uint32_t value)
{
	uint8_t b[8];

	to_bytes(b, value);
	pci_host_config_write(s->host, SLOT_NUMBER << 15 | offset, b, width);
}

uint64_t pci_slot_read(struct pci_slot *s, unsigned bar, uint32_t offset, unsigned width)
{
	uint8_t b[8];

	ck_assert_msg(s->at[bar] != 0, "BAR %u is nowhere", bar);
	ck_assert(pci_host_read(s->host, s->at[bar] + offset, b, width));
	return from_bytes(b, width);
}

void pci_slot_write(struct pci_slot *s, unsigned bar, uint32_t offset, unsigned width,
		    uint64_t value)
{
	uint8_t b[8];

	to_bytes(b, value);
	ck_assert_msg(s->at[bar] != 0, "BAR %u is nowhere", bar);
	ck_assert(pci_host_write(s->host, s->at[bar] + offset, b, width));
}

/* ---- the driver ---- */

static uint8_t find(struct pci_slot *s, uint8_t id, int type, unsigned n)
{
	uint8_t at = (uint8_t)pci_slot_config(s, PCI_CAPABILITY_LIST, 1);

	for (unsigned seen = 0; at != 0; at = (uint8_t)pci_slot_config(s, at + 1u, 1)) {
		ck_assert_msg(seen++ < 48, "the list of capabilities has no end");
		if (pci_slot_config(s, at, 1) == id &&
		    (type < 0 ||
		     pci_slot_config(s, at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == (uint32_t)type) &&
		    n-- == 0)
			return at;
	}
	return 0;
}

uint8_t pci_slot_capability(struct pci_slot *s, uint8_t type, unsigned n)
{
	return find(s, PCI_CAP_ID_VNDR, type, n);
}

uint8_t pci_slot_msix(struct pci_slot *s) { return find(s, PCI_CAP_ID_MSIX, -1, 0); }

static uint32_t where(struct pci_slot *s, uint8_t type)
{
	uint8_t at = pci_slot_capability(s, type, 0);

	ck_assert_msg(at != 0, "no capability of type %u", type);
	ck_assert_uint_eq(pci_slot_config(s, at + VIRTIO_PCI_CAP_BAR, 1), PCI_BAR_REGISTERS);
	return pci_slot_config(s, at + VIRTIO_PCI_CAP_OFFSET, 4);
}

void pci_slot_enable(struct pci_slot *s)
{
	pci_slot_set_config(s, PCI_BASE_ADDRESS_0, 4, 0);
	pci_slot_set_config(s, PCI_BASE_ADDRESS_1, 4, SLOT_HIGH);
	pci_slot_set_config(s, PCI_BASE_ADDRESS_2, 4, SLOT_WINDOW + 0x10000);
	pci_slot_set_config(s, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	s->common = where(s, VIRTIO_PCI_CAP_COMMON_CFG);
	s->notify = where(s, VIRTIO_PCI_CAP_NOTIFY_CFG);
	s->notify_step = pci_slot_config(s,
					 pci_slot_capability(s, VIRTIO_PCI_CAP_NOTIFY_CFG, 0) +
						 (uint32_t)VIRTIO_PCI_NOTIFY_CAP_MULT,
					 4);
	s->isr = where(s, VIRTIO_PCI_CAP_ISR_CFG);
	s->device = where(s, VIRTIO_PCI_CAP_DEVICE_CFG);
}

uint64_t pci_slot_get(struct pci_slot *s, uint32_t offset, unsigned width)
{
	return pci_slot_read(s, PCI_BAR_REGISTERS, s->common + offset, width);
}

void pci_slot_set(struct pci_slot *s, uint32_t offset, unsigned width, uint64_t value)
{
	pci_slot_write(s, PCI_BAR_REGISTERS, s->common + offset, width, value);
}

void pci_slot_ring(struct pci_slot *s, unsigned queue)
{
	uint32_t off;

	pci_slot_set(s, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	off = (uint32_t)pci_slot_get(s, VIRTIO_PCI_COMMON_Q_NOFF, 2);
	pci_slot_write(s, PCI_BAR_REGISTERS, s->notify + off * s->notify_step, 2, queue);
}

void pci_slot_msix_on(struct pci_slot *s, bool on)
{
	pci_slot_set_config(s, pci_slot_msix(s) + (uint32_t)PCI_MSIX_FLAGS, 2,
			    on ? PCI_MSIX_FLAGS_ENABLE : 0);
}

void pci_slot_vector(struct pci_slot *s, unsigned vector, uint64_t address, uint32_t data)
{
	uint32_t at = vector * PCI_MSIX_ENTRY_SIZE;

	pci_slot_write(s, PCI_BAR_MSIX, at + PCI_MSIX_ENTRY_LOWER_ADDR, 8, address);
	pci_slot_write(s, PCI_BAR_MSIX, at + PCI_MSIX_ENTRY_DATA, 4, data);
	pci_slot_mask(s, vector, false);
}

void pci_slot_mask(struct pci_slot *s, unsigned vector, bool masked)
{
	pci_slot_write(s, PCI_BAR_MSIX, vector * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL,
		       4, masked);
}

unsigned pci_slot_sent(struct pci_slot *s, unsigned vector)
{
	uint64_t count;

	return read(pci_vector_fd(s->pci, vector), &count, sizeof(count)) == sizeof(count)
		       ? (unsigned)count
		       : 0;
}
