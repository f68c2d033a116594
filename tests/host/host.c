/* tests/host/host.c: namespaces of our own, child processes, and TAPs as others make them. */
#include "tests/host/host.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "devices/tap/tap.h"

bool host_ready(const char *what)
{
	struct err e;
	int fd;

	/* Before a namespace of our own: a new machine has no node, and root makes it. */
	e = tap_node(&sys_host);
	if (err_is(e)) {
		(void)printf("skip: %s: %s\n", what, e.text);
		return false;
	}
	if (unshare(CLONE_NEWNET) < 0 && err_is(netns_become_root())) {
		(void)printf("skip: %s: no network namespace of our own\n", what);
		return false;
	}
	fd = host_tun("", IFF_TAP | IFF_NO_PI);
	if (fd < 0) {
		(void)printf("skip: %s: no TAP of our own: %s\n", what, strerrordesc_np(errno));
		return false;
	}
	(void)close(fd);
	return true;
}

void host_fresh(void)
{
	ck_assert_msg(unshare(CLONE_NEWNET) == 0, "no new network namespace: %s",
		      strerrordesc_np(errno));
}

bool host_is_root(void)
{
	/* Of the whole machine, not of a user namespace: only then nodes can be made on a tmpfs. */
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned first, to, many = 0;

	if (f == NULL)
		return false;
	if (fscanf(f, "%u %u %u", &first, &to, &many) != 3)
		many = 0;
	(void)fclose(f);
	return many > HOST_NOBODY && geteuid() == 0;
}

void host_empty_dev_net(void)
{
	ck_assert_msg(unshare(CLONE_NEWNS) == 0, "no new mount namespace: %s",
		      strerrordesc_np(errno));
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tests", "/dev/net", "tmpfs", 0, "mode=755"), 0);
}

int64_t host_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- child processes ---- */

struct err host_as(int64_t uid, struct err (*work)(void *self), void *self)
{
	struct err said = err_none();
	int pipe_fd[2], status;
	pid_t child;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		uid_t id = (uid_t)uid;

		if (uid >= 0 && setresuid(id, id, id) < 0)
			said = err_make(ERR_SETUP, errno, "test: become user %u", id);
		else if (prctl(PR_SET_DUMPABLE, 1) == 0) /* else /proc/self stays root's */
			said = work(self);
		_exit(write(pipe_fd[1], &said, sizeof(said)) == (ssize_t)sizeof(said) ? 0 : 1);
	}
	(void)close(pipe_fd[1]);
	ck_assert_msg(read(pipe_fd[0], &said, sizeof(said)) == (ssize_t)sizeof(said),
		      "the child said nothing");
	(void)close(pipe_fd[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return said;
}

pid_t host_hold(const char *process_name, int (*hold)(void *self), void *self)
{
	int pipe_fd[2];
	char ready = 0;
	pid_t child;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, process_name);
		ready = hold(self) >= 0 ? 'y' : 'n';
		if (write(pipe_fd[1], &ready, 1) == 1)
			(void)pause();
		_exit(0);
	}
	(void)close(pipe_fd[1]);
	ck_assert_msg(read(pipe_fd[0], &ready, 1) == 1 && ready == 'y', "%s could not hold it",
		      process_name);
	(void)close(pipe_fd[0]);
	return child;
}

void host_release(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* ---- TAPs ---- */

int host_tun(const char *name, int flags)
{
	struct ifreq r = { 0 };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), why;

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_flags = (short)flags;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) == 0)
		return fd;
	why = errno;
	(void)close(fd);
	errno = why;
	return -1;
}
