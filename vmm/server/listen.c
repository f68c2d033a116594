/* vmm/server/listen.c: the server's socket. */
#include "vmm/server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/cli/value.h"

enum { PASSED_FIRST = 3, BACKLOG = 16, RETRY_NS = 100 * 1000 * 1000 };

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

static struct err address_of(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_make(ERR_USAGE, 0,
				"--socket: %zu characters; a socket's path has up to %zu",
				strlen(path), sizeof(ret->sun_path) - 1);
	(void)strcpy(ret->sun_path, path);
	return err_none();
}

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* -1 and errno. */
static int connect_to(const struct sockaddr_un *at)
{
	int fd = unix_socket();

	if (fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0) {
		int why = errno;

		(void)close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

/* What a server that was killed has left goes; anything else stays. */
static struct err make_way(const char *path, const struct sockaddr_un *at)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return err_none();
	if (!S_ISSOCK(st.st_mode))
		return err_make(ERR_SETUP, 0,
				"%s is there and is no socket; remove it, or give "
				"another path",
				path);
	fd = connect_to(at);
	if (fd >= 0 || errno != ECONNREFUSED) {
		if (fd >= 0)
			(void)close(fd);
		return err_make(ERR_SETUP, 0, "another program listens at %s; give another path",
				path);
	}
	(void)unlink(path);
	return err_none();
}

/* The mode is there from the first moment on. */
static struct err make_socket(struct listen *l, unsigned mode)
{
	struct sockaddr_un at;
	struct err e = address_of(l->path, &at);
	struct stat st;
	mode_t before;
	int bound;

	if (!err_is(e))
		e = make_way(l->path, &at);
	if (err_is(e))
		return e;
	l->fd = unix_socket();
	before = umask((mode_t)(0777 & ~mode));
	bound = l->fd < 0 ? -1 : bind(l->fd, (const struct sockaddr *)&at, sizeof(at));
	(void)umask(before);
	if (bound < 0)
		return err_make(ERR_SETUP, errno, "make the socket %s", l->path);
	l->made = lstat(l->path, &st) == 0;
	l->device = st.st_dev;
	l->inode = st.st_ino;
	if (listen(l->fd, BACKLOG) < 0)
		return err_make(ERR_SETUP, errno, "listen at %s", l->path);
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
	l->fd = fd;
	l->once = listens == 0;
	return err_none();
}

/* ---- who comes ---- */

static void on_listening(void *self, uint32_t epoll_events)
{
	struct listen *l = self;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)epoll_events;
	if (fd < 0)
		return; /* he went again */
	loop_remove(l->loop, l->fd);
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
	struct sockaddr_un at;
	struct err e = address_of(l->path, &at);
	uint64_t count;
	ssize_t got = read(l->timer_fd, &count, sizeof(count));
	int fd = err_is(e) || got < 0 ? -1 : connect_to(&at);

	(void)epoll_events;
	if (fd >= 0)
		l->come(l->self, fd);
	else
		(void)try_again(l);
}

static struct err open_client(struct listen *l)
{
	struct sockaddr_un at;
	struct err e = address_of(l->path, &at);

	if (err_is(e))
		return e;
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer_fd < 0)
		return err_make(ERR_SETUP, errno, "make a timer");
	return loop_add(l->loop, l->timer_fd, EPOLLIN, on_timer, l);
}

struct err listen_open(struct listen *l, const struct server_options *o, int passed_fd)
{
	l->path = o->socket;
	l->client = o->client;
	if (o->client)
		return open_client(l);
	if (o->socket != NULL)
		return make_socket(l, o->mode);
	return take_over(l, passed_fd >= 0 ? passed_fd : o->fd);
}

bool listen_next(struct listen *l)
{
	struct err e;

	if (l->client)
		return try_again(l);
	if (l->once) {
		int fd = l->fd;

		if (fd < 0)
			return false;
		l->fd = -1;
		l->come(l->self, fd);
		return true;
	}
	e = loop_add(l->loop, l->fd, EPOLLIN, on_listening, l);
	return !err_is(e);
}

void listen_close(struct listen *l)
{
	struct stat st;

	if (l->made && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
		(void)unlink(l->path);
	if (l->fd >= 0)
		(void)close(l->fd);
	if (l->timer_fd >= 0) {
		loop_remove(l->loop, l->timer_fd);
		(void)close(l->timer_fd);
	}
	l->fd = l->timer_fd = -1;
	l->made = false;
}
