/* tests/unit/vmm/test_unix_socket.c: a socket with a name: several that start at once where a
 * killed one left its own. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/keeper/unix_socket.h"

enum { ROUNDS = 300, AT_ONCE = 4, MODE = 0600 };

static char folder[] = "/tmp/tapvm-socket-XXXXXX", path[64];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/s", folder);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
}

/* As a program that was killed leaves it. */
static void leave_a_dead_one(void)
{
	struct unix_socket s;

	ck_assert(!err_is(unix_socket_listen(&s, "--socket", path, MODE)));
	(void)close(s.fd);
}

/* Waits for the start, tries, and says with its status whether it listens; until the end. */
static _Noreturn void contend(int start, int end, int said)
{
	struct unix_socket s;
	char byte;

	(void)read(start, &byte, 1);
	byte = err_is(unix_socket_listen(&s, "--socket", path, MODE)) ? 'n' : 'y';
	(void)write(said, &byte, 1);
	(void)read(end, &byte, 1);
	_exit(0);
}

/* One of them has it, and can be reached. */
START_TEST(of_several_one_listens)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		int start[2], end[2], said[2], fd;
		unsigned listeners = 0;

		leave_a_dead_one();
		ck_assert(pipe(start) == 0 && pipe(end) == 0 && pipe(said) == 0);
		for (unsigned i = 0; i < AT_ONCE; i++) {
			if (fork() == 0) {
				(void)close(start[1]);
				(void)close(end[1]);
				contend(start[0], end[0], said[1]);
			}
		}
		(void)close(start[1]);
		for (unsigned i = 0; i < AT_ONCE; i++) {
			char byte = 0;

			ck_assert_int_eq(read(said[0], &byte, 1), 1);
			listeners += byte == 'y';
		}
		fd = unix_socket_connect(path);
		(void)close(end[1]);
		while (wait(NULL) > 0)
			continue;
		ck_assert_msg(listeners == 1 && fd >= 0, "round %u: %u listen, and %s is reached",
			      round, listeners, fd >= 0 ? "one" : "none");
		for (unsigned i = 0; i < 2; i++)
			(void)close(said[i]);
		(void)close(fd), (void)close(start[0]), (void)close(end[0]);
		(void)unlink(path);
	}
}
END_TEST

START_TEST(who_never_lets_go_is_not_waited_for)
{
	struct unix_socket s;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	e = unix_socket_listen(&s, "--socket", path, MODE);
	ck_assert_msg(err_is(e) && strstr(e.text, "has locked /tmp/tapvm-socket-") != NULL,
		      "got \"%s\"", e.text);
	ck_assert_int_eq(access(path, F_OK), -1);
	unix_socket_close(&s);
	(void)close(fd);
	ck_assert(!err_is(unix_socket_listen(&s, "--socket", path, MODE)));
	unix_socket_close(&s);
	ck_assert_msg(access(path, F_OK) < 0, "its file stays");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unix_socket");
	TCase *tc = tcase_create("unix_socket");

	tcase_add_unchecked_fixture(tc, setup, teardown); /* also of a test that fails */
	tcase_add_test(tc, of_several_one_listens);
	tcase_add_test(tc, who_never_lets_go_is_not_waited_for);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
