/* vmm/selftest/hosted.h: the guest's driver and checks as a thread of a process, over the same
 * device and the same TAP as in the virtual machine: for hosts without KVM. */
#ifndef TAPVM_SELFTEST_HOSTED_H
#define TAPVM_SELFTEST_HOSTED_H

#include "vmm/machine/machine.h"

/* In the place of machine_run: one NIC; config's append is a check's name (only=NAME) or empty;
 * no kernel, no KVM. The same messages to the keeper. */
void hosted_run(const struct machine_config *config);

#endif
