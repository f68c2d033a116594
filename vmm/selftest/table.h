/* vmm/selftest/table.h: the table that the self test prints: a row a check, of one guest or of one
 * on each bus, one after the other; then a row waits for the last of them. */
#ifndef TAPVM_SELFTEST_TABLE_H
#define TAPVM_SELFTEST_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { TABLE_BUSES = 2, TABLE_LAYOUTS = 2, TABLE_ROWS = 128, TABLE_DETAIL = 400 };

/* What one guest says of a check. */
struct table_cell {
	bool told;
	char word[8]; /* "ok", "FAIL", "skip" or "-": of the whole */
	char layout[TABLE_LAYOUTS][8];
	char detail[TABLE_DETAIL];
};

struct table_row {
	char name[32];
	struct table_cell cell[TABLE_BUSES];
	bool printed;
};

struct table {
	FILE *out;
	const char
		*bus[TABLE_BUSES]; /* names, in the order in which guests run; the first `buses` */
	unsigned buses;
	struct table_row row[TABLE_ROWS]; /* in the order in which they were first told */
	unsigned rows;
	bool headed;
	unsigned passed, failed, skipped;
};

/* "WORD NAME COLUMN COLUMN detail" (docs/selftest.md), of that bus's guest. false: it is no row. */
bool table_take(struct table *t, unsigned bus, const char *line);
/* Prints what waits for a guest that will not tell any more. */
void table_end(struct table *t);

#endif
