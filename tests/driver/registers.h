/* tests/driver/registers.h: how a driver brings up a device of any kind, by the registers of
 * virtio-mmio or what virtio-pci has in their place. */
#ifndef TAPVM_TESTS_REGISTERS_H
#define TAPVM_TESTS_REGISTERS_H

#include "devices/transport/mmio.h"
#include "tests/driver/driver.h"
#include "tests/driver/pci_slot.h"

enum {
	REGISTERS_SEEN = 3, /* ACKNOWLEDGE, DRIVER */
	REGISTERS_WORDS = 3 /* of features: bits 0 to 95 */
};

struct registers {
	struct mmio *mmio;     /* NULL: behind PCI */
	struct pci_slot *slot; /* then */
};

/* A register by its place in virtio-mmio. */
uint32_t registers_read(const struct registers *r, uint32_t offset);
void registers_write(const struct registers *r, uint32_t offset, uint32_t value);
/* Reset, then FEATURES_OK with what of these is offered, and VERSION_1: what was accepted is in
 * their place. */
void registers_agree(const struct registers *r, uint32_t features[static REGISTERS_WORDS]);
/* The rings of q for a queue that is not ready, and QueueReady. */
void registers_set_queue(const struct registers *r, uint32_t index, const struct driver_queue *q);
void registers_stop_queue(const struct registers *r, uint32_t index);
void registers_go(const struct registers *r); /* DRIVER_OK */
void registers_kick(const struct registers *r, uint32_t queue);

#endif
