/* devices/platform/serial.c: a 16550A UART.
 * The transmitter is always ready: a byte written is a byte out. The receiver has the FIFO of
 * 16. */
#include "devices/platform/serial.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdlib.h>

enum { FIFO_BYTES = 16 };

struct serial {
	struct serial_config config;
	pthread_mutex_t mutex;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	bool thr_empty_pending; /* THRE interrupt not yet seen by a read of IIR */
	bool irq;               /* as last told */
	bool refused;           /* input waits outside */
	uint8_t fifo[FIFO_BYTES];
	unsigned head, count;
};

struct err serial_create(const struct serial_config *config, struct serial **ret_serial)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make a serial line");
	s->config = *config;
	(void)pthread_mutex_init(&s->mutex, NULL);
	*ret_serial = s;
	return err_none();
}

void serial_destroy(struct serial *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* ---- all below with the mutex ---- */

static uint8_t pending(const struct serial *s)
{
	if ((s->ier & UART_IER_RDI) != 0 && s->count > 0)
		return UART_IIR_RDI;
	if ((s->ier & UART_IER_THRI) != 0 && s->thr_empty_pending)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void tell_irq(struct serial *s)
{
	bool level = pending(s) != UART_IIR_NO_INT;

	if (level == s->irq)
		return;
	s->irq = level;
	if (s->config.irq != NULL)
		s->config.irq(s->config.self, level);
}

static bool loops(const struct serial *s) { return (s->mcr & UART_MCR_LOOP) != 0; }

/* Whatever made the room: a read, a cleared FIFO, the end of a loopback. Input that is not told
 * of it waits for ever. */
static void tell_room(struct serial *s)
{
	if (!s->refused || s->count == FIFO_BYTES || loops(s))
		return;
	s->refused = false;
	if (s->config.room != NULL)
		s->config.room(s->config.self);
}

static void put(struct serial *s, uint8_t byte)
{
	if (s->count == FIFO_BYTES)
		return;
	s->fifo[(s->head + s->count++) % FIFO_BYTES] = byte;
}

static uint8_t get(struct serial *s)
{
	uint8_t byte;

	if (s->count == 0)
		return 0;
	byte = s->fifo[s->head];
	s->head = (s->head + 1) % FIFO_BYTES;
	s->count--;
	return byte;
}

/* In loopback the four outputs are the inputs: drivers know a UART by that. */
static uint8_t modem_status(const struct serial *s)
{
	if (!loops(s))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	return (uint8_t)(((s->mcr & UART_MCR_DTR) != 0 ? UART_MSR_DSR : 0) |
			 ((s->mcr & UART_MCR_RTS) != 0 ? UART_MSR_CTS : 0) |
			 ((s->mcr & UART_MCR_OUT1) != 0 ? UART_MSR_RI : 0) |
			 ((s->mcr & UART_MCR_OUT2) != 0 ? UART_MSR_DCD : 0));
}

static uint8_t read_reg(struct serial *s, unsigned reg)
{
	bool dlab = (s->lcr & UART_LCR_DLAB) != 0;
	uint8_t iir;

	switch (reg) {
	case UART_RX: return dlab ? s->dll : get(s);
	case UART_IER: return dlab ? s->dlm : s->ier;
	case UART_IIR:
		iir = pending(s);
		if (iir == UART_IIR_THRI)
			s->thr_empty_pending = false;
		return (uint8_t)(iir | ((s->fcr & UART_FCR_ENABLE_FIFO) != 0 ? 0xc0 : 0));
	case UART_LCR: return s->lcr;
	case UART_MCR: return s->mcr;
	case UART_LSR:
		return (uint8_t)(UART_LSR_TEMT | UART_LSR_THRE | (s->count > 0 ? UART_LSR_DR : 0));
	case UART_MSR: return modem_status(s);
	case UART_SCR: return s->scr;
	default: return 0xff;
	}
}

static void transmit(struct serial *s, uint8_t byte)
{
	if (loops(s))
		put(s, byte);
	else
		s->config.out(s->config.self, &byte, 1);
	s->thr_empty_pending = true;
}

static void write_reg(struct serial *s, unsigned reg, uint8_t value)
{
	bool dlab = (s->lcr & UART_LCR_DLAB) != 0;

	switch (reg) {
	case UART_TX:
		if (dlab)
			s->dll = value;
		else
			transmit(s, value);
		break;
	case UART_IER:
		if (dlab) {
			s->dlm = value;
		} else {
			/* Enabling THRI with an empty transmitter interrupts at once. */
			if ((value & UART_IER_THRI) != 0 && (s->ier & UART_IER_THRI) == 0)
				s->thr_empty_pending = true;
			s->ier = value & 0x0f;
		}
		break;
	case UART_FCR:
		s->fcr = value;
		if ((value & UART_FCR_CLEAR_RCVR) != 0)
			s->count = 0;
		break;
	case UART_LCR: s->lcr = value; break;
	case UART_MCR: s->mcr = value & 0x1f; break;
	case UART_SCR: s->scr = value; break;
	default: break;
	}
}

/* ---- public ---- */

uint8_t serial_read(struct serial *s, unsigned reg)
{
	uint8_t value;

	(void)pthread_mutex_lock(&s->mutex);
	value = read_reg(s, reg);
	tell_irq(s);
	tell_room(s);
	(void)pthread_mutex_unlock(&s->mutex);
	return value;
}

void serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	(void)pthread_mutex_lock(&s->mutex);
	write_reg(s, reg, value);
	tell_irq(s);
	tell_room(s);
	(void)pthread_mutex_unlock(&s->mutex);
}

size_t serial_input(struct serial *s, const uint8_t *bytes, size_t len)
{
	size_t taken = 0;

	(void)pthread_mutex_lock(&s->mutex);
	/* A loopback cuts the receiver off from outside. */
	while (taken < len && s->count < FIFO_BYTES && !loops(s))
		put(s, bytes[taken++]);
	s->refused = taken < len;
	tell_irq(s);
	(void)pthread_mutex_unlock(&s->mutex);
	return taken;
}
