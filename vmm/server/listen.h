/* vmm/server/listen.h: where front-ends come from: a socket that we make, one that we were handed,
 * or one that we connect to. One front-end at a time; others wait in the socket's queue. */
#ifndef TAPVM_SERVER_LISTEN_H
#define TAPVM_SERVER_LISTEN_H

#include <stdbool.h>

#include "devices/base/loop.h"
#include "vmm/keeper/unix_socket.h"
#include "vmm/server/options.h"

struct listen {
	struct loop *loop; /* lent */
	/* fd: that listens, or the one connection that was handed over; path NULL: it was. */
	struct unix_socket socket;
	bool client;
	int timer_fd; /* client: when to try again; -1 */
	bool once;    /* socket.fd is a connection: there is no other after it */
	/* A front-end is there: fd is the callee's. Nobody else comes until listen_next. */
	void (*come)(void *self, int fd);
	void *self;
};

/* systemd's way: the descriptor that it passed, or -1; several are refused. What it says of them
 * leaves the environment. */
struct err listen_passed(int *ret_fd) MUST_USE;
/* Fails early: a path in use, no right, no socket. Nobody comes before listen_next. */
struct err listen_open(struct listen *l, const struct server_options *o, int passed_fd) MUST_USE;
/* The next front-end may come. false: none will. */
bool listen_next(struct listen *l);
void listen_close(struct listen *l); /* takes what was never opened */

#endif
