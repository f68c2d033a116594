/* The UART: its interrupt, and input that arrives faster than it is read. */
#include <pthread.h>
#include <semaphore.h>

#include "tests/driver/suite.h"
#include "tests/unit/platform/serial.h"

enum { PASTE = 10240 };

/* ---- interrupts: steps on one line; each says the level after it ---- */

enum act { WRITE, READ, INPUT };
struct step {
	const char *says;
	enum act act;
	unsigned reg, value;
	bool level;
};
/* clang-format off */
static const struct step receive[] = {
	{ "input, none enabled", INPUT, 0, 1, false },
	{ "enabled with input there", WRITE, UART_IER, UART_IER_RDI, true },
	{ "IIR says so", READ, UART_IIR, FIFO_ON | UART_IIR_RDI, true },
	{ "IIR does not take it back", READ, UART_IIR, FIFO_ON | UART_IIR_RDI, true },
	{ "more input", INPUT, 0, 2, true },
	{ "one read", READ, UART_RX, 0, true },
	{ "two read", READ, UART_RX, 0, true },
	{ "all read", READ, UART_RX, 1, false },
	{ "IIR says none", READ, UART_IIR, FIFO_ON | UART_IIR_NO_INT, false },
	{ "input again", INPUT, 0, 1, true },
	{ "disabled", WRITE, UART_IER, 0, false },
	{ "enabled", WRITE, UART_IER, UART_IER_RDI, true },
	{ "the FIFO cleared", WRITE, UART_FCR, UART_FCR_CLEAR_RCVR | UART_FCR_ENABLE_FIFO, false },
};
/* Of fewer bytes than the level IIR says that time is over: a driver that is told of the level reads
 * so many without a look at LSR. */
static const struct step level[] = {
	{ "enabled, at 4 bytes", WRITE, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_01, false },
	{ "enabled", WRITE, UART_IER, UART_IER_RDI, false },
	{ "3 bytes", INPUT, 0, 3, true },
	{ "fewer", READ, UART_IIR, FIFO_ON | UART_IIR_RX_TIMEOUT, true },
	{ "one more", INPUT, 0, 1, true },
	{ "as many", READ, UART_IIR, FIFO_ON | UART_IIR_RDI, true },
	{ "one read", READ, UART_RX, 0, true },
	{ "fewer again", READ, UART_IIR, FIFO_ON | UART_IIR_RX_TIMEOUT, true },
	{ "at 14 bytes", WRITE, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_11, true },
	{ "10 more", INPUT, 0, 10, true },
	{ "13 are fewer", READ, UART_IIR, FIFO_ON | UART_IIR_RX_TIMEOUT, true },
	{ "one more", INPUT, 0, 1, true },
	{ "14 are as many", READ, UART_IIR, FIFO_ON | UART_IIR_RDI, true },
	{ "without the FIFO none is left", WRITE, UART_FCR, UART_FCR_R_TRIG_11, false },
	{ "a byte", INPUT, 0, 1, true },
	{ "which is all there can be", READ, UART_IIR, UART_IIR_RDI, true },
};
static const struct step transmit[] = {
	{ "a byte, none enabled", WRITE, UART_TX, 'a', false },
	{ "enabled with an empty transmitter", WRITE, UART_IER, UART_IER_THRI, true },
	{ "IIR says so, and takes it back", READ, UART_IIR, FIFO_ON | UART_IIR_THRI, false },
	{ "IIR says none", READ, UART_IIR, FIFO_ON | UART_IIR_NO_INT, false },
	{ "enabled already", WRITE, UART_IER, UART_IER_THRI, false },
	{ "a byte is out", WRITE, UART_TX, 'b', true },
	{ "LSR is no answer", READ, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, true },
	{ "disabled", WRITE, UART_IER, 0, false },
	{ "enabled anew", WRITE, UART_IER, UART_IER_THRI, true },
	{ "IIR", READ, UART_IIR, FIFO_ON | UART_IIR_THRI, false },
};
static const struct step both[] = {
	{ "both enabled", WRITE, UART_IER, UART_IER_THRI | UART_IER_RDI, true },
	{ "input", INPUT, 0, 1, true },
	{ "input comes first", READ, UART_IIR, FIFO_ON | UART_IIR_RDI, true },
	{ "read, and the transmitter still waits", READ, UART_RX, 0, true },
	{ "now it is told", READ, UART_IIR, FIFO_ON | UART_IIR_THRI, false },
	{ "the divisor is no byte", WRITE, UART_LCR, UART_LCR_DLAB, false },
	{ "nor a reason to interrupt", WRITE, UART_DLL, 1, false },
	{ "nor its upper half", WRITE, UART_IER, 0xff, false },
};
/* clang-format on */
static const struct {
	const char *says;
	const struct step *step;
	unsigned count;
} runs[] = {
	{ "receive", receive, ARRAY_LEN(receive) },
	{ "level", level, ARRAY_LEN(level) },
	{ "transmit", transmit, ARRAY_LEN(transmit) },
	{ "both", both, ARRAY_LEN(both) },
};

START_TEST(interrupts_rise_and_fall)
{
	struct line l;

	make_with_fifo(&l);
	for (unsigned i = 0; i < runs[_i].count; i++) {
		const struct step *s = &runs[_i].step[i];

		switch (s->act) {
		case WRITE: wr(&l, s->reg, s->value); break;
		case READ: expect(&l, s->reg, s->value, s->says); break;
		case INPUT: ck_assert_uint_eq(feed(&l, 0, s->value), s->value); break;
		}
		ck_assert_msg(l.level == s->level, "%s: %s: got level %d, want %d", runs[_i].says,
			      s->says, l.level, s->level);
	}
	serial_destroy(l.serial);
}
END_TEST

/* ---- more input than there is room ---- */

/* What was refused is offered again when room is told of, as the control loop does; the guest reads
 * `at_once`. */
START_TEST(a_paste_loses_nothing)
{
	static uint8_t paste[PASTE], got[PASTE];
	unsigned at_once = (unsigned)_i, rooms = 0;
	size_t fed, read = 0;
	struct line l;

	make_with_fifo(&l);
	for (unsigned i = 0; i < PASTE; i++)
		paste[i] = (uint8_t)(i * 31 + i / 256);
	fed = serial_input(l.serial, paste, PASTE);
	ck_assert_uint_eq(fed, FIFO);
	for (unsigned turn = 0; read < PASTE && turn < 2 * PASTE; turn++) {
		for (unsigned i = 0; i < at_once && (rd(&l, UART_LSR) & UART_LSR_DR) != 0; i++)
			got[read++] = rd(&l, UART_RX);
		if (l.rooms != rooms && fed < PASTE)
			fed += serial_input(l.serial, paste + fed, PASTE - fed);
		rooms = l.rooms;
	}
	ck_assert_msg(read == PASTE, "%u bytes at once: got %zu of %d bytes, %zu fed", at_once,
		      read, PASTE, fed);
	ck_assert_mem_eq(got, paste, PASTE);
	ck_assert_msg(rd(&l, UART_RX) == 0 && l.rooms == rooms,
		      "room was told of with nothing refused");
	serial_destroy(l.serial);
}
END_TEST

/* A driver without the FIFO may read a byte an interrupt, and look at nothing else. */
START_TEST(without_the_fifo_each_byte_is_an_interrupt)
{
	unsigned rises = 0, fed = 0;
	struct line l;

	make(&l);
	wr(&l, UART_IER, UART_IER_RDI);
	for (unsigned i = 0; i < 2 * FIFO; i++) {
		fed += (unsigned)feed(&l, fed, 2 * FIFO - fed);
		ck_assert_msg(l.rises == ++rises, "byte %u: got %u edges", i, l.rises);
		expect(&l, UART_RX, i, "in order");
		ck_assert_msg(l.rooms == i + (i + 1 < 2 * FIFO), "byte %u: %u calls of room", i,
			      l.rooms);
	}
	expect(&l, UART_LSR, UART_LSR_TEMT | UART_LSR_THRE, "no input left");
	serial_destroy(l.serial);
}
END_TEST

static const struct {
	const char *says;
	struct {
		unsigned reg, value;
	} write;
	bool room;
} makes_room[] = {
	{ "the FIFO cleared, as a driver does when it opens the line",
	  { UART_FCR, UART_FCR_CLEAR_RCVR | UART_FCR_ENABLE_FIFO },
	  true },
	{ "the FIFO off", { UART_FCR, 0 }, true },
	{ "the other FIFO cleared",
	  { UART_FCR, UART_FCR_CLEAR_XMIT | UART_FCR_ENABLE_FIFO },
	  false },
	{ "a byte sent", { UART_TX, 'x' }, false },
};

START_TEST(room_is_told_of_whatever_makes_it)
{
	struct line l;

	make_with_fifo(&l);
	ck_assert_uint_eq(feed(&l, 0, FIFO + 1), FIFO);
	wr(&l, makes_room[_i].write.reg, makes_room[_i].write.value);
	ck_assert_msg(l.rooms == makes_room[_i].room, "%s: got %u calls of room, want %d",
		      makes_room[_i].says, l.rooms, makes_room[_i].room);
	serial_destroy(l.serial);
}
END_TEST

/* Before the driver has seen that there is no more, more would keep it in its interrupt for ever.
 */
START_TEST(room_is_told_of_once_to_who_was_refused_when_the_driver_has_seen_the_end)
{
	struct line l;

	make_with_fifo(&l);
	ck_assert_uint_eq(feed(&l, 0, FIFO), FIFO); /* just full: nobody waits */
	for (unsigned i = 0; i < FIFO; i++)
		(void)rd(&l, UART_RX);
	(void)rd(&l, UART_LSR);
	ck_assert_msg(l.rooms == 0, "got %u calls, want none: nothing was refused", l.rooms);
	for (unsigned reg = UART_IIR; reg <= UART_LSR; reg += UART_LSR - UART_IIR) {
		l.rooms = 0;
		ck_assert_uint_eq(feed(&l, 0, FIFO + 1), FIFO);
		for (unsigned i = 0; i < FIFO; i++) {
			(void)rd(&l, reg);
			(void)rd(&l, UART_RX);
		}
		ck_assert_msg(l.rooms == 0, "got %u calls, want none: the end was not seen",
			      l.rooms);
		(void)rd(&l, reg);
		(void)rd(&l, reg);
		ck_assert_msg(l.rooms == 1, "register %u: got %u calls, want 1", reg, l.rooms);
	}
	serial_destroy(l.serial);
}
END_TEST

/* ---- flow control ---- */

static const struct {
	const char *says;
	unsigned mcr;
	bool takes;
} controls[] = {
	{ "a driver that knows no RTS", UART_MCR_OUT2, true },
	{ "looped back, RTS is not driven", UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT2, false },
	{ "out of the loopback: it was not lowered", 0, true },
	{ "raised", UART_MCR_RTS | UART_MCR_DTR, true },
	{ "another line lowered", UART_MCR_RTS, true },
	{ "lowered", UART_MCR_DTR, false },
	{ "still low", 0, false },
	{ "low, and looped back", UART_MCR_LOOP | UART_MCR_RTS, false },
	{ "low", UART_MCR_OUT2, false },
	{ "raised again", UART_MCR_RTS, true },
	{ "looped back while it was high", UART_MCR_LOOP | UART_MCR_RTS, false },
	{ "high again", UART_MCR_RTS, true },
};

START_TEST(input_waits_while_rts_is_low_that_was_high)
{
	bool took = true;
	struct line l;

	make_with_fifo(&l);
	for (unsigned i = 0; i < ARRAY_LEN(controls); i++) {
		l.rooms = 0;
		wr(&l, UART_MCR, controls[i].mcr);
		ck_assert_msg(l.rooms == (controls[i].takes && !took), "%s: got %u calls of room",
			      controls[i].says, l.rooms);
		took = feed(&l, 'a', 1) == 1;
		ck_assert_msg(took == controls[i].takes, "%s: taken %d, want %d", controls[i].says,
			      took, controls[i].takes);
		(void)rd(&l, UART_RX);
	}
	serial_destroy(l.serial);
}
END_TEST

/* ---- output that waits ---- */

struct stuck {
	struct serial *serial;
	sem_t waits, goes_on;
};

static void wait_for_reader(void *self, const uint8_t *bytes, size_t len)
{
	struct stuck *s = self;

	(void)bytes, (void)len;
	(void)sem_post(&s->waits);
	while (sem_wait(&s->goes_on) != 0)
		continue;
}

static void *writer(void *arg)
{
	serial_write(((struct stuck *)arg)->serial, UART_TX, 'x');
	return NULL;
}

/* Else the control loop, which brings the input, would wait for a reader of the output. */
START_TEST(output_that_waits_does_not_hold_up_the_rest)
{
	const uint8_t key = 'k';
	struct stuck s;
	const struct serial_config c = { .out = wait_for_reader, .self = &s };
	pthread_t thread;

	(void)sem_init(&s.waits, 0, 0);
	(void)sem_init(&s.goes_on, 0, 0);
	ck_assert(!err_is(serial_create(&c, &s.serial)));
	ck_assert_int_eq(pthread_create(&thread, NULL, writer, &s), 0);
	while (sem_wait(&s.waits) != 0)
		continue;
	ck_assert_uint_eq(serial_input(s.serial, &key, 1), 1);
	ck_assert_uint_eq(serial_read(s.serial, UART_RX), 'k');
	(void)sem_post(&s.goes_on);
	(void)pthread_join(thread, NULL);
	serial_destroy(s.serial);
}
END_TEST

START_TEST(nobody_has_to_listen)
{
	struct line l = { 0 };
	struct serial_config c = { .out = on_out, .self = &l };

	ck_assert(!err_is(serial_create(&c, &l.serial)));
	wr(&l, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(&l, UART_IER, 0x0f);
	ck_assert_uint_eq(feed(&l, 'a', FIFO + 1), FIFO);
	expect(&l, UART_RX, 'a', "input");
	serial_destroy(l.serial);
	serial_destroy(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform/serial_flow");
	TCase *tc = tcase_create("serial_flow");

	tcase_add_loop_test(tc, interrupts_rise_and_fall, 0, (int)ARRAY_LEN(runs));
	tcase_add_loop_test(tc, a_paste_loses_nothing, 1, FIFO + 2);
	tcase_add_test(tc, without_the_fifo_each_byte_is_an_interrupt);
	tcase_add_loop_test(tc, room_is_told_of_whatever_makes_it, 0, (int)ARRAY_LEN(makes_room));
	tcase_add_test(tc,
		       room_is_told_of_once_to_who_was_refused_when_the_driver_has_seen_the_end);
	tcase_add_test(tc, input_waits_while_rts_is_low_that_was_high);
	tcase_add_test(tc, output_that_waits_does_not_hold_up_the_rest);
	tcase_add_test(tc, nobody_has_to_listen);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
