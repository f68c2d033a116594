/* tests/unit/vmm/test_keeper.c: a run without NICs and without KVM, from its options to its end. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/keeper_machine.h"

static const struct {
	const char *says, *what;
	struct keeper_end want;
} ends[] = {
	{ "a verdict",
	  "say end 0 7 ",
	  { .kind = KEEPER_MACHINE, .machine = MACHINE_END_VERDICT, .value = 7 } },
	{ "a reset", "say end 1 0 ", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_RESET } },
	{ "a crash, with its words",
	  "say end 2 0 rip 0x10",
	  { .kind = KEEPER_MACHINE, .machine = MACHINE_END_CRASH, .text = "rip 0x10" } },
	{ "a panic", "say end 3 0 ", { .kind = KEEPER_MACHINE, .machine = MACHINE_END_PANIC } },
	{ "the image arrives",
	  "kernel",
	  { .kind = KEEPER_MACHINE, .machine = MACHINE_END_VERDICT, .value = 1 } },
	{ "stderr, kvm and the socket are all it has",
	  "descriptors",
	  { .kind = KEEPER_MACHINE, .machine = MACHINE_END_RESET, .text = "3" } },
	{ "SIGINT ends it by a message", "interrupt", { .kind = KEEPER_SIGNAL, .value = SIGINT } },
	{ "a second SIGTERM ends one that does not obey",
	  "stubborn",
	  { .kind = KEEPER_SIGNAL, .value = SIGTERM } },
};

START_TEST(a_run_ends_as_the_machine_says)
{
	struct keeper_options o = options_for(ends[_i].what);
	struct keeper_end got = { .value = 99 };
	struct err e = keeper_run(&o, &got);
	const struct keeper_end *want = &ends[_i].want;

	ck_assert_msg(!err_is(e), "%s: got error \"%s\"", ends[_i].says, e.text);
	ck_assert_msg(got.kind == want->kind && got.machine == want->machine &&
			      got.value == want->value && strcmp(got.text, want->text) == 0,
		      "%s: got kind %d, machine %d, value %u, \"%s\"", ends[_i].says, (int)got.kind,
		      (int)got.machine, got.value, got.text);
	ck_assert_msg(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "%s: a process is left",
		      ends[_i].says);
}
END_TEST

static const struct {
	const char *says, *what, *error;
	enum err_kind kind;
} errors[] = {
	{ "a machine that is killed", "die", "killed by signal 9 (SIGKILL)", ERR_SETUP },
	{ "a machine that says nothing", "nothing", "without a word", ERR_SETUP },
	{ "a machine that cannot be set up", "error", "kernel k: no PVH entry", ERR_USAGE },
	{ "an end that makes no sense", "say end 0 64 ", "without a word", ERR_SETUP },
};

START_TEST(a_run_fails_in_words)
{
	struct keeper_options o = options_for(errors[_i].what);
	struct keeper_end end;
	struct err e = keeper_run(&o, &end);

	ck_assert_msg(e.kind == errors[_i].kind && strstr(e.text, errors[_i].error) != NULL,
		      "%s: got kind %d, \"%s\"", errors[_i].says, (int)e.kind, e.text);
}
END_TEST

/* Whoever asks last is answered: a run that is out of time may still be given up by a signal. */
START_TEST(a_timeout_stops_the_machine)
{
	struct keeper_options o = options_for(_i == 0 ? "wait" : "stopped, then SIGTERM");
	struct keeper_end end = { .value = 99 };
	struct err e;

	o.timeout_seconds = 1;
	e = keeper_run(&o, &end);
	ck_assert_msg(!err_is(e) && end.kind == (_i == 0 ? KEEPER_TIMEOUT : KEEPER_SIGNAL),
		      "got \"%s\", kind %d", e.text, (int)end.kind);
}
END_TEST

static const struct {
	const char *says, *what;
	struct keeper_end want;
} escapes[] = {
	{ "a machine that does not obey is quit all the same",
	  "deaf",
	  { .kind = KEEPER_MACHINE, .machine = MACHINE_END_STOPPED } },
	{ "a signal behind it counts",
	  "stopped, then SIGTERM",
	  { .kind = KEEPER_SIGNAL, .value = SIGTERM } },
};

/* In the foreground of a terminal of its own. ret: 0, or what went wrong. */
static int run_on_terminal(int slave, unsigned row)
{
	struct keeper_options o = options_for(escapes[row].what);
	struct keeper_end end = { .value = 99 };
	struct err e;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0 || dup2(slave, STDIN_FILENO) < 0)
		return 1;
	o.serial = SERIAL_STDIO;
	e = keeper_run(&o, &end);
	if (err_is(e))
		return 2;
	return end.kind == escapes[row].want.kind && end.machine == escapes[row].want.machine &&
			       end.value == escapes[row].want.value
		       ? 0
		       : 3;
}

START_TEST(the_escape_quits)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int status = -1, slave;
	pid_t pid;

	ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(slave, 0);
	/* Typed ahead: it waits in the terminal. */
	ck_assert_int_eq(write(master, "\001x", 2), 2);
	pid = fork();
	if (pid == 0)
		_exit(run_on_terminal(slave, (unsigned)_i));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s", escapes[_i].says,
		      WEXITSTATUS(status) == 2 ? "got an error" : "got another end");
	(void)close(slave);
	(void)close(master);
}
END_TEST

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	DIR *d = opendir("/proc/self/fd");

	while (d != NULL && readdir(d) != NULL)
		count++;
	(void)closedir(d);
	return count;
}

START_TEST(everything_is_as_before)
{
	struct keeper_options o = options_for("interrupt");
	struct keeper_end end;
	unsigned before = open_descriptors();
	struct sigaction pipe_before, pipe_after;
	sigset_t mask_before, mask_after;

	(void)sigprocmask(SIG_SETMASK, NULL, &mask_before);
	(void)sigaction(SIGPIPE, NULL, &pipe_before);
	ck_assert(!err_is(keeper_run(&o, &end)));
	(void)sigprocmask(SIG_SETMASK, NULL, &mask_after);
	(void)sigaction(SIGPIPE, NULL, &pipe_after);
	ck_assert_uint_eq(open_descriptors(), before);
	ck_assert_int_eq(sigismember(&mask_before, SIGINT), sigismember(&mask_after, SIGINT));
	ck_assert(pipe_before.sa_handler == pipe_after.sa_handler);
}
END_TEST

/* ---- what is refused before the machine starts ---- */

static const struct {
	const char *says, *path, *error;
} kernels[] = {
	{ "not there", "/nonexistent/vmlinux", "open kernel /nonexistent/vmlinux" },
	{ "a directory", "/proc", "is a directory" },
	{ "a device", "/dev/null", "is no regular file" },
};

START_TEST(kernels_that_are_none)
{
	struct keeper_options o = options_for("nothing");
	struct keeper_end end;
	struct err e;

	o.kernel = kernels[_i].path;
	e = keeper_run(&o, &end);
	ck_assert_msg(e.kind == ERR_SETUP && strstr(e.text, kernels[_i].error) != NULL,
		      "%s: got \"%s\"", kernels[_i].says, e.text);
}
END_TEST

START_TEST(an_empty_kernel)
{
	char path[] = "/tmp/tapvm-empty-XXXXXX";
	int fd = mkstemp(path);
	struct keeper_options o = options_for("nothing");
	struct keeper_end end;
	struct err e;

	ck_assert_int_ge(fd, 0);
	o.kernel = path;
	e = keeper_run(&o, &end);
	(void)close(fd);
	(void)unlink(path);
	ck_assert_msg(e.kind == ERR_SETUP && strstr(e.text, "is empty") != NULL, "got \"%s\"",
		      e.text);
}
END_TEST

START_TEST(more_memory_than_the_host_has)
{
	struct keeper_options o = options_for("nothing");
	struct keeper_end end;
	struct err e;

	o.memory_bytes = (uint64_t)1 << 60;
	e = keeper_run(&o, &end);
	ck_assert_msg(e.kind == ERR_SETUP && strstr(e.text, "more than this host has") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

/* By the time a NIC is opened, descriptors of our own may have the number. */
START_TEST(a_descriptor_that_was_not_open)
{
	struct keeper_options o = options_for("nothing");
	int fd = dup(STDERR_FILENO);
	struct keeper_end end;
	struct err e;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	o.nic[0] = (struct nic_options){ .fd = fd, .owner = -1, .group = -1 };
	o.nic_count = 1;
	e = keeper_run(&o, &end);
	ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, "is not open") != NULL, "got \"%s\"",
		      e.text);
}
END_TEST

START_TEST(a_serial_file_that_cannot_be)
{
	struct keeper_options o = options_for("nothing");
	struct keeper_end end;
	struct err e;

	o.serial = SERIAL_FILE;
	o.serial_path = "/nonexistent/serial";
	e = keeper_run(&o, &end);
	ck_assert_msg(e.kind == ERR_SETUP && strstr(e.text, "/nonexistent/serial") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("keeper");
	TCase *tc = tcase_create("keeper");

	tcase_set_timeout(tc, 20);
	tcase_add_loop_test(tc, a_run_ends_as_the_machine_says, 0, ARRAY_LEN(ends));
	tcase_add_loop_test(tc, a_run_fails_in_words, 0, ARRAY_LEN(errors));
	tcase_add_loop_test(tc, a_timeout_stops_the_machine, 0, 2);
	tcase_add_loop_test(tc, the_escape_quits, 0, ARRAY_LEN(escapes));
	tcase_add_test(tc, everything_is_as_before);
	tcase_add_loop_test(tc, kernels_that_are_none, 0, ARRAY_LEN(kernels));
	tcase_add_test(tc, an_empty_kernel);
	tcase_add_test(tc, more_memory_than_the_host_has);
	tcase_add_test(tc, a_descriptor_that_was_not_open);
	tcase_add_test(tc, a_serial_file_that_cannot_be);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
