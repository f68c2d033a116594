/* vmm/keeper/unix_socket.c: a stream socket with a name in the file system. */
#include "vmm/keeper/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, LOCK_TRIES = 200, LOCK_MS = 10 };

static bool address_of(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return false;
	(void)strcpy(ret->sun_path, path);
	return true;
}

static int make(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int unix_socket_connect(const char *path)
{
	struct sockaddr_un at;
	int fd;

	if (!address_of(path, &at)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = make();
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		int why = errno;

		(void)close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

struct err unix_socket_check(const char *option, const char *path)
{
	struct sockaddr_un at;

	if (address_of(path, &at))
		return err_none();
	return err_make(ERR_USAGE, 0, "%s: %zu characters; a socket's path has up to %zu", option,
			strlen(path), sizeof(at.sun_path) - 1);
}

/* Its folder, locked: of two that find the same dead socket, the second would remove what the first
 * has put there. A program that never lets go holds nobody up for ever. */
static struct err lock_folder(const char *path, int *ret_fd)
{
	const char *slash = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = ".";

	if (slash != NULL) {
		memcpy(folder, path, (size_t)(slash - path) + 1);
		folder[slash - path + 1] = '\0';
	}
	*ret_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_make(ERR_SETUP, errno, "make the socket %s: open %s", path, folder);
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(*ret_fd, LOCK_EX | LOCK_NB) == 0)
			return err_none();
		(void)poll(NULL, 0, LOCK_MS);
	}
	return err_make(ERR_SETUP, 0, "another program has locked %s; give another path", folder);
}

static struct err make_way(const char *path)
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
	fd = unix_socket_connect(path);
	if (fd >= 0 || errno != ECONNREFUSED) {
		if (fd >= 0)
			(void)close(fd);
		return err_make(ERR_SETUP, 0, "another program listens at %s; give another path",
				path);
	}
	(void)unlink(path);
	return err_none();
}

static struct err bind_and_listen(struct unix_socket *s, unsigned mode)
{
	struct sockaddr_un at;
	struct stat st;
	mode_t before;
	int bound;

	(void)address_of(s->path, &at);
	s->fd = make();
	before = umask((mode_t)(0777 & ~mode));
	bound = s->fd < 0 ? -1 : bind(s->fd, (const struct sockaddr *)&at, sizeof(at));
	(void)umask(before);
	if (bound < 0)
		return err_make(ERR_SETUP, errno, "make the socket %s", s->path);
	s->made = lstat(s->path, &st) == 0;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	if (listen(s->fd, BACKLOG) < 0)
		return err_make(ERR_SETUP, errno, "listen at %s", s->path);
	return err_none();
}

struct err unix_socket_listen(struct unix_socket *s, const char *option, const char *path,
			      unsigned mode)
{
	struct err e = unix_socket_check(option, path);
	int lock = -1;

	*s = (struct unix_socket){ .fd = -1, .path = path };
	if (!err_is(e))
		e = lock_folder(path, &lock);
	if (!err_is(e))
		e = make_way(path);
	if (!err_is(e))
		e = bind_and_listen(s, mode);
	if (lock >= 0)
		(void)close(lock);
	return e;
}

void unix_socket_close(struct unix_socket *s)
{
	struct stat st;

	if (s->made && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		(void)unlink(s->path);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->made = false;
}
