/* vmm/cli/run_options.h: the options of `tapvm run`, from words to what the keeper takes. */
#ifndef TAPVM_CLI_RUN_OPTIONS_H
#define TAPVM_CLI_RUN_OPTIONS_H

#include "vmm/cli/options.h"
#include "vmm/keeper/keeper.h"

struct run_options {
	struct keeper_options keeper;
	/* Cut up; the keeper's NICs and disks point into them. */
	char *net_text[NICS_MAX], *disk_text[DISKS_MAX];
	bool no_net, dry_run;
};

extern const struct option_table run_option_table;

void run_options_init(struct run_options *o);
void run_options_fini(struct run_options *o);
/* After the words: what one option alone cannot know, and what was left out. */
struct err run_options_finish(struct run_options *o) MUST_USE;

#endif
