/* vmm/machine/words.c: messages from and to the keeper, one datagram each. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

void words_tell_stats(const struct machine_config *config, const struct nic *nics,
		      const struct ram *ram, uint64_t serial_lost)
{
	const struct stats_request r = { nics, config->nic_count, ram, config->started_ns,
					 serial_lost };
	char *text = malloc(TEXT_BYTES);

	if (text == NULL)
		return;
	memcpy(text, "stats\n", 6);
	stats_text(&r, text + 6, TEXT_BYTES - 6);
	say(config, text, strlen(text));
	free(text);
}

bool words_take(const struct machine_config *config, const struct nic *nics)
{
	char text[64], state[8];
	unsigned index;
	ssize_t got = recv(config->keeper_fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0)
		return false;
	text[got] = '\0';
	if (sscanf(text, "link %u %7s", &index, state) == 2 && index < config->nic_count)
		net_set_link(nics[index].net, strcmp(state, "up") == 0);
	return strcmp(text, "stop") != 0;
}
