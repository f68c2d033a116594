/* vmm/keeper/signals.h: SIGINT, SIGTERM and SIGHUP as a descriptor. */
#ifndef TAPVM_KEEPER_SIGNALS_H
#define TAPVM_KEEPER_SIGNALS_H

#include <signal.h>

#include "devices/base/err.h"

struct signals {
	int fd; /* -1: not open */
	sigset_t mask_before;
	struct sigaction pipe_before, ttou_before, child_before;
};
void signals_init(struct signals *s);
/* What our parent has us ignore stays ignored (nohup, background jobs). */
struct err signals_open(struct signals *s) MUST_USE;
/* The next signal, or 0. */
unsigned signals_next(const struct signals *s);
void signals_close(struct signals *s);

#endif
