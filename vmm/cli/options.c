/* vmm/cli/options.c: one walk over the words of a command. */
#include "vmm/cli/options.h"

#include <assert.h>
#include <string.h>

const struct option *option_find(const struct option_table *table, const char *name, size_t length)
{
	for (unsigned i = 0; i < table->count; i++)
		if (strlen(table->rows[i].name) == length &&
		    memcmp(table->rows[i].name, name, length) == 0)
			return &table->rows[i];
	return NULL;
}

struct err option_take(const struct option_table *table, const struct option *row, uint64_t *seen,
		       const char *what, const char *value, void *into)
{
	uint64_t bit = (uint64_t)1 << (row - table->rows);
	struct err e;

	assert(table->count <= OPTIONS_MAX);
	if (row->value == NULL && value != NULL)
		return err_make(ERR_USAGE, 0, "%s takes no value", what);
	if (row->value != NULL && value == NULL)
		return err_make(ERR_USAGE, 0, "%s needs a value: %s", what, row->value);
	if (value != NULL && *value == '\0' && !row->may_be_empty)
		return err_make(ERR_USAGE, 0, "%s has an empty value; it takes %s", what,
				row->value);
	if ((*seen & bit) != 0 && !row->repeats)
		return err_make(ERR_USAGE, 0, "%s is given twice; leave one out", what);
	*seen |= bit;
	e = row->take(into, value);
	return err_is(e) ? err_within(e, "%s", what) : e;
}

static struct err unknown(const struct option_table *table, const char *word, size_t length)
{
	const char *near = nearest_option(table, word, length);

	if (near != NULL)
		return err_make(ERR_USAGE, 0, "unknown option %.*s; did you mean %s?", (int)length,
				word, near);
	return err_make(ERR_USAGE, 0, "unknown option %.*s; --help lists them", (int)length, word);
}

struct walk {
	const struct option_table *table;
	int count, at;
	char *const *words;
	void *into;
	uint64_t seen;
};

static struct err take_operand(struct walk *w, const char *word)
{
	const struct option *row;

	if (w->table->operand == NULL)
		return err_make(ERR_USAGE, 0, "'%.64s' is not expected here; options begin with --",
				word);
	row = option_find(w->table, w->table->operand, strlen(w->table->operand));
	assert(row != NULL);
	return option_take(w->table, row, &w->seen, row->name, word, w->into);
}

/* "--name value", "--name=value", "--flag" */
static struct err take_option(struct walk *w, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
	const struct option *row = option_find(w->table, word, length);
	const char *value = equals == NULL ? NULL : equals + 1;

	if (row == NULL)
		return unknown(w->table, word, length);
	if (value == NULL && row->value != NULL && w->at < w->count)
		value = w->words[w->at++];
	return option_take(w->table, row, &w->seen, row->name, value, w->into);
}

struct err options_parse(const struct option_table *table, int count, char *const words[],
			 void *into, bool *ret_help)
{
	struct walk w = { .table = table, .count = count, .words = words, .into = into };
	bool only_operands = false;

	*ret_help = false;
	while (w.at < count) {
		const char *word = words[w.at++];
		struct err e;

		if (!only_operands && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
			*ret_help = true;
			return err_none();
		}
		if (!only_operands && strcmp(word, "--") == 0) {
			only_operands = true;
			continue;
		}
		e = !only_operands && word[0] == '-' && word[1] != '\0' ? take_option(&w, word)
									: take_operand(&w, word);
		if (err_is(e))
			return e;
	}
	return err_none();
}
