/* vmm/cli/cmd_net.c: tapvm net clean */
#include <stdio.h>
#include <string.h>

#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/hostnet/hostnet.h"

static struct err take_action(void *into, const char *value)
{
	bool *clean = into;

	*clean = strcmp(value, "clean") == 0;
	if (!*clean)
		return err_make(ERR_USAGE, 0, "'%.64s' is not what can be done; clean is", value);
	return err_none();
}

static const struct option rows[] = {
	{ .name = "clean",
	  .value = "",
	  .take = take_action,
	  .help = "take back what runs that were killed changed of the host's network" },
};
static const struct option_table table = { .rows = rows,
					   .count = ARRAY_LEN(rows),
					   .operand = "clean" };

static int run(const struct command *self, int count, char *const words[], uint64_t started_ns)
{
	bool clean = false;
	int status;
	struct err e;

	(void)started_ns;
	if (!command_options(self, count, words, &clean, &status))
		return status;
	e = clean ? hostnet_clean(stdout)
		  : err_make(ERR_USAGE, 0, "net: nothing to do; write tapvm net clean");
	return err_is(e) ? command_fail(&e) : command_printed(STATUS_DONE);
}

const struct command command_net = {
	.name = "net",
	.synopsis = "clean",
	.summary = "takes back what runs that were killed left of the host's network",
	.options = &table,
	.run = run,
};
