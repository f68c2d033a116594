/* vmm/nic/pci_function.h: a virtio-pci transport as what is plugged into a PCI bus: the two know
 * nothing of each other. */
#ifndef TAPVM_NIC_PCI_FUNCTION_H
#define TAPVM_NIC_PCI_FUNCTION_H

#include "devices/platform/pci_host.h"
#include "devices/transport/pci.h"

extern const struct pci_function virtio_pci_function; /* self: a struct pci */

#endif
