/* devices/transport/pci_common.c: the fields of the common configuration and their one dispatcher.
 * Source: virtio 1.4, 4.1.4.3. */
#include <linux/virtio_config.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/transport/pci_priv.h"

struct field {
	uint8_t offset, width;
	const char *name;
	uint32_t (*load)(struct pci *p);
	void (*store)(struct pci *p, uint32_t value); /* NULL: read-only (PCI-17) */
};

static bool agreed(struct pci *p, unsigned bit)
{
	return (device_accepted_word(p->config.device, bit / 32) >> bit % 32 & 1) != 0;
}

static uint32_t device_feature_select(struct pci *p) { return p->device_feature_select; }
static void set_device_feature_select(struct pci *p, uint32_t v) { p->device_feature_select = v; }
/* PCI-10. */
static uint32_t device_feature(struct pci *p)
{
	return device_features_word(p->config.device, p->device_feature_select);
}
static uint32_t driver_feature_select(struct pci *p) { return p->driver_feature_select; }
static void set_driver_feature_select(struct pci *p, uint32_t v) { p->driver_feature_select = v; }
/* PCI-11. */
static uint32_t driver_feature(struct pci *p)
{
	return device_accepted_word(p->config.device, p->driver_feature_select);
}
static void set_driver_feature(struct pci *p, uint32_t v)
{
	device_accept_word(p->config.device, p->driver_feature_select, v);
}

/* PCI-31, PCI-32, PCI-33: every vector of the table will do, for every event. */
static uint32_t mappable(const struct pci *p, uint32_t vector)
{
	return vector < p->vector_count ? vector : VIRTIO_MSI_NO_VECTOR;
}
static uint32_t config_vector(struct pci *p) { return p->config_vector; }
static void set_config_vector(struct pci *p, uint32_t v) { p->config_vector = mappable(p, v); }

/* PCI-16. */
static uint32_t num_queues(struct pci *p) { return device_queue_max(p->config.device); }

static uint32_t status(struct pci *p) { return device_status(p->config.device); }
/* PCI-13: the write returns when the reset is done. */
static void set_status(struct pci *p, uint32_t v)
{
	device_set_status(p->config.device, v);
	if (v == 0)
		pci_reset_vectors(p);
}

/* PCI-12: 8 bits that counted every change could come round unseen. So it counts looks that find
 * the device's own count moved. */
static uint32_t generation(struct pci *p)
{
	uint64_t old = atomic_load(&p->generation), next;

	do {
		uint32_t now = device_generation(p->config.device);

		if ((uint32_t)old == now)
			return old >> 32 & 0xff;
		next = ((old >> 32) + 1) << 32 | now;
	} while (!atomic_compare_exchange_weak(&p->generation, &old, next));
	return next >> 32 & 0xff;
}

static uint32_t queue_select(struct pci *p) { return p->queue_select; }
static void set_queue_select(struct pci *p, uint32_t v) { p->queue_select = v; }
/* PCI-15. */
static uint32_t queue_size(struct pci *p)
{
	return device_queue_size(p->config.device, p->queue_select);
}
/* PCI-18. */
static void set_queue_size(struct pci *p, uint32_t v)
{
	uint32_t queue = p->queue_select;
	bool any = agreed(p, VIRTIO_F_RING_PACKED);

	if (v == 0 || v > device_queue_size_max(p->config.device, queue) ||
	    (!any && (v & (v - 1)) != 0))
		device_fault(p->config.device, DEVICE_FAULT_QUEUE);
	else
		device_queue_set_size(p->config.device, queue, v);
}
static bool is_queue(struct pci *p, uint32_t queue)
{
	return device_queue_size_max(p->config.device, queue) > 0;
}
static uint32_t queue_vector(struct pci *p)
{
	uint32_t queue = p->queue_select;

	return is_queue(p, queue) ? p->queue_vector[queue] : VIRTIO_MSI_NO_VECTOR;
}
static void set_queue_vector(struct pci *p, uint32_t v)
{
	uint32_t queue = p->queue_select;

	if (is_queue(p, queue))
		pci_map_queue(p, queue, mappable(p, v));
}
static uint32_t queue_enable(struct pci *p)
{
	return device_queue_ready(p->config.device, p->queue_select);
}
/* PCI-19, PCI-20. */
static void set_queue_enable(struct pci *p, uint32_t v)
{
	if (v == 1)
		device_queue_set_ready(p->config.device, p->queue_select, true);
	else
		device_fault(p->config.device, DEVICE_FAULT_QUEUE);
}
static uint32_t queue_notify_off(struct pci *p)
{
	uint32_t queue = p->queue_select;

	return is_queue(p, queue) ? queue : 0;
}
/* NOTIF_CONFIG_DATA is not offered. */
static uint32_t nothing(struct pci *p)
{
	(void)p;
	return 0;
}
/* PCI-14: the write returns when the reset is done, so that 1 is never read. */
static void set_queue_reset(struct pci *p, uint32_t v)
{
	uint32_t queue = p->queue_select;

	if (v != 1)
		return;
	device_queue_reset(p->config.device, queue);
	if (is_queue(p, queue) && agreed(p, VIRTIO_F_RING_RESET))
		pci_map_queue(p, queue, VIRTIO_MSI_NO_VECTOR);
}

/* clang-format off */
static const struct field fields[] = { /* virtio 1.4, 4.1.4.3 */
	{ VIRTIO_PCI_COMMON_DFSELECT,      4, "device_feature_select",   device_feature_select, set_device_feature_select },
	{ VIRTIO_PCI_COMMON_DF,            4, "device_feature",          device_feature,        NULL },
	{ VIRTIO_PCI_COMMON_GFSELECT,      4, "driver_feature_select",   driver_feature_select, set_driver_feature_select },
	{ VIRTIO_PCI_COMMON_GF,            4, "driver_feature",          driver_feature,        set_driver_feature },
	{ VIRTIO_PCI_COMMON_MSIX,          2, "config_msix_vector",      config_vector,         set_config_vector },
	{ VIRTIO_PCI_COMMON_NUMQ,          2, "num_queues",              num_queues,            NULL },
	{ VIRTIO_PCI_COMMON_STATUS,        1, "device_status",           status,                set_status },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1, "config_generation",       generation,            NULL },
	{ VIRTIO_PCI_COMMON_Q_SELECT,      2, "queue_select",            queue_select,          set_queue_select },
	{ VIRTIO_PCI_COMMON_Q_SIZE,        2, "queue_size",              queue_size,            set_queue_size },
	{ VIRTIO_PCI_COMMON_Q_MSIX,        2, "queue_msix_vector",       queue_vector,          set_queue_vector },
	{ VIRTIO_PCI_COMMON_Q_ENABLE,      2, "queue_enable",            queue_enable,          set_queue_enable },
	{ VIRTIO_PCI_COMMON_Q_NOFF,        2, "queue_notify_off",        queue_notify_off,      NULL },
	{ VIRTIO_PCI_COMMON_Q_NDATA,       2, "queue_notif_config_data", nothing,               NULL },
	{ VIRTIO_PCI_COMMON_Q_RESET,       2, "queue_reset",             nothing,               set_queue_reset },
};
/* clang-format on */

/* PCI-05: only as wide as the field is. */
static const struct field *find(uint32_t offset, unsigned width)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].offset == offset && fields[i].width == width)
			return &fields[i];
	return NULL;
}

/* PCI-04: queue_desc, queue_driver and queue_device are each two halves. */
static bool is_half(uint32_t offset, unsigned width)
{
	return width == 4 && offset % 4 == 0 && offset >= VIRTIO_PCI_COMMON_Q_DESCLO &&
	       offset < VIRTIO_PCI_COMMON_Q_NDATA;
}
static enum queue_address which(uint32_t offset)
{
	return QUEUE_ADDRESS_DESC + (offset - VIRTIO_PCI_COMMON_Q_DESCLO) / 8;
}

void pci_common_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width)
{
	const struct field *field = find(offset, width);
	le32 value;

	if (width == 8 && offset % 8 == 0 && is_half(offset, 4)) {
		pci_common_read(p, offset, ret_bytes, 4);
		pci_common_read(p, offset + 4, (uint8_t *)ret_bytes + 4, 4);
		return;
	}
	if (is_half(offset, width)) {
		value = le32_put(device_queue_address(p->config.device, p->queue_select,
						      which(offset), offset % 8 != 0));
	} else if (field != NULL) {
		value = le32_put(field->load(p));
	} else {
		device_fault(p->config.device, DEVICE_FAULT_ACCESS);
		return;
	}
	memcpy(ret_bytes, &value, width);
}

void pci_common_write(struct pci *p, uint32_t offset, const void *bytes, unsigned width)
{
	const struct field *field = find(offset, width);
	le32 value = { 0 };

	if (width == 8 && offset % 8 == 0 && is_half(offset, 4)) {
		pci_common_write(p, offset, bytes, 4);
		pci_common_write(p, offset + 4, (const uint8_t *)bytes + 4, 4);
		return;
	}
	memcpy(&value, bytes, width < sizeof(value) ? width : sizeof(value));
	if (is_half(offset, width))
		device_queue_set_address(p->config.device, p->queue_select, which(offset),
					 offset % 8 != 0, le32_get(value));
	else if (field != NULL && field->store != NULL)
		field->store(p, le32_get(value));
	else
		device_fault(p->config.device, DEVICE_FAULT_ACCESS);
}
