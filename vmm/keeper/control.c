/* vmm/keeper/control.c: the socket of --control. Read serve first. */
#include "vmm/keeper/control.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

enum { SOCKET_MODE = 0600 };
/* No number of a request: its answer comes from control_close. */
static const unsigned AT_THE_END = UINT_MAX;

void control_init(struct control *c)
{
	*c = (struct control){ .socket.fd = -1 };
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		c->client[i] = (struct control_client){ .control = c, .fd = -1 };
}

/* ---- answers ---- */

static bool answer_to(int fd, bool ok, const char *text)
{
	char word[] = "no ", newline[] = "\n";
	union {
		const char *given;
		char *taken;
	} rest = { .given = text };
	struct iovec parts[] = {
		{ word, 2 + (*text != '\0') },
		{ rest.taken, strlen(text) },
		{ newline, 1 },
	};
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
	size_t all = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;

	if (ok)
		memcpy(word, "ok", 2);
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)all;
}

static void drop(struct control_client *client)
{
	if (client->watched)
		loop_remove(client->control->loop, client->fd);
	(void)close(client->fd);
	*client = (struct control_client){ .control = client->control, .fd = -1 };
}

static void answer(struct control_client *client, bool ok, const char *text)
{
	client->asked = 0;
	if (!answer_to(client->fd, ok, text))
		drop(client);
}

/* ---- requests ---- */

/* A number, or else the name of a TAP. */
static bool find_nic(const struct machine_config *config, const char *word, unsigned *ret_index)
{
	unsigned count = config->nic_count, i = 0;

	if (word[0] >= '0' && word[0] < (char)('0' + count) && word[1] == '\0')
		i = (unsigned)(word[0] - '0');
	else
		while (i < count && strcmp(config->nic[i].tap.name, word) != 0)
			i++;
	*ret_index = i;
	return i < count;
}

/* The machine answers later. */
static struct err ask(struct control_client *client, const char *request)
{
	struct control *c = client->control;
	char text[REQUEST_LINE + 32];

	c->last = c->last == MESSAGE_NUMBER_MAX ? 1 : c->last + 1;
	(void)snprintf(text, sizeof(text), "ask %u %s", c->last, request);
	if (!child_tell(c->machine, text))
		return err_make(ERR_SETUP, 0, "the machine takes no messages now; ask again");
	client->asked = c->last;
	return err_none();
}

/* The guest's link is the host's and ours. */
static struct err set_link(struct control_client *client, unsigned index, bool up)
{
	struct nic_watch *w = &client->control->watch[index];
	bool before = w->off;
	char text[32];
	struct err e;

	w->off = !up;
	(void)snprintf(text, sizeof(text), "link %u %s", index,
		       watch_guest_link(w) ? "up" : "down");
	e = ask(client, text);
	if (err_is(e))
		w->off = before;
	else
		w->told = watch_guest_link(w);
	return e;
}

static struct err do_request(struct control_client *client, const struct request *r)
{
	struct control *c = client->control;
	char text[REQUEST_LINE];
	unsigned index = 0;

	if (r->nic != NULL && !find_nic(c->config, r->nic, &index))
		return err_make(ERR_USAGE, 0,
				"there is no NIC '%.64s'; it is a number below %u, or the name of "
				"a TAP",
				r->nic, c->config->nic_count);
	switch (r->verb) {
	case REQUEST_STATS: return ask(client, r->name);
	case REQUEST_LINK: return set_link(client, index, strcmp(r->value, "up") == 0);
	case REQUEST_RATE:
	case REQUEST_VHOST:
		(void)snprintf(text, sizeof(text), "%s %u %s", r->name, index, r->value);
		return ask(client, text);
	case REQUEST_STOP:
		c->stop = client->stop = true;
		client->asked = AT_THE_END;
		break;
	}
	return err_none();
}

static void take_line(struct control_client *client, char *line)
{
	struct request request;
	struct err e = request_parse(line, &request);

	if (!err_is(e))
		e = do_request(client, &request);
	if (err_is(e))
		answer(client, false, e.text);
}

/* ---- clients ---- */

/* The first line of what is held, which moves up. False: there is no whole one. */
static bool next_line(struct control_client *client, char ret_line[static REQUEST_LINE])
{
	char *end = memchr(client->bytes, '\n', client->held);
	size_t length;

	if (end == NULL)
		return false;
	length = (size_t)(end - client->bytes);
	for (size_t i = 0; i < length; i++)
		ret_line[i] = client->bytes[i] == '\0' ? '?' : client->bytes[i];
	ret_line[length] = '\0';
	client->held -= length + 1;
	memmove(client->bytes, end + 1, client->held);
	return true;
}

static void on_client(void *self, uint32_t epoll_events);

/* Takes the lines that are there, up to one whose answer is to come; until then none is read. */
static void serve(struct control_client *client)
{
	char line[REQUEST_LINE];
	bool idle;

	while (client->fd >= 0 && client->asked == 0 && next_line(client, line))
		take_line(client, line);
	if (client->fd < 0)
		return;
	idle = client->asked == 0;
	if (idle && client->held == sizeof(client->bytes)) {
		struct err e =
			err_make(ERR_USAGE, 0, "a line has up to %d characters", REQUEST_LINE - 1);

		(void)answer_to(client->fd, false, e.text);
		drop(client);
		return;
	}
	if (idle == client->watched)
		return;
	client->watched = idle;
	if (!idle)
		loop_remove(client->control->loop, client->fd);
	else if (err_is(loop_add(client->control->loop, client->fd, EPOLLIN, on_client, client)))
		drop(client);
}

static void on_client(void *self, uint32_t epoll_events)
{
	struct control_client *client = self;
	ssize_t got = recv(client->fd, client->bytes + client->held,
			   sizeof(client->bytes) - client->held, MSG_DONTWAIT);

	(void)epoll_events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(client);
		return;
	}
	client->held += (size_t)got;
	serve(client);
}

static void on_connect(void *self, uint32_t epoll_events)
{
	struct control *c = self;
	int fd = accept4(c->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct err e;

	(void)epoll_events;
	if (fd < 0)
		return;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->client[i].fd < 0) {
			c->client[i].fd = fd;
			serve(&c->client[i]);
			return;
		}
	}
	e = err_make(ERR_SETUP, 0, "%d clients are here already; end one of them", CONTROL_CLIENTS);
	(void)answer_to(fd, false, e.text);
	(void)close(fd);
}

void control_answer(struct control *c, unsigned number, bool ok, const char *text)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &c->client[i];

		if (client->fd < 0 || client->asked == 0 || client->asked != number)
			continue;
		answer(client, ok, text);
		serve(client);
		return;
	}
}

/* ---- life ---- */

struct err control_open(struct control *c, const char *path)
{
	return unix_socket_listen(&c->socket, "--control", path, SOCKET_MODE);
}

struct err control_watch(struct control *c, struct loop *loop, const struct machine_config *config,
			 struct nic_watch watch[], const struct machine_process *machine)
{
	c->loop = loop;
	c->config = config;
	c->watch = watch;
	c->machine = machine;
	return loop_add(loop, c->socket.fd, EPOLLIN, on_connect, c);
}

void control_close(struct control *c)
{
	unix_socket_close(&c->socket);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &c->client[i];

		if (client->fd >= 0 && client->asked != 0)
			answer(client, client->stop, client->stop ? "" : "the run has ended");
		if (client->fd >= 0)
			drop(client);
	}
}
