/* devices/tap/holder.c: which process holds a TAP. The fdinfo of a tun descriptor has a line
 * "iff:\tNAME"; the same name may stand in another network namespace, so the descriptor is asked
 * for its own. */
#include <ctype.h>
#include <dirent.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/tap/tap_priv.h"

enum holds { HOLDS_NOT, HOLDS_PERHAPS, HOLDS };

static bool fdinfo_names(const char *path, const char *name)
{
	char line[128];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "iff:\t", 5) == 0 && strcmp(line + 5, name) == 0;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* Whether that descriptor's TAP is in our network namespace. Perhaps: we may not look. */
static enum holds in_our_netns(int pid, int number)
{
	struct stat ours, its;
	enum holds holds = HOLDS_PERHAPS;
	int pid_fd = pidfd_open(pid, 0);
	int fd = pid_fd >= 0 ? pidfd_getfd(pid_fd, number, 0) : -1;
	int netns = fd >= 0 ? ioctl(fd, TUNGETDEVNETNS, NULL) : -1;

	if (netns >= 0 && fstat(netns, &its) == 0 && stat("/proc/thread-self/ns/net", &ours) == 0)
		holds = its.st_dev == ours.st_dev && its.st_ino == ours.st_ino ? HOLDS : HOLDS_NOT;
	if (netns >= 0)
		(void)close(netns);
	if (fd >= 0)
		(void)close(fd);
	if (pid_fd >= 0)
		(void)close(pid_fd);
	return holds;
}

static enum holds process_holds(const char *pid, const char *name)
{
	char path[64 + 256];
	const struct dirent *d;
	enum holds best = HOLDS_NOT;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/fdinfo", pid);
	dir = opendir(path);
	while (dir != NULL && best != HOLDS && (d = readdir(dir)) != NULL) {
		enum holds holds;

		(void)snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%s", pid, d->d_name);
		if (!isdigit((unsigned char)d->d_name[0]) || !fdinfo_names(path, name))
			continue;
		holds = in_our_netns(atoi(pid), atoi(d->d_name));
		best = holds > best ? holds : best;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return best;
}

static void read_line(const char *path, char *ret, size_t size)
{
	FILE *f = fopen(path, "re");

	ret[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(ret, (int)size, f) == NULL)
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	(void)fclose(f);
}

void tap_holder(const char *name, char *ret, size_t size)
{
	enum holds best = HOLDS_NOT;
	DIR *proc = opendir("/proc");
	const struct dirent *d;

	(void)snprintf(ret, size, "another process");
	while (proc != NULL && best != HOLDS && (d = readdir(proc)) != NULL) {
		enum holds holds;
		char path[64], comm[32];

		if (!isdigit((unsigned char)d->d_name[0]) || atoi(d->d_name) == getpid())
			continue;
		holds = process_holds(d->d_name, name);
		if (holds <= best)
			continue;
		best = holds;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/comm", d->d_name);
		read_line(path, comm, sizeof(comm));
		(void)snprintf(ret, size, "process %.20s (%s)", d->d_name, comm);
	}
	if (proc != NULL)
		(void)closedir(proc);
}
