/* devices/transport/pci_config.c: the function's configuration space: header, BARs, capabilities.
 * Sources: PCI Local Bus 3.0, 6.1 and 6.2; virtio 1.4, 4.1.2 and 4.1.4. */
#include <linux/pci_regs.h>
#include <string.h>

#include "devices/transport/pci_priv.h"

enum {
	VENDOR = 0x1af4,
	DEVICE_BASE = 0x1040,
	REVISION = 1,
	PIN_INTA = 1,
	FIRST_CAPABILITY = 0x40,
	CAPABILITY = sizeof(struct virtio_pci_cap),
	CFG_DATA = CAPABILITY, /* pci_cfg_data, behind its capability */
	COMMAND_WRITABLE = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE,
};

/* Where the two stand that are more than bytes. */
enum {
	AT_CFG = FIRST_CAPABILITY + PCI_REGIONS * CAPABILITY + 4, /* behind the multiplier */
	AT_MSIX = AT_CFG + CAPABILITY + 4,
};

static const struct bar {
	uint8_t index;
	bool wide; /* 64 bits: takes two */
	uint32_t size;
} bars[PCI_PLACES] = {
	{ PCI_BAR_REGISTERS, true, PCI_REGISTERS_BYTES },
	{ PCI_BAR_MSIX, false, PCI_MSIX_BYTES },
};

static uint16_t get16(const uint8_t *at)
{
	le16 v;

	memcpy(&v, at, sizeof(v));
	return le16_get(v);
}
static uint32_t get32(const uint8_t *at)
{
	le32 v;

	memcpy(&v, at, sizeof(v));
	return le32_get(v);
}
static void put16(uint8_t *at, uint16_t value)
{
	le16 v = le16_put(value);

	memcpy(at, &v, sizeof(v));
}
static void put32(uint8_t *at, uint32_t value)
{
	le32 v = le32_put(value);

	memcpy(at, &v, sizeof(v));
}

/* ---- what is there at first ---- */

/* PCI-01, PCI-02, PCI-03. */
static void header(struct pci *p)
{
	uint16_t id = (uint16_t)(DEVICE_BASE + device_id(p->config.device));

	put16(&p->space[PCI_VENDOR_ID], VENDOR);
	put16(&p->space[PCI_DEVICE_ID], id);
	put16(&p->space[PCI_STATUS], PCI_STATUS_CAP_LIST);
	put32(&p->space[PCI_CLASS_REVISION], p->config.class_code << 8 | REVISION);
	put16(&p->space[PCI_SUBSYSTEM_VENDOR_ID], VENDOR);
	put16(&p->space[PCI_SUBSYSTEM_ID], id);
	p->space[PCI_CAPABILITY_LIST] = FIRST_CAPABILITY;
	p->space[PCI_INTERRUPT_PIN] = PIN_INTA;
	put16(&p->writable[PCI_COMMAND], COMMAND_WRITABLE);
	p->writable[PCI_INTERRUPT_LINE] = 0xff;
	for (unsigned i = 0; i < PCI_PLACES; i++) {
		unsigned at = PCI_BASE_ADDRESS_0 + 4u * bars[i].index;

		p->space[at] = bars[i].wide ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0;
		put32(&p->writable[at], ~(bars[i].size - 1));
		if (bars[i].wide)
			put32(&p->writable[at + 4], UINT32_MAX);
	}
}

/* PCI-06: its own length and what belongs to it. Returns where the next one begins. */
static uint8_t capability(struct pci *p, uint8_t at, uint8_t extra, const struct pci_region *region,
			  uint8_t type)
{
	uint8_t *cap = &p->space[at];
	uint8_t next = (uint8_t)(at + CAPABILITY + extra);

	cap[VIRTIO_PCI_CAP_VNDR] = PCI_CAP_ID_VNDR;
	cap[VIRTIO_PCI_CAP_NEXT] = next;
	cap[VIRTIO_PCI_CAP_LEN] = (uint8_t)(CAPABILITY + extra);
	cap[VIRTIO_PCI_CAP_CFG_TYPE] = type;
	if (region != NULL) {
		cap[VIRTIO_PCI_CAP_BAR] = PCI_BAR_REGISTERS;
		put32(&cap[VIRTIO_PCI_CAP_OFFSET], region->offset);
		put32(&cap[VIRTIO_PCI_CAP_LENGTH], region->length);
	}
	return next;
}

/* PCI-07, PCI-08: one of each. PCI-30: MSI-X says how many vectors it has. */
static void capabilities(struct pci *p)
{
	uint8_t at = FIRST_CAPABILITY, *msix = &p->space[AT_MSIX];

	for (unsigned i = 0; i < PCI_REGIONS; i++) {
		bool notify = pci_regions[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG;

		if (notify)
			put32(&p->space[at + VIRTIO_PCI_NOTIFY_CAP_MULT], PCI_DOORBELL_STEP);
		at = capability(p, at, notify ? 4 : 0, &pci_regions[i], pci_regions[i].type);
	}
	(void)capability(p, at, 4, NULL, VIRTIO_PCI_CAP_PCI_CFG);
	p->writable[AT_CFG + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(&p->writable[AT_CFG + VIRTIO_PCI_CAP_OFFSET], 0xff, 8);
	memset(&p->writable[AT_CFG + CFG_DATA], 0xff, 4);

	msix[0] = PCI_CAP_ID_MSIX;
	put16(&msix[PCI_MSIX_FLAGS], (uint16_t)(p->vector_count - 1));
	put16(&p->writable[AT_MSIX + PCI_MSIX_FLAGS],
	      PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put32(&msix[PCI_MSIX_TABLE], PCI_BAR_MSIX);
	put32(&msix[PCI_MSIX_PBA], PCI_MSIX_PENDING | PCI_BAR_MSIX);
}

/* ---- what follows from what was written ---- */

static void place_bars(struct pci *p)
{
	bool decode = (get16(&p->space[PCI_COMMAND]) & PCI_COMMAND_MEMORY) != 0;

	for (unsigned i = 0; i < PCI_PLACES; i++) {
		const uint8_t *bar = &p->space[PCI_BASE_ADDRESS_0 + 4u * bars[i].index];
		uint64_t at = get32(bar) & ~(bars[i].size - 1);

		if (bars[i].wide)
			at |= (uint64_t)get32(bar + 4) << 32;
		if (!decode)
			at = PCI_NOWHERE;
		if (at == p->placed[i])
			continue;
		p->placed[i] = at;
		p->config.board->place(p->config.board_self, bars[i].index, decode ? at : 0,
				       decode ? bars[i].size : 0);
	}
}

/* Without bus mastering a function reads and writes no memory: its rings rest. */
void pci_set_master(struct pci *p, bool on)
{
	if (on == p->master)
		return;
	p->master = on;
	device_lock(p->config.device);
	if (on)
		device_resume(p->config.device);
	else
		device_pause(p->config.device);
	device_unlock(p->config.device);
}

static void follow(struct pci *p)
{
	uint16_t command = get16(&p->space[PCI_COMMAND]);
	uint16_t msix = get16(&p->space[AT_MSIX + PCI_MSIX_FLAGS]);

	place_bars(p);
	pci_set_master(p, (command & PCI_COMMAND_MASTER) != 0);
	atomic_store(&p->intx_off, (command & PCI_COMMAND_INTX_DISABLE) != 0);
	pci_msix_set(p, (msix & PCI_MSIX_FLAGS_ENABLE) != 0,
		     (msix & PCI_MSIX_FLAGS_MASKALL) != 0 || !p->master);
	pci_line_update(p);
}

void pci_config_init(struct pci *p)
{
	header(p);
	capabilities(p);
	for (unsigned i = 0; i < PCI_PLACES; i++)
		p->placed[i] = PCI_NOWHERE;
	pci_set_master(p, false);
}

/* ---- the window through configuration space ---- */

/* PCI-28: what the capability names at the moment, NULL: nothing that may be accessed. */
static const struct pci_region *named(const struct pci *p, uint32_t *ret_offset,
				      unsigned *ret_width)
{
	const uint8_t *cap = &p->space[AT_CFG];
	uint32_t offset = get32(&cap[VIRTIO_PCI_CAP_OFFSET]);
	uint32_t length = get32(&cap[VIRTIO_PCI_CAP_LENGTH]);
	const struct pci_region *region = NULL;

	if (cap[VIRTIO_PCI_CAP_BAR] == PCI_BAR_REGISTERS &&
	    (length == 1 || length == 2 || length == 4) && offset % length == 0)
		region = pci_region_at(offset, length);
	*ret_offset = region != NULL ? offset - region->offset : 0;
	*ret_width = length;
	return region;
}

static bool reaches_data(uint32_t offset, unsigned width)
{
	return offset < AT_CFG + CFG_DATA + 4 && offset + width > AT_CFG + CFG_DATA;
}

/* PCI-27. */
static void window_read(struct pci *p)
{
	uint8_t *data = &p->space[AT_CFG + CFG_DATA];
	uint32_t offset;
	unsigned width;
	const struct pci_region *region = named(p, &offset, &width);

	memset(data, 0, 4);
	if (region != NULL && region->read != NULL)
		region->read(p, offset, data, width);
}

static void window_write(struct pci *p)
{
	uint32_t offset;
	unsigned width;
	const struct pci_region *region = named(p, &offset, &width);

	if (region != NULL && region->write != NULL)
		region->write(p, offset, &p->space[AT_CFG + CFG_DATA], width);
}

/* ---- accesses ---- */

void pci_config_read(struct pci *p, uint32_t offset, void *ret_bytes, unsigned width)
{
	uint8_t *bytes = ret_bytes;

	memset(bytes, 0, width);
	(void)pthread_mutex_lock(&p->mutex);
	if (reaches_data(offset, width))
		window_read(p);
	p->space[PCI_STATUS] =
		PCI_STATUS_CAP_LIST | (pci_intx_pending(p) ? PCI_STATUS_INTERRUPT : 0);
	for (unsigned i = 0; i < width && offset < PCI_SPACE - i; i++)
		bytes[i] = p->space[offset + i];
	(void)pthread_mutex_unlock(&p->mutex);
}

/* PCI-17: of the capabilities only what is writable in two of them. */
void pci_config_write(struct pci *p, uint32_t offset, const void *bytes, unsigned width)
{
	(void)pthread_mutex_lock(&p->mutex);
	for (unsigned i = 0; i < width && offset < PCI_SPACE - i; i++) {
		uint8_t writable = p->writable[offset + i], *at = &p->space[offset + i];

		*at = (uint8_t)((*at & ~writable) | (((const uint8_t *)bytes)[i] & writable));
	}
	follow(p);
	if (reaches_data(offset, width))
		window_write(p);
	(void)pthread_mutex_unlock(&p->mutex);
}
