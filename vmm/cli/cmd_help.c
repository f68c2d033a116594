/* vmm/cli/cmd_help.c: tapvm help [COMMAND] */
#include <stddef.h>

#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"

static struct err take_command(void *into, const char *value)
{
	const struct command **c = into;

	*c = command_find(value);
	if (*c == NULL) {
		const char *near = command_nearest(value);

		if (near != NULL)
			return err_make(ERR_USAGE, 0, "unknown command '%.64s'; did you mean %s?",
					value, near);
		return err_make(ERR_USAGE, 0, "unknown command '%.64s'; tapvm --help lists them",
				value);
	}
	return err_none();
}

static const struct option rows[] = {
	{ .name = "COMMAND", .value = "", .take = take_command, .help = "the command to explain" },
};
static const struct option_table table = { .rows = rows,
					   .count = ARRAY_LEN(rows),
					   .operand = "COMMAND" };

static int run(const struct command *self, int count, char *const words[], uint64_t started_ns)
{
	const struct command *c = NULL;
	int status;

	(void)started_ns;
	if (!command_options(self, count, words, &c, &status))
		return status;
	if (c == NULL)
		help_all();
	else
		help_command(c);
	return command_printed(STATUS_DONE);
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "explains a command and its options",
	.options = &table,
	.run = run,
};
