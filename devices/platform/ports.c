/* devices/platform/ports.c: what a write to a port means, and what is read there. */
#include "devices/platform/ports.h"

#include "devices/platform/cmos.h"

enum {
	PORT_I8042_COMMAND = 0x64, /* its status, read */
	I8042_RESET = 0xfe,
	I8042_INPUT_FULL = 1 << 1,
	PORT_CMOS_INDEX = 0x70, /* its highest bit masks NMIs */
	PORT_CMOS_DATA = 0x71,
	PORT_DEBUG_EXIT = 0xf4,
	PORT_PANIC = 0x505,
	PANIC_EVENTS = 3,
	PANIC_PANICKED = 1,
	PORT_SLEEP = 0x600, /* ACPI's sleep control register; its status behind it */
	POWER_OFF = 0x34,   /* sleep type 5, and the bit that makes it so */
	PORT_RESET = 0xcf9,
	RESET_CPU = 4,
	NOTHING = 0xff,
};

struct guest_end port_write(struct ports *p, uint16_t port, uint32_t value)
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
	else if (port == PORT_CMOS_INDEX)
		atomic_store(&p->cmos_index, (unsigned char)(value % CMOS_BYTES));
	return end;
}

static uint8_t read_byte(struct ports *p, uint16_t port)
{
	switch (port) {
	case PORT_PANIC: return PANIC_EVENTS;
	case PORT_SLEEP + 1: return 0;
	case PORT_I8042_COMMAND: return NOTHING & ~I8042_INPUT_FULL;
	case PORT_CMOS_DATA: return cmos_read(atomic_load(&p->cmos_index), clock_now_ns(p->clock));
	default: return NOTHING;
	}
}

/* Each has one byte, and nothing behind it that a wider read would reach. */
uint32_t port_read(struct ports *p, uint16_t port, unsigned width)
{
	uint32_t ones = width >= 4 ? UINT32_MAX : (UINT32_C(1) << (8 * width)) - 1;

	return (ones & ~UINT32_C(0xff)) | read_byte(p, port);
}
