/* devices/tap/netns.c: network namespaces. */
#include "devices/tap/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/tap/link.h"

/* O_NONBLOCK: a FIFO without a writer would hold us here for ever. */
static struct err open_ns(const char *path, const char *what, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_make(ERR_SETUP, errno, "open network namespace %s", what);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		(void)close(fd);
		return err_make(
			ERR_SETUP, 0,
			"%s is no network namespace: give a name that 'ip netns' lists, or a "
			"path such as /proc/PID/ns/net",
			what);
	}
	*ret_fd = fd;
	return err_none();
}

struct err netns_open(const char *name, int *ret_fd)
{
	char path[300];
	struct err e;

	if (strchr(name, '/') != NULL)
		return open_ns(name, name, ret_fd);
	(void)snprintf(path, sizeof(path), "/run/netns/%s", name);
	e = open_ns(path, name, ret_fd);
	if (e.sys_errno == ENOENT)
		return err_make(ERR_SETUP, 0,
				"network namespace '%s' does not exist: 'ip netns add %s', or "
				"netns=private for one of its own",
				name, name);
	return e;
}

struct err netns_current(int *ret_fd)
{
	return open_ns("/proc/thread-self/ns/net", "of our own", ret_fd);
}

struct err netns_enter(int fd)
{
	if (setns(fd, CLONE_NEWNET) == 0)
		return err_none();
	if (errno == EINVAL)
		return err_make(ERR_SETUP, 0,
				"descriptor %d is no network namespace: give the name of one, or a "
				"path like /proc/PID/ns/net",
				fd);
	if (errno == EPERM)
		return err_make(ERR_SETUP, errno,
				"enter a network namespace (needs CAP_SYS_ADMIN)");
	return err_make(ERR_SETUP, errno, "enter a network namespace");
}

static struct err loopback_up(void)
{
	struct link *l;
	struct err e = link_open(&l);

	if (err_is(e))
		return e;
	e = link_set_up(l, "lo", true);
	link_close(l);
	return e;
}

struct err netns_private(int *ret_fd)
{
	int before, fresh = -1;
	struct err e = netns_current(&before), back;

	if (err_is(e))
		return e;
	if (unshare(CLONE_NEWNET) < 0) {
		e = err_make(ERR_SETUP, errno,
			     "make a network namespace (needs root, or a user namespace: "
			     "'unshare -rn')");
		(void)close(before);
		return e;
	}
	e = netns_current(&fresh);
	if (!err_is(e))
		e = loopback_up();
	back = netns_enter(before);
	(void)close(before);
	if (!err_is(e))
		e = back;
	if (err_is(e)) {
		if (fresh >= 0)
			(void)close(fresh);
		return e;
	}
	*ret_fd = fresh;
	return err_none();
}

static struct err write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : write(fd, text, strlen(text));
	int why = errno;

	if (fd >= 0)
		(void)close(fd);
	return done < 0 ? err_make(ERR_SETUP, why, "write %s", path) : err_none();
}

struct err netns_become_root(void)
{
	unsigned uid = getuid(), gid = getgid();
	char map[32];
	struct err e;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return err_make(ERR_SETUP, errno,
				"make a user and a network namespace (this system may not let "
				"ordinary users: run as root)");
	e = write_file("/proc/self/setgroups", "deny");
	if (err_is(e))
		return e;
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	e = write_file("/proc/self/uid_map", map);
	if (err_is(e))
		return e;
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	e = write_file("/proc/self/gid_map", map);
	if (err_is(e))
		return e;
	return loopback_up();
}
