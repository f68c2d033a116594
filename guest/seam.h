/* guest/seam.h: everything that the tiny guest's driver, frames and checks need of the world.
 *
 * Two implementations: guest/machine.c (freestanding, in the VM) and the hosted one in vmm/selftest
 * (over transport/mmio.c, for `selftest --no-kvm`). The guest shares no code with devices/. */
#ifndef TAPVM_GUEST_SEAM_H
#define TAPVM_GUEST_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seam {
	void *self;
	/* Device registers: guest physical address, aligned. Bytes of the configuration space
	 * are taken out of the 32-bit word around them. */
	uint32_t (*read32)(void *self, uint64_t address);
	void (*write32)(void *self, uint64_t address, uint32_t value);
	/* The doorbell: value to address (in the VM an ioeventfd takes it). */
	void (*kick)(void *self, uint64_t address, uint32_t value);
	/* Interrupts seen so far. */
	uint32_t (*interrupts)(void *self);
	/* Sleeps until that count is no longer `seen`, a byte came on the serial line, or a few
	 * ms passed. */
	void (*wait)(void *self, uint32_t seen);
	/* bytes of zeroed memory, 4096-aligned, for ever; its address in both worlds. NULL: none
	 * left. */
	void *(*memory)(void *self, uint32_t bytes, uint64_t *ret_address);
	/* Prints a line (newline added). */
	void (*print)(void *self, const char *line);
	/* A line of the host side's, without its newline, if a whole one has come: never waits. */
	bool (*answer)(void *self, char *ret_line, uint32_t size);
};

/* The whole of the guest: the NIC at `mmio` (0: none was found) is driven through the checks,
 * the table is printed; returns the number of failed checks. `only`: a check's name, or NULL for
 * all. */
unsigned guest_main(const struct seam *seam, uint64_t mmio, const char *only);

#endif
