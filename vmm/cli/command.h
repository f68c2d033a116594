/* vmm/cli/command.h: the commands, one row each. */
#ifndef TAPVM_CLI_COMMAND_H
#define TAPVM_CLI_COMMAND_H

#include <stdint.h>

#include "vmm/cli/options.h"

struct command {
	const char *name, *summary;
	const char *synopsis; /* behind the name */
	const struct option_table *options;
	const char *remark; /* above the keys of --net; NULL: it has none */
	/* words: those behind the command's name. ret: the exit status. */
	int (*run)(const struct command *c, int count, char *const words[], uint64_t started_ns);
};

extern const struct command command_run, command_ctl, command_selftest, command_doctor, command_net,
	command_help;
enum { COMMANDS = 6 };
extern const struct command *const commands[COMMANDS];

/* All of main: argv as main has it. */
int cli_main(int argc, char *const argv[], const char *version, uint64_t started_ns);

/* ---- for commands ---- */
/* Prints "tapvm: TEXT" to stderr; ret: the exit status. */
int command_fail(const struct err *e);
/* Parses; true: go on. False: help or an error was printed, *ret_status is the exit status. */
bool command_options(const struct command *c, int count, char *const words[], void *into,
		     int *ret_status);
/* Whether what was printed has arrived; if not, says so. */
int command_printed(int status);
const struct command *command_find(const char *name);
const char *command_nearest(const char *name);

/* ---- help.c ---- */
void help_all(void);
void help_command(const struct command *c);

#endif
