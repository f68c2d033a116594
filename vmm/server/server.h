/* vmm/server/server.h: a NIC on a TAP, served to one vhost-user front-end after the other. */
#ifndef TAPVM_SERVER_SERVER_H
#define TAPVM_SERVER_SERVER_H

#include "vmm/server/options.h"

/* The name in front of each line on stderr. */
#define SERVER_NAME "tapvm-vhost-user"

/* Everything but options and exit status: returns at SIGTERM, SIGINT or SIGHUP, at the end of the
 * one connection that was handed over, or with what failed. */
struct err vhost_user_serve(const struct server_options *o, int passed_fd) MUST_USE;

#endif
