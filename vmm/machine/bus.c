/* vmm/machine/bus.c: which device answers at a port or an address; where none does, ones are
 * read. */
#include <string.h>

#include "devices/base/le.h"
#include "devices/mem/range.h"
#include "devices/platform/pci_host.h"
#include "vmm/machine/machine_priv.h"

/* The device whose window holds [address, address + width), or NULL. */
static struct mmio *window(struct bus *bus, uint64_t address, unsigned width, uint32_t *ret_offset)
{
	uint64_t inside = address - WINDOW_BASE;

	if (address < WINDOW_BASE || inside / WINDOW_STEP >= WINDOWS ||
	    inside % WINDOW_STEP + width > MMIO_WINDOW)
		return NULL;
	*ret_offset = (uint32_t)(inside % WINDOW_STEP);
	return bus->window[inside / WINDOW_STEP];
}

static bool is_ecam(uint64_t address, unsigned width)
{
	return range_inside(PCI_ECAM, PCI_ECAM_BYTES, address, width);
}

void bus_mmio_read(struct bus *bus, uint64_t address, void *ret_bytes, unsigned width)
{
	uint32_t offset;
	struct mmio *m = window(bus, address, width, &offset);

	if (m != NULL)
		mmio_read(m, offset, ret_bytes, width);
	else if (is_ecam(address, width))
		pci_host_config_read(bus->pci, (uint32_t)(address - PCI_ECAM), ret_bytes, width);
	else
		(void)pci_host_read(bus->pci, address, ret_bytes, width);
}

void bus_mmio_write(struct bus *bus, uint64_t address, const void *bytes, unsigned width)
{
	uint32_t offset;
	struct mmio *m = window(bus, address, width, &offset);

	if (m != NULL)
		mmio_write(m, offset, bytes, width);
	else if (is_ecam(address, width))
		pci_host_config_write(bus->pci, (uint32_t)(address - PCI_ECAM), bytes, width);
	else
		(void)pci_host_write(bus->pci, address, bytes, width);
}

static bool is_serial(uint16_t port) { return port >= SERIAL_PORT && port < SERIAL_PORT + 8; }

/* The reset register lies amid them, a byte wide. */
static bool is_pci(uint16_t port)
{
	return port >= PCI_CONFIG_PORT && port < PCI_CONFIG_PORT + PCI_PORT_COUNT &&
	       port != RESET_PORT;
}

uint32_t bus_port_read(struct bus *bus, uint16_t port, unsigned width)
{
	le32 value = le32_put(0);

	if (is_pci(port)) {
		pci_host_port_read(bus->pci, port, &value, width);
		return le32_get(value);
	}
	if (is_serial(port) && width == 1)
		return serial_read(bus->serial, port - SERIAL_PORT);
	return port_read(&bus->ports, port, width);
}

struct guest_end bus_port_write(struct bus *bus, uint16_t port, uint32_t value, unsigned width)
{
	le32 bytes = le32_put(value);

	if (is_pci(port)) {
		pci_host_port_write(bus->pci, port, &bytes, width);
		return (struct guest_end){ .kind = GUEST_GOES_ON };
	}
	if (is_serial(port)) {
		serial_write(bus->serial, port - SERIAL_PORT, (uint8_t)value);
		return (struct guest_end){ .kind = GUEST_GOES_ON };
	}
	return port_write(&bus->ports, port, value);
}
