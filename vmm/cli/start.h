/* vmm/cli/start.h: what every program of ours does first. */
#ifndef TAPVM_CLI_START_H
#define TAPVM_CLI_START_H

/* Standard descriptors that are closed become /dev/null: else the next file we open would be
 * stdout. */
void start_standard_descriptors(void);

#endif
