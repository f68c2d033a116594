/* vmm/cli/host_option.h: the keys of --net that say what is changed of the host beside the TAP. */
#ifndef TAPVM_CLI_HOST_OPTION_H
#define TAPVM_CLI_HOST_OPTION_H

#include "vmm/keeper/keeper.h"

/* For the table of net_option.c; into: a struct nic_options. */
struct err take_dhcp(void *into, const char *value) MUST_USE;
struct err take_nat(void *into, const char *value) MUST_USE;
struct err take_guest_ip(void *into, const char *value) MUST_USE;
struct err take_bridge(void *into, const char *value) MUST_USE;
/* Whether they go together with one another and with the rest. */
struct err host_option_judge(const struct nic_options *nic) MUST_USE;

#endif
