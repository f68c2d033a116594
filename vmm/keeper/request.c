/* vmm/keeper/request.c: a line to the socket of --control: a row a request. */
#include "vmm/keeper/request.h"

#include <string.h>

enum { WORDS_MAX = 3, VALUES_MAX = 2 };

static const struct {
	const char *name;
	unsigned words; /* with its name; from 2 on the second is a NIC */
	const char *form;
	const char *values[VALUES_MAX]; /* NULL: any */
} rows[] = {
	[REQUEST_STATS] = { "stats", 1, "stats", { NULL } },
	[REQUEST_LINK] = { "link", 3, "link NIC up|down", { "up", "down" } },
	[REQUEST_RATE] = { "rate", 3, "rate NIC [rx:|tx:]BITS[/BURST]|off", { NULL } },
	[REQUEST_VHOST] = { "vhost", 3, "vhost NIC on|off", { "on", "off" } },
	[REQUEST_STOP] = { "stop", 1, "stop", { NULL } },
};

/* Cuts line at its blanks. ret: how many words, also of those that are too many. */
static unsigned cut(char *line, char *ret_words[static WORDS_MAX])
{
	unsigned count = 0;
	char *word;

	while ((word = strsep(&line, " ")) != NULL) {
		if (*word == '\0')
			continue;
		if (count < WORDS_MAX)
			ret_words[count] = word;
		count++;
	}
	return count;
}

static struct err judge_value(enum request_verb verb, const char *value)
{
	const char *const *values = rows[verb].values;

	if (values[0] == NULL)
		return err_none();
	for (unsigned i = 0; i < VALUES_MAX; i++)
		if (strcmp(values[i], value) == 0)
			return err_none();
	return err_make(ERR_USAGE, 0, "%s: '%.64s' is neither %s nor %s", rows[verb].name, value,
			values[0], values[1]);
}

static struct err judge_text(const char *line)
{
	for (; *line != '\0'; line++)
		if ((unsigned char)*line < ' ' || *line == '\x7f')
			return err_make(ERR_USAGE, 0,
					"control characters in '%.64s'; a request is words with "
					"blanks between them",
					line);
	return err_none();
}

struct err request_parse(char *line, struct request *ret_request)
{
	char nothing[] = "";
	char *words[WORDS_MAX] = { nothing };
	unsigned count, verb = 0;
	struct err e = judge_text(line);

	if (err_is(e))
		return e;
	count = cut(line, words);
	while (verb < ARRAY_LEN(rows) && strcmp(rows[verb].name, words[0]) != 0)
		verb++;
	if (verb == ARRAY_LEN(rows))
		return err_make(ERR_USAGE, 0,
				"unknown request '%.64s'; it is stats, link, rate, vhost or stop",
				words[0]);
	if (rows[verb].words != count)
		return err_make(ERR_USAGE, 0, "%s takes other words; write it like %s",
				rows[verb].name, rows[verb].form);
	*ret_request = (struct request){ .verb = (enum request_verb)verb,
					 .name = rows[verb].name,
					 .nic = words[1],
					 .value = words[2] };
	return count == WORDS_MAX ? judge_value(ret_request->verb, words[2]) : err_none();
}
