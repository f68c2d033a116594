/* devices/base/log.c: lines with a limit. */
#include "devices/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_INTERVAL_NS = 1000000000 };

void log_limited(const struct log *log, struct log_limit *limit, const char *format, ...)
{
	uint64_t now = clock_now_ns(log->clock != NULL ? log->clock : &clock_host);
	char text[400];
	size_t used;
	va_list args;

	if (limit->last_ns != 0 && now - limit->last_ns < LOG_INTERVAL_NS) {
		limit->held_back++;
		return;
	}
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	used = strlen(text);
	if (limit->held_back > 0)
		(void)snprintf(text + used, sizeof(text) - used, " (and %lu more like it)",
			       limit->held_back);
	/* 0 means "never": a clock that really says 0 is moved on by one. */
	*limit = (struct log_limit){ .last_ns = now != 0 ? now : 1 };
	if (log->line != NULL)
		log->line(log->self, text);
}
