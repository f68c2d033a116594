/* guest/machine.c: the seam in the VM: device memory as it is, the serial line by ports, sleep by
 * int $4. Everything here runs in CPL3 (see entry.S). */
#include <stddef.h>

#include "guest/seam.h"

enum {
	COM = 0x3f8,
	COM_IER = 1,
	COM_FCR = 2,
	COM_MCR = 4,
	COM_LSR = 5,
	LSR_READY = 1,
	LSR_EMPTY = 0x20,
	FIFO_BYTES = 16,
	PORT_VERDICT = 0xf4,
	VECTOR_WORK = 0x40,
	VECTOR_TICK = 0x41,
	TIMER_PERIODIC = 1 << 17,
	SERIAL_PIN = 4,
	TICK_COUNT = 4000000, /* LAPIC bus clocks: 4 ms */
	MEMORY_FROM = 0x400000,
	LINE_MAX = 256,
	CMDLINE_MAX = 2048,
};
#define LAPIC UINT64_C(0xfee00000)
#define IOAPIC UINT64_C(0xfec00000)
#define ECAM UINT64_C(0xe0000000)

extern volatile uint32_t guest_work, guest_messages[SEAM_MESSAGES];
void guest_start(const uint32_t *start_info);

struct vm {
	uint64_t memory_next, memory_end;
	char line[LINE_MAX];
	uint32_t line_len;
};

/* ---- machine instructions ---- */

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static uint32_t load32(uint64_t address) { return *(volatile uint32_t *)address; }
static void store32(uint64_t address, uint32_t value) { *(volatile uint32_t *)address = value; }

/* ---- the seam ---- */

static uint32_t read(void *self, uint64_t address, unsigned width)
{
	(void)self;
	if (width == 1)
		return *(volatile uint8_t *)address;
	return width == 2 ? *(volatile uint16_t *)address : load32(address);
}
static void write(void *self, uint64_t address, uint32_t value, unsigned width)
{
	(void)self;
	if (width == 1)
		*(volatile uint8_t *)address = (uint8_t)value;
	else if (width == 2)
		*(volatile uint16_t *)address = (uint16_t)value;
	else
		store32(address, value);
}
static uint32_t interrupts(void *self)
{
	(void)self;
	return guest_work;
}

static uint32_t messages(void *self, unsigned number)
{
	(void)self;
	return guest_messages[number];
}

/* The timer wakes without counting: what an edge did not tell is looked for after it. It is
 * periodic: one shot could be over before the processor sleeps, however late that is. */
static void wait(void *self, uint32_t seen)
{
	(void)self;
	__asm__ volatile(".byte 0xcd, 4" : : "b"(seen) : "memory");
}

static void *memory(void *self, uint32_t bytes, uint64_t *ret_address)
{
	struct vm *vm = self;
	uint64_t at = vm->memory_next;

	bytes = (bytes + 4095u) & ~4095u;
	if (bytes > vm->memory_end - at)
		return NULL;
	vm->memory_next += bytes;
	*ret_address = at;
	return (void *)at;
}

/* An empty transmitter takes a FIFO full of bytes: one look for so many. */
static void put(char c, uint32_t *room)
{
	while (*room == 0)
		if ((in8(COM + COM_LSR) & LSR_EMPTY) != 0)
			*room = FIFO_BYTES;
	out8(COM, (uint8_t)c);
	(*room)--;
}

static void print(void *self, const char *line)
{
	uint32_t room = 0;

	(void)self;
	for (; *line != '\0'; line++)
		put(*line, &room);
	put('\n', &room);
}

static bool answer(void *self, char *ret_line, uint32_t size)
{
	struct vm *vm = self;

	while ((in8(COM + COM_LSR) & LSR_READY) != 0) {
		char c = (char)in8(COM);

		if (c == '\n') {
			uint32_t n = vm->line_len < size ? vm->line_len : size - 1;

			for (uint32_t i = 0; i < n; i++)
				ret_line[i] = vm->line[i];
			ret_line[n] = '\0';
			vm->line_len = 0;
			return true;
		}
		if (c != '\r' && vm->line_len < LINE_MAX)
			vm->line[vm->line_len++] = c;
	}
	return false;
}

/* ---- finding things ---- */

static void route(uint32_t pin, uint8_t vector)
{
	store32(IOAPIC, 0x10 + 2 * pin);
	store32(IOAPIC + 0x10, vector); /* fixed, physical, high, edge, not masked */
	store32(IOAPIC, 0x11 + 2 * pin);
	store32(IOAPIC + 0x10, 0); /* to APIC 0 */
}

static bool begins(const char *at, const char *with)
{
	while (*with != '\0')
		if (*at++ != *with++)
			return false;
	return true;
}

static uint64_t number(const char **at)
{
	uint64_t v = 0, base = 10;

	if (begins(*at, "0x")) {
		base = 16;
		*at += 2;
	}
	for (;; (*at)++) {
		char c = **at;
		uint64_t digit = c >= '0' && c <= '9'   ? (uint64_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
							: 99;

		if (digit >= base)
			return v;
		v = v * base + digit;
	}
}

static bool is_nic(uint64_t at) { return load32(at) == 0x74726976 && load32(at + 8) == 1; }

/* "virtio_mmio.device=4K@0xfeb00000:16" of the command line, else a slot that answers, else what is
 * on PCI. */
static struct place_on_bus find_nic(const char *cmdline)
{
	for (const char *c = cmdline; *c != '\0'; c++) {
		uint64_t at;

		if (!begins(c, "virtio_mmio.device="))
			continue;
		while (*c != '\0' && *c != ' ' && *c != '@')
			c++;
		if (*c != '@')
			break;
		c++;
		at = number(&c);
		if (*c++ == ':' && is_nic(at)) {
			route((uint32_t)number(&c), VECTOR_WORK);
			return (struct place_on_bus){ BUS_MMIO, at };
		}
	}
	for (uint64_t at = 0xfeb00000; at < 0xfeb03000; at += 0x200)
		if (is_nic(at))
			return (struct place_on_bus){ BUS_MMIO, at };
	return (struct place_on_bus){ BUS_PCI, ECAM };
}

/* The word behind "only=", copied. */
static const char *find_only(const char *cmdline, char *ret, uint32_t size)
{
	for (const char *c = cmdline; *c != '\0'; c++) {
		uint32_t n = 0;

		if (!begins(c, "only="))
			continue;
		for (c += 5; *c != '\0' && *c != ' ' && n < size - 1; c++)
			ret[n++] = *c;
		ret[n] = '\0';
		return ret;
	}
	return NULL;
}

/* The largest piece of RAM that begins at or below our first page: PVH memory map, type 1. */
static uint64_t memory_end(const uint32_t *start_info)
{
	const uint64_t *map = (const uint64_t *)(uint64_t)start_info[10];
	uint32_t entries = start_info[12];
	uint64_t end = UINT64_C(16) << 20;

	for (uint32_t i = 0; i < entries && map != NULL; i++, map += 3)
		if ((uint32_t)map[2] == 1 && map[0] <= MEMORY_FROM && map[0] + map[1] > end)
			end = map[0] + map[1];
	return end < UINT64_C(1) << 30 ? end : UINT64_C(1) << 30;
}

void guest_start(const uint32_t *start_info)
{
	static struct vm vm;
	static char only[32];
	const struct seam seam = { &vm,  read,   write, interrupts, messages,
				   wait, memory, print, answer };
	const char *cmdline = (const char *)(uint64_t)start_info[6];

	vm.memory_next = MEMORY_FROM;
	vm.memory_end = memory_end(start_info);
	store32(LAPIC + 0xf0, 0x1ff); /* software-enabled */
	store32(LAPIC + 0x3e0, 0xb);  /* timer: divide by 1 */
	store32(LAPIC + 0x320, VECTOR_TICK | TIMER_PERIODIC);
	store32(LAPIC + 0x380, TICK_COUNT);
	route(SERIAL_PIN, VECTOR_WORK);
	out8(COM + COM_FCR, 1);
	out8(COM + COM_MCR, 8); /* OUT2: interrupts reach the controller */
	out8(COM + COM_IER, 1); /* on received bytes */
	out8(PORT_VERDICT,
	     guest_main(&seam, find_nic(cmdline), find_only(cmdline, only, sizeof(only))) != 0);
	for (;;)
		wait(&vm, guest_work);
}
