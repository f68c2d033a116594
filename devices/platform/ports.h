/* devices/platform/ports.h: the small port devices by which a guest says that it ends, KVM-free.
 *
 * Pure functions of a port write: what it means. Ports: isa-debug-exit 0xf4 (1, 2 or 4 bytes;
 * what is above 63 counts as 63), pvpanic 0x505 (bit 0 panicked, bit 1 crash loaded: not an
 * end), i8042 command 0x64 (0xfe: reset), ACPI's reset register 0xcf9 (bit 2) and sleep control
 * register 0x600 (0x34: power off). Reads: pvpanic 0x3, i8042 and sleep status 0 (nothing pending),
 * others all ones. */
#ifndef TAPVM_PLATFORM_PORTS_H
#define TAPVM_PLATFORM_PORTS_H

#include <stdint.h>

enum { GUEST_VERDICT_MAX = 63 }; /* (v << 1) | 1 stays below the statuses that mean a signal */
enum guest_end_kind { GUEST_GOES_ON, GUEST_VERDICT, GUEST_PANIC, GUEST_RESET };
struct guest_end {
	enum guest_end_kind kind;
	uint32_t value; /* GUEST_VERDICT: v */
};

struct guest_end port_write(uint16_t port, uint32_t value);
uint32_t port_read(uint16_t port, unsigned width);

#endif
