/* What Linux's 8250 driver (6.1) does with a UART: it finds a 16550A without any of the known
 * faults, and a paste of any length comes through an interrupt handler as Linux has it, whoever is
 * faster. */
#include "tests/driver/suite.h"
#include "tests/unit/platform/serial.h"

/* ---- its probe ---- */

/* One that sends back what it gets 256 bytes of: how many come. */
static unsigned fifo_size(struct line *l)
{
	unsigned count = 0;

	wr(l, UART_LCR, 0);
	wr(l, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	wr(l, UART_MCR, UART_MCR_LOOP);
	wr(l, UART_LCR, UART_LCR_DLAB);
	wr(l, UART_DLL, 1);
	wr(l, UART_DLM, 0);
	wr(l, UART_LCR, UART_LCR_WLEN8);
	for (unsigned i = 0; i < 256; i++)
		wr(l, UART_TX, i);
	while (count < 256 && (rd(l, UART_LSR) & UART_LSR_DR) != 0 && rd(l, UART_RX) == count)
		count++;
	wr(l, UART_MCR, 0);
	return count;
}

/* IIR's upper bits after FCR was written, as they tell a 16750. */
static unsigned long_fifo(struct line *l, unsigned lcr)
{
	unsigned told;

	wr(l, UART_LCR, lcr);
	wr(l, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	told = rd(l, UART_IIR) >> 5;
	wr(l, UART_FCR, UART_FCR_ENABLE_FIFO);
	return told;
}

START_TEST(the_probe_finds_a_16550a)
{
	struct line l;

	make(&l);
	wr(&l, UART_IER, 0);
	expect(&l, UART_IER, 0, "interrupts off");
	wr(&l, UART_IER, 0x0f);
	expect(&l, UART_IER, 0x0f, "interrupts on");
	wr(&l, UART_IER, 0);
	wr(&l, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	expect(&l, UART_MSR, UART_MSR_DCD | UART_MSR_CTS, "its modem lines in loopback");
	wr(&l, UART_MCR, 0);
	wr(&l, UART_LCR, UART_LCR_CONF_MODE_B);
	wr(&l, UART_EFR, 0);
	wr(&l, UART_LCR, 0);
	wr(&l, UART_FCR, UART_FCR_ENABLE_FIFO);
	ck_assert_msg(rd(&l, UART_IIR) >> 6 == 3, "no FIFO");
	wr(&l, UART_LCR, UART_LCR_CONF_MODE_A);
	ck_assert_msg(rd(&l, UART_EFR) != 0, "an ST16650");
	wr(&l, UART_LCR, UART_LCR_CONF_MODE_B);
	ck_assert_msg(rd(&l, UART_EFR) != 0, "an ST16650V2");
	wr(&l, UART_MCR, UART_MCR_LOOP);
	wr(&l, UART_LCR, 0xe0);
	ck_assert_msg((rd(&l, 2) & UART_MCR_LOOP) == 0, "a NatSemi: register 2 is MCR");
	wr(&l, UART_LCR, 0);
	wr(&l, UART_MCR, 0);
	ck_assert_msg(long_fifo(&l, 0) == 6 && long_fifo(&l, UART_LCR_CONF_MODE_A) == 6,
		      "a TI16750");
	wr(&l, UART_LCR, 0);
	wr(&l, UART_IER, UART_IER_UUE);
	ck_assert_msg((rd(&l, UART_IER) & UART_IER_UUE) == 0, "an XScale");
	ck_assert_uint_eq(fifo_size(&l), FIFO);
	ck_assert_uint_eq(l.out_len, 0);
	serial_destroy(l.serial);
}
END_TEST

/* ---- what is behind it: an interrupt controller that sees edges, and a terminal ---- */

enum {
	PASSES = 512,     /* of one interrupt */
	CHARACTERS = 256, /* of one pass */
	FLIP = 64 * 1024, /* what the terminal keeps before its line discipline has it */
	LINE = 4096,      /* what the line discipline keeps for its reader */
	THROTTLE = 128,   /* room in it, or flow control stops the line */
	TURNS_MAX = 10000000,
};

struct guest {
	struct line line;
	bool crtscts;     /* flow control */
	unsigned at_once; /* the reader's bytes a turn */
	unsigned ier;
	unsigned handled;        /* edges */
	size_t flip, kept, echo; /* bytes in there, and those to send back */
	size_t received, read;
	bool throttled;

	/* The other end. */
	size_t offered, len;
	unsigned feeder_waits, waited; /* accesses of the driver until there is more */
	bool refused;
};

/* What is pasted: a pattern that no shift of it matches. */
static uint8_t pasted(size_t i) { return (uint8_t)(i * 31 + i / 251 + i / 65536); }

/* The other end offers what it has whenever there may be room. */
static void offer(struct guest *g)
{
	uint8_t bytes[256];
	size_t count = g->len - g->offered, taken;

	if (g->line.rooms == 0 && g->refused)
		return;
	if (g->waited++ < g->feeder_waits)
		return;
	g->waited = 0;
	if (count > sizeof(bytes))
		count = sizeof(bytes);
	for (size_t i = 0; i < count; i++)
		bytes[i] = pasted(g->offered + i);
	g->line.rooms = 0;
	taken = serial_input(g->line.serial, bytes, count);
	g->offered += taken;
	g->refused = taken < count;
}

static uint8_t in(struct guest *g, unsigned reg)
{
	uint8_t value = rd(&g->line, reg);

	offer(g);
	return value;
}

static void out(struct guest *g, unsigned reg, unsigned value)
{
	wr(&g->line, reg, value);
	g->line.out_len = 0; /* what is echoed is another test's */
	offer(g);
}

/* ---- its handler ---- */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void receive(struct guest *g)
{
	unsigned left = CHARACTERS;

	do {
		uint8_t byte = in(g, UART_RX);

		if (byte != pasted(g->received))
			ck_abort_msg("byte %zu is another", g->received);
		g->received++;
		if (g->flip++ == FLIP)
			ck_abort_msg("byte %zu found no room", g->received - 1);
		g->echo = least(g->echo + 2, LINE); /* more than is sent meanwhile */
	} while (--left > 0 && (in(g, UART_LSR) & UART_LSR_DR) != 0);
	if ((g->ier & UART_IER_THRI) == 0) {
		g->ier |= UART_IER_THRI;
		out(g, UART_IER, g->ier);
	}
}

static void transmit(struct guest *g)
{
	for (unsigned i = 0; i < FIFO && g->echo > 0; i++, g->echo--)
		out(g, UART_TX, 'e');
	if (g->echo == 0 && (g->ier & UART_IER_THRI) != 0) {
		g->ier &= ~(unsigned)UART_IER_THRI;
		out(g, UART_IER, g->ier);
	}
}

/* It gives up after so many passes. */
static void interrupt(struct guest *g)
{
	for (unsigned pass = 0; pass <= PASSES; pass++) {
		uint8_t iir = in(g, UART_IIR), lsr;

		if ((iir & UART_IIR_NO_INT) != 0)
			return;
		lsr = in(g, UART_LSR);
		if ((lsr & UART_LSR_DR) != 0 && (iir & UART_IIR_RDI) != 0)
			receive(g);
		(void)in(g, UART_MSR);
		transmit(g);
	}
}

/* Outside of interrupts: the line discipline, and its reader. */
static void move_on(struct guest *g)
{
	size_t wanted = g->at_once, count;
	bool full;

	do {
		count = least(g->flip, LINE - g->kept);
		g->flip -= count;
		g->kept += count;
		count = least(g->kept, wanted);
		g->kept -= count;
		g->read += count;
		wanted -= count;
	} while (count > 0);
	full = LINE - g->kept < THROTTLE;
	if (!g->crtscts || full == g->throttled)
		return;
	g->throttled = full;
	out(g, UART_MCR, UART_MCR_DTR | UART_MCR_OUT2 | (full ? 0u : UART_MCR_RTS));
}

/* ---- its life ---- */

static void clear_fifos(struct guest *g)
{
	out(g, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(g, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out(g, UART_FCR, 0);
}

static void clear_interrupts(struct guest *g)
{
	static const uint8_t regs[] = { UART_LSR, UART_RX, UART_IIR, UART_MSR };

	for (unsigned i = 0; i < ARRAY_LEN(regs); i++)
		(void)in(g, regs[i]);
}

/* THRE has to interrupt whenever it is enabled with nothing to send. */
static void test_thre(struct guest *g)
{
	for (unsigned i = 0; i < 3; i++) {
		out(g, UART_IER, UART_IER_THRI);
		ck_assert_msg((in(g, UART_LSR) & UART_LSR_TEMT) != 0, "the transmitter is busy");
		ck_assert_msg((in(g, UART_IIR) & UART_IIR_NO_INT) == 0,
			      "time %u: the driver takes it for one that forgets THRE", i);
		out(g, UART_IER, 0);
	}
}

static void open_line(struct guest *g)
{
	clear_fifos(g);
	clear_interrupts(g);
	ck_assert_uint_ne(in(g, UART_LSR), 0xff);
	test_thre(g);
	out(g, UART_LCR, UART_LCR_WLEN8);
	out(g, UART_MCR, UART_MCR_OUT2);
	clear_interrupts(g);
	g->ier = UART_IER_RLSI | UART_IER_RDI | (g->crtscts ? UART_IER_MSI : 0u);
	out(g, UART_IER, g->ier);
	out(g, UART_LCR, UART_LCR_WLEN8 | UART_LCR_DLAB);
	out(g, UART_DLL, 1);
	out(g, UART_DLM, 0);
	out(g, UART_LCR, UART_LCR_WLEN8);
	out(g, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(g, UART_FCR,
	    UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10 | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out(g, UART_MCR, UART_MCR_OUT2 | UART_MCR_DTR | UART_MCR_RTS);
}

static void close_line(struct guest *g)
{
	out(g, UART_MCR, UART_MCR_OUT2); /* hangs up */
	out(g, UART_IER, 0);
	out(g, UART_MCR, 0);
	out(g, UART_LCR, in(g, UART_LCR) & ~(unsigned)UART_LCR_SBC);
	clear_fifos(g);
	(void)in(g, UART_RX);
}

/* Interrupts as their edges come, until all is read. */
static void run(struct guest *g, size_t len)
{
	g->len = len;
	offer(g);
	for (unsigned turn = 0; g->read < len; turn++) {
		bool latched = g->line.rises != g->handled;

		g->handled = g->line.rises;
		if (latched)
			interrupt(g);
		else if (g->flip + g->kept == 0 && g->feeder_waits == 0)
			ck_abort_msg("%zu of %zu bytes, and no interrupt any more", g->read, len);
		move_on(g);
		offer(g);
		if (turn == TURNS_MAX)
			ck_abort_msg("%zu of %zu bytes after %u turns", g->read, len, turn);
	}
}

static const struct {
	const char *says;
	size_t len;
	bool crtscts;
	unsigned at_once, feeder_waits;
} pastes[] = {
	{ "10 KB, next to nothing is read while it comes", 10240, false, 1, 0 },
	{ "10 KB, with flow control", 10240, true, 7, 0 },
	{ "1 MB, a reader as fast as it comes", 1 << 20, false, 16384, 0 },
	{ "1 MB, a slow reader, flow control", 1 << 20, true, 3, 0 },
	{ "1 MB, flow control, and a slow sender", 1 << 20, true, 5, 3 },
	{ "1 MB, a sender that is slower yet", 1 << 20, false, 16384, 40 },
	{ "1 MB, a sender as slow as a pass", 1 << 20, false, 16384, 5 },
};

START_TEST(a_paste_comes_through_linux)
{
	struct guest *g = calloc(1, sizeof(*g));

	make(&g->line);
	g->crtscts = pastes[_i].crtscts;
	g->at_once = pastes[_i].at_once;
	g->feeder_waits = pastes[_i].feeder_waits;
	open_line(g);
	run(g, pastes[_i].len);
	ck_assert_uint_eq(g->read, pastes[_i].len);
	serial_destroy(g->line.serial);
	free(g);
}
END_TEST

/* What is typed between two logins is for the second: nothing of it gets lost as the driver clears
 * its FIFOs. */
START_TEST(what_comes_while_the_line_is_closed_waits)
{
	struct guest *g = calloc(1, sizeof(*g));

	make(&g->line);
	g->at_once = LINE;
	open_line(g);
	run(g, 100);
	close_line(g);
	g->len = 1000;
	offer(g);
	ck_assert_uint_eq(g->offered, 100);
	open_line(g);
	run(g, 1000);
	ck_assert_uint_eq(g->read, 1000);
	serial_destroy(g->line.serial);
	free(g);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform/serial_linux");
	TCase *tc = tcase_create("serial_linux");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_probe_finds_a_16550a);
	tcase_add_loop_test(tc, a_paste_comes_through_linux, 0, (int)ARRAY_LEN(pastes));
	tcase_add_test(tc, what_comes_while_the_line_is_closed_waits);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
