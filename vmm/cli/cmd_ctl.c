/* vmm/cli/cmd_ctl.c: tapvm ctl: one request to the socket of a run's --control, and its answer. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/net/rate.h"
#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/keeper/request.h"
#include "vmm/keeper/unix_socket.h"

enum { ANSWER_BYTES = 128 * 1024 };

struct ctl {
	const char *path;
	char line[REQUEST_LINE]; /* the words behind the path */
};

static struct err take_word(void *into, const char *value)
{
	struct ctl *c = into;
	size_t used = strlen(c->line);

	if (c->path == NULL) {
		c->path = value;
		return err_none();
	}
	if (used + strlen(value) + 2 > sizeof(c->line))
		return err_make(ERR_USAGE, 0, "a request has up to %zu characters",
				sizeof(c->line) - 1);
	(void)snprintf(c->line + used, sizeof(c->line) - used, "%s%s", used > 0 ? " " : "", value);
	return err_none();
}

static const struct option rows[] = {
	{ .name = "PATH",
	  .value = "REQUEST",
	  .take = take_word,
	  .repeats = true,
	  .help = "the socket, then stats, link NIC up|down, rate NIC RATE (as in --net), vhost "
		  "NIC on|off, or stop; NIC is "
		  "its number or its TAP's name" },
};
static const struct option_table table = { .rows = rows,
					   .count = ARRAY_LEN(rows),
					   .operand = "PATH" };

/* The run judges by itself; what no run takes is bad usage here. */
static struct err judge(const struct ctl *c)
{
	char line[REQUEST_LINE];
	struct request request;
	struct err e;

	if (c->path == NULL)
		return err_make(ERR_USAGE, 0,
				"ctl: no socket; give that of a run's --control, as in tapvm ctl "
				"/run/vm0.sock stats");
	e = unix_socket_check("ctl", c->path);
	if (err_is(e))
		return e;
	(void)strcpy(line, c->line);
	e = request_parse(line, &request);
	if (!err_is(e) && request.verb == REQUEST_RATE)
		e = rate_parse(request.value, &(struct net_rate){ .rx = { 0 } });
	return err_is(e) ? err_within(e, "ctl") : e;
}

static struct err connect_to(const char *path, int *ret_fd)
{
	struct stat st;

	*ret_fd = unix_socket_connect(path);
	if (*ret_fd >= 0)
		return err_none();
	if (errno == ECONNREFUSED && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_make(ERR_SETUP, 0,
				"%s is no socket; give that of a run's --control, as in tapvm ctl "
				"/run/vm0.sock stats",
				path);
	if (errno == ECONNREFUSED)
		return err_make(ERR_SETUP, 0,
				"nobody listens at %s: the run that made it is gone; remove it, or "
				"start the run again",
				path);
	return err_make(ERR_SETUP, errno, "connect to %s", path);
}

/* A line without its newline. */
static struct err receive(int fd, const char *path, char *ret_line, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t held = 0;

	while (held < size) {
		char *end;
		ssize_t got;

		(void)poll(&ready, 1, -1);
		got = recv(fd, ret_line + held, size - held, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			break;
		end = memchr(ret_line + held, '\n', (size_t)got);
		if (end != NULL) {
			*end = '\0';
			return err_none();
		}
		held += (size_t)got;
	}
	return err_make(ERR_SETUP, 0, "%s: the run ended without an answer", path);
}

/* What was asked for is told in words, which are printed a line each. */
static int print(char *answer)
{
	char *rest = answer;
	char *verdict = strsep(&rest, " ");
	char *word;
	struct err e;

	if (strcmp(verdict, "ok") != 0) {
		e = err_make(ERR_SETUP, 0, "%s", rest != NULL ? rest : verdict);
		(void)command_fail(&e);
		return STATUS_REFUSED;
	}
	while ((word = strsep(&rest, " ")) != NULL)
		(void)printf("%s\n", word);
	return command_printed(STATUS_DONE);
}

static struct err ask(const struct ctl *c, char *ret_answer, size_t size)
{
	char line[REQUEST_LINE + 1];
	int length = snprintf(line, sizeof(line), "%s\n", c->line);
	int fd;
	struct err e = connect_to(c->path, &fd);

	if (err_is(e))
		return e;
	if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length && errno != EPIPE)
		e = err_make(ERR_SETUP, errno, "send to %s", c->path);
	else
		e = receive(fd, c->path, ret_answer, size);
	(void)close(fd);
	return e;
}

static int run(const struct command *self, int count, char *const words[], uint64_t started_ns)
{
	struct ctl c = { .path = NULL };
	char *answer;
	int status;
	struct err e;

	(void)started_ns;
	if (!command_options(self, count, words, &c, &status))
		return status;
	e = judge(&c);
	if (err_is(e))
		return command_fail(&e);
	answer = malloc(ANSWER_BYTES);
	e = answer == NULL ? err_make(ERR_SETUP, ENOMEM, "ctl") : ask(&c, answer, ANSWER_BYTES);
	status = err_is(e) ? command_fail(&e) : print(answer);
	free(answer);
	return status;
}

const struct command command_ctl = {
	.name = "ctl",
	.synopsis = "PATH REQUEST...",
	.summary = "asks and tells a run that has --control PATH",
	.options = &table,
	.run = run,
};
