/* vmm/selftest/back_end.h: our vhost-user server as a process, the program beside this one. */
#ifndef TAPVM_SELFTEST_BACK_END_H
#define TAPVM_SELFTEST_BACK_END_H

#include <stdbool.h>
#include <sys/types.h>

#include "devices/base/err.h"

/* Where it listens: a name of the network namespace, no file. */
#define BACK_END_SOCKET "tapvm-vhost-user"

struct back_end {
	pid_t pid; /* -1: not started */
};
/* The TAP's descriptor stays the caller's. */
struct err back_end_start(struct back_end *b, int tap_fd, bool stats) MUST_USE;
void back_end_stop(struct back_end *b);

#endif
