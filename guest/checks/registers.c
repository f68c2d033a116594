/* guest/checks/registers.c: registers that a driver may not write, or not so, on a NIC in use: each
 * write is ignored, and there is traffic as before. */
#include "guest/checks/check.h"
#include "guest/driver/mmio.h"
#include "guest/driver/pci.h"

enum {
	TX = 1,
	NO_QUEUE = 60, /* the device has fewer */
};
#define NO_MEMORY 0xf0000000u

static uint32_t get(const struct guest *g, uint64_t at, unsigned width)
{
	return g->seam->read(g->seam->self, at, width);
}
static void put(const struct guest *g, uint64_t at, uint32_t value, unsigned width)
{
	g->seam->write(g->seam->self, at, value, width);
}

/* ---- virtio-mmio ---- */

static enum verdict mmio_abused(struct guest *g)
{
	uint64_t registers = g->nic.transport.config - OFFSET_CONFIG;

	for (uint32_t offset = OFFSET_RESERVED; offset < OFFSET_GENERATION; offset += 4)
		if (get(g, registers + offset, 4) != 0)
			return fail(g, "the reserved register %x is not 0", offset);
	put(g, registers + OFFSET_QUEUE_NOTIFY, 0xffff, 4);
	return VERDICT_OK;
}

/* ---- virtio-pci ---- */

/* Nothing of these may be written. In the common configuration of the selected queue, in use, and
 * in the function's header. */
static enum verdict kept(struct guest *g)
{
	const struct {
		const char *name;
		uint64_t at;
		unsigned width;
	} fields[] = {
		{ "num_queues", g->nic.transport.reg[REG_DEVICE_FEATURES_SELECT].at + COMMON_QUEUES,
		  2 },
		{ "queue_notify_off",
		  g->nic.transport.reg[REG_DEVICE_FEATURES_SELECT].at + COMMON_QUEUE_DOORBELL, 2 },
		{ "device_feature", g->nic.transport.reg[REG_DEVICE_FEATURES].at, 4 },
		{ "config_generation", g->nic.transport.reg[REG_GENERATION].at, 1 },
		{ "queue_size", g->nic.transport.reg[REG_QUEUE_SIZE].at, 2 },
		{ "queue_enable", g->nic.transport.reg[REG_QUEUE_READY].at, 2 },
		{ "queue_desc", g->nic.transport.reg[REG_QUEUE_DESC].at, 4 },
		{ "the device's number", g->nic.transport.function + HEADER_ID, 4 },
		{ "the list of capabilities", g->nic.transport.function + HEADER_CAPABILITIES, 1 },
	};

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint32_t old = get(g, fields[i].at, fields[i].width);

		put(g, fields[i].at, 0, fields[i].width);
		put(g, fields[i].at, ~old, fields[i].width);
		if (get(g, fields[i].at, fields[i].width) != old)
			return fail(g, "%s was written over", fields[i].name);
	}
	return VERDICT_OK;
}

/* A vector that the table does not have is none (virtio 1.4, 4.1.5.1.3.1), and neither has the
 * table an entry for it. */
static enum verdict vectors(struct guest *g)
{
	const struct transport *t = &g->nic.transport;
	uint64_t common = t->reg[REG_DEVICE_FEATURES_SELECT].at;
	uint64_t entry = t->msix_table + (uint64_t)ENTRY_BYTES * t->vectors;
	static const uint8_t fields[] = { COMMON_CONFIG_VECTOR, COMMON_QUEUE_VECTOR };

	for (unsigned i = 0; i < sizeof(fields); i++) {
		uint32_t old = get(g, common + fields[i], 2);

		put(g, common + fields[i], t->vectors, 2);
		if (get(g, common + fields[i], 2) != NO_VECTOR)
			return fail(g, "vector %u of %u was mapped", t->vectors, t->vectors);
		put(g, common + fields[i], old, 2);
	}
	put(g, entry + ENTRY_DATA, NO_VECTOR, 4);
	put(g, entry + ENTRY_CONTROL, 0, 4);
	if (get(g, entry + ENTRY_DATA, 4) != 0)
		return fail(g, "MSI-X has an entry behind its last");
	return VERDICT_OK;
}

/* The first BAR, which has the registers, onto memory: that keeps its bytes, and the device is not
 * to be found where it was. */
static enum verdict moved(struct guest *g)
{
	uint64_t bar = g->nic.transport.function + HEADER_BAR;
	const volatile uint8_t *byte = g->nic.frame;
	uint32_t place = get(g, bar, 4);
	uint8_t before = *byte;
	bool stays, is_there;

	put(g, bar, (uint32_t)g->nic.frame_at, 4);
	stays = *byte == before;
	is_there = nic_read(&g->nic, REG_STATUS) != 0xff;
	put(g, bar, place, 4);
	return stays && !is_there ? VERDICT_OK
				  : fail(g, "a BAR lies on memory, or where it was as well");
}

/* Where there is nothing, or not of that width. */
static enum verdict nothing_there(struct guest *g)
{
	const struct transport *t = &g->nic.transport;
	uint64_t common = t->reg[REG_DEVICE_FEATURES_SELECT].at;

	if (get(g, t->function + (1u << 12), 4) != UINT32_MAX)
		return fail(g, "the function has a second one behind it");
	if (get(g, common + COMMON_CONFIG_VECTOR, 4) != 0 || get(g, common + COMMON_STATUS, 2) != 0)
		return fail(g, "two fields are read at once");
	put(g, common + COMMON_STATUS, 0, 2); /* else a reset */
	put(g, t->doorbells + t->doorbell_step * NO_QUEUE, NO_QUEUE, 2);
	put(g, t->doorbells + 1, 0, 1);
	return VERDICT_OK;
}

static enum verdict pci_abused(struct guest *g)
{
	enum verdict (*const parts[])(struct guest *) = { kept, vectors, moved, nothing_there };

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i](g) != VERDICT_OK)
			return VERDICT_FAIL;
	return VERDICT_OK;
}

/* ---- both ---- */

static enum verdict registers(struct guest *g)
{
	static const uint8_t on = 1;
	uint32_t status = nic_read(&g->nic, REG_STATUS);
	uint8_t mac[6];

	put(g, g->nic.transport.config, ~get(g, g->nic.transport.config, 1), 1);
	nic_get_mac(&g->nic, mac);
	if (__builtin_memcmp(mac, g->nic.mac, sizeof(mac)) != 0)
		return fail(g, "the MAC was written over");
	nic_write(&g->nic, REG_STATUS, S_DRIVER_OK);
	if (nic_read(&g->nic, REG_STATUS) != status)
		return fail(g, "status bits were taken back");
	nic_write(&g->nic, REG_DRIVER_FEATURES_SELECT, 0);
	nic_write(&g->nic, REG_DRIVER_FEATURES, 0);
	/* CTRL_VQ and CTRL_RX would be among what that takes back: promiscuous mode. */
	if (nic_control(&g->nic, 0, 0, &on, 1) != 0)
		return fail(g, "features were taken back");
	nic_write(&g->nic, REG_QUEUE_SELECT, TX);
	nic_write(&g->nic, REG_QUEUE_SIZE, 3);
	nic_write(&g->nic, REG_QUEUE_DESC, NO_MEMORY);
	if (nic_read(&g->nic, REG_QUEUE_READY) != 1)
		return fail(g, "a queue in use is not ready any more");
	if ((g->nic.transport.bus == BUS_PCI ? pci_abused : mmio_abused)(g) != VERDICT_OK)
		return VERDICT_FAIL;
	if (!step(g, "@ping4 10 100"))
		return fail(g, "no traffic after it: %s", g->answer);
	say(g, "MAC, status, features, a queue in use, no queue's doorbell, what else its bus has");
	return VERDICT_OK;
}

const struct check register_checks[] = { { "hostile-registers", registers, true } };
const unsigned register_count = sizeof(register_checks) / sizeof(register_checks[0]);
