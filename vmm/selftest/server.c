/* vmm/selftest/server.c: the guest's lines: rows are counted and printed, steps are run and
 * answered. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vmm/selftest/selftest_priv.h"

enum { IDLE_LIMIT_MS = 60 * 1000 };

int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct background *server_background(struct server *s, int fd,
				     void (*ready)(struct server *, struct background *))
{
	for (unsigned i = 0; i < BACKGROUND_MAX; i++) {
		struct background *b = &s->background[i];

		if (b->fd >= 0)
			continue;
		*b = (struct background){ .fd = fd, .ready = ready };
		return b;
	}
	(void)close(fd);
	return NULL;
}

void server_drop_background(struct server *s)
{
	for (unsigned i = 0; i < BACKGROUND_MAX; i++) {
		if (s->background[i].fd < 0 || s->background[i].lasting)
			continue;
		(void)close(s->background[i].fd);
		s->background[i].fd = -1;
	}
}

/* What the kernel says of the TAP is told to the device. */
static void on_watch(struct server *s)
{
	struct link_event event;
	struct link_info info;
	bool lost;

	while (link_watch_next(s->watch, &event, &lost))
		if (strcmp(event.name, TAP_NAME) == 0)
			s->set_link(s, event.up && !event.deleted);
	if (lost && !err_is(link_get(s->world->link, TAP_NAME, &info)))
		s->set_link(s, (info.flags & IFF_UP) != 0);
}

bool server_pump(struct server *s, int fd, int64_t deadline_ms)
{
	while (!s->over) {
		struct pollfd p[3 + BACKGROUND_MAX] = { { .fd = fd, .events = POLLIN },
							{ .fd = s->process_fd, .events = POLLIN },
							{ .fd = link_watch_fd(s->watch),
							  .events = POLLIN } };
		int64_t left = deadline_ms - now_ms();
		int ready;

		for (unsigned i = 0; i < BACKGROUND_MAX; i++)
			p[3 + i] = (struct pollfd){ .fd = s->background[i].fd, .events = POLLIN };
		if (left < 0)
			left = 0;
		ready = poll(p, 3 + BACKGROUND_MAX, (int)left);
		if (ready < 0 && errno == EINTR)
			continue;
		for (unsigned i = 0; i < BACKGROUND_MAX && ready > 0; i++)
			if (p[3 + i].revents != 0 && s->background[i].fd >= 0)
				s->background[i].ready(s, &s->background[i]);
		if (p[2].revents != 0)
			on_watch(s);
		/* The guest's last words before its end. */
		if (fd >= 0 && p[0].revents != 0)
			return true;
		if (p[1].revents != 0)
			s->on_process(s);
		if (now_ms() >= deadline_ms)
			return false;
		if (fd < 0 && ready > 0)
			return true;
	}
	return false;
}

static bool begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static void answer(struct server *s, const char *text)
{
	char line[LINE_BYTES + 1];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	for (const char *at = line; n > 0;) {
		/* A guest that is gone by now must not end us. */
		ssize_t done = send(s->serial, at, (size_t)n, MSG_NOSIGNAL);

		if (done <= 0)
			return;
		at += done;
		n -= (int)done;
	}
}

static void on_line(struct server *s, char *line)
{
	char text[LINE_BYTES];

	if (line[0] == '@') {
		if (s->options->verbose)
			(void)printf("  %s", line);
		step_run(s, line + 1, text, sizeof(text));
		if (s->options->verbose)
			(void)printf(" -> %s\n", text);
		answer(s, text);
		return;
	}
	if (begins(line, "= ")) {
		s->counted = true;
		return;
	}
	if (!table_take(s->table, s->bus, line) && s->options->verbose)
		(void)printf("%s\n", line);
	(void)fflush(stdout);
}

/* Bytes of the serial line; false: it has ended. */
static bool read_serial(struct server *s)
{
	char bytes[256];
	ssize_t got = read(s->serial, bytes, sizeof(bytes));

	if (got <= 0)
		return got < 0 && (errno == EINTR || errno == EAGAIN);
	for (ssize_t i = 0; i < got; i++) {
		if (bytes[i] == '\n') {
			s->line[s->line_len] = '\0';
			s->line_len = 0;
			on_line(s, s->line);
		} else if (bytes[i] != '\r' && s->line_len < sizeof(s->line) - 1) {
			s->line[s->line_len++] = bytes[i];
		}
	}
	return true;
}

void server_run(struct server *s)
{
	while (server_pump(s, s->serial, now_ms() + IDLE_LIMIT_MS))
		if (!read_serial(s))
			break;
	if (!s->over && !s->counted && s->end_text[0] == '\0')
		(void)snprintf(s->end_text, sizeof(s->end_text), "the guest said nothing for %d s",
			       IDLE_LIMIT_MS / 1000);
}
