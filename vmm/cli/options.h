/* vmm/cli/options.h: options as tables. One table gives the parser, the help and the suggestions.
 * Pure: no output, no file, no system call. */
#ifndef TAPVM_CLI_OPTIONS_H
#define TAPVM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/base/err.h"

struct option {
	const char *name;  /* "--memory"; inside --net: "mac" */
	const char *value; /* what to call its value in the help; NULL: a flag, which takes none */
	const char *help;
	bool repeats, may_be_empty;
	bool with_fd; /* inside --net: goes together with fd= */
	struct err (*take)(void *into, const char *value); /* value: NULL for a flag */
};

enum { OPTIONS_MAX = 64 };
struct option_table {
	const struct option *rows;
	unsigned count;      /* up to OPTIONS_MAX */
	const char *operand; /* the option that a bare word stands for; NULL: none is taken */
};

/* The words behind the command's name. Words are taken by reference. *ret_help: --help was among
 * them, and nothing else counts. */
struct err options_parse(const struct option_table *table, int count, char *const words[],
			 void *into, bool *ret_help) MUST_USE;

/* The row of that name, or NULL. */
const struct option *option_find(const struct option_table *table, const char *name, size_t length);
/* Checks value and repetition (*seen: a bit a row), then takes it. what: "--memory", "mac=". */
struct err option_take(const struct option_table *table, const struct option *row, uint64_t *seen,
		       const char *what, const char *value, void *into) MUST_USE;

/* ---- suggestions ---- */
enum { WORD_MAX = 40 };
/* Inserts, deletions, changes and swaps of neighbours from a to b; WORD_MAX if one is longer than
 * that. */
unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len);
/* The name nearest to word, or NULL if none is near. */
const char *nearest(const char *const names[], unsigned count, const char *word, size_t length);
const char *nearest_option(const struct option_table *table, const char *word, size_t length);

#endif
