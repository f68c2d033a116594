/* devices/transport/mmio.h: virtio-mmio, version 2 (virtio 1.4, 4.2).
 *
 * Translates register accesses into virtio/device.h calls; knows no kind of device.
 * Threads: any vCPU thread. A write of Status = 0 or QueueReady = 0 returns only when the workers
 * have let go of guest memory. */
#ifndef TAPVM_TRANSPORT_MMIO_H
#define TAPVM_TRANSPORT_MMIO_H

#include <stdint.h>

#include "devices/virtio/device.h"

enum {
	MMIO_WINDOW = 0x1000, /* bytes a device; its registers are the first 0x200 */
	MMIO_QUEUE_NOTIFY =
		0x050, /* 4 bytes; the value is the queue index: match it by ioeventfd */
};

struct mmio;

struct err mmio_create(struct device *device, struct mmio **ret_mmio) MUST_USE; /* device is lent */
void mmio_destroy(struct mmio *m);

/* offset inside the window; width 1, 2, 4 or 8; little-endian bytes. */
void mmio_read(struct mmio *m, uint32_t offset, void *ret_bytes, unsigned width);
void mmio_write(struct mmio *m, uint32_t offset, const void *bytes, unsigned width);

#endif
