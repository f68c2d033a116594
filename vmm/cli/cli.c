/* vmm/cli/cli.c: from argv to a command, and what all commands do alike. */
#include <stdio.h>
#include <string.h>

#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/cli/start.h"

const struct command *const commands[COMMANDS] = { &command_run,    &command_ctl, &command_selftest,
						   &command_doctor, &command_net, &command_help };

static const char PROGRAM[] = "tapvm";

int command_fail(const struct err *e) { return end_with_error(PROGRAM, e); }
int command_printed(int status) { return end_printed(PROGRAM, status); }

bool command_options(const struct command *c, int count, char *const words[], void *into,
		     int *ret_status)
{
	bool help;
	struct err e = options_parse(c->options, count, words, into, &help);

	if (err_is(e)) {
		*ret_status = command_fail(&e);
		return false;
	}
	if (help) {
		help_command(c);
		*ret_status = command_printed(STATUS_DONE);
		return false;
	}
	return true;
}

const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

const char *command_nearest(const char *name)
{
	const char *names[COMMANDS];

	for (unsigned i = 0; i < COMMANDS; i++)
		names[i] = commands[i]->name;
	return nearest(names, COMMANDS, name, strlen(name));
}

static int unknown_word(const char *word)
{
	static const char *const options[] = { "--help", "--version" };
	bool is_option = word[0] == '-';
	const char *kind = is_option ? "option" : "command";
	const char *near = is_option ? nearest(options, ARRAY_LEN(options), word, strlen(word))
				     : command_nearest(word);
	struct err e = near == NULL
			       ? err_make(ERR_USAGE, 0, "unknown %s '%s'; tapvm --help lists them",
					  kind, word)
			       : err_make(ERR_USAGE, 0, "unknown %s '%s'; did you mean %s?", kind,
					  word, near);

	return command_fail(&e);
}

/* `tapvm --help` and `tapvm --version`, which stand alone. */
static int print_alone(int argc, char *const argv[], const char *version)
{
	if (argc > 2) {
		struct err e =
			err_make(ERR_USAGE, 0, "'%s' is not expected behind %s; leave it out",
				 argv[2], argv[1]);

		return command_fail(&e);
	}
	if (strcmp(argv[1], "--version") == 0)
		(void)printf("tapvm %s\n", version);
	else
		help_all();
	return command_printed(STATUS_DONE);
}

int cli_main(int argc, char *const argv[], const char *version, uint64_t started_ns)
{
	const struct command *c;

	if (argc < 2) {
		struct err e = err_make(ERR_USAGE, 0, "no command; tapvm --help lists them");

		return command_fail(&e);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "--version") == 0)
		return print_alone(argc, argv, version);
	c = command_find(argv[1]);
	if (c == NULL)
		return unknown_word(argv[1]);
	return c->run(c, argc - 2, argv + 2, started_ns);
}
