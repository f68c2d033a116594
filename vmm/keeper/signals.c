/* vmm/keeper/signals.c: the signals that end a run, as a descriptor. */
#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

void signals_init(struct signals *s) { *s = (struct signals){ .fd = -1 }; }

struct err signals_open(struct signals *s)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t wanted;

	(void)sigemptyset(&wanted);
	for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
		struct sigaction now;

		/* A blocked signal reaches a signalfd even if it is ignored. */
		if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			(void)sigaddset(&wanted, ending[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &wanted, &s->mask_before);
	s->fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0) {
		int why = errno;

		(void)sigprocmask(SIG_SETMASK, &s->mask_before, NULL);
		return err_make(ERR_SETUP, why, "make a descriptor for signals");
	}
	/* A reader of ours that dies must not end us before the clean-up; a terminal that went to
	 * another job must be restored all the same; a child must stay to be waited for. */
	(void)sigaction(SIGPIPE, &ignore, &s->pipe_before);
	(void)sigaction(SIGTTOU, &ignore, &s->ttou_before);
	(void)sigaction(SIGCHLD, &normal, &s->child_before);
	return err_none();
}

unsigned signals_next(const struct signals *s)
{
	struct signalfd_siginfo info;

	return read(s->fd, &info, sizeof(info)) == sizeof(info) ? info.ssi_signo : 0;
}

void signals_close(struct signals *s)
{
	if (s->fd < 0)
		return;
	(void)close(s->fd);
	(void)sigaction(SIGPIPE, &s->pipe_before, NULL);
	(void)sigaction(SIGTTOU, &s->ttou_before, NULL);
	(void)sigaction(SIGCHLD, &s->child_before, NULL);
	(void)sigprocmask(SIG_SETMASK, &s->mask_before, NULL);
	s->fd = -1;
}
