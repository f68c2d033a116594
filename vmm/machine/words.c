/* vmm/machine/words.c: messages from and to the keeper, one datagram each. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/base/number.h"
#include "vmm/machine/parts.h"

enum { TEXT_BYTES = 16384 };

/* A keeper that is gone is seen by words_take. */
static void say(const struct machine_config *config, const char *text, size_t len)
{
	ssize_t done = send(config->keeper_fd, text, len, MSG_NOSIGNAL);

	(void)done;
}

void words_tell(const struct machine_config *config, const char *format, ...)
{
	char text[600];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = (int)sizeof(text) - 1;
	say(config, text, (size_t)n);
}

void words_tell_stats(const struct machine_config *config, const struct running *r)
{
	char *text = malloc(TEXT_BYTES);

	if (text == NULL)
		return;
	memcpy(text, "stats\n", 6);
	stats_text(r, text + 6, TEXT_BYTES - 6);
	say(config, text, strlen(text));
	free(text);
}

static void answer(const struct machine_config *config, const struct running *r, unsigned id,
		   const char *request)
{
	char *text = malloc(TEXT_BYTES);
	struct text rest = { text, TEXT_BYTES };
	struct err e;

	if (text == NULL) {
		words_tell(config, "answer %u no out of memory", id);
		return;
	}
	text_say(&rest, "answer %u ok ", id);
	e = request_do(r, request, &rest);
	if (err_is(e))
		words_tell(config, "answer %u no %s", id, e.text);
	else
		say(config, text, strlen(text));
	free(text);
}

/* "ask ID REQUEST"; NULL: it is none. */
static const char *asked(const char *text, unsigned *ret_id)
{
	const char *at = text + 4;
	uint64_t id = 0;

	if (strncmp(text, "ask ", 4) != 0 || number_take(&at, &id) != NUMBER_TAKEN ||
	    id > UINT_MAX || *at != ' ')
		return NULL;
	*ret_id = (unsigned)id;
	return at + 1;
}

/* Nobody waits for an answer. */
static void unasked(const struct running *r, const char *request)
{
	char nothing[1] = "";
	struct err e = request_do(r, request, &(struct text){ nothing, sizeof(nothing) });

	(void)e;
}

bool words_take(const struct machine_config *config, const struct running *r)
{
	char text[REQUEST_BYTES + sizeof("ask 999999999")];
	ssize_t got = recv(config->keeper_fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	const char *request;
	unsigned id;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0)
		return false;
	text[got] = '\0';
	if (strcmp(text, "stop") == 0)
		return false;
	request = asked(text, &id);
	if (request != NULL)
		answer(config, r, id, request);
	else
		unasked(r, text);
	return true;
}
