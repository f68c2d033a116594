/* tests/unit/vmm/test_console.c: the serial line on every kind of descriptor: what is written
 * arrives or is counted and said once, what is read waits until the UART has room. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/machine/parts.h"

enum { MANY = 5000, TURN_MS = 100 };

struct rig {
	struct machine_config config;
	struct console console;
	struct loop *loop;
	atomic_bool stop;
	int keeper; /* what the machine says is read here */
};

static void rig_make(struct rig *r, int in, int out)
{
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	memset(r, 0, sizeof(*r));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	r->keeper = fds[0];
	r->config = (struct machine_config){
		.serial_in = in, .serial_out = out, .keeper_fd = fds[1], .serial_name = "there"
	};
	console_init(&r->console, &r->config, &r->stop);
	ck_assert(!err_is(console_open(&r->console)));
	ck_assert(!err_is(loop_create(&r->loop)));
	ck_assert(!err_is(console_watch(&r->console, r->loop)));
}

static void rig_end(struct rig *r)
{
	console_close(&r->console);
	loop_destroy(r->loop);
	(void)close(r->keeper);
	(void)close(r->config.keeper_fd);
}

static void put(struct rig *r, char c) { serial_write(r->console.serial, UART_TX, (uint8_t)c); }

static char pattern(size_t i) { return (char)('a' + i % 23); }

/* ---- out ---- */

static const struct {
	const char *says, *path; /* NULL: a pipe whose reader is gone */
	const char *words;
} lossy[] = {
	{ "a disk that is full", "/dev/full", "log there: No space left on device: " },
	{ "a reader that is gone", NULL, "log there: Broken pipe: " },
};

START_TEST(what_cannot_be_written_is_said_once_and_counted)
{
	struct rig r;
	char text[256] = "";
	int ends[2] = { -1, -1 };

	if (lossy[_i].path != NULL) {
		ends[1] = open(lossy[_i].path, O_WRONLY | O_CLOEXEC);
	} else {
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
		(void)close(ends[0]);
	}
	rig_make(&r, -1, ends[1]);
	for (unsigned i = 0; i < 3; i++)
		put(&r, 'x');
	ck_assert_uint_eq(atomic_load(&r.console.lost), 3);
	ck_assert_msg(recv(r.keeper, text, sizeof(text) - 1, 0) > 0, "%s: not a word",
		      lossy[_i].says);
	ck_assert_msg(strncmp(text, lossy[_i].words, strlen(lossy[_i].words)) == 0,
		      "%s: got \"%s\"", lossy[_i].says, text);
	ck_assert_msg(recv(r.keeper, text, sizeof(text), 0) < 0, "%s: said again", lossy[_i].says);
	rig_end(&r);
	(void)close(ends[1]);
}
END_TEST

static void *slow_reader(void *arg)
{
	const int *fd = arg;
	char *bytes = calloc(1, MANY + 1);
	size_t used = 0;
	ssize_t got;

	while (used < MANY && (got = read(*fd, bytes + used, 100)) > 0) {
		used += (size_t)got;
		(void)usleep(100);
	}
	return bytes;
}

/* Another program on the same pipe or terminal may have made it so. */
START_TEST(a_non_blocking_pipe_loses_nothing)
{
	struct rig r;
	int ends[2];
	pthread_t reader;
	void *bytes;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	(void)fcntl(ends[1], F_SETPIPE_SZ, 4096);
	ck_assert_int_eq(pthread_create(&reader, NULL, slow_reader, &ends[0]), 0);
	rig_make(&r, -1, ends[1]);
	for (size_t i = 0; i < MANY; i++)
		put(&r, pattern(i));
	ck_assert_uint_eq(atomic_load(&r.console.lost), 0);
	(void)close(ends[1]);
	(void)pthread_join(reader, &bytes);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_msg(((const char *)bytes)[i] == pattern(i), "byte %zu is another", i);
	free(bytes);
	rig_end(&r);
	(void)close(ends[0]);
}
END_TEST

/* ---- in ---- */

enum source { FROM_FILE, FROM_PIPE, FROM_NONBLOCKING_PIPE };
static const struct {
	const char *says;
	enum source source;
	size_t bytes;
	/* clang-format off */
} inputs[] = {
	{ "a file", FROM_FILE, 1000 },	       { "a short file", FROM_FILE, 3 },
	{ "a file of one read", FROM_FILE, 256 }, { "an empty file", FROM_FILE, 0 },
	{ "a pipe", FROM_PIPE, 1000 },	       { "a non-blocking pipe", FROM_NONBLOCKING_PIPE, 1000 },
};
/* clang-format on */

static int open_input(unsigned row)
{
	char bytes[1000];
	int ends[2];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	if (inputs[row].source == FROM_FILE) {
		char path[] = "/tmp/tapvm-console-XXXXXX";

		ends[0] = ends[1] = mkstemp(path);
		(void)unlink(path);
	} else {
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	}
	ck_assert_int_eq(write(ends[1], bytes, inputs[row].bytes), (ssize_t)inputs[row].bytes);
	if (ends[0] == ends[1])
		(void)lseek(ends[0], 0, SEEK_SET);
	else
		(void)close(ends[1]);
	if (inputs[row].source == FROM_NONBLOCKING_PIPE)
		(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ends[0];
}

START_TEST(all_input_arrives_in_order)
{
	struct rig r;
	int in = open_input((unsigned)_i);
	size_t got = 0;

	rig_make(&r, in, -1);
	for (unsigned turn = 0; turn < 2000 && got < inputs[_i].bytes; turn++) {
		ck_assert(!err_is(loop_once(r.loop, turn < 10 ? 0 : TURN_MS)));
		while ((serial_read(r.console.serial, UART_LSR) & UART_LSR_DR) != 0) {
			char c = (char)serial_read(r.console.serial, UART_RX);

			ck_assert_msg(c == pattern(got), "%s: byte %zu is another", inputs[_i].says,
				      got);
			got++;
		}
	}
	ck_assert_msg(got == inputs[_i].bytes, "%s: got %zu of %zu bytes", inputs[_i].says, got,
		      inputs[_i].bytes);
	/* At its end it is left alone: nothing wakes the loop any more. */
	for (unsigned turn = 0; turn < 10; turn++)
		ck_assert(!err_is(loop_once(r.loop, 0)));
	ck_assert_msg(!r.console.watched, "%s: watched at its end", inputs[_i].says);
	rig_end(&r);
	(void)close(in);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("console");
	TCase *tc = tcase_create("console");

	tcase_add_loop_test(tc, what_cannot_be_written_is_said_once_and_counted, 0,
			    ARRAY_LEN(lossy));
	tcase_add_test(tc, a_non_blocking_pipe_loses_nothing);
	tcase_add_loop_test(tc, all_input_arrives_in_order, 0, ARRAY_LEN(inputs));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
