/* vmm/keeper/message.c: messages of the machine. The machine has met the guest: what it says is
 * judged as a stranger's, and what is printed of it cannot drive a terminal. */
#include <stdlib.h>
#include <string.h>

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
	unsigned number = 0;
	unsigned digits = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++, digits++) {
		if (digits == 9)
			return false;
		number = number * 10 + (unsigned)(**at - '0');
	}
	if (digits == 0 || (**at != ' ' && **at != '\0'))
		return false;
	if (**at == ' ')
		(*at)++;
	*ret_number = number;
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
	rest = after(bytes, "running", ' ');
	return (struct message){ .kind = rest != NULL ? MESSAGE_RUNNING : MESSAGE_UNKNOWN,
				 .text = "" };
}
