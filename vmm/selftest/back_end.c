/* vmm/selftest/back_end.c: our vhost-user server as a process. */
#include "vmm/selftest/back_end.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "tapvm-vhost-user"
/* Where the child finds what it inherits. */
enum { FD_SOCKET = 3, FD_TAP, FD_AFTER };

static _Noreturn void exec_server(const char *path, int socket_fd, int tap_fd, bool stats)
{
	const char *const args[] = {
		PROGRAM, "--quiet", "--fd", "3", "--net", "tap,fd=4", stats ? "--stats" : NULL, NULL
	};
	int up[] = { fcntl(socket_fd, F_DUPFD_CLOEXEC, FD_AFTER),
		     fcntl(tap_fd, F_DUPFD_CLOEXEC, FD_AFTER) };
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(up[0], FD_SOCKET) < 0 || dup2(up[1], FD_TAP) < 0)
		_exit(127);
	(void)close_range(FD_AFTER, ~0u, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execv(path, (char *const *)(uintptr_t)args);
	_exit(127);
}

static struct err listen_fd(int *ret_fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + sizeof(BACK_END_SOCKET);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)strcpy(at.sun_path + 1, BACK_END_SOCKET);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 1) == 0) {
		*ret_fd = fd;
		return err_none();
	}
	if (fd >= 0)
		(void)close(fd);
	return err_make(ERR_SETUP, errno, "make a socket for vhost-user");
}

/* The program beside this one. */
static void find_program(char ret_path[static PATH_MAX + sizeof(PROGRAM)])
{
	ssize_t len = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
	char *slash;

	ret_path[len > 0 ? len : 0] = '\0';
	slash = strrchr(ret_path, '/');
	(void)strcpy(slash != NULL ? slash + 1 : ret_path, PROGRAM);
}

struct err back_end_start(struct back_end *b, int tap_fd, bool stats)
{
	char path[PATH_MAX + sizeof(PROGRAM)];
	struct err e;
	int fd = -1;

	find_program(path);
	if (access(path, X_OK) < 0)
		return err_make(ERR_SETUP, errno, "start %s, which belongs beside tapvm", path);
	e = listen_fd(&fd);
	if (err_is(e))
		return e;
	b->pid = fork();
	if (b->pid == 0)
		exec_server(path, fd, tap_fd, stats);
	(void)close(fd);
	return b->pid > 0 ? err_none() : err_make(ERR_SETUP, errno, "start %s", path);
}

void back_end_stop(struct back_end *b)
{
	if (b->pid > 0) {
		(void)kill(b->pid, SIGTERM);
		(void)waitpid(b->pid, NULL, 0);
	}
	b->pid = -1;
}
