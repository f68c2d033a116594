/* guest/driver/pci.c: a device on PCI: found on bus 0, given addresses if it has none, a doorbell
 * and a vector for each queue (virtio 1.4, 4.1; PCI Local Bus 3.0, 6.2.5, 6.7, 6.8). */
#include "guest/driver/pci.h"

#include "guest/driver/transport.h"

enum { SLOTS = 32, SLOT_SHIFT = 15, CAPABILITIES_MAX = 48, VECTOR_CONFIG = 0, VECTOR_QUEUES = 1 };
/* Of the machine's addresses: for BARs that no firmware placed. */
#define FREE_ADDRESSES UINT32_C(0xc0000000)

static uint32_t get(const struct transport *t, uint64_t at, unsigned width)
{
	return t->seam->read(t->seam->self, at, width);
}

static void put(const struct transport *t, uint64_t at, uint32_t value, unsigned width)
{
	t->seam->write(t->seam->self, at, value, width);
}

/* ---- the function ---- */

static bool find_function(struct transport *t, uint64_t ecam)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		t->function = ecam + ((uint64_t)slot << SLOT_SHIFT);
		if (get(t, t->function + HEADER_ID, 4) == PCI_IS_NET)
			return true;
	}
	return false;
}

/* Not decoded meanwhile: all ones are no place. */
static void place_bars(struct transport *t)
{
	uint32_t next = FREE_ADDRESSES;

	put(t, t->function + HEADER_COMMAND, 0, 2);
	for (unsigned i = 0; i < BARS; i++) {
		uint64_t bar = t->function + HEADER_BAR + 4u * i;
		uint32_t old = get(t, bar, 4), at = old & ~(uint32_t)BAR_FLAGS, size;

		if ((old & BAR_IO) != 0)
			continue;
		put(t, bar, UINT32_MAX, 4);
		size = ~(get(t, bar, 4) & ~(uint32_t)BAR_FLAGS) + 1;
		if (at == 0 && size != 0) {
			at = (next + size - 1) & ~(size - 1);
			next = at + size;
		}
		put(t, bar, at, 4);
		i += (old & BAR_WIDE) != 0;
	}
	put(t, t->function + HEADER_COMMAND, COMMAND_MEMORY | COMMAND_MASTER, 2);
}

/* Where a structure is that is so far behind that BAR's start. */
static uint64_t inside(const struct transport *t, unsigned bar, uint32_t offset)
{
	uint64_t at = t->function + HEADER_BAR + 4u * bar;
	uint32_t low = get(t, at, 4);
	uint64_t high = (low & BAR_WIDE) != 0 ? get(t, at + 4, 4) : 0;

	return (high << 32 | (low & ~(uint32_t)BAR_FLAGS)) + offset;
}

/* ---- capabilities ---- */

static void take_msix(struct transport *t, uint64_t cap)
{
	uint32_t table = get(t, cap + MSIX_TABLE, 4), control = get(t, cap + MSIX_CONTROL, 2);

	t->msix_table = inside(t, table & 7, table & ~7u);
	t->vectors = (control & MSIX_SIZE) + 1;
	for (uint32_t i = 0; i < t->vectors && i < SEAM_MESSAGES; i++) {
		uint64_t entry = t->msix_table + (uint64_t)ENTRY_BYTES * i;

		put(t, entry + ENTRY_ADDRESS, (uint32_t)SEAM_MESSAGE_ADDRESS, 4);
		put(t, entry + ENTRY_ADDRESS + 4, (uint32_t)(SEAM_MESSAGE_ADDRESS >> 32), 4);
		put(t, entry + ENTRY_DATA, SEAM_MESSAGE_DATA + i, 4);
		put(t, entry + ENTRY_CONTROL, 0, 4);
	}
	put(t, cap + MSIX_CONTROL, control | MSIX_ENABLE, 2);
}

/* The first of each type is the one that the device likes best (virtio 1.4, 4.1.4). */
static void take_structure(struct transport *t, uint64_t cap, uint64_t structure[TYPES])
{
	uint32_t type = get(t, cap + CAP_TYPE, 1), bar = get(t, cap + CAP_BAR, 1);

	if (type >= TYPE_WINDOW || bar >= BARS || structure[type] != 0)
		return;
	structure[type] = inside(t, bar, get(t, cap + CAP_OFFSET, 4));
	if (type == TYPE_DOORBELLS)
		t->doorbell_step = get(t, cap + CAP_MULTIPLIER, 4);
}

/* The list is bounded: one that loops ends too. */
static void take_capabilities(struct transport *t, uint64_t structure[TYPES])
{
	uint32_t at = get(t, t->function + HEADER_CAPABILITIES, 1);

	for (unsigned i = 0; i < CAPABILITIES_MAX && at != 0; i++) {
		uint64_t cap = t->function + at;
		uint32_t id = get(t, cap + CAP_ID, 1);

		if (id == CAP_MSIX)
			take_msix(t, cap);
		else if (id == CAP_VENDOR)
			take_structure(t, cap, structure);
		at = get(t, cap + CAP_NEXT, 1);
	}
}

/* ---- registers ---- */

static const struct {
	uint8_t offset, width;
} fields[REGS] = {
	[REG_DEVICE_FEATURES_SELECT] = { COMMON_DEVICE_FEATURES_SELECT, 4 },
	[REG_DEVICE_FEATURES] = { COMMON_DEVICE_FEATURES, 4 },
	[REG_DRIVER_FEATURES_SELECT] = { COMMON_DRIVER_FEATURES_SELECT, 4 },
	[REG_DRIVER_FEATURES] = { COMMON_DRIVER_FEATURES, 4 },
	[REG_STATUS] = { COMMON_STATUS, 1 },
	[REG_GENERATION] = { COMMON_GENERATION, 1 },
	[REG_QUEUE_SELECT] = { COMMON_QUEUE_SELECT, 2 },
	[REG_QUEUE_SIZE_MAX] = { COMMON_QUEUE_SIZE, 2 },
	[REG_QUEUE_SIZE] = { COMMON_QUEUE_SIZE, 2 },
	[REG_QUEUE_READY] = { COMMON_QUEUE_ENABLE, 2 },
	[REG_QUEUE_DESC] = { COMMON_QUEUE_DESC, 4 },
	[REG_QUEUE_DESC_HIGH] = { COMMON_QUEUE_DESC + 4, 4 },
	[REG_QUEUE_DRIVER] = { COMMON_QUEUE_DRIVER, 4 },
	[REG_QUEUE_DRIVER_HIGH] = { COMMON_QUEUE_DRIVER + 4, 4 },
	[REG_QUEUE_DEVICE] = { COMMON_QUEUE_DEVICE, 4 },
	[REG_QUEUE_DEVICE_HIGH] = { COMMON_QUEUE_DEVICE + 4, 4 },
	[REG_QUEUE_RESET] = { COMMON_QUEUE_RESET, 2 },
};

static uint64_t common(const struct transport *t)
{
	return t->reg[REG_DEVICE_FEATURES_SELECT].at - COMMON_DEVICE_FEATURES_SELECT;
}

/* What was told by a vector before it was mapped is of another life. Reading back shows if the
 * device could map it (virtio 1.4, 4.1.5.1.3). */
static bool map(struct transport *t, uint32_t field, uint32_t vector)
{
	if (vector >= t->vectors || vector >= SEAM_MESSAGES)
		return false;
	t->seen[vector] = t->seam->messages(t->seam->self, vector);
	put(t, common(t) + field, vector, 2);
	return get(t, common(t) + field, 2) == vector;
}

static bool map_config(struct transport *t) { return map(t, COMMON_CONFIG_VECTOR, VECTOR_CONFIG); }

static bool map_queue(struct transport *t, uint32_t queue)
{
	if (queue >= TRANSPORT_QUEUES)
		return false;
	t->doorbell[queue] = t->doorbells + (uint64_t)t->doorbell_step *
						    get(t, common(t) + COMMON_QUEUE_DOORBELL, 2);
	return map(t, COMMON_QUEUE_VECTOR, VECTOR_QUEUES + queue);
}

/* By what came: under MSI-X the ISR byte does not tell of queues (virtio 1.4, 4.1.4.5.1). */
static struct told told(struct transport *t)
{
	uint32_t vectors = 0;

	for (unsigned i = 0; i < SEAM_MESSAGES; i++) {
		uint32_t count = t->seam->messages(t->seam->self, i);

		vectors |= (uint32_t)(count != t->seen[i]) << i;
		t->seen[i] = count;
	}
	return (struct told){ vectors >> VECTOR_QUEUES, (vectors >> VECTOR_CONFIG & 1) != 0 };
}

bool pci_open(struct transport *t, uint64_t ecam)
{
	static const struct transport_ops ops = { map_config, map_queue, told };
	uint64_t structure[TYPES] = { 0 };

	if (!find_function(t, ecam))
		return false;
	place_bars(t);
	take_capabilities(t, structure);
	if (structure[TYPE_COMMON] == 0 || structure[TYPE_DOORBELLS] == 0 ||
	    structure[TYPE_ISR] == 0 || structure[TYPE_CONFIG] == 0 || t->vectors == 0)
		return false;
	t->ops = &ops;
	t->bus = BUS_PCI;
	for (unsigned i = 0; i < REGS; i++)
		t->reg[i] = (struct reg_place){ structure[TYPE_COMMON] + fields[i].offset,
						fields[i].width };
	t->reg[REG_INTERRUPT_STATUS] = (struct reg_place){ structure[TYPE_ISR], 1 };
	t->config = structure[TYPE_CONFIG];
	t->doorbells = structure[TYPE_DOORBELLS];
	t->doorbell_width = 2;
	return true;
}
