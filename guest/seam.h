/* guest/seam.h: everything that the tiny guest's driver, frames and checks need of the world.
 *
 * Two implementations: guest/machine.c (freestanding, in the VM) and the hosted one in vmm/selftest
 * (over devices/transport, for `selftest --no-kvm`). The guest shares no code with devices/. */
#ifndef TAPVM_GUEST_SEAM_H
#define TAPVM_GUEST_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages of MSI-X that are told apart: what a function writes to send number n. */
enum { SEAM_MESSAGES = 8, SEAM_MESSAGE_DATA = 0x48 };
#define SEAM_MESSAGE_ADDRESS UINT64_C(0xfee00000)

struct seam {
	void *self;
	/* Device registers: guest physical address, aligned; 1, 2 or 4 bytes. */
	uint32_t (*read)(void *self, uint64_t address, unsigned width);
	void (*write)(void *self, uint64_t address, uint32_t value, unsigned width);
	/* Interrupts seen so far. */
	uint32_t (*interrupts)(void *self);
	/* Messages of that number among them. */
	uint32_t (*messages)(void *self, unsigned number);
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

enum bus { BUS_MMIO, BUS_PCI };

/* Where a NIC is. */
struct place_on_bus {
	enum bus bus;
	uint64_t at; /* the device's registers; or the configuration space (ECAM) of PCI bus 0 */
};

/* The whole of the guest: the NIC there is driven through the checks, the table is printed;
 * returns the number of failed checks. `only`: a check's name, or NULL for all. */
unsigned guest_main(const struct seam *seam, struct place_on_bus nic, const char *only);

#endif
