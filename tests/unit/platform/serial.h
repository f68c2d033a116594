/* tests/unit/platform/serial.h: a UART and what it told the outside; what the programs that test it
 * share. */
#ifndef TAPVM_TESTS_SERIAL_H
#define TAPVM_TESTS_SERIAL_H

#include <check.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#include "devices/platform/serial.h"

enum { FIFO = 16, FIFO_ON = 0xc0, OUT_MAX = 64 }; /* FIFO_ON: in IIR */

struct line {
	struct serial *serial;
	uint8_t out[OUT_MAX];
	size_t out_len;
	bool level;
	unsigned changes; /* of the interrupt's level */
	unsigned rises;   /* of them */
	unsigned rooms;
};

static inline void on_out(void *self, const uint8_t *bytes, size_t len)
{
	struct line *l = self;

	if (l->out_len + len > OUT_MAX)
		ck_abort_msg("more than %d bytes out", OUT_MAX);
	memcpy(l->out + l->out_len, bytes, len);
	l->out_len += len;
}

static inline void on_irq(void *self, bool level)
{
	struct line *l = self;

	if (level == l->level)
		ck_abort_msg("told of level %d, which it was already", level);
	l->level = level;
	l->changes++;
	l->rises += level;
}

static inline void on_room(void *self) { ((struct line *)self)->rooms++; }

static inline void make(struct line *l)
{
	struct serial_config c = { .out = on_out, .irq = on_irq, .room = on_room, .self = l };

	*l = (struct line){ 0 };
	ck_assert(!err_is(serial_create(&c, &l->serial)));
}

static inline uint8_t rd(struct line *l, unsigned reg) { return serial_read(l->serial, reg); }
static inline void wr(struct line *l, unsigned reg, unsigned value)
{
	serial_write(l->serial, reg, (uint8_t)value);
}

static inline void expect(struct line *l, unsigned reg, unsigned want, const char *says)
{
	uint8_t got = rd(l, reg);

	ck_assert_msg(got == want, "%s: register %u: got %#x, want %#x", says, reg, got, want);
}

/* As a driver of a 16550A has it. */
static inline void make_with_fifo(struct line *l)
{
	make(l);
	wr(l, UART_FCR, UART_FCR_ENABLE_FIFO);
}

/* That many bytes: first, first + 1, ... */
static inline size_t feed(struct line *l, unsigned first, size_t len)
{
	uint8_t bytes[256];

	ck_assert_uint_le(len, sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(first + i);
	return serial_input(l->serial, bytes, len);
}

#endif
