/* vmm/hostnet/program.c: other people's programs as children: to their end, or as long as we live.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/hostnet/hostnet_priv.h"

enum { NOBODY = 65534, PIPE_ROOM = 32 * 1024 };

struct child {
	int pid;
	int said; /* its standard error */
};

/* ---- in the child ---- */

/* Nobody, with these capabilities alone; they outlive exec, and so does the parent's death signal,
 * which a program that changed its user by itself would lose. In a user namespace of our own there
 * is no nobody. */
static bool become_nobody(void)
{
	static const unsigned kept[] = { CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_NET_ADMIN };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct set[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return false;
	if (setresgid(NOBODY, NOBODY, NOBODY) == 0) {
		if (setgroups(0, NULL) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
			return false;
	} else if (errno != EINVAL) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		set[0].permitted |= 1u << kept[i];
	set[0].effective = set[0].inheritable = set[0].permitted;
	if (syscall(SYS_capset, &header, set) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0) != 0)
			return false;
	return true;
}

/* Signals to our process group are ours; and when we are gone, it is. */
static bool tie(pid_t parent)
{
	return setsid() >= 0 && become_nobody() && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
	       getppid() == parent;
}

static _Noreturn void child_main(const struct program *p, const char *path, bool stays,
				 pid_t parent, int in, int said, int failed)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	int why;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &usual, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0 ||
	    dup2(said, STDOUT_FILENO) < 0 ||
	    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) != 0 ||
	    (stays && !tie(parent))) {
		why = errno;
	} else {
		(void)execv(path, p->argv);
		why = errno;
	}
	(void)write(failed, &why, sizeof(why));
	_exit(127);
}

/* ---- in the parent ---- */

/* clang-format off */
const struct hostnet_program hostnet_programs[HOSTNET_PROGRAMS] = {
	[HOSTNET_DNSMASQ] = { "dnsmasq", "dnsmasq-base", "dhcp=on" },
	[HOSTNET_NFT] = { "nft", "nftables", "nat=on" },
	[HOSTNET_OVS] = { "ovs-vsctl", "openvswitch-switch", "bridge= of Open vSwitch" },
};
/* clang-format on */

/* By us, and not by a nobody who may not look into all of PATH. */
static bool find(const char *name, char ret_path[static PATH_MAX])
{
	const char *at = getenv("PATH");

	while (at != NULL && *at != '\0') {
		int length = (int)strcspn(at, ":");

		if (length > 0 &&
		    snprintf(ret_path, PATH_MAX, "%.*s/%s", length, at, name) < PATH_MAX &&
		    access(ret_path, X_OK) == 0)
			return true;
		at += length + (at[length] == ':');
	}
	return false;
}

bool hostnet_has(const struct hostnet_program *p)
{
	char path[PATH_MAX];

	return find(p->name, path);
}

static const char *reason(const struct program *p)
{
	return p->reason != NULL ? p->reason : hostnet_programs[p->which].wish;
}

static struct err missing(const struct program *p)
{
	return err_make(ERR_SETUP, 0,
			"%s needs the program %s, which is not in PATH; apt install %s", reason(p),
			hostnet_programs[p->which].name, hostnet_programs[p->which].package);
}

struct err program_possible(const struct program *p)
{
	return hostnet_has(&hostnet_programs[p->which]) ? err_none() : missing(p);
}

struct err program_failed(const struct program *p, int status, const char *words)
{
	return err_make(ERR_SETUP, 0, "%s: %s ended with status %d%s%s", reason(p),
			hostnet_programs[p->which].name, status, *words == '\0' ? "" : ": ", words);
}

/* A descriptor above those that the child's own will be. */
static int high(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0)
		(void)close(fd);
	return moved;
}

static void close_pair(int fds[static 2])
{
	for (unsigned i = 0; i < 2; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static bool pair(int ret_fds[static 2])
{
	if (pipe2(ret_fds, O_CLOEXEC) != 0)
		return false;
	ret_fds[0] = high(ret_fds[0]);
	ret_fds[1] = high(ret_fds[1]);
	return ret_fds[0] >= 0 && ret_fds[1] >= 0;
}

/* fds: its input, what it says, why it could not be started. */
static struct err child_start(const struct program *p, const char *path, bool stays,
			      int fds[static 3][2], struct child *ret)
{
	pid_t parent = getpid(), pid = fork();
	int why = 0;

	if (pid < 0)
		return err_make(ERR_SETUP, errno, "%s: start %s", reason(p), path);
	if (pid == 0)
		child_main(p, path, stays, parent, fds[0][0], fds[1][1], fds[2][1]);
	(void)close(fds[1][1]);
	(void)close(fds[2][1]);
	fds[1][1] = fds[2][1] = -1;
	if (read(fds[2][0], &why, sizeof(why)) == (ssize_t)sizeof(why)) {
		(void)waitpid(pid, NULL, 0);
		return err_make(ERR_SETUP, why, "%s: start %s", reason(p), path);
	}
	*ret = (struct child){ .pid = pid, .said = fds[1][0] };
	fds[1][0] = -1;
	return err_none();
}

static struct err start(const struct program *p, bool stays, struct child *ret)
{
	int fds[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	size_t length = p->input == NULL ? 0 : strlen(p->input);
	char path[PATH_MAX];
	struct err e = err_none();

	if (!find(hostnet_programs[p->which].name, path))
		return missing(p);
	/* What fits in the pipe needs nobody who reads it meanwhile. */
	if (!pair(fds[0]) || !pair(fds[1]) || !pair(fds[2]) || length > PIPE_ROOM ||
	    write(fds[0][1], p->input == NULL ? "" : p->input, length) != (ssize_t)length)
		e = err_make(ERR_SETUP, errno, "%s: a pipe to %s", reason(p), path);
	if (!err_is(e)) {
		(void)close(fds[0][1]);
		fds[0][1] = -1;
		e = child_start(p, path, stays, fds, ret);
	}
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		close_pair(fds[i]);
	return e;
}

/* Lines until one has this word in it (NULL: to the end); the first that is not empty is kept.
 * True: one had the word. */
static bool listen_for(int fd, const char *word, char ret_first[static PROGRAM_WORDS])
{
	char line[PROGRAM_WORDS] = "";
	unsigned used = 0;
	char c;
	ssize_t got;

	ret_first[0] = '\0';
	while ((got = read(fd, &c, 1)) == 1 || (got < 0 && errno == EINTR)) {
		if (got == 1 && c != '\n' && used + 1 < sizeof(line)) {
			line[used++] = c;
			line[used] = '\0';
		}
		if (got < 0 || c != '\n')
			continue;
		if (word != NULL && strstr(line, word) != NULL)
			return true;
		if (ret_first[0] == '\0')
			memcpy(ret_first, line, used + 1);
		used = 0;
		line[0] = '\0';
	}
	if (ret_first[0] == '\0')
		memcpy(ret_first, line, used + 1);
	return false;
}

static int wait_for(int pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct err program_run(const struct program *p, int *ret_status,
		       char ret_words[static PROGRAM_WORDS])
{
	struct child child;
	struct err e = start(p, false, &child);

	if (err_is(e))
		return e;
	(void)listen_for(child.said, NULL, ret_words);
	(void)close(child.said);
	*ret_status = wait_for(child.pid);
	return err_none();
}

struct err program_start(const struct program *p, const char *ready, int *ret_pid)
{
	char line[PROGRAM_WORDS];
	struct child child;
	struct err e = start(p, true, &child);
	bool serves;

	if (err_is(e))
		return e;
	serves = listen_for(child.said, ready, line);
	(void)close(child.said);
	if (!serves)
		return program_failed(p, wait_for(child.pid), line);
	*ret_pid = child.pid;
	return err_none();
}

void program_end(int pid)
{
	(void)kill(pid, SIGKILL);
	(void)wait_for(pid);
}
