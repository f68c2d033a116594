/* tests/unit/vmm/test_paste.c: from the keys of a terminal to the guest and back to its screen:
 * relay, pipe, console and UART, around a guest that sends back what it gets. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/keeper/keeper_priv.h"
#include "vmm/machine/parts.h"

enum { PASTE = 10240, PROMPT = '>', AT_ONCE = 48, TURNS_LOW = 6, FIFO = 16 };

/* Every value, among them what a terminal would translate, stop at, or answer with. */
static uint8_t pasted(size_t i) { return (uint8_t)(i + i / 256 * 7); }

/* ---- the side of the slave: the keeper and the machine, and a guest ---- */

struct inside {
	struct terminal terminal;
	struct loop *loop;
	struct relay relay;
	struct machine_config config;
	struct console console;
	atomic_bool stop;
	bool stops_it; /* the guest lowers RTS now and then */
	unsigned turns_low;
	size_t echoed, since; /* the last time it was lowered or raised */
};

static uint8_t in(struct inside *s, unsigned reg) { return serial_read(s->console.serial, reg); }
static void out(struct inside *s, unsigned reg, unsigned value)
{
	serial_write(s->console.serial, reg, (uint8_t)value);
}

/* Now and then RTS goes low, for some turns of the loop, in which no more may come than is in the
 * FIFO. false: more came. */
static bool echo(struct inside *s)
{
	while ((in(s, UART_LSR) & UART_LSR_DR) != 0) {
		out(s, UART_TX, in(s, UART_RX));
		s->echoed++;
		s->since++;
	}
	if (!s->stops_it || (s->turns_low == 0 && s->since < AT_ONCE))
		return true;
	if (s->turns_low == 0)
		s->since = 0;
	s->turns_low = s->turns_low < TURNS_LOW ? s->turns_low + 1 : 0;
	out(s, UART_MCR, s->turns_low > 0 ? UART_MCR_DTR : UART_MCR_DTR | UART_MCR_RTS);
	return s->since <= FIFO;
}

/* ret: 0, or the step that failed. */
static int inside(int slave, bool stops_it)
{
	struct inside *s = calloc(1, sizeof(*s));

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also of a test that fails */
	if (s == NULL || setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
		return 1;
	s->stops_it = stops_it;
	terminal_open(&s->terminal, slave);
	if (s->terminal.fd < 0 || err_is(terminal_set_raw(&s->terminal)))
		return 2;
	if (err_is(loop_create(&s->loop)) || err_is(relay_open(&s->relay, s->loop, s->terminal.fd)))
		return 3;
	s->config = (struct machine_config){ .serial_in = s->relay.pipe_in,
					     .serial_out = slave,
					     .keeper_fd = -1 };
	console_init(&s->console, &s->config, &s->stop);
	if (err_is(console_open(&s->console)) || err_is(console_watch(&s->console, s->loop)))
		return 4;
	out(s, UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	out(s, UART_TX, PROMPT);
	while (s->echoed < PASTE) {
		if (err_is(loop_once(s->loop, s->turns_low > 0 ? 0 : -1)))
			return 5;
		if (!echo(s))
			return 6;
	}
	console_close(&s->console);
	relay_close(&s->relay);
	loop_destroy(s->loop);
	terminal_close(&s->terminal);
	free(s);
	return 0;
}

/* ---- the side of the master: who types, and sees ---- */

static size_t typed(uint8_t *ret_keys)
{
	size_t used = 0;

	for (size_t i = 0; i < PASTE; i++) {
		ret_keys[used++] = pasted(i);
		if (pasted(i) == ESCAPE_KEY)
			ret_keys[used++] = ESCAPE_KEY;
	}
	return used;
}

static void await_prompt(int master)
{
	uint8_t byte = 0;

	while (byte != PROMPT)
		ck_assert_msg(read(master, &byte, 1) == 1, "no prompt: %s", strerror(errno));
}

/* All at once, as far as the terminal takes it. */
static void paste(int master)
{
	static uint8_t keys[2 * PASTE], seen[PASTE];
	size_t len = typed(keys), sent = 0, got = 0;

	while (got < PASTE) {
		struct pollfd p = { .fd = master, .events = POLLIN };
		ssize_t done;

		p.events |= (short)(sent < len ? POLLOUT : 0);
		(void)poll(&p, 1, -1);
		if ((p.revents & POLLOUT) != 0) {
			done = write(master, keys + sent, len - sent);
			sent += done > 0 ? (size_t)done : 0;
		}
		if ((p.revents & (POLLIN | POLLHUP)) != 0) {
			done = read(master, seen + got, PASTE - got);
			ck_assert_msg(done > 0, "after %zu bytes: %s", got, strerror(errno));
			got += (size_t)done;
		}
	}
	for (size_t i = 0; i < PASTE; i++)
		if (seen[i] != pasted(i))
			ck_abort_msg("byte %zu: got %#x, want %#x", i, seen[i], pasted(i));
}

static int open_pty(int *ret_slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	*ret_slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(*ret_slave, 0);
	return master;
}

static void await_success(pid_t pid)
{
	int status = -1;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "step %d failed",
		      WEXITSTATUS(status));
}

/* _i: whether the guest stops the line now and then. */
START_TEST(every_byte_passes_both_ways)
{
	int slave, master = open_pty(&slave);
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(inside(slave, _i != 0));
	(void)close(slave);
	await_prompt(master);
	ck_assert_int_eq(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	paste(master);
	await_success(pid);
	(void)close(master);
}
END_TEST

/* ---- lines of ours between the guest's ---- */

static int say_raw(int slave)
{
	struct terminal t;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0 || dup2(slave, STDERR_FILENO) < 0)
		return 1;
	terminal_open(&t, slave);
	if (err_is(terminal_set_raw(&t)))
		return 2;
	terminal_say("us: ", "one\ntwo\n");
	terminal_say("us: ", "three");
	return 0;
}

static int say_plain(int pipe)
{
	if (dup2(pipe, STDERR_FILENO) < 0)
		return 1;
	terminal_say("us: ", "one\ntwo\n");
	terminal_say("us: ", "three");
	return 0;
}

static void expect_said(int fd, int (*say)(int fd), int end, const char *want)
{
	char got[100] = "";
	size_t used = 0;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(say(end));
	await_success(pid);
	while (used < strlen(want)) {
		ssize_t more = read(fd, got + used, sizeof(got) - 1 - used);

		ck_assert_msg(more > 0, "got \"%s\"", got);
		used += (size_t)more;
	}
	ck_assert_str_eq(got, want);
}

START_TEST(our_lines_begin_at_the_left)
{
	int slave, master = open_pty(&slave), ends[2];

	expect_said(master, say_raw, slave, "us: one\r\nus: two\r\nus: three\r\n");
	ck_assert_int_eq(pipe(ends), 0);
	expect_said(ends[0], say_plain, ends[1], "us: one\nus: two\nus: three\n");
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(slave);
	(void)close(master);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("paste");
	TCase *tc = tcase_create("paste");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, every_byte_passes_both_ways, 0, 2);
	tcase_add_test(tc, our_lines_begin_at_the_left);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
