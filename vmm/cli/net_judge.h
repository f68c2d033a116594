/* vmm/cli/net_judge.h: what one key of --net alone cannot know. */
#ifndef TAPVM_CLI_NET_JUDGE_H
#define TAPVM_CLI_NET_JUDGE_H

#include "vmm/keeper/keeper.h"

/* Notes beside it why vhost-net is not for the NIC, if it is not. */
struct err net_judge(struct nic_options *nic) MUST_USE;

#endif
