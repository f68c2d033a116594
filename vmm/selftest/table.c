/* vmm/selftest/table.c: rows are taken apart, joined over the buses, counted and printed. */
#include "vmm/selftest/table.h"

#include <string.h>

enum { LINE_MAX_BYTES = 512 };

static bool is(const char *word, const char *other) { return strcmp(word, other) == 0; }

static const char *const words[] = { "FAIL", "ok", "skip", "-" };
enum { WORDS = sizeof(words) / sizeof(words[0]) };

/* The first of `words` that any guest says: one failure fails the row, and it is skipped where it
 * was on each bus. */
static const char *overall(const struct table *t, const struct table_row *r)
{
	for (unsigned w = 0; w < WORDS; w++)
		for (unsigned b = 0; b < t->buses; b++)
			if (r->cell[b].told && is(r->cell[b].word, words[w]))
				return words[w];
	return "-";
}

/* Columns that are the same on each bus have the same to say. */
static bool differ(const struct table *t, const struct table_row *r)
{
	for (unsigned b = 1; b < t->buses; b++)
		if (memcmp(r->cell[b].layout, r->cell[0].layout, sizeof(r->cell[0].layout)) != 0)
			return true;
	return false;
}

static void print_head(struct table *t)
{
	if (t->headed)
		return;
	t->headed = true;
	(void)fprintf(t->out, "%-4s %-26s", "", "check");
	for (unsigned b = 0; b + 1 < t->buses; b++)
		(void)fprintf(t->out, " %-13s", t->bus[b]);
	(void)fprintf(t->out, " %s\n%-31s", t->bus[t->buses - 1], "");
	for (unsigned b = 0; b < t->buses; b++)
		(void)fprintf(t->out, " %-6s packed", "split");
	(void)fprintf(t->out, "\n");
}

static void print_row(struct table *t, struct table_row *r)
{
	const char *word = overall(t, r), *between = " ";
	bool each = differ(t, r) || is(word, "FAIL");

	print_head(t);
	t->passed += is(word, "ok");
	t->failed += is(word, "FAIL");
	t->skipped += is(word, "skip");
	(void)fprintf(t->out, "%-4s %-26s", word, r->name);
	for (unsigned b = 0; b < t->buses; b++)
		for (unsigned i = 0; i < TABLE_LAYOUTS; i++)
			(void)fprintf(t->out, " %-6s", r->cell[b].told ? r->cell[b].layout[i] : "");
	for (unsigned b = 0; b < (each ? t->buses : 1); b++) {
		if (!r->cell[b].told)
			continue;
		(void)fprintf(t->out, "%s%s%s%s", between, t->buses > 1 && each ? t->bus[b] : "",
			      t->buses > 1 && each ? ": " : "", r->cell[b].detail);
		between = "; ";
	}
	(void)fprintf(t->out, "\n");
	r->printed = true;
}

static struct table_row *find(struct table *t, const char *name)
{
	for (unsigned i = 0; i < t->rows; i++)
		if (is(t->row[i].name, name))
			return &t->row[i];
	if (t->rows == TABLE_ROWS)
		return NULL;
	t->row[t->rows] = (struct table_row){ 0 };
	(void)snprintf(t->row[t->rows].name, sizeof(t->row[0].name), "%s", name);
	return &t->row[t->rows++];
}

static bool is_row(const char *line)
{
	for (unsigned i = 0; i < WORDS; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(line, words[i], len) == 0 && line[len] == ' ')
			return true;
	}
	return false;
}

bool table_take(struct table *t, unsigned bus, const char *line)
{
	char copy[LINE_MAX_BYTES], *rest = copy;
	const char *field[2 + TABLE_LAYOUTS];
	struct table_cell *cell;
	struct table_row *row;

	if (!is_row(line))
		return false;
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (unsigned i = 0; i < 2 + TABLE_LAYOUTS; i++) {
		const char *next = strsep(&rest, " ");

		field[i] = next != NULL ? next : "";
	}
	row = find(t, field[1]);
	if (row == NULL)
		return false;
	cell = &row->cell[bus];
	cell->told = true;
	(void)snprintf(cell->word, sizeof(cell->word), "%s", field[0]);
	for (unsigned i = 0; i < TABLE_LAYOUTS; i++)
		(void)snprintf(cell->layout[i], sizeof(cell->layout[i]), "%s", field[2 + i]);
	(void)snprintf(cell->detail, sizeof(cell->detail), "%s", rest != NULL ? rest : "");
	if (bus + 1 == t->buses)
		print_row(t, row);
	return true;
}

void table_end(struct table *t)
{
	for (unsigned i = 0; i < t->rows; i++)
		if (!t->row[i].printed)
			print_row(t, &t->row[i]);
}
