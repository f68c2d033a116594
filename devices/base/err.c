/* devices/base/err.c: errors as values with words. */
#include "devices/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err err_none(void) { return (struct err){ .kind = ERR_NONE }; }

struct err err_make(enum err_kind kind, int sys_errno, const char *format, ...)
{
	struct err e = { .kind = kind, .sys_errno = sys_errno };
	va_list args;
	size_t used;

	va_start(args, format);
	(void)vsnprintf(e.text, sizeof(e.text), format, args);
	va_end(args);
	used = strlen(e.text);
	if (sys_errno != 0)
		(void)snprintf(e.text + used, sizeof(e.text) - used, ": %s", strerrordesc_np(sys_errno));
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
	used = strlen(outer.text);
	(void)snprintf(outer.text + used, sizeof(outer.text) - used, ": %.*s",
		       (int)(sizeof(outer.text) - 3), e.text);
	return outer;
}
