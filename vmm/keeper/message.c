/* vmm/keeper/message.c: messages of the machine. The machine has met the guest: what it says is
 * judged as a stranger's, and what is printed of it cannot drive a terminal. */
#include <stdlib.h>
#include <string.h>

#include "devices/base/number.h"
#include "vmm/keeper/keeper_priv.h"

static void clean(char *text, bool lines)
{
	for (; *text != '\0'; text++)
		if ((*text < ' ' || *text > '~') && !(lines && *text == '\n'))
			*text = '?';
}

/* What follows "WORD" and one separator, or NULL if it is another word. */
static char *after(char *bytes, const char *word, char separator)
{
	size_t length = strlen(word);

	if (strncmp(bytes, word, length) != 0)
		return NULL;
	if (bytes[length] == '\0')
		return bytes + length;
	return bytes[length] == separator ? bytes + length + 1 : NULL;
}

/* A decimal number of up to 9 digits and the blank behind it; *at moves on. */
static bool take_number(char **at, unsigned *ret_number)
{
	const char *end = *at;
	uint64_t number = 0;

	if (number_take(&end, &number) != NUMBER_TAKEN || number > MESSAGE_NUMBER_MAX ||
	    (*end != ' ' && *end != '\0'))
		return false;
	*at += end - *at + (*end == ' ' ? 1 : 0);
	*ret_number = (unsigned)number;
	return true;
}

static struct message parse_error(char *rest)
{
	const struct message unknown = { .kind = MESSAGE_UNKNOWN, .text = "" };
	unsigned kind;

	if (!take_number(&rest, &kind) || (kind != ERR_USAGE && kind != ERR_SETUP))
		return unknown;
	return (struct message){ .kind = MESSAGE_ERROR,
				 .err_kind = (enum err_kind)kind,
				 .text = rest };
}

static struct message parse_end(char *rest)
{
	const struct message unknown = { .kind = MESSAGE_UNKNOWN, .text = "" };
	unsigned kind, value;

	if (!take_number(&rest, &kind) || !take_number(&rest, &value) || kind > MACHINE_END_ERROR)
		return unknown;
	if (kind == MACHINE_END_VERDICT && value > 63)
		return unknown;
	return (struct message){
		.kind = MESSAGE_END,
		.end = (enum machine_end)kind,
		.value = value,
		.text = rest,
	};
}

static struct message parse_answer(char *rest)
{
	const struct message unknown = { .kind = MESSAGE_UNKNOWN, .text = "" };
	unsigned id;
	char *text;
	bool ok;

	if (!take_number(&rest, &id))
		return unknown;
	text = after(rest, "ok", ' ');
	ok = text != NULL;
	if (!ok)
		text = after(rest, "no", ' ');
	if (text == NULL)
		return unknown;
	return (struct message){ .kind = MESSAGE_ANSWER, .value = id, .ok = ok, .text = text };
}

struct message message_parse(char *bytes, size_t length)
{
	char *rest;

	bytes[length] = '\0';
	rest = after(bytes, "stats", '\n');
	clean(bytes, rest != NULL);
	if (rest != NULL)
		return (struct message){ .kind = MESSAGE_STATS, .text = rest };
	rest = after(bytes, "log", ' ');
	if (rest != NULL)
		return (struct message){ .kind = MESSAGE_LOG, .text = rest };
	rest = after(bytes, "error", ' ');
	if (rest != NULL)
		return parse_error(rest);
	rest = after(bytes, "end", ' ');
	if (rest != NULL)
		return parse_end(rest);
	rest = after(bytes, "answer", ' ');
	if (rest != NULL)
		return parse_answer(rest);
	rest = after(bytes, "running", ' ');
	return (struct message){ .kind = rest != NULL ? MESSAGE_RUNNING : MESSAGE_UNKNOWN,
				 .text = "" };
}
