/* vmm/server/options.h: the options of tapvm-vhost-user. */
#ifndef TAPVM_SERVER_OPTIONS_H
#define TAPVM_SERVER_OPTIONS_H

#include "vmm/cli/options.h"
#include "vmm/keeper/net.h"

struct server_options {
	const char *socket; /* a path, or NULL */
	int fd;             /* the socket, listening or connected; -1: none */
	unsigned mode;      /* of the socket's file */
	bool has_mode;
	bool client; /* connect to it */
	bool inband, quiet, stats;
	bool has_net;
	struct nic_options nic;
	char *net_text;             /* cut up; nic points into it */
	bool capabilities, version; /* print them, and nothing else */
};

extern const struct option_table server_option_table;

void server_options_init(struct server_options *o);
void server_options_fini(struct server_options *o);
/* After the words. passed: systemd handed over a socket. */
struct err server_options_finish(struct server_options *o, bool passed) MUST_USE;

#endif
