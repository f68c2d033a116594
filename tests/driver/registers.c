/* tests/driver/registers.c: the registers of virtio-mmio, and the same as virtio-pci has them. */
#include "tests/driver/registers.h"

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>

/* clang-format off */
static const struct common { uint16_t mmio; uint8_t offset, width; } common[] = {
	{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_PCI_COMMON_DFSELECT,      4 },
	{ VIRTIO_MMIO_DEVICE_FEATURES,     VIRTIO_PCI_COMMON_DF,            4 },
	{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, VIRTIO_PCI_COMMON_GFSELECT,      4 },
	{ VIRTIO_MMIO_DRIVER_FEATURES,     VIRTIO_PCI_COMMON_GF,            4 },
	{ VIRTIO_MMIO_STATUS,              VIRTIO_PCI_COMMON_STATUS,        1 },
	{ VIRTIO_MMIO_CONFIG_GENERATION,   VIRTIO_PCI_COMMON_CFGGENERATION, 1 },
	{ VIRTIO_MMIO_QUEUE_SEL,           VIRTIO_PCI_COMMON_Q_SELECT,      2 },
	{ VIRTIO_MMIO_QUEUE_NUM,           VIRTIO_PCI_COMMON_Q_SIZE,        2 },
	{ VIRTIO_MMIO_QUEUE_READY,         VIRTIO_PCI_COMMON_Q_ENABLE,      2 },
	{ VIRTIO_MMIO_QUEUE_DESC_LOW,      VIRTIO_PCI_COMMON_Q_DESCLO,      4 },
	{ VIRTIO_MMIO_QUEUE_DESC_HIGH,     VIRTIO_PCI_COMMON_Q_DESCHI,      4 },
	{ VIRTIO_MMIO_QUEUE_AVAIL_LOW,     VIRTIO_PCI_COMMON_Q_AVAILLO,     4 },
	{ VIRTIO_MMIO_QUEUE_AVAIL_HIGH,    VIRTIO_PCI_COMMON_Q_AVAILHI,     4 },
	{ VIRTIO_MMIO_QUEUE_USED_LOW,      VIRTIO_PCI_COMMON_Q_USEDLO,      4 },
	{ VIRTIO_MMIO_QUEUE_USED_HIGH,     VIRTIO_PCI_COMMON_Q_USEDHI,      4 },
};
/* clang-format on */

static const struct common *find(uint32_t offset)
{
	for (unsigned i = 0; i < ARRAY_LEN(common); i++)
		if (common[i].mmio == offset)
			return &common[i];
	ck_abort_msg("virtio-pci has no register like %#x", offset);
}

static uint32_t slot_read(struct pci_slot *slot, uint32_t offset)
{
	const struct common *c;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return (uint32_t)pci_slot_read(slot, PCI_BAR_REGISTERS,
					       slot->device + offset - VIRTIO_MMIO_CONFIG, 4);
	c = find(offset);
	return (uint32_t)pci_slot_get(slot, c->offset, c->width);
}

static void slot_write(struct pci_slot *slot, uint32_t offset, uint32_t value)
{
	const struct common *c;

	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		pci_slot_ring(slot, value);
	} else if (offset == VIRTIO_MMIO_QUEUE_READY && value == 0) {
		pci_slot_set(slot, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	} else {
		c = find(offset);
		pci_slot_set(slot, c->offset, c->width, value);
	}
}

uint32_t registers_read(const struct registers *r, uint32_t offset)
{
	uint8_t b[4];

	if (r->mmio == NULL)
		return slot_read(r->slot, offset);
	mmio_read(r->mmio, offset, b, sizeof(b));
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

void registers_write(const struct registers *r, uint32_t offset, uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			       (uint8_t)(v >> 24) };

	if (r->mmio == NULL)
		slot_write(r->slot, offset, v);
	else
		mmio_write(r->mmio, offset, b, sizeof(b));
}

void registers_agree(const struct registers *r, uint32_t features[static REGISTERS_WORDS])
{
	const uint32_t agreed = REGISTERS_SEEN | VIRTIO_CONFIG_S_FEATURES_OK;

	registers_write(r, VIRTIO_MMIO_STATUS, 0);
	registers_write(r, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	registers_write(r, VIRTIO_MMIO_STATUS, REGISTERS_SEEN);
	features[VIRTIO_F_VERSION_1 / 32] |= 1u << VIRTIO_F_VERSION_1 % 32;
	for (uint32_t word = 0; word < REGISTERS_WORDS; word++) {
		registers_write(r, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
		features[word] &= registers_read(r, VIRTIO_MMIO_DEVICE_FEATURES);
		registers_write(r, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		registers_write(r, VIRTIO_MMIO_DRIVER_FEATURES, features[word]);
	}
	registers_write(r, VIRTIO_MMIO_STATUS, agreed);
	ck_assert_uint_eq(registers_read(r, VIRTIO_MMIO_STATUS), agreed);
}

void registers_set_queue(const struct registers *r, uint32_t index, const struct driver_queue *q)
{
	const struct {
		uint32_t low, high;
		uint64_t at;
	} address[] = {
		{ VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, q->desc },
		{ VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, q->avail },
		{ VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH, q->used },
	};

	registers_write(r, VIRTIO_MMIO_QUEUE_SEL, index);
	registers_write(r, VIRTIO_MMIO_QUEUE_NUM, q->size);
	for (unsigned i = 0; i < ARRAY_LEN(address); i++) {
		registers_write(r, address[i].low, (uint32_t)address[i].at);
		registers_write(r, address[i].high, (uint32_t)(address[i].at >> 32));
	}
	registers_write(r, VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(registers_read(r, VIRTIO_MMIO_QUEUE_READY), 1);
}

void registers_stop_queue(const struct registers *r, uint32_t index)
{
	registers_write(r, VIRTIO_MMIO_QUEUE_SEL, index);
	registers_write(r, VIRTIO_MMIO_QUEUE_READY, 0);
	ck_assert_uint_eq(registers_read(r, VIRTIO_MMIO_QUEUE_READY), 0);
}

void registers_go(const struct registers *r)
{
	registers_write(r, VIRTIO_MMIO_STATUS,
			REGISTERS_SEEN | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

void registers_kick(const struct registers *r, uint32_t queue)
{
	registers_write(r, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}
