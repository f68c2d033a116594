/* vmm/keeper/child.c: the machine process: forked without exec, with the documented descriptors
 * alone: those of its config, stderr, and the terminal it may have to restore. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

enum { KEEP_MAX = NICS_MAX * (2 * QUEUE_PAIRS_MAX + 3) + 2 * DISKS_MAX + 8 };

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static unsigned descriptors_kept(const struct machine_config *config, const struct terminal *t,
				 int ret_fds[static KEEP_MAX])
{
	unsigned count = 0;

	ret_fds[count++] = STDERR_FILENO;
	ret_fds[count++] = config->kvm_fd;
	ret_fds[count++] = config->serial_in;
	ret_fds[count++] = config->serial_out;
	ret_fds[count++] = config->keeper_fd;
	ret_fds[count++] = t == NULL ? -1 : t->fd;
	for (unsigned i = 0; i < config->nic_count; i++) {
		const struct tap *tap = &config->nic[i].tap;

		ret_fds[count++] = config->nic[i].capture_fd;
		for (unsigned q = 0; q < tap->queues; q++)
			ret_fds[count++] = tap->fd[q];
		for (unsigned q = 0; q < config->nic[i].vhost_fds; q++)
			ret_fds[count++] = config->nic[i].vhost_fd[q];
		if (tap->steers) {
			ret_fds[count++] = tap->steer_program;
			ret_fds[count++] = tap->steer_map;
		}
	}
	for (unsigned i = 0; i < config->disk_count; i++) {
		ret_fds[count++] = config->disk[i].fd;
		ret_fds[count++] = config->disk[i].beside_fd;
	}
	qsort(ret_fds, count, sizeof(ret_fds[0]), by_number);
	return count;
}

static void close_others(const struct machine_config *config, const struct terminal *t)
{
	int keep[KEEP_MAX];
	unsigned count = descriptors_kept(config, t, keep);
	unsigned next = 0;

	for (unsigned i = 0; i < count; i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < next)
			continue;
		if ((unsigned)keep[i] > next)
			(void)close_range(next, (unsigned)keep[i] - 1, 0);
		next = (unsigned)keep[i] + 1;
	}
	(void)close_range(next, ~0u, 0);
}

/* Signals to the whole group are the keeper's affair: it stops us by a message, so that the account
 * is still given. What touches the terminal in the background must not stop us either. */
static void signals_of_machine(void)
{
	static const int ignored[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				       SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_main(const struct machine_config *config, machine_fn run,
				 const struct terminal *t)
{
	signals_of_machine();
	close_others(config, t);
	(void)prctl(PR_SET_NAME, "tapvm-machine", 0, 0, 0);
	run(config);
	if (t != NULL)
		terminal_restore_if_still_raw(t);
	_exit(0);
}

static struct err fork_child(const struct machine_config *config, machine_fn run,
			     const struct terminal *t, int fds[static 2],
			     struct machine_process *ret_process)
{
	struct machine_config mine = *config;
	int pid, pidfd;

	mine.keeper_fd = fds[1];
	pid = fork();
	if (pid < 0)
		return err_make(ERR_SETUP, errno, "start the machine process");
	if (pid == 0)
		child_main(&mine, run, t);
	(void)close(fds[1]);
	fds[1] = -1;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		int why = errno;

		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err_make(ERR_SETUP, why, "watch the machine process");
	}
	*ret_process = (struct machine_process){ .pid = pid, .pidfd = pidfd, .fd = fds[0] };
	return err_none();
}

struct err child_start(const struct machine_config *config, machine_fn run,
		       const struct terminal *t, struct machine_process *ret_process)
{
	int fds[2];
	struct err e;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return err_make(ERR_SETUP, errno, "make a socket pair for the machine process");
	e = fork_child(config, run, t, fds, ret_process);
	if (err_is(e)) {
		(void)close(fds[0]);
		if (fds[1] >= 0)
			(void)close(fds[1]);
	}
	return e;
}

struct err keeper_start(const struct machine_config *config, machine_fn run,
			struct machine_process *ret_process)
{
	return child_start(config, run, NULL, ret_process);
}

int child_end(struct machine_process *process, int wait_ms)
{
	struct pollfd watch = { .fd = process->pidfd, .events = POLLIN };
	int status = 0;
	int ready;

	do {
		ready = poll(&watch, 1, wait_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		(void)pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0);
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	(void)close(process->pidfd);
	(void)close(process->fd);
	*process = (struct machine_process){ .pid = -1, .pidfd = -1, .fd = -1 };
	return status;
}

bool child_tell(const struct machine_process *process, const char *text)
{
	return send(process->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
	       errno != EAGAIN;
}

struct err child_died(int status)
{
	if (WIFSIGNALED(status))
		return err_make(ERR_SETUP, 0, "the machine process was killed by signal %d (SIG%s)",
				WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
	return err_make(ERR_SETUP, 0, "the machine process ended without a word, status %d",
			status);
}
