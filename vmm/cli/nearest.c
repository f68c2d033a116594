/* vmm/cli/nearest.c: what a mistyped word was meant to be. */
#include <string.h>

#include "vmm/cli/options.h"

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][WORD_MAX + 1]; /* two rows back, one back, now */

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[1][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		row[2][0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[2][j] = min3(row[1][j] + 1, row[2][j - 1] + 1,
					 row[1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[0][j - 2] + 1 < row[2][j])
				row[2][j] = row[0][j - 2] + 1;
		}
		memcpy(row[0], row[1], sizeof(row[0]));
		memcpy(row[1], row[2], sizeof(row[1]));
	}
	return row[1][b_len];
}

/* A word that a name begins with, or that begins with a name, is near whatever the lengths. */
static unsigned how_far(const char *name, const char *word, size_t length)
{
	size_t name_len = strlen(name), both = name_len < length ? name_len : length;

	if (both > strspn(word, "-") && memcmp(name, word, both) == 0)
		return 1;
	return edit_distance(name, name_len, word, length);
}

const char *nearest(const char *const names[], unsigned count, const char *word, size_t length)
{
	unsigned best = length < 4 ? 2 : length < 9 ? 3 : 4; /* this far off it is another word */
	const char *ret = NULL;

	for (unsigned i = 0; i < count; i++) {
		unsigned distance = how_far(names[i], word, length);

		if (distance < best) {
			best = distance;
			ret = names[i];
		}
	}
	return ret;
}

const char *nearest_option(const struct option_table *table, const char *word, size_t length)
{
	const char *names[OPTIONS_MAX];

	for (unsigned i = 0; i < table->count; i++)
		names[i] = table->rows[i].name;
	return nearest(names, table->count, word, length);
}
