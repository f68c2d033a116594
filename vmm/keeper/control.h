/* vmm/keeper/control.h: the socket of --control, where a running machine is asked and told. A line
 * in is a request (request.h), a line out its answer: "ok", with what was asked for behind it, or
 * "no" and why not. A client's requests are answered one by one, in their order.
 *
 * No client holds up anybody: one whose line is too long, or that does not read its answers, is cut
 * off. */
#ifndef TAPVM_KEEPER_CONTROL_H
#define TAPVM_KEEPER_CONTROL_H

#include <stddef.h>

#include "devices/base/loop.h"
#include "vmm/keeper/keeper.h"
#include "vmm/keeper/net.h"
#include "vmm/keeper/request.h"
#include "vmm/keeper/unix_socket.h"

enum { CONTROL_CLIENTS = 8 };
struct control_client {
	struct control *control;
	int fd;         /* -1: nobody */
	bool watched;   /* its lines are read */
	unsigned asked; /* the request that is not answered yet, and keeps the next; 0: none */
	bool stop;      /* which is to stop */
	size_t held;
	char bytes[REQUEST_LINE];
};
struct control {
	struct unix_socket socket;
	struct loop *loop;
	const struct machine_config *config; /* which NICs there are */
	struct nic_watch *watch;
	const struct machine_process *machine;
	unsigned last; /* number of a request */
	bool stop;     /* somebody asked for it */
	struct control_client client[CONTROL_CLIENTS];
};

void control_init(struct control *c);
/* Makes the socket: a path in use is found out early. Who connects waits for control_watch. */
struct err control_open(struct control *c, const char *path) MUST_USE;
/* Serves clients from here on; all is lent. */
struct err control_watch(struct control *c, struct loop *loop, const struct machine_config *config,
			 struct nic_watch watch[], const struct machine_process *machine) MUST_USE;
/* The machine's to the request of that number, if there is still somebody who asked. */
void control_answer(struct control *c, unsigned number, bool ok, const char *text);
/* Last of all in a run: who asked to stop hears that it is over. Takes what was never opened. */
void control_close(struct control *c);

#endif
