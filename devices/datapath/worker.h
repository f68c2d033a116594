/* devices/datapath/worker.h: a thread a queue pair, between rings and backend (contract 7). That of
 * a pair that is not active sleeps.
 *
 * Signals are blocked in them, but for SIGBUS.
 * worker_runner gives the struct runner_ops for net_create; the caller destroys after the
 * device. */
#ifndef TAPVM_DATAPATH_WORKER_H
#define TAPVM_DATAPATH_WORKER_H

#include "devices/net/net.h"

struct workers;

struct err workers_create(unsigned pairs, struct workers **ret_workers) MUST_USE;
void workers_destroy(struct workers *w); /* takes NULL; threads end */
/* Before the driver is up: whose pairs these threads serve. */
struct err workers_attach(struct workers *w, struct net *n) MUST_USE;
extern const struct runner_ops workers_runner; /* self is a struct workers */

#endif
