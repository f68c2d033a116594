/* guest/driver/mmio.c: a device on virtio-mmio: one doorbell for all queues, one interrupt, and a
 * register that says what it was for (virtio 1.4, 4.2). */
#include "guest/driver/mmio.h"

#include "guest/driver/transport.h"

static const uint16_t offsets[REGS] = {
	[REG_DEVICE_FEATURES_SELECT] = OFFSET_DEVICE_FEATURES_SELECT,
	[REG_DEVICE_FEATURES] = OFFSET_DEVICE_FEATURES,
	[REG_DRIVER_FEATURES_SELECT] = OFFSET_DRIVER_FEATURES_SELECT,
	[REG_DRIVER_FEATURES] = OFFSET_DRIVER_FEATURES,
	[REG_STATUS] = OFFSET_STATUS,
	[REG_GENERATION] = OFFSET_GENERATION,
	[REG_INTERRUPT_STATUS] = OFFSET_INTERRUPT_STATUS,
	[REG_QUEUE_SELECT] = OFFSET_QUEUE_SELECT,
	[REG_QUEUE_SIZE_MAX] = OFFSET_QUEUE_SIZE_MAX,
	[REG_QUEUE_SIZE] = OFFSET_QUEUE_SIZE,
	[REG_QUEUE_READY] = OFFSET_QUEUE_READY,
	[REG_QUEUE_DESC] = OFFSET_QUEUE_DESC,
	[REG_QUEUE_DESC_HIGH] = OFFSET_QUEUE_DESC + 4,
	[REG_QUEUE_DRIVER] = OFFSET_QUEUE_DRIVER,
	[REG_QUEUE_DRIVER_HIGH] = OFFSET_QUEUE_DRIVER + 4,
	[REG_QUEUE_DEVICE] = OFFSET_QUEUE_DEVICE,
	[REG_QUEUE_DEVICE_HIGH] = OFFSET_QUEUE_DEVICE + 4,
	[REG_QUEUE_RESET] = OFFSET_QUEUE_RESET,
};

/* Its one interrupt tells of everything. */
static bool map_config(struct transport *t)
{
	(void)t;
	return true;
}

static bool map_queue(struct transport *t, uint32_t queue)
{
	(void)t;
	return queue < TRANSPORT_QUEUES;
}

static struct told told(struct transport *t)
{
	uint64_t registers = t->reg[REG_INTERRUPT_STATUS].at - OFFSET_INTERRUPT_STATUS;
	uint32_t status = t->seam->read(t->seam->self, registers + OFFSET_INTERRUPT_STATUS, 4);

	if (status != 0)
		t->seam->write(t->seam->self, registers + OFFSET_INTERRUPT_ACK, status, 4);
	return (struct told){ (status & INT_QUEUE) != 0 ? UINT32_MAX : 0,
			      (status & INT_CONFIG) != 0 };
}

bool mmio_open(struct transport *t, uint64_t registers)
{
	static const struct transport_ops ops = { map_config, map_queue, told };
	const struct seam *s = t->seam;

	if (s->read(s->self, registers + OFFSET_MAGIC, 4) != MMIO_IS_VIRTIO ||
	    s->read(s->self, registers + OFFSET_DEVICE_ID, 4) != MMIO_IS_NET)
		return false;
	t->ops = &ops;
	t->bus = BUS_MMIO;
	for (unsigned i = 0; i < REGS; i++)
		t->reg[i] = (struct reg_place){ registers + offsets[i], 4 };
	t->config = registers + OFFSET_CONFIG;
	for (unsigned i = 0; i < TRANSPORT_QUEUES; i++)
		t->doorbell[i] = registers + OFFSET_QUEUE_NOTIFY;
	t->doorbell_width = 4;
	return true;
}
