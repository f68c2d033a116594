/* guest/driver/pci.h: what lies where in a PCI function's configuration space (PCI Local Bus 3.0,
 * 6.1, 6.2.5, 6.8.2), and in the structures that virtio names there (virtio 1.4, 4.1.4). */
#ifndef TAPVM_GUEST_PCI_H
#define TAPVM_GUEST_PCI_H

enum {
	/* The header. */
	HEADER_ID = 0x00, /* vendor, and the device's number in the upper half */
	HEADER_COMMAND = 0x04,
	HEADER_BAR = 0x10, /* the first of six, 4 bytes each */
	HEADER_CAPABILITIES = 0x34,
	BARS = 6,
	COMMAND_MEMORY = 2,
	COMMAND_MASTER = 4,
	BAR_IO = 1,
	BAR_WIDE = 4, /* 64 bits: the next BAR is its upper half */
	BAR_FLAGS = 15,
	/* Any capability. */
	CAP_ID = 0,
	CAP_NEXT = 1,
	CAP_MSIX = 0x11,
	CAP_VENDOR = 0x09,
	/* MSI-X, and an entry of its table. */
	MSIX_CONTROL = 2,
	MSIX_TABLE = 4, /* a BAR's number in the lower 3 bits, an offset */
	MSIX_ENABLE = 1 << 15,
	MSIX_SIZE = 0x7ff, /* less one */
	ENTRY_ADDRESS = 0,
	ENTRY_DATA = 8,
	ENTRY_CONTROL = 12,
	ENTRY_BYTES = 16,
	/* virtio's. */
	CAP_TYPE = 3,
	CAP_BAR = 4,
	CAP_OFFSET = 8,
	CAP_LENGTH = 12,
	CAP_MULTIPLIER = 16, /* of the doorbells' */
	TYPE_COMMON = 1,
	TYPE_DOORBELLS = 2,
	TYPE_ISR = 3,
	TYPE_CONFIG = 4,
	TYPE_WINDOW = 5,
	TYPES,
	/* The common configuration. */
	COMMON_DEVICE_FEATURES_SELECT = 0,
	COMMON_DEVICE_FEATURES = 4,
	COMMON_DRIVER_FEATURES_SELECT = 8,
	COMMON_DRIVER_FEATURES = 12,
	COMMON_CONFIG_VECTOR = 16,
	COMMON_QUEUES = 18,
	COMMON_STATUS = 20,
	COMMON_GENERATION = 21,
	COMMON_QUEUE_SELECT = 22,
	COMMON_QUEUE_SIZE = 24,
	COMMON_QUEUE_VECTOR = 26,
	COMMON_QUEUE_ENABLE = 28,
	COMMON_QUEUE_DOORBELL = 30,
	COMMON_QUEUE_DESC = 32,
	COMMON_QUEUE_DRIVER = 40,
	COMMON_QUEUE_DEVICE = 48,
	COMMON_QUEUE_RESET = 58,
	NO_VECTOR = 0xffff,
};
#define PCI_IS_NET UINT32_C(0x10411af4)

#endif
