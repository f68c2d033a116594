/* tests/unit/transport/pci.h: the device of kind.h behind PCI, in a slot of a bus, and a driver's
 * steps; what the programs that test the transport share. */
#ifndef TAPVM_TESTS_PCI_H
#define TAPVM_TESTS_PCI_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/pci_slot.h"
#include "tests/unit/transport/kind.h"

#define FEATURE(n) (UINT64_C(1) << (n))
enum {
	VECTORS = QUEUES + 1,
	NO_VECTOR = VIRTIO_MSI_NO_VECTOR,
	FSELECT = VIRTIO_PCI_COMMON_DFSELECT,
	FEATURES = VIRTIO_PCI_COMMON_DF,
	ACCEPT_SELECT = VIRTIO_PCI_COMMON_GFSELECT,
	ACCEPT = VIRTIO_PCI_COMMON_GF,
	CONFIG_VECTOR = VIRTIO_PCI_COMMON_MSIX,
	STATUS = VIRTIO_PCI_COMMON_STATUS,
	GENERATION = VIRTIO_PCI_COMMON_CFGGENERATION,
	QSELECT = VIRTIO_PCI_COMMON_Q_SELECT,
	QSIZE = VIRTIO_PCI_COMMON_Q_SIZE,
	QVECTOR = VIRTIO_PCI_COMMON_Q_MSIX,
	QENABLE = VIRTIO_PCI_COMMON_Q_ENABLE,
	QRESET = VIRTIO_PCI_COMMON_Q_RESET,
	QDESC = VIRTIO_PCI_COMMON_Q_DESCLO,
	QDRIVER = VIRTIO_PCI_COMMON_Q_AVAILLO,
	QDEVICE = VIRTIO_PCI_COMMON_Q_USEDLO,
};

static struct pci_slot slot;

static inline void setup(void)
{
	make_device(FEATURE(VIRTIO_F_RING_RESET) | FEATURE(VIRTIO_F_RING_PACKED) |
		    FEATURE(VIRTIO_F_NOTIFICATION_DATA));
	pci_slot_init(&slot, w.device, w.loop);
	pci_slot_enable(&slot);
}

static inline void teardown(void)
{
	pci_slot_fini(&slot);
	end_device();
}

static inline uint32_t rd(uint32_t offset, unsigned width)
{
	return (uint32_t)pci_slot_get(&slot, offset, width);
}
static inline void wr(uint32_t offset, unsigned width, uint64_t value)
{
	pci_slot_set(&slot, offset, width, value);
}
static inline void select_queue(uint32_t index) { wr(QSELECT, 2, index); }

/* Up to FEATURES_OK with VERSION_1 and these. */
static inline void accept(uint64_t features)
{
	features |= FEATURE(VIRTIO_F_VERSION_1);
	wr(STATUS, 1, 0), wr(STATUS, 1, 1), wr(STATUS, 1, 3);
	wr(ACCEPT_SELECT, 4, 0), wr(ACCEPT, 4, (uint32_t)features);
	wr(ACCEPT_SELECT, 4, 1), wr(ACCEPT, 4, features >> 32);
	wr(STATUS, 1, 0xb);
}

static inline void set_rings(uint32_t index, uint32_t size, uint64_t at)
{
	select_queue(index);
	wr(QSIZE, 2, size);
	wr(QDESC, 8, at), wr(QDRIVER, 8, at + 0x4000), wr(QDEVICE, 8, at + 0x8000);
}

static inline void enable_queue(uint32_t index)
{
	set_rings(index, 64, 0x10000 * (index + 1));
	wr(QENABLE, 2, 1);
	ck_assert_uint_eq(rd(QENABLE, 2), 1);
}

static inline void live(void)
{
	accept(FEATURE(VIRTIO_F_RING_RESET));
	for (uint32_t i = 0; i < QUEUES; i++)
		enable_queue(i);
	wr(STATUS, 1, 0xf);
	ck_assert_uint_eq(rd(STATUS, 1), 0xf);
}

/* The configuration changes, and the driver is told. */
static inline void change_config(void)
{
	device_lock(w.device);
	device_config_begin(w.device);
	device_config_end(w.device, true);
	device_unlock(w.device);
}

static inline void command(uint32_t bits) { pci_slot_set_config(&slot, PCI_COMMAND, 2, bits); }

#endif
