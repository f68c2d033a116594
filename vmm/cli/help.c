/* vmm/cli/help.c: the help, from the tables that the parser reads. */
#include <stdio.h>
#include <string.h>

#include "vmm/cli/command.h"
#include "vmm/cli/exit_status.h"
#include "vmm/cli/option_help.h"

/* clang-format off */
static const struct { int status; const char *meaning; } statuses[] = {
	{ STATUS_DONE, "the guest powered off or reset itself, or you stopped it; or all is well" },
	{ STATUS_USAGE, "bad usage" },
	{ STATUS_SETUP, "the host cannot do it: permissions, devices, memory, the kernel's file" },
	{ STATUS_CRASH, "the guest crashed (triple fault, failed entry)" },
	{ STATUS_PANIC, "the guest's kernel panicked" },
	{ STATUS_CHECK, "a check of selftest or doctor failed" },
	{ STATUS_REFUSED, "ctl: the run refused what it was asked" },
	{ STATUS_TIMEOUT, "--timeout ran out" },
};
/* clang-format on */

void help_all(void)
{
	(void)printf("tapvm: a virtual machine with virtio-net NICs on TAPs\n\n");
	for (unsigned i = 0; i < COMMANDS; i++) {
		int used = printf("  tapvm %s %s", commands[i]->name, commands[i]->synopsis);

		(void)printf("%*s%s\n", used < HELP_COLUMN ? HELP_COLUMN - used : 1, "",
			     commands[i]->summary);
	}
	(void)printf("  tapvm --version\n\nexit status:\n");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		(void)printf("  %-6d %s\n", statuses[i].status, statuses[i].meaning);
	(void)printf("  odd    run: the guest's verdict v from port 0xf4, as (v << 1) | 1\n"
		     "  SIGINT, SIGTERM and SIGHUP are raised again after the clean-up\n");
}

void help_command(const struct command *c)
{
	(void)printf("usage: tapvm %s %s\n%s\n", c->name, c->synopsis, c->summary);
	if (c->options->count > 0)
		(void)printf("\noptions:\n");
	help_rows(c->options, " ");
	if (c->remark != NULL) {
		(void)printf("\n%s\n", c->remark);
		help_net_keys();
	}
}
