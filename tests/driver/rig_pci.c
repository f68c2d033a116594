/* tests/driver/rig_pci.c: registers of virtio-mmio as virtio-pci has them, so that the rig's driver
 * brings a NIC up by either. */
#include <check.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>

#include "tests/driver/rig.h"

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

uint32_t rig_pci_read(struct rig *r, uint32_t offset)
{
	const struct common *c;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return (uint32_t)pci_slot_read(&r->slot, PCI_BAR_REGISTERS,
					       r->slot.device + offset - VIRTIO_MMIO_CONFIG, 4);
	c = find(offset);
	return (uint32_t)pci_slot_get(&r->slot, c->offset, c->width);
}

void rig_pci_write(struct rig *r, uint32_t offset, uint32_t value)
{
	const struct common *c;

	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		pci_slot_ring(&r->slot, value);
	} else if (offset == VIRTIO_MMIO_QUEUE_READY && value == 0) {
		pci_slot_set(&r->slot, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	} else {
		c = find(offset);
		pci_slot_set(&r->slot, c->offset, c->width, value);
	}
}
