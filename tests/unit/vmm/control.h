/* tests/unit/vmm/control.h: a control socket with a machine that is the test's own end of a socket
 * pair. Everything is on the test's thread. */
#ifndef TAPVM_TESTS_UNIT_VMM_CONTROL_H
#define TAPVM_TESTS_UNIT_VMM_CONTROL_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/keeper/control.h"
#include "vmm/keeper/keeper_priv.h"

enum { ANSWER = 64 * 1024, TURNS = 64 };

static char folder[] = "/tmp/tapvm-control-XXXXXX", path[64];
static struct loop *loop;
static struct control control;
static struct machine_config config;
static struct nic_watch watch[NICS_MAX];
static struct machine_process machine;
static int machine_end;

/* Once for all tests: one that fails leaves its socket, and the next finds it there. */
static inline void make_folder(void)
{
	if (mkdtemp(folder) == NULL)
		abort();
	(void)snprintf(path, sizeof(path), "%s/s", folder);
}

static inline void remove_folder(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
}

static inline void open_control(void)
{
	struct err e = control_open(&control, path);

	ck_assert_msg(!err_is(e), "%s", e.text);
	e = control_watch(&control, loop, &config, watch, &machine);
	ck_assert_msg(!err_is(e), "%s", e.text);
}

static inline void setup(void)
{
	int ends[2];

	ck_assert(!err_is(loop_create(&loop)));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	machine = (struct machine_process){ .pid = -1, .pidfd = -1, .fd = ends[0] };
	machine_end = ends[1];
	config = (struct machine_config){ .nic_count = 2 };
	(void)strcpy(config.nic[0].tap.name, "vm0");
	(void)strcpy(config.nic[1].tap.name, "0");
	for (unsigned i = 0; i < NICS_MAX; i++)
		watch[i] = (struct nic_watch){ .up = true, .told = true };
	control_init(&control);
	open_control();
}

static inline void teardown(void)
{
	control_close(&control);
	ck_assert_msg(access(path, F_OK) != 0, "the socket is still there");
	(void)close(machine.fd);
	(void)close(machine_end);
	loop_destroy(loop);
}

/* All that has happened is taken: nothing here happens by itself. */
static inline void turn(void)
{
	for (unsigned i = 0; i < TURNS; i++)
		ck_assert(!err_is(loop_once(loop, 0)));
}

static inline int come(void)
{
	int fd = unix_socket_connect(path);

	ck_assert_msg(fd >= 0, "connect: %s", strerror(errno));
	return fd;
}

static inline void say_bytes(int fd, const char *bytes, size_t length)
{
	ck_assert_int_eq(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
	turn();
}

static inline void say(int fd, const char *text) { say_bytes(fd, text, strlen(text)); }

/* What a client reads now: "" if there is nothing, "(end)" if it is cut off. */
static inline const char *heard(int fd)
{
	static char text[ANSWER];
	ssize_t got;

	turn();
	got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return "(end)";
	text[got > 0 ? got : 0] = '\0';
	return text;
}

/* What the machine is told now: "" if nothing. */
static inline const char *told(void)
{
	static char text[512];
	ssize_t got = recv(machine_end, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

#endif
