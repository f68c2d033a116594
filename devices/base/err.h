/* devices/base/err.h: errors as values with words.
 *
 * A function that can fail for a reason that a user can mend returns a struct err by value: what
 * was tried, on which object, why, and what to do about it. It is printed once, in vmm/cli.
 * Out parameters are named ret_x, come last, and stay untouched on failure.
 * In a packet loop errors are enums and counters instead. */
#ifndef TAPVM_BASE_ERR_H
#define TAPVM_BASE_ERR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum err_kind {
	ERR_NONE,
	ERR_USAGE, /* the user's words are wrong: options, names, addresses */
	ERR_SETUP, /* the host cannot do it: permissions, devices, memory, a broken image */
};

struct err {
	enum err_kind kind;
	int sys_errno;  /* 0 if no system call failed */
	char text[512]; /* one line, no newline at its end; control characters became '?' */
};

static inline bool err_is(struct err e) { return e.kind != ERR_NONE; }
struct err err_none(void);

/* The text ends with ": " and sys_errno in words if sys_errno is not 0. A long one loses its
 * middle: its beginning says what was tried, its end why not and what mends it. */
struct err err_make(enum err_kind kind, int sys_errno, const char *format, ...) MUST_USE
	PRINTF_LIKE(3, 4);
/* Puts "where: " in front of e's text, keeps the rest. */
struct err err_within(struct err e, const char *format, ...) MUST_USE PRINTF_LIKE(2, 3);
/* Control characters of text become '?': for whatever else prints a name that is not ours. */
void err_one_line(char *text);

#endif
