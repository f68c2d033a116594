/* devices/base/log.c: lines with a limit. */
#include "devices/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_INTERVAL_NS = 1000000000 };

void log_limited(const struct log *log, struct log_limit *limit, const char *format, ...)
{
	uint64_t now = clock_now_ns(log->clock != NULL ? log->clock : &clock_host);
	char text[400], count[60] = "";
	va_list args;

	if (now == 0)
		now = 1; /* in last_ns 0 means "never" */
	if (limit->last_ns != 0 && now - limit->last_ns < LOG_INTERVAL_NS) {
		limit->held_back++;
		return;
	}
	if (limit->held_back > 0)
		(void)snprintf(count, sizeof(count), " (and %lu more like it)", limit->held_back);
	/* The count says that it is a storm: a long line is cut in front of it. */
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text) - strlen(count), format, args);
	va_end(args);
	memcpy(text + strlen(text), count, strlen(count) + 1);
	*limit = (struct log_limit){ .last_ns = now };
	if (log->line != NULL)
		log->line(log->self, text);
}
