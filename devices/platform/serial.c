/* devices/platform/serial.c: a 16550A UART.
 * The transmitter is always ready: a byte written is a byte out. The receiver has the FIFO of
 * 16, or a byte as long as that is off; below the trigger level the time is over at once, so it
 * interrupts from the first byte on. */
#include "devices/platform/serial.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdlib.h>

enum { FIFO_BYTES = 16 };
enum { RECEIVED = 1, SENT = 2 }; /* causes of an interrupt */

struct serial {
	struct serial_config config;
	/* A byte on its way out; neither mutex is waited for with the other held. */
	pthread_mutex_t out_mutex;

	pthread_mutex_t mutex; /* all below */
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	bool thr_empty_pending; /* THRE interrupt not yet seen by a read of IIR */
	unsigned told;          /* causes */
	bool stopped;           /* RTS was lowered */
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
	(void)pthread_mutex_init(&s->out_mutex, NULL);
	*ret_serial = s;
	return err_none();
}

void serial_destroy(struct serial *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_destroy(&s->out_mutex);
	(void)pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* ---- all below with the mutex ---- */

static bool has_fifo(const struct serial *s) { return (s->fcr & UART_FCR_ENABLE_FIFO) != 0; }

/* Bytes that wait for the driver. One that has no FIFO on may take a single byte an interrupt: a
 * second one behind it would never make an edge. */
static unsigned room(const struct serial *s) { return has_fifo(s) ? FIFO_BYTES : 1; }

/* A driver may take so many without a look at LSR when IIR says "received", and not "timeout". */
static unsigned trigger_level(const struct serial *s)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return has_fifo(s) ? level[s->fcr >> 6] : 1;
}

static unsigned causes(const struct serial *s)
{
	return ((s->ier & UART_IER_RDI) != 0 && s->count > 0 ? RECEIVED : 0u) |
	       ((s->ier & UART_IER_THRI) != 0 && s->thr_empty_pending ? SENT : 0u);
}

/* The first of them. */
static uint8_t pending(const struct serial *s)
{
	unsigned now = causes(s);

	if ((now & RECEIVED) != 0)
		return s->count < trigger_level(s) ? UART_IIR_RX_TIMEOUT : UART_IIR_RDI;
	return (now & SENT) != 0 ? UART_IIR_THRI : UART_IIR_NO_INT;
}

/* A cause that joins another makes an edge of its own: a driver that gives up in between, as Linux
 * does after 512 rounds, would wait for ever otherwise. */
static void tell_irq(struct serial *s)
{
	unsigned now = causes(s), fresh = now & ~s->told;
	bool falls = s->told != 0 && (now == 0 || fresh != 0);

	s->told = now;
	if (s->config.irq == NULL)
		return;
	if (falls)
		s->config.irq(s->config.self, false);
	if (fresh != 0)
		s->config.irq(s->config.self, true);
}

static bool loops(const struct serial *s) { return (s->mcr & UART_MCR_LOOP) != 0; }

static bool takes_input(const struct serial *s) { return !s->stopped && !loops(s); }

/* There is room when the driver can know that there is nothing left, by LSR, by IIR or by its own
 * doing (without the FIFO, by taking the byte). Before that more would come as fast as it is read,
 * and a driver that reads until there is no more would never leave its interrupt. */
static void tell_room(struct serial *s)
{
	if (!s->refused || s->count > 0 || !takes_input(s))
		return;
	s->refused = false;
	if (s->config.room != NULL)
		s->config.room(s->config.self);
}

static void put(struct serial *s, uint8_t byte)
{
	if (s->count == room(s))
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
		return (uint8_t)(iir | (has_fifo(s) ? 0xc0 : 0));
	case UART_LCR: return s->lcr;
	case UART_MCR: return s->mcr;
	case UART_LSR:
		return (uint8_t)(UART_LSR_TEMT | UART_LSR_THRE | (s->count > 0 ? UART_LSR_DR : 0));
	case UART_MSR: return modem_status(s);
	case UART_SCR: return s->scr;
	default: return 0xff;
	}
}

/* A reader that does not read holds up who sends, and nobody else. */
static void send(struct serial *s, uint8_t byte)
{
	(void)pthread_mutex_unlock(&s->mutex);
	(void)pthread_mutex_lock(&s->out_mutex);
	s->config.out(s->config.self, &byte, 1);
	(void)pthread_mutex_unlock(&s->out_mutex);
	(void)pthread_mutex_lock(&s->mutex);
}

static void transmit(struct serial *s, uint8_t byte)
{
	if (loops(s))
		put(s, byte);
	else
		send(s, byte);
	s->thr_empty_pending = true;
}

/* Flow control: input waits while RTS is low, of a driver that has raised it once. In loopback it
 * is not driven. */
static void set_modem_control(struct serial *s, uint8_t value)
{
	bool was = (s->mcr & (UART_MCR_RTS | UART_MCR_LOOP)) == UART_MCR_RTS;
	bool is = (value & (UART_MCR_RTS | UART_MCR_LOOP)) == UART_MCR_RTS;

	s->mcr = value;
	if (was != is)
		s->stopped = was;
}

/* On or off, the FIFO is empty after it. */
static void set_fifo_control(struct serial *s, uint8_t value)
{
	if ((value & UART_FCR_CLEAR_RCVR) != 0 || ((s->fcr ^ value) & UART_FCR_ENABLE_FIFO) != 0)
		s->count = 0;
	s->fcr = value;
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
	case UART_FCR: set_fifo_control(s, value); break;
	case UART_LCR: s->lcr = value; break;
	case UART_MCR: set_modem_control(s, value & 0x1f); break;
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
	if (reg == UART_LSR || reg == UART_IIR || !has_fifo(s))
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
	while (taken < len && s->count < room(s) && takes_input(s))
		put(s, bytes[taken++]);
	s->refused = taken < len;
	tell_irq(s);
	(void)pthread_mutex_unlock(&s->mutex);
	return taken;
}
