/* vmm/cli/net_switch.h: the features of a NIC as keys of --net. */
#ifndef TAPVM_CLI_NET_SWITCH_H
#define TAPVM_CLI_NET_SWITCH_H

#include "devices/net/features.h"
#include "vmm/keeper/keeper.h"

/* The feature of that name, or NULL. */
const struct net_feature *net_switch_find(const char *name, size_t length);
struct err net_switch_take(const struct net_feature *f, const char *value,
			   struct nic_options *nic) MUST_USE;

#endif
