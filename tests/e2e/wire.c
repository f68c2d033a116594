/* tests/e2e/wire.c: a network stack as the guest of a TAP that a tapvm holds, where its own guest
 * does nothing. wire PID TAP NETNS NAME takes a copy of the process's descriptor of TAP, makes a
 * TAP of that NAME in the namespace at the path NETNS, prints "wired", and copies frames both ways
 * until TAP is gone. Exit status: 0 TAP is gone; 1 with one line that says what went wrong. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { FRAME_MAX = 64 + 65536 };

static _Noreturn void fail(const char *what)
{
	(void)printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static bool names(int pid, const char *number, const char *tap)
{
	char path[64 + 256], line[128], want[64];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, number);
	(void)snprintf(want, sizeof(want), "iff:\t%s\n", tap);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strcmp(line, want) == 0;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static int copy_of(int pid, const char *tap)
{
	int pidfd = pidfd_open(pid, 0), fd = -1;
	struct dirent *d;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir != NULL && fd < 0 && (d = readdir(dir)) != NULL)
		if (names(pid, d->d_name, tap))
			fd = pidfd_getfd(pidfd, atoi(d->d_name), 0);
	if (fd < 0)
		fail(tap);
	(void)closedir(dir);
	return fd;
}

static int tap_in(const char *netns, const char *name, int header)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int little = 1, ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
		fail(netns);
	(void)strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) != 0 ||
	    ioctl(fd, TUNSETVNETLE, &little) != 0)
		fail(name);
	return fd;
}

/* All that there is. A frame that the other side does not take (it is down) is lost, as on a wire.
 * False: `from` is gone. */
static bool copy(int from, int to)
{
	static char frame[FRAME_MAX];
	ssize_t got;

	while ((got = read(from, frame, sizeof(frame))) > 0)
		(void)!write(to, frame, (size_t)got);
	return got < 0 && errno == EAGAIN;
}

int main(int argc, char *argv[])
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int carrier = 1, header;

	if (argc != 5)
		fail("usage: see the head of wire.c");
	p[0].fd = copy_of(atoi(argv[1]), argv[2]);
	if (ioctl(p[0].fd, TUNGETVNETHDRSZ, &header) != 0)
		fail(argv[2]);
	p[1].fd = tap_in(argv[3], argv[4], header);
	if (ioctl(p[0].fd, TUNSETCARRIER, &carrier) != 0)
		fail("carrier");
	(void)printf("wired\n");
	(void)fflush(stdout);
	while (poll(p, 2, -1) >= 0)
		if (!copy(p[0].fd, p[1].fd) || !copy(p[1].fd, p[0].fd))
			break;
	return 0;
}
