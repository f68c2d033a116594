/* vmm/keeper/terminal.c: the terminal, raw while a guest has it.
 *
 * Both processes know the state before and the raw state; the keeper restores on its way out, the
 * machine when the keeper was killed. What the guest writes passes as it is, too: lines of ours
 * that come between go back to the left by themselves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

static bool is_same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

void terminal_open(struct terminal *t, int fd)
{
	*t = (struct terminal){ .fd = -1, .keeper = getpid() };
	if (!isatty(fd) || tcgetattr(fd, &t->before) != 0)
		return;
	if (tcgetpgrp(fd) != getpgrp())
		return;
	t->raw = t->before;
	t->raw.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t->raw.c_oflag &= ~(tcflag_t)OPOST;
	t->raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	/* A read never waits: readiness is epoll's to tell, and another reader may be faster. */
	t->raw.c_cc[VMIN] = 0;
	t->raw.c_cc[VTIME] = 0;
	t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

struct err terminal_set_raw(struct terminal *t)
{
	if (t->fd < 0)
		return err_none();
	if (tcsetattr(t->fd, TCSANOW, &t->raw) != 0)
		return err_make(ERR_SETUP, errno, "set the terminal raw");
	/* Found raw, it is another run's to restore: it may have done so by the time we end. */
	t->is_raw = !is_same(&t->before, &t->raw);
	return err_none();
}

void terminal_close(struct terminal *t)
{
	if (t->fd < 0)
		return;
	if (t->is_raw)
		(void)tcsetattr(t->fd, TCSANOW, &t->before);
	(void)close(t->fd);
	t->fd = -1;
}

void terminal_restore_if_still_raw(const struct terminal *t)
{
	struct termios now;

	if (t->fd < 0 || getppid() == t->keeper)
		return;
	if (tcgetattr(t->fd, &now) == 0 && is_same(&now, &t->raw))
		(void)tcsetattr(t->fd, TCSANOW, &t->before);
}

void terminal_say(const char *prefix, const char *text)
{
	struct termios now;
	bool raw = tcgetattr(STDERR_FILENO, &now) == 0 && (now.c_oflag & OPOST) == 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		(void)fprintf(stderr, "%s%.*s%s", prefix, (int)len, text, raw ? "\r\n" : "\n");
		text += text[len] == '\n' ? len + 1 : len;
	}
}
