/* devices/platform/ports.h: the small devices of a PC that are a port or two, KVM-free: those by
 * which a guest says that it ends, and what a kernel probes for.
 *
 * Written: isa-debug-exit 0xf4 (1, 2 or 4 bytes; what is above 63 counts as 63), pvpanic 0x505 (bit
 * 0 panicked, bit 1 crash loaded: not an end), i8042 command 0x64 (0xfe: reset), ACPI's reset
 * register 0xcf9 (bit 2) and sleep control register 0x600 (0x34: power off), the index of CMOS 0x70
 * (0x71 is read-only).
 * Read: pvpanic 0x3, sleep status 0 (nothing pending), CMOS 0x71 by cmos.h, and all ones where no
 * device is. The i8042 is absent, too, but that its input buffer is never full: a probe gives up as
 * its output never runs dry, and who resets by it need not wait.
 * Threads: any vCPU thread. */
#ifndef TAPVM_PLATFORM_PORTS_H
#define TAPVM_PLATFORM_PORTS_H

#include <stdatomic.h>
#include <stdint.h>

#include "devices/base/clock.h"

struct ports {
	const struct clock *clock; /* lent: since 1970 */
	atomic_uchar cmos_index;
};

enum { GUEST_VERDICT_MAX = 63 }; /* (v << 1) | 1 stays below the statuses that mean a signal */
enum guest_end_kind { GUEST_GOES_ON, GUEST_VERDICT, GUEST_PANIC, GUEST_RESET };
struct guest_end {
	enum guest_end_kind kind;
	uint32_t value; /* GUEST_VERDICT: v */
};

struct guest_end port_write(struct ports *p, uint16_t port, uint32_t value);
uint32_t port_read(struct ports *p, uint16_t port, unsigned width);

#endif
