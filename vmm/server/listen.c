/* vmm/server/listen.c: the server's socket. */
#include "vmm/server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/cli/value.h"

enum { PASSED_FIRST = 3, RETRY_NS = 100 * 1000 * 1000 };
static const char SOCKET_OPTION[] = "--socket";

struct err listen_passed(int *ret_fd)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t number = 0;
	bool ours = pid != NULL && count != NULL &&
		    !err_is(value_number(pid, 1, INT32_MAX, &number)) &&
		    number == (uint64_t)getpid() && strcmp(count, "0") != 0;
	bool one = ours && strcmp(count, "1") == 0;
	struct err e = err_none();

	*ret_fd = one ? PASSED_FIRST : -1;
	if (ours && !one)
		e = err_make(ERR_USAGE, 0,
			     "LISTEN_FDS=%.20s: exactly one socket is taken; hand over one", count);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return e;
}

static struct err take_over(struct listen *l, int fd)
{
	int type = 0, listens = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
		return err_make(ERR_USAGE, 0,
				"descriptor %d is no stream socket: hand one over without "
				"close-on-exec",
				fd);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->socket.fd = fd;
	l->once = listens == 0;
	return err_none();
}

/* ---- who comes ---- */

static void on_listening(void *self, uint32_t epoll_events)
{
	struct listen *l = self;
	int fd = accept4(l->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)epoll_events;
	if (fd < 0)
		return; /* he went again */
	loop_remove(l->loop, l->socket.fd);
	l->come(l->self, fd);
}

static bool try_again(const struct listen *l)
{
	const struct itimerspec when = { .it_value = { .tv_nsec = RETRY_NS } };

	return timerfd_settime(l->timer_fd, 0, &when, NULL) == 0;
}

static void on_timer(void *self, uint32_t epoll_events)
{
	struct listen *l = self;
	uint64_t count;
	ssize_t got = read(l->timer_fd, &count, sizeof(count));
	int fd = got < 0 ? -1 : unix_socket_connect(l->socket.path);

	(void)epoll_events;
	if (fd >= 0)
		l->come(l->self, fd);
	else
		(void)try_again(l);
}

static struct err open_client(struct listen *l)
{
	struct err e = unix_socket_check(SOCKET_OPTION, l->socket.path);

	if (err_is(e))
		return e;
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer_fd < 0)
		return err_make(ERR_SETUP, errno, "make a timer");
	return loop_add(l->loop, l->timer_fd, EPOLLIN, on_timer, l);
}

struct err listen_open(struct listen *l, const struct server_options *o, int passed_fd)
{
	l->socket.path = o->socket;
	l->client = o->client;
	if (o->client)
		return open_client(l);
	if (o->socket != NULL)
		return unix_socket_listen(&l->socket, SOCKET_OPTION, o->socket, o->mode);
	return take_over(l, passed_fd >= 0 ? passed_fd : o->fd);
}

bool listen_next(struct listen *l)
{
	struct err e;

	if (l->client)
		return try_again(l);
	if (l->once) {
		int fd = l->socket.fd;

		if (fd < 0)
			return false;
		l->socket.fd = -1;
		l->come(l->self, fd);
		return true;
	}
	e = loop_add(l->loop, l->socket.fd, EPOLLIN, on_listening, l);
	return !err_is(e);
}

void listen_close(struct listen *l)
{
	unix_socket_close(&l->socket);
	if (l->timer_fd >= 0) {
		loop_remove(l->loop, l->timer_fd);
		(void)close(l->timer_fd);
	}
	l->timer_fd = -1;
}
