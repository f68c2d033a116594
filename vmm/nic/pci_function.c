/* vmm/nic/pci_function.c: what a bus asks of a function, passed on. */
#include "vmm/nic/pci_function.h"

static void config_read(void *self, uint32_t offset, void *ret_bytes, unsigned width)
{
	pci_config_read(self, offset, ret_bytes, width);
}
static void config_write(void *self, uint32_t offset, const void *bytes, unsigned width)
{
	pci_config_write(self, offset, bytes, width);
}
static void bar_read(void *self, unsigned bar, uint64_t offset, void *ret_bytes, unsigned width)
{
	pci_read(self, bar, offset, ret_bytes, width);
}
static void bar_write(void *self, unsigned bar, uint64_t offset, const void *bytes, unsigned width)
{
	pci_write(self, bar, offset, bytes, width);
}

const struct pci_function virtio_pci_function = { config_read, config_write, bar_read, bar_write };
