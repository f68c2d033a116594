/* devices/platform/ports.c: by which ports a guest ends. */
#include "devices/platform/ports.h"

enum {
	PORT_I8042_DATA = 0x60,
	PORT_I8042_COMMAND = 0x64,
	I8042_RESET = 0xfe,
	PORT_DEBUG_EXIT = 0xf4,
	PORT_PANIC = 0x505,
	PANIC_EVENTS = 3,
	PANIC_PANICKED = 1,
	PORT_SLEEP = 0x600, /* ACPI's sleep control register; its status behind it */
	POWER_OFF = 0x34,   /* sleep type 5, and the bit that makes it so */
	PORT_RESET = 0xcf9,
	RESET_CPU = 4,
};

struct guest_end port_write(uint16_t port, uint32_t value)
{
	struct guest_end end = { .kind = GUEST_GOES_ON };

	/* Not cut to its low bits: a guest that counts its failures must not succeed by having
	 * 64 of them. */
	if (port == PORT_DEBUG_EXIT)
		end = (struct guest_end){ GUEST_VERDICT,
					  value < GUEST_VERDICT_MAX ? value : GUEST_VERDICT_MAX };
	else if (port == PORT_PANIC && (value & PANIC_PANICKED) != 0)
		end.kind = GUEST_PANIC;
	else if ((port == PORT_I8042_COMMAND && (value & 0xff) == I8042_RESET) ||
		 (port == PORT_RESET && (value & RESET_CPU) != 0) ||
		 (port == PORT_SLEEP && (value & 0xff) == POWER_OFF))
		end.kind = GUEST_RESET;
	return end;
}

uint32_t port_read(uint16_t port, unsigned width)
{
	switch (port) {
	case PORT_PANIC: return PANIC_EVENTS;
	case PORT_SLEEP + 1:
	case PORT_I8042_DATA:
	case PORT_I8042_COMMAND: return 0; /* nothing pending, ready for a command */
	default: return width >= 4 ? UINT32_MAX : (UINT32_C(1) << (8 * width)) - 1;
	}
}
