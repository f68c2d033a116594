/* devices/transport/mmio.c: the register table of virtio-mmio version 2 and its one dispatcher.
 * Source: virtio 1.4, 4.2.2. */
#include "devices/transport/mmio.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/le.h"

enum {
	MAGIC = 0x74726976, /* "virt" */
	VERSION = 2,
	VENDOR = 0x4d564154, /* "TAVM" */
	NO_SHARED_MEMORY = -1,
};

struct mmio {
	struct device *device;
	/* Selectors are registers of the transport; a vCPU each may write them. */
	atomic_uint device_features_sel, driver_features_sel, queue_sel;
};

struct reg {
	uint16_t offset;
	const char *name;
	uint32_t (*load)(struct mmio *m);              /* NULL: write-only */
	void (*store)(struct mmio *m, uint32_t value); /* NULL: read-only */
};

static uint32_t magic(struct mmio *m)
{
	(void)m;
	return MAGIC;
}
static uint32_t version(struct mmio *m)
{
	(void)m;
	return VERSION;
}
static uint32_t id(struct mmio *m) { return device_id(m->device); }
static uint32_t vendor(struct mmio *m)
{
	(void)m;
	return VENDOR;
}
static uint32_t shared_memory(struct mmio *m)
{
	(void)m;
	return (uint32_t)NO_SHARED_MEMORY;
}
static void ignore(struct mmio *m, uint32_t value) { (void)m, (void)value; }
/* MMIO-17, MMIO-18: the write returns when the reset is done, so that 1 is never read. */
static uint32_t queue_reset(struct mmio *m)
{
	(void)m;
	return 0;
}
static void set_queue_reset(struct mmio *m, uint32_t v)
{
	if (v == 1)
		device_queue_reset(m->device, m->queue_sel);
}

static uint32_t device_features(struct mmio *m)
{
	return device_features_word(m->device, m->device_features_sel);
}
static void device_features_sel(struct mmio *m, uint32_t v) { m->device_features_sel = v; }
static void driver_features(struct mmio *m, uint32_t v)
{
	device_accept_word(m->device, m->driver_features_sel, v);
}
static void driver_features_sel(struct mmio *m, uint32_t v) { m->driver_features_sel = v; }

static void queue_sel(struct mmio *m, uint32_t v) { m->queue_sel = v; }
static uint32_t queue_size_max(struct mmio *m)
{
	return device_queue_size_max(m->device, m->queue_sel);
}
static void queue_size(struct mmio *m, uint32_t v)
{
	device_queue_set_size(m->device, m->queue_sel, v);
}
static uint32_t queue_ready(struct mmio *m) { return device_queue_ready(m->device, m->queue_sel); }
static void set_queue_ready(struct mmio *m, uint32_t v)
{
	device_queue_set_ready(m->device, m->queue_sel, (v & 1) != 0);
}
/* MMIO-16 */
static void queue_notify(struct mmio *m, uint32_t v) { device_kick(m->device, v); }

static uint32_t interrupt_status(struct mmio *m) { return device_interrupt_status(m->device); }
static void interrupt_ack(struct mmio *m, uint32_t v) { device_interrupt_ack(m->device, v); }
static uint32_t status(struct mmio *m) { return device_status(m->device); }
static void set_status(struct mmio *m, uint32_t v) { device_set_status(m->device, v); }
static uint32_t generation(struct mmio *m) { return device_generation(m->device); }

static void desc_low(struct mmio *m, uint32_t v)
{
	device_queue_set_address(m->device, m->queue_sel, QUEUE_ADDRESS_DESC, false, v);
}
static void desc_high(struct mmio *m, uint32_t v)
{
	device_queue_set_address(m->device, m->queue_sel, QUEUE_ADDRESS_DESC, true, v);
}
static void driver_low(struct mmio *m, uint32_t v)
{
	device_queue_set_address(m->device, m->queue_sel, QUEUE_ADDRESS_DRIVER, false, v);
}
static void driver_high(struct mmio *m, uint32_t v)
{
	device_queue_set_address(m->device, m->queue_sel, QUEUE_ADDRESS_DRIVER, true, v);
}
static void device_low(struct mmio *m, uint32_t v)
{
	device_queue_set_address(m->device, m->queue_sel, QUEUE_ADDRESS_DEVICE, false, v);
}
static void device_high(struct mmio *m, uint32_t v)
{
	device_queue_set_address(m->device, m->queue_sel, QUEUE_ADDRESS_DEVICE, true, v);
}

/* MMIO-01, MMIO-02, MMIO-20, MMIO-21. */
/* clang-format off */
static const struct reg regs[] = { /* virtio 1.4, 4.2.2, table 4.1 */
	{ VIRTIO_MMIO_MAGIC_VALUE,         "MagicValue",        magic,           NULL },
	{ VIRTIO_MMIO_VERSION,             "Version",           version,         NULL },
	{ VIRTIO_MMIO_DEVICE_ID,           "DeviceID",          id,              NULL },
	{ VIRTIO_MMIO_VENDOR_ID,           "VendorID",          vendor,          NULL },
	{ VIRTIO_MMIO_DEVICE_FEATURES,     "DeviceFeatures",    device_features, NULL },
	{ VIRTIO_MMIO_DEVICE_FEATURES_SEL, "DeviceFeaturesSel", NULL,            device_features_sel },
	{ VIRTIO_MMIO_DRIVER_FEATURES,     "DriverFeatures",    NULL,            driver_features },
	{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, "DriverFeaturesSel", NULL,            driver_features_sel },
	{ VIRTIO_MMIO_QUEUE_SEL,           "QueueSel",          NULL,            queue_sel },
	{ VIRTIO_MMIO_QUEUE_NUM_MAX,       "QueueSizeMax",      queue_size_max,  NULL },
	{ VIRTIO_MMIO_QUEUE_NUM,           "QueueSize",         NULL,            queue_size },
	{ VIRTIO_MMIO_QUEUE_READY,         "QueueReady",        queue_ready,     set_queue_ready },
	{ VIRTIO_MMIO_QUEUE_NOTIFY,        "QueueNotify",       NULL,            queue_notify },
	{ VIRTIO_MMIO_INTERRUPT_STATUS,    "InterruptStatus",   interrupt_status, NULL },
	{ VIRTIO_MMIO_INTERRUPT_ACK,       "InterruptACK",      NULL,            interrupt_ack },
	{ VIRTIO_MMIO_STATUS,              "Status",            status,          set_status },
	{ VIRTIO_MMIO_QUEUE_DESC_LOW,      "QueueDescLow",      NULL,            desc_low },
	{ VIRTIO_MMIO_QUEUE_DESC_HIGH,     "QueueDescHigh",     NULL,            desc_high },
	{ VIRTIO_MMIO_QUEUE_AVAIL_LOW,     "QueueDriverLow",    NULL,            driver_low },
	{ VIRTIO_MMIO_QUEUE_AVAIL_HIGH,    "QueueDriverHigh",   NULL,            driver_high },
	{ VIRTIO_MMIO_QUEUE_USED_LOW,      "QueueDeviceLow",    NULL,            device_low },
	{ VIRTIO_MMIO_QUEUE_USED_HIGH,     "QueueDeviceHigh",   NULL,            device_high },
	{ 0x0ac,                           "SHMSel",            NULL,            ignore },
	{ 0x0b0,                           "SHMLenLow",         shared_memory,   NULL },
	{ 0x0b4,                           "SHMLenHigh",        shared_memory,   NULL },
	{ 0x0b8,                           "SHMBaseLow",        shared_memory,   NULL },
	{ 0x0bc,                           "SHMBaseHigh",       shared_memory,   NULL },
	{ 0x0c0,                           "QueueReset",        queue_reset,     set_queue_reset },
	{ VIRTIO_MMIO_CONFIG_GENERATION,   "ConfigGeneration",  generation,      NULL },
};
/* clang-format on */

struct err mmio_create(struct device *device, struct mmio **ret_mmio)
{
	struct mmio *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make an mmio transport");
	m->device = device;
	*ret_mmio = m;
	return err_none();
}

void mmio_destroy(struct mmio *m) { free(m); }

/* MMIO-21, MMIO-22: only 32 bits wide, aligned, in the table. */
static const struct reg *find(uint32_t offset, unsigned width)
{
	for (size_t i = 0; width == 4 && i < ARRAY_LEN(regs); i++)
		if (regs[i].offset == offset)
			return &regs[i];
	return NULL;
}

void mmio_read(struct mmio *m, uint32_t offset, void *ret_bytes, unsigned width)
{
	const struct reg *reg;

	memset(ret_bytes, 0, width);
	if (offset >= VIRTIO_MMIO_CONFIG) {
		/* MMIO-23: the bytes as they stand, whatever the width. */
		device_config_read(m->device, offset - VIRTIO_MMIO_CONFIG, ret_bytes, width);
		return;
	}
	reg = find(offset, width);
	if (reg == NULL || reg->load == NULL) {
		device_fault(m->device, DEVICE_FAULT_ACCESS);
		return;
	}
	memcpy(ret_bytes, &(le32){ le32_put(reg->load(m)).wire }, sizeof(le32));
}

void mmio_write(struct mmio *m, uint32_t offset, const void *bytes, unsigned width)
{
	const struct reg *reg;
	le32 value;

	if (offset >= VIRTIO_MMIO_CONFIG) { /* NET-04: no field may be written */
		device_fault(m->device, DEVICE_FAULT_CONFIG);
		return;
	}
	reg = find(offset, width);
	if (reg == NULL || reg->store == NULL) {
		device_fault(m->device, DEVICE_FAULT_ACCESS);
		return;
	}
	memcpy(&value, bytes, sizeof(value));
	reg->store(m, le32_get(value));
}
