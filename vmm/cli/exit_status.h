/* vmm/cli/exit_status.h: the exit statuses of every command: the one table. tapvm(1) and `tapvm
 * --help` show it. Odd statuses of `tapvm run` are the guest's verdict: (v << 1) | 1. */
#ifndef TAPVM_CLI_EXIT_STATUS_H
#define TAPVM_CLI_EXIT_STATUS_H

#include "vmm/keeper/keeper.h"

enum exit_status {
	STATUS_DONE = 0, /* powered off, reset, quit by the escape or stopped by ctl; all well */
	STATUS_USAGE = 2,
	STATUS_SETUP = 4,
	STATUS_CRASH = 6,
	STATUS_PANIC = 8,
	STATUS_CHECK = 10,   /* selftest, doctor: a check failed */
	STATUS_REFUSED = 12, /* ctl: the run said no */
	STATUS_TIMEOUT = 124,
};

int status_of_error(const struct err *e);
/* Not for KEEPER_SIGNAL, which is raised again. */
int status_of_end(const struct keeper_end *end);

#endif
