/* devices/platform/pci_host.c: the bus, its two ways to configuration space, and who lies where in
 * device memory. Sources: PCI Local Bus 3.0, 3.2.2.3; PCI Express Base, 7.2.2. */
#include "devices/platform/pci_host.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/mem/range.h"

enum {
	ECAM_SLOT_SHIFT = 15,
	ECAM_FUNCTION_MASK = 7 << 12,
	ECAM_REGISTER_MASK = 0xfff,
	ADDRESS_ENABLE_SHIFT = 31,
	ADDRESS_BUS_MASK = 0xff << 16,
	ADDRESS_SLOT_SHIFT = 11,
	ADDRESS_FUNCTION_MASK = 7 << 8,
	ADDRESS_REGISTER_MASK = 0xfc,
	DATA = PCI_PORTS + 4,
	DATA_BYTES = 4,
};
/* The bits of the address register that exist. */
#define ADDRESS_BITS UINT32_C(0x80fffffc)

struct place {
	uint64_t at, size; /* as wanted; size 0: nowhere */
	bool mapped;
};

struct slot {
	const struct pci_function *function; /* NULL: empty */
	void *self;
	struct place bar[PCI_BARS];
};

struct pci_host {
	struct pci_host_config config;
	atomic_uint address; /* the register at 0xcf8 */
	struct slot slot[PCI_SLOTS];
	pthread_mutex_t mutex; /* the places */
};

/* ---- the bridge: what drivers look for to believe that there is a bus ---- */

static void bridge_read(void *self, uint32_t offset, void *ret_bytes, unsigned width)
{
	static const uint8_t header[] = {
		[PCI_VENDOR_ID] = 0x36,    0x1b, 0x08, 0x00, /* the generic PCI Express bridge */
		[PCI_CLASS_DEVICE] = 0x00, 0x06,             /* a host bridge */
	};

	(void)self;
	for (unsigned i = 0; i < width; i++)
		((uint8_t *)ret_bytes)[i] = offset + i < sizeof(header) ? header[offset + i] : 0;
}

static void bridge_write(void *self, uint32_t offset, const void *bytes, unsigned width)
{
	(void)self, (void)offset, (void)bytes, (void)width;
}

static const struct pci_function bridge = { .config_read = bridge_read,
					    .config_write = bridge_write };

struct err pci_host_create(const struct pci_host_config *config, struct pci_host **ret_host)
{
	struct pci_host *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make a PCI bus");
	h->config = *config;
	(void)pthread_mutex_init(&h->mutex, NULL);
	h->slot[0].function = &bridge;
	*ret_host = h;
	return err_none();
}

void pci_host_destroy(struct pci_host *h)
{
	if (h == NULL)
		return;
	(void)pthread_mutex_destroy(&h->mutex);
	free(h);
}

void pci_host_plug(struct pci_host *h, unsigned slot, const struct pci_function *function,
		   void *self)
{
	assert(slot > 0 && slot < PCI_SLOTS && h->slot[slot].function == NULL);
	h->slot[slot].function = function;
	h->slot[slot].self = self;
}

/* ---- configuration space ---- */

/* NULL: nothing is there, or the access leaves the function it begins in. */
static const struct slot *at_ecam(const struct pci_host *h, uint32_t offset, unsigned width)
{
	const struct slot *slot;

	if (offset >= PCI_HOST_ECAM || (offset & ECAM_FUNCTION_MASK) != 0 ||
	    (offset & ECAM_REGISTER_MASK) + width > ECAM_REGISTER_MASK + 1)
		return NULL;
	slot = &h->slot[offset >> ECAM_SLOT_SHIFT];
	return slot->function != NULL ? slot : NULL;
}

void pci_host_config_read(struct pci_host *h, uint32_t offset, void *ret_bytes, unsigned width)
{
	const struct slot *slot = at_ecam(h, offset, width);

	memset(ret_bytes, 0xff, width);
	if (slot != NULL)
		slot->function->config_read(slot->self, offset & ECAM_REGISTER_MASK, ret_bytes,
					    width);
}

void pci_host_config_write(struct pci_host *h, uint32_t offset, const void *bytes, unsigned width)
{
	const struct slot *slot = at_ecam(h, offset, width);

	if (slot != NULL)
		slot->function->config_write(slot->self, offset & ECAM_REGISTER_MASK, bytes, width);
}

/* Where in the ECAM the data port stands at the moment; PCI_HOST_ECAM: nowhere. */
static uint32_t data_port(const struct pci_host *h, uint16_t port, unsigned width)
{
	uint32_t address = atomic_load(&h->address);

	if (port < DATA || port - DATA + width > DATA_BYTES ||
	    address >> ADDRESS_ENABLE_SHIFT == 0 ||
	    (address & (ADDRESS_BUS_MASK | ADDRESS_FUNCTION_MASK)) != 0)
		return PCI_HOST_ECAM;
	return (address >> ADDRESS_SLOT_SHIFT) % PCI_SLOTS << ECAM_SLOT_SHIFT |
	       (address & ADDRESS_REGISTER_MASK) | (uint32_t)(port - DATA);
}

void pci_host_port_read(struct pci_host *h, uint16_t port, void *ret_bytes, unsigned width)
{
	le32 address = le32_put(atomic_load(&h->address));

	if (port == PCI_PORTS && width == sizeof(address))
		memcpy(ret_bytes, &address, sizeof(address));
	else
		pci_host_config_read(h, data_port(h, port, width), ret_bytes, width);
}

/* The address is one register of 32 bits: a byte at 0xcf9 is for others. */
void pci_host_port_write(struct pci_host *h, uint16_t port, const void *bytes, unsigned width)
{
	le32 address;

	if (port == PCI_PORTS && width == sizeof(address)) {
		memcpy(&address, bytes, sizeof(address));
		atomic_store(&h->address, le32_get(address) & ADDRESS_BITS);
	} else {
		pci_host_config_write(h, data_port(h, port, width), bytes, width);
	}
}

/* ---- device memory ---- */

/* The BAR that answers for any byte of the range, and whose it is; NULL: none. With the mutex. */
static struct place *occupant(struct pci_host *h, uint64_t at, uint64_t size,
			      struct slot **ret_slot)
{
	for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
		struct slot *slot = &h->slot[i / PCI_BARS];
		struct place *p = &slot->bar[i % PCI_BARS];

		if (p->mapped && range_overlap(p->at, p->size, at, size)) {
			*ret_slot = slot;
			return p;
		}
	}
	return NULL;
}

static bool fits(struct pci_host *h, const struct place *p)
{
	struct slot *other;

	for (unsigned i = 0; i < PCI_WINDOWS && p->size > 0; i++)
		if (range_inside(h->config.window[i].at, h->config.window[i].size, p->at, p->size))
			return occupant(h, p->at, p->size, &other) == NULL;
	return false;
}

/* One that moves away makes room for those that found none. */
static void map_what_fits(struct pci_host *h)
{
	for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
		unsigned slot = i / PCI_BARS, bar = i % PCI_BARS;
		struct place *p = &h->slot[slot].bar[bar];

		if (!p->mapped && fits(h, p)) {
			p->mapped = true;
			h->config.moved(h->config.self, slot, bar, p->at, true);
		}
	}
}

void pci_host_place(struct pci_host *h, unsigned slot, unsigned bar, uint64_t at, uint64_t size)
{
	struct place *p = &h->slot[slot].bar[bar];

	(void)pthread_mutex_lock(&h->mutex);
	if (p->mapped)
		h->config.moved(h->config.self, slot, bar, p->at, false);
	*p = (struct place){ .at = at, .size = size };
	map_what_fits(h);
	(void)pthread_mutex_unlock(&h->mutex);
}

struct target {
	const struct pci_function *function; /* NULL: none */
	void *self;
	unsigned bar;
	uint64_t offset;
};

static struct target find(struct pci_host *h, uint64_t gpa)
{
	struct target target = { 0 };
	struct slot *slot;
	struct place *p;

	(void)pthread_mutex_lock(&h->mutex);
	p = occupant(h, gpa, 1, &slot);
	if (p != NULL)
		target = (struct target){ slot->function, slot->self, (unsigned)(p - slot->bar),
					  gpa - p->at };
	(void)pthread_mutex_unlock(&h->mutex);
	return target;
}

bool pci_host_read(struct pci_host *h, uint64_t gpa, void *ret_bytes, unsigned width)
{
	struct target t = find(h, gpa);

	memset(ret_bytes, 0xff, width);
	if (t.function != NULL)
		t.function->read(t.self, t.bar, t.offset, ret_bytes, width);
	return t.function != NULL;
}

bool pci_host_write(struct pci_host *h, uint64_t gpa, const void *bytes, unsigned width)
{
	struct target t = find(h, gpa);

	if (t.function != NULL)
		t.function->write(t.self, t.bar, t.offset, bytes, width);
	return t.function != NULL;
}
