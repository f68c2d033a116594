/* vmm/cli/disk_option.h: the value of --disk. */
#ifndef TAPVM_CLI_DISK_OPTION_H
#define TAPVM_CLI_DISK_OPTION_H

#include "vmm/cli/options.h"
#include "vmm/keeper/keeper.h"

/* FILE[,ro|snapshot]. text is cut at its commas, and must live as long as *ret_disk. */
struct err disk_option_parse(char *text, struct disk_options *ret_disk) MUST_USE;

#endif
