/* The UART: every register, the FIFO, and the loopback. */
#include "tests/driver/suite.h"
#include "tests/unit/platform/serial.h"

/* ---- registers ---- */

static const struct {
	const char *says;
	unsigned reg;
	uint8_t fresh, kept;
} registers[] = {
	{ "receive buffer", UART_RX, 0, 0 },
	{ "interrupt enable: four bits", UART_IER, 0, 0x0f },
	{ "line control", UART_LCR, 0, 0xff },
	{ "modem control: five bits", UART_MCR, 0, 0x1f },
	{ "line status: ready, read-only", UART_LSR, UART_LSR_TEMT | UART_LSR_THRE,
	  UART_LSR_TEMT | UART_LSR_THRE },
	{ "modem status: a line that is up, read-only", UART_MSR,
	  UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS },
	{ "scratch", UART_SCR, 0, 0xff },
	{ "none at all", 8, 0xff, 0xff },
	{ "none, far away", 255, 0xff, 0xff },
};

START_TEST(registers_keep_what_they_have_bits_for)
{
	struct line l;

	make(&l);
	expect(&l, registers[_i].reg, registers[_i].fresh, registers[_i].says);
	wr(&l, registers[_i].reg, 0xff);
	expect(&l, registers[_i].reg, registers[_i].kept, registers[_i].says);
	serial_destroy(l.serial);
}
END_TEST

START_TEST(divisor_latch_hides_two_registers)
{
	struct line l;

	make(&l);
	wr(&l, UART_IER, UART_IER_RDI);
	ck_assert_uint_eq(feed(&l, 'x', 1), 1);
	wr(&l, UART_LCR, UART_LCR_DLAB);
	wr(&l, UART_DLL, 0x0c);
	wr(&l, UART_IER, 0xa5);
	expect(&l, UART_DLL, 0x0c, "divisor, low");
	expect(&l, UART_IER, 0xa5, "divisor, high");
	ck_assert_msg(l.out_len == 0, "a divisor went out as %zu bytes", l.out_len);
	wr(&l, UART_LCR, UART_LCR_WLEN8);
	expect(&l, UART_IER, UART_IER_RDI, "interrupt enable, behind the latch");
	expect(&l, UART_RX, 'x', "input, behind the latch");
	wr(&l, UART_LCR, UART_LCR_DLAB);
	expect(&l, UART_DLL, 0x0c, "divisor, low, kept");
	serial_destroy(l.serial);
}
END_TEST

START_TEST(a_byte_written_is_a_byte_out)
{
	struct line l;

	make(&l);
	for (unsigned i = 0; i < OUT_MAX; i++)
		wr(&l, UART_TX, i * 5);
	ck_assert_uint_eq(l.out_len, OUT_MAX);
	for (unsigned i = 0; i < OUT_MAX; i++)
		ck_assert_msg(l.out[i] == (uint8_t)(i * 5), "byte %u: got %#x", i, l.out[i]);
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "ready for the next");
	serial_destroy(l.serial);
}
END_TEST

/* ---- the FIFO ---- */

START_TEST(fifo_takes_sixteen_and_gives_them_in_order)
{
	struct line l;
	size_t got;

	make_with_fifo(&l);
	for (unsigned round = 0; round < 5; round++) { /* its ends go round */
		got = feed(&l, round, FIFO + 3);
		ck_assert_msg(got == FIFO, "round %u: got %zu bytes taken, want %d", round, got,
			      FIFO);
		ck_assert_uint_eq(feed(&l, 0, 1), 0);
		for (unsigned i = 0; i < FIFO - round; i++) {
			expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE | UART_LSR_DR,
			       "there is input");
			expect(&l, UART_RX, round + i, "in order");
		}
		for (unsigned i = FIFO - round; i < FIFO; i++)
			expect(&l, UART_RX, round + i, "the rest");
		expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "no input left");
		expect(&l, UART_RX, 0, "nothing to read");
	}
	serial_destroy(l.serial);
}
END_TEST

START_TEST(fifo_control)
{
	struct line l;

	make(&l);
	expect(&l, UART_IIR, UART_IIR_NO_INT, "FIFO off");
	wr(&l, UART_FCR, UART_FCR_ENABLE_FIFO);
	expect(&l, UART_IIR, FIFO_ON | UART_IIR_NO_INT, "FIFO on");
	ck_assert_uint_eq(feed(&l, 'a', 3), 3);
	wr(&l, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT);
	expect(&l, UART_RX, 'a', "clearing the other direction");
	wr(&l, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "cleared");
	ck_assert_uint_eq(feed(&l, 'k', 2), 2);
	expect(&l, UART_RX, 'k', "the first one after it");
	wr(&l, UART_FCR, 0);
	expect(&l, UART_IIR, UART_IIR_NO_INT, "FIFO off again");
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "and cleared by that");
	ck_assert_uint_eq(feed(&l, 'o', 2), 1);
	wr(&l, UART_FCR, UART_FCR_ENABLE_FIFO);
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "on again, and cleared by that");
	serial_destroy(l.serial);
}
END_TEST

/* ---- the loopback ---- */

/* PC16550D, modem control register: in loopback the four outputs are the four inputs. */
static const struct {
	const char *says;
	uint8_t mcr, msr;
} modem_lines[] = {
	{ "none", 0, 0 },
	{ "DTR is DSR", UART_MCR_DTR, UART_MSR_DSR },
	{ "RTS is CTS", UART_MCR_RTS, UART_MSR_CTS },
	{ "OUT1 is RI", UART_MCR_OUT1, UART_MSR_RI },
	{ "OUT2 is DCD", UART_MCR_OUT2, UART_MSR_DCD },
	{ "what Linux asks for to know a UART", 0x0a, 0x90 },
	{ "all", 0x0f, 0xf0 },
};

START_TEST(modem_lines_loop_back)
{
	struct line l;

	make(&l);
	wr(&l, UART_MCR, UART_MCR_LOOP | modem_lines[_i].mcr);
	expect(&l, UART_MSR, modem_lines[_i].msr, modem_lines[_i].says);
	wr(&l, UART_MCR, modem_lines[_i].mcr);
	expect(&l, UART_MSR, UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS, "out of the loopback");
	serial_destroy(l.serial);
}
END_TEST

START_TEST(bytes_loop_back)
{
	struct line l;

	make_with_fifo(&l);
	wr(&l, UART_IER, UART_IER_RDI);
	wr(&l, UART_MCR, UART_MCR_LOOP);
	for (unsigned i = 0; i < FIFO + 4; i++)
		wr(&l, UART_TX, 0x40 + i);
	ck_assert_msg(l.out_len == 0, "%zu bytes got out", l.out_len);
	ck_assert_msg(l.level, "no interrupt for what came back");
	for (unsigned i = 0; i < FIFO; i++)
		expect(&l, UART_RX, 0x40 + i, "what was sent");
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "what found no room is gone");
	ck_assert(!l.level);
	wr(&l, UART_MCR, 0);
	wr(&l, UART_TX, 'z');
	ck_assert_msg(l.out_len == 1 && l.out[0] == 'z', "got %zu bytes out, want one", l.out_len);
	serial_destroy(l.serial);
}
END_TEST

/* The receiver is not connected then: what comes from outside waits, and is not mixed in. */
START_TEST(input_waits_for_the_end_of_a_loopback)
{
	struct line l;

	make_with_fifo(&l);
	wr(&l, UART_MCR, UART_MCR_LOOP);
	ck_assert_uint_eq(feed(&l, 'a', 3), 0);
	wr(&l, UART_TX, 't');
	expect(&l, UART_RX, 't', "what was sent");
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "nothing from outside");
	ck_assert_msg(l.rooms == 0, "room was told of inside the loopback");
	wr(&l, UART_MCR, 0);
	ck_assert_msg(l.rooms == 1, "got %u calls of room, want 1", l.rooms);
	ck_assert_uint_eq(feed(&l, 'a', 3), 3);
	expect(&l, UART_RX, 'a', "from outside");
	serial_destroy(l.serial);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform/serial");
	TCase *tc = tcase_create("serial");

	tcase_add_loop_test(tc, registers_keep_what_they_have_bits_for, 0,
			    (int)ARRAY_LEN(registers));
	tcase_add_test(tc, divisor_latch_hides_two_registers);
	tcase_add_test(tc, a_byte_written_is_a_byte_out);
	tcase_add_test(tc, fifo_takes_sixteen_and_gives_them_in_order);
	tcase_add_test(tc, fifo_control);
	tcase_add_loop_test(tc, modem_lines_loop_back, 0, (int)ARRAY_LEN(modem_lines));
	tcase_add_test(tc, bytes_loop_back);
	tcase_add_test(tc, input_waits_for_the_end_of_a_loopback);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
