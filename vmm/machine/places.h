/* vmm/machine/places.h: which bus each virtio device of a machine is on. What the user left open
 * follows the kernel: an image of ours drives virtio-mmio without a driver for PCI, any other finds
 * PCI. A machine whose NICs are all on virtio-mmio has no PCI bus, unless disks need one: looking
 * through it takes a guest hundreds of exits. */
#ifndef TAPVM_MACHINE_PLACES_H
#define TAPVM_MACHINE_PLACES_H

#include "vmm/boot/acpi.h"
#include "vmm/machine/machine.h"

enum place { PLACE_NONE, PLACE_WINDOW, PLACE_PCI };

enum place places_nic(const struct machine_config *c, unsigned index);
enum place places_rng(const struct machine_config *c); /* an image of ours asks for none */
/* All of it, in the terms of ACPI. */
struct acpi_request places_hardware(const struct machine_config *c);

#endif
