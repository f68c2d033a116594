/* devices/base/err.c: errors as values with words. */
#include "devices/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Words are formatted whole before they are cut to what a struct err holds. */
enum { REASON_BYTES = 80, WHOLE_BYTES = 8192 };

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
void err_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			*text = '?';
}

/* Of what is too long the middle goes: that is a name, and what mends it stands at the end. */
static void set_text(struct err *e, const char *whole)
{
	static const char gap[] = " ... ";
	size_t length = strlen(whole), room = sizeof(e->text) - sizeof(gap), head = room / 2;

	if (length < sizeof(e->text))
		memcpy(e->text, whole, length + 1);
	else
		(void)snprintf(e->text, sizeof(e->text), "%.*s%s%s", (int)head, whole, gap,
			       whole + length - (room - head));
	err_one_line(e->text);
}

struct err err_make(enum err_kind kind, int sys_errno, const char *format, ...)
{
	struct err e = { .kind = kind, .sys_errno = sys_errno };
	char whole[WHOLE_BYTES + REASON_BYTES], why[REASON_BYTES];
	va_list args;

	reason(sys_errno, why);
	va_start(args, format);
	(void)vsnprintf(whole, WHOLE_BYTES, format, args);
	va_end(args);
	memcpy(whole + strlen(whole), why, strlen(why) + 1);
	set_text(&e, whole);
	return e;
}

struct err err_within(struct err e, const char *format, ...)
{
	struct err outer = { .kind = e.kind, .sys_errno = e.sys_errno };
	char whole[WHOLE_BYTES + sizeof(e.text) + 2];
	va_list args;
	size_t used;

	va_start(args, format);
	(void)vsnprintf(whole, WHOLE_BYTES, format, args);
	va_end(args);
	used = strlen(whole);
	(void)snprintf(whole + used, sizeof(whole) - used, ": %s", e.text);
	set_text(&outer, whole);
	return outer;
}
