/* devices/base/err.c: errors as values with words. */
#include "devices/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { REASON_BYTES = 80 };

struct err err_none(void) { return (struct err){ .kind = ERR_NONE }; }

/* libc has no words for the numbers that the kernel keeps for itself; some drivers let them out. */
static void reason(int sys_errno, char ret[static REASON_BYTES])
{
	const char *words = strerrordesc_np(sys_errno);

	if (sys_errno == 0)
		ret[0] = '\0';
	else if (words != NULL)
		(void)snprintf(ret, REASON_BYTES, ": %s", words);
	else
		(void)snprintf(ret, REASON_BYTES, ": errno %d", sys_errno);
}

/* Names come from users and hosts: none of them breaks the line, nor steers the terminal. */
static void keep_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			*text = '?';
}

struct err err_make(enum err_kind kind, int sys_errno, const char *format, ...)
{
	struct err e = { .kind = kind, .sys_errno = sys_errno };
	char why[REASON_BYTES];
	va_list args;

	reason(sys_errno, why);
	va_start(args, format);
	(void)vsnprintf(e.text, sizeof(e.text) - strlen(why), format, args);
	va_end(args);
	keep_one_line(e.text);
	memcpy(e.text + strlen(e.text), why, strlen(why) + 1);
	return e;
}

struct err err_within(struct err e, const char *format, ...)
{
	struct err outer = { .kind = e.kind, .sys_errno = e.sys_errno };
	va_list args;
	size_t used;

	va_start(args, format);
	(void)vsnprintf(outer.text, sizeof(outer.text), format, args);
	va_end(args);
	keep_one_line(outer.text);
	used = strlen(outer.text);
	(void)snprintf(outer.text + used, sizeof(outer.text) - used, ": %.*s",
		       (int)(sizeof(outer.text) - 3), e.text);
	return outer;
}
