/* vmm/machine/places.c: see places.h. */
#include "vmm/machine/places.h"

#include "vmm/boot/boot.h"

enum place places_nic(const struct machine_config *c, unsigned index)
{
	switch (c->nic[index].bus) {
	case NIC_BUS_PCI: return PLACE_PCI;
	case NIC_BUS_MMIO: return PLACE_WINDOW;
	case NIC_BUS_AUTO: break;
	}
	return boot_is_own(c->kernel, c->kernel_bytes) ? PLACE_WINDOW : PLACE_PCI;
}

/* Where all the NICs are in windows it is, too. */
enum place places_rng(const struct machine_config *c)
{
	enum place place = c->nic_count > 0 ? PLACE_WINDOW : PLACE_PCI;

	if (boot_is_own(c->kernel, c->kernel_bytes))
		return PLACE_NONE;
	for (unsigned i = 0; i < c->nic_count; i++)
		if (places_nic(c, i) == PLACE_PCI)
			place = PLACE_PCI;
	return place;
}

static void add(struct acpi_request *hardware, enum place place, unsigned window)
{
	if (place == PLACE_WINDOW)
		hardware->windows |= (uint16_t)(1u << window);
	hardware->pci = hardware->pci || place == PLACE_PCI;
}

struct acpi_request places_hardware(const struct machine_config *c)
{
	struct acpi_request hardware = { .cpus = c->cpus, .pci = c->disk_count > 0 };

	for (unsigned i = 0; i < c->nic_count; i++)
		add(&hardware, places_nic(c, i), i);
	add(&hardware, places_rng(c), RNG_WINDOW);
	return hardware;
}
