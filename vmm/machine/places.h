/* vmm/machine/places.h: which bus each virtio device of a machine is on. What the user left open
 * follows the kernel: an image of ours drives virtio-mmio without a driver for PCI, any other finds
 * PCI. Of a PCI bus with nothing on it no guest is told: looking through it takes hundreds of
 * exits. (Its ports are there: Linux complains on its console where they are not.) */
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
