/* vmm/cli/option_help.h: the help of options, from the tables that the parser reads: to stdout. */
#ifndef TAPVM_CLI_OPTION_HELP_H
#define TAPVM_CLI_OPTION_HELP_H

#include "vmm/cli/options.h"

enum { HELP_COLUMN = 32 };

/* A row each; `between` stands between a name and its value. */
void help_rows(const struct option_table *table, const char *between);
/* The keys of --net, and the features of the device behind them. */
void help_net_keys(void);

#endif
