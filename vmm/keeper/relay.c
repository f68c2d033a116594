/* vmm/keeper/relay.c: keys from the terminal to the guest, through a pipe.
 *
 * The machine never has the terminal's input: it could push keys back into it. The relay sees the
 * escape: Ctrl-A x quits, Ctrl-A Ctrl-A is one Ctrl-A, Ctrl-A and any other key are both passed on.
 * A guest that does not read stops the relay: one pipe buffer and 256 bytes are held, no more. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

void relay_init(struct relay *r)
{
	*r = (struct relay){ .terminal = -1, .pipe_in = -1, .pipe_out = -1 };
}

size_t relay_keys(struct relay *r, const uint8_t *keys, size_t count, uint8_t *ret_bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < count && !r->quit; i++) {
		bool was_escaped = r->escaped;

		r->escaped = !was_escaped && keys[i] == ESCAPE_KEY;
		if (r->escaped)
			continue;
		if (was_escaped && keys[i] == QUIT_KEY) {
			r->quit = true;
		} else {
			/* The escape key was held back: two bytes go out for both keys. */
			if (was_escaped && keys[i] != ESCAPE_KEY)
				ret_bytes[used++] = ESCAPE_KEY;
			ret_bytes[used++] = keys[i];
		}
	}
	return used;
}

static void on_terminal(void *self, uint32_t epoll_events);

/* The guest is gone or the terminal is: nothing more is passed on, the guest sees the end. */
static void hang_up(struct relay *r)
{
	loop_remove(r->loop, r->terminal);
	loop_remove(r->loop, r->pipe_out);
	(void)close(r->pipe_out);
	r->terminal = -1;
	r->pipe_out = -1;
}

static void on_room(void *self, uint32_t epoll_events)
{
	struct relay *r = self;
	ssize_t wrote = write(r->pipe_out, r->held, r->held_bytes);

	(void)epoll_events;
	if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (wrote < 0) {
		hang_up(r);
		return;
	}
	r->held_bytes -= (size_t)wrote;
	memmove(r->held, r->held + wrote, r->held_bytes);
	if (r->held_bytes > 0)
		return;
	loop_remove(r->loop, r->pipe_out);
	if (err_is(loop_add(r->loop, r->terminal, EPOLLIN, on_terminal, r)))
		hang_up(r);
}

static void on_terminal(void *self, uint32_t epoll_events)
{
	struct relay *r = self;
	uint8_t keys[RELAY_BYTES / 2];
	ssize_t got = read(r->terminal, keys, sizeof(keys));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0 || (got == 0 && (epoll_events & (EPOLLHUP | EPOLLERR)) != 0)) {
		hang_up(r);
		return;
	}
	r->held_bytes = relay_keys(r, keys, (size_t)got, r->held);
	if (r->held_bytes == 0)
		return;
	loop_remove(r->loop, r->terminal);
	if (err_is(loop_add(r->loop, r->pipe_out, EPOLLOUT, on_room, r)))
		hang_up(r);
}

struct err relay_open(struct relay *r, struct loop *loop, int terminal)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_make(ERR_SETUP, errno, "make a pipe for the serial port");
	(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(ends[1], F_SETPIPE_SZ, 4096);
	*r = (struct relay){
		.loop = loop, .terminal = terminal, .pipe_in = ends[0], .pipe_out = ends[1]
	};
	return loop_add(loop, terminal, EPOLLIN, on_terminal, r);
}

void relay_close(struct relay *r)
{
	if (r->pipe_in >= 0)
		(void)close(r->pipe_in);
	if (r->pipe_out >= 0)
		(void)close(r->pipe_out);
	relay_init(r);
}
