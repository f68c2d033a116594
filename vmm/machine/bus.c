/* vmm/machine/bus.c: which device answers at a port or an address; where none does, ones are
 * read. */
#include <string.h>

#include "vmm/machine/machine_priv.h"

/* The NIC whose window holds [address, address + width), or NULL. */
static struct mmio *window(struct bus *bus, uint64_t address, unsigned width, uint32_t *ret_offset)
{
	uint64_t inside = address - NIC_MMIO_BASE;

	if (address < NIC_MMIO_BASE || inside / NIC_MMIO_STEP >= bus->nics ||
	    inside % NIC_MMIO_STEP + width > MMIO_WINDOW)
		return NULL;
	*ret_offset = (uint32_t)(inside % NIC_MMIO_STEP);
	return bus->mmio[inside / NIC_MMIO_STEP];
}

void bus_mmio_read(struct bus *bus, uint64_t address, void *ret_bytes, unsigned width)
{
	uint32_t offset;
	struct mmio *m = window(bus, address, width, &offset);

	if (m != NULL)
		mmio_read(m, offset, ret_bytes, width);
	else
		memset(ret_bytes, 0xff, width);
}

void bus_mmio_write(struct bus *bus, uint64_t address, const void *bytes, unsigned width)
{
	uint32_t offset;
	struct mmio *m = window(bus, address, width, &offset);

	if (m != NULL)
		mmio_write(m, offset, bytes, width);
}

static bool is_serial(uint16_t port) { return port >= SERIAL_PORT && port < SERIAL_PORT + 8; }

uint32_t bus_port_read(struct bus *bus, uint16_t port, unsigned width)
{
	if (is_serial(port) && width == 1)
		return serial_read(bus->serial, port - SERIAL_PORT);
	return port_read(port, width);
}

struct guest_end bus_port_write(struct bus *bus, uint16_t port, uint32_t value)
{
	if (is_serial(port)) {
		serial_write(bus->serial, port - SERIAL_PORT, (uint8_t)value);
		return (struct guest_end){ .kind = GUEST_GOES_ON };
	}
	return port_write(port, value);
}
