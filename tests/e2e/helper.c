/* tests/e2e/helper.c: what a shell script cannot do, or not quickly.
 *   helper pty ACTION COMMAND...
 *       runs COMMAND as a shell's foreground job on a pseudo terminal, waits for the prompt '>',
 *       acts (escape, keys, term, hangup, kill-keeper, kill-machine, end), and says whether the
 *       terminal is as it was
 *   helper tap NAME COMMAND...
 *       opens a TAP as descriptor 9 and becomes COMMAND
 *   helper notap COMMAND...
 *       opens /dev/null as descriptor 9 and becomes COMMAND
 *   helper interfaces
 *       the names of this namespace's interfaces, on one line
 *   helper left NAMES FILE
 *       waits (2 s) until these are all the interfaces and no process of this namespace runs
 *       FILE; then prints nothing, else what is left
 *   helper machine PID
 *       waits (20 s) for the machine process of the keeper PID and prints its pid; nothing if there
 *       is none
 *   helper blocked PID
 *       waits (60 s: a byte at a time fills it) until a thread of PID waits in a write to a pipe
 * Exit status: 0 as it should be; 1 not, with one line that says what. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20000, FILL_MS = 60000, AFTER_MS = 2000, STEP_MS = 5 };

static _Noreturn void fail(const char *what)
{
	(void)printf("%s\n", what);
	exit(1);
}

static void sleep_ms(int ms) { (void)poll(NULL, 0, ms); }

static bool is_same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

/* ---- /proc ---- */

/* Calls fn for each process until it says true; then that process, else 0. */
static pid_t find_process(bool (*fn)(pid_t pid, const void *self), const void *self)
{
	DIR *d = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (d != NULL && found == 0 && (entry = readdir(d)) != NULL) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid > 0 && fn(pid, self))
			found = pid;
	}
	if (d != NULL)
		(void)closedir(d);
	return found;
}

static bool links_to(pid_t pid, const char *name, const char *target)
{
	char path[64], is[512];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	len = readlink(path, is, sizeof(is) - 1);
	if (len < 0)
		return false;
	is[len] = '\0';
	return strcmp(is, target) == 0;
}

/* self is a pid: its child named tapvm-machine. */
static bool is_machine_of(pid_t pid, const void *self)
{
	char path[64], name[32] = "";
	int parent = 0;
	FILE *f;
	bool read;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	read = fscanf(f, "%*d (%31[^)]) %*c %d", name, &parent) == 2;
	(void)fclose(f);
	return read && parent == *(const pid_t *)self && strcmp(name, "tapvm-machine") == 0;
}

static pid_t machine_of(pid_t keeper)
{
	pid_t machine = 0;

	for (int ms = 0; ms < WAIT_MS && machine == 0; ms += STEP_MS) {
		machine = find_process(is_machine_of, &keeper);
		if (machine == 0)
			sleep_ms(STEP_MS);
	}
	return machine;
}

/* A thread's wchan is the kernel function in which it waits. */
static bool thread_in(pid_t pid, const char *function)
{
	char path[64 + 256], where[64];
	struct dirent *entry;
	bool found = false;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d != NULL && !found && (entry = readdir(d)) != NULL) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/wchan", pid, entry->d_name);
		f = fopen(path, "re");
		found = f != NULL && fscanf(f, "%63s", where) == 1 &&
			strstr(where, function) != NULL;
		if (f != NULL)
			(void)fclose(f);
	}
	if (d != NULL)
		(void)closedir(d);
	return found;
}

static int blocked(pid_t pid)
{
	for (int ms = 0; ms < FILL_MS; ms += STEP_MS) {
		if (thread_in(pid, "pipe_write"))
			return 0;
		sleep_ms(STEP_MS);
	}
	fail("no thread waits in a write to a pipe");
}

/* ---- what is left behind ---- */

static void interfaces(char *ret, size_t size)
{
	char line[512], name[64];
	FILE *f = fopen("/proc/net/dev", "re");

	ret[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strchr(line, '|') == NULL && sscanf(line, " %63[^:]:", name) == 1)
			(void)snprintf(ret + strlen(ret), size - strlen(ret), "%s ", name);
	if (f != NULL)
		(void)fclose(f);
}

struct ours {
	const char *file;
	char netns[64];
};

static bool is_ours(pid_t pid, const void *self)
{
	const struct ours *o = self;

	return pid != getpid() && links_to(pid, "exe", o->file) &&
	       links_to(pid, "ns/net", o->netns);
}

static int left(const char *names, const char *file)
{
	struct ours ours = { .file = file };
	char now[512];
	pid_t process = 0;

	if (readlink("/proc/self/ns/net", ours.netns, sizeof(ours.netns) - 1) < 0)
		fail("no /proc");
	for (int ms = 0; ms < AFTER_MS; ms += STEP_MS) {
		interfaces(now, sizeof(now));
		process = find_process(is_ours, &ours);
		if (strcmp(now, names) == 0 && process == 0)
			return 0;
		sleep_ms(STEP_MS);
	}
	(void)printf("left: interfaces '%s', before '%s', process %d\n", now, names, process);
	return 1;
}

/* ---- the shell: leader of the session, which takes the terminal back when its job is over ---- */

static _Noreturn void shell(int slave, int report, char *const command[])
{
	struct termios before, after;
	int flags_before, status = 0;
	pid_t job;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
		_exit(90);
	(void)signal(SIGTTOU, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)tcgetattr(slave, &before);
	before.c_cc[VMIN] = 3; /* unusual, so that "usual" is not "as before" */
	before.c_lflag &= ~(tcflag_t)ECHOK;
	(void)tcsetattr(slave, TCSANOW, &before);
	flags_before = fcntl(slave, F_GETFL);
	job = fork();
	if (job == 0) {
		(void)signal(SIGTTOU, SIG_DFL);
		(void)signal(SIGHUP, SIG_DFL);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(slave, fd);
		(void)setpgid(0, 0);
		(void)signal(SIGTTOU, SIG_IGN);
		(void)tcsetpgrp(0, getpid());
		(void)signal(SIGTTOU, SIG_DFL);
		(void)execv(command[0], command);
		_exit(91);
	}
	(void)write(report, &job, sizeof(job));
	while (waitpid(job, &status, 0) < 0 && errno == EINTR)
		continue;
	(void)tcsetpgrp(slave, getpgrp());
	for (int ms = 0; ms < AFTER_MS; ms += STEP_MS) {
		(void)tcgetattr(slave, &after);
		if (is_same(&before, &after) && fcntl(slave, F_GETFL) == flags_before)
			break;
		sleep_ms(STEP_MS);
	}
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	(void)write(report, &status, sizeof(status));
	status = is_same(&before, &after) ? fcntl(slave, F_GETFL) == flags_before ? 0 : 2 : 1;
	(void)write(report, &status, sizeof(status));
	_exit(0);
}

/* ---- the user, at the other end of the terminal ---- */

static void expect(int master, char wanted)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	char c;

	while (poll(&p, 1, WAIT_MS) > 0 && read(master, &c, 1) == 1)
		if (c == wanted)
			return;
	(void)printf("no '%c' (0x%02x) on the terminal\n", wanted >= ' ' ? wanted : '?', wanted);
	exit(1);
}

static void type(int master, const char *keys)
{
	if (write(master, keys, strlen(keys)) != (ssize_t)strlen(keys))
		fail("typing failed");
}

static void act(const char *action, int master, int slave, pid_t job)
{
	struct termios now;
	pid_t machine;

	if (strcmp(action, "end") == 0)
		return;
	expect(master, '>');
	machine = machine_of(job);
	if (tcgetattr(slave, &now) != 0 || (now.c_lflag & (tcflag_t)(ICANON | ECHO | ISIG)) != 0)
		fail("the terminal is not raw while the guest runs");
	if (strcmp(action, "keys") == 0) {
		type(master, "q\003\001\001");
		expect(master, 'q');
		expect(master, '\003');
		expect(master, '\001');
	}
	if (strcmp(action, "escape") == 0 || strcmp(action, "keys") == 0)
		type(master, "\001x");
	else if (strcmp(action, "term") == 0)
		(void)kill(job, SIGTERM);
	else if (strcmp(action, "hangup") == 0)
		(void)kill(job, SIGHUP);
	else if (strcmp(action, "kill-keeper") == 0)
		(void)kill(job, SIGKILL);
	else if (strcmp(action, "kill-machine") == 0 && machine > 0)
		(void)kill(machine, SIGKILL);
	else
		fail("no such action");
}

static void take(int fd, void *bytes, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 3 * WAIT_MS) <= 0 || read(fd, bytes, len) != (ssize_t)len)
		fail("the command did not end");
}

static int pty(const char *action, char *const command[])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int report[2], slave, status = -1, terminal = -1;
	pid_t leader, job = 0;

	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 || pipe(report) != 0)
		fail("no pseudo terminal");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	leader = fork();
	if (leader == 0)
		shell(slave, report[1], command);
	take(report[0], &job, sizeof(job));
	act(action, master, slave, job);
	take(report[0], &status, sizeof(status));
	take(report[0], &terminal, sizeof(terminal));
	(void)waitpid(leader, NULL, 0);
	(void)printf("status %d, terminal %s\n", status,
		     terminal == 0   ? "as before"
		     : terminal == 1 ? "NOT restored"
				     : "left with other file flags");
	return terminal == 0 ? 0 : 1;
}

/* ---- descriptors ---- */

static int with_tap(const char *name, char *const command[])
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR);

	(void)strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0 || dup2(fd, 9) != 9)
		fail("no TAP");
	(void)close(fd);
	(void)execv(command[0], command);
	fail("exec");
}

static int without_tap(char *const command[])
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0 || dup2(fd, 9) != 9)
		fail("no /dev/null");
	(void)execv(command[0], command);
	fail("exec");
}

int main(int argc, char *argv[])
{
	const char *verb = argc > 1 ? argv[1] : "";
	char names[512];

	if (argc >= 4 && strcmp(verb, "pty") == 0)
		return pty(argv[2], argv + 3);
	if (argc >= 4 && strcmp(verb, "tap") == 0)
		return with_tap(argv[2], argv + 3);
	if (argc >= 3 && strcmp(verb, "notap") == 0)
		return without_tap(argv + 2);
	if (argc == 4 && strcmp(verb, "left") == 0)
		return left(argv[2], argv[3]);
	if (argc == 2 && strcmp(verb, "interfaces") == 0) {
		interfaces(names, sizeof(names));
		(void)printf("%s\n", names);
		return 0;
	}
	if (argc == 3 && strcmp(verb, "machine") == 0) {
		pid_t machine = machine_of((pid_t)atoi(argv[2]));

		if (machine > 0)
			(void)printf("%d\n", machine);
		return machine > 0 ? 0 : 1;
	}
	if (argc == 3 && strcmp(verb, "blocked") == 0)
		return blocked((pid_t)atoi(argv[2]));
	fail("usage: see the head of helper.c");
}
