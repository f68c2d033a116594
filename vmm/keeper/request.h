/* vmm/keeper/request.h: a line to the socket of --control, as tapvm-ctl(1) has it. Pure. */
#ifndef TAPVM_KEEPER_REQUEST_H
#define TAPVM_KEEPER_REQUEST_H

#include <stdbool.h>

#include "devices/base/err.h"

enum { REQUEST_LINE = 256 }; /* with its newline */
enum request_verb { REQUEST_STATS, REQUEST_LINK, REQUEST_RATE, REQUEST_VHOST, REQUEST_STOP };
struct request {
	enum request_verb verb;
	const char *name;  /* the verb's */
	const char *nic;   /* as it was written: a number, or a TAP's name; NULL: it takes none */
	const char *value; /* likewise */
};
/* line: without its newline; it is cut up, and *ret_request points into it. */
struct err request_parse(char *line, struct request *ret_request) MUST_USE;

#endif
