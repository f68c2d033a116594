/* vmm/cli/net_option.h: the value of --net. */
#ifndef TAPVM_CLI_NET_OPTION_H
#define TAPVM_CLI_NET_OPTION_H

#include "vmm/cli/options.h"
#include "vmm/keeper/keeper.h"

extern const struct option_table net_option_table;

/* `--net tap`: a TAP of its own, nothing said. */
struct nic_options net_option_default(void);
/* text is cut at its commas, and must live as long as *ret_nic. */
struct err net_option_parse(char *text, struct nic_options *ret_nic) MUST_USE;

#endif
