/* tests/host/fake_sys.h: a scripted kernel behind struct sys: what is in /dev, what the TUN/TAP
 * driver has, which call fails with which errno; and a record of every call as a line of text.
 * One a process. */
#ifndef TAPVM_TESTS_FAKE_SYS_H
#define TAPVM_TESTS_FAKE_SYS_H

#include <stdbool.h>

#include "devices/base/sys.h"

enum { FAKE_CALLS = 128, FAKE_LINE = 96, FAKE_FD = 1000 };

struct fake {
	/* The kernel. */
	bool dir, node;     /* /dev/net, and tun in it */
	unsigned features;  /* TUNGETFEATURES */
	unsigned offloads;  /* bits that TUNSETOFFLOAD takes */
	const char *picked; /* the name that TUNSETIFF gives back; NULL: the one asked for */
	int is_flags;       /* TUNGETIFF; -1: what TUNSETIFF was asked for */
	/* The record: "open /dev/net/tun", "TUNSETIFF vm0 0x5002", "close 1000". */
	unsigned call_count;
	char call[FAKE_CALLS][FAKE_LINE];
	int open_fds;   /* opened and not closed again */
	int bad_closes; /* of what was not open */
};

extern struct fake fake;
extern const struct sys fake_sys;

/* A kernel with node and driver, everything taken, nothing recorded. */
void fake_reset(void);
/* The nth call (from 1) whose line begins with `what` fails so. One at a time; err 0: none. */
void fake_fail(const char *what, unsigned nth, int err);
/* How many calls' lines begin so. */
unsigned fake_count(const char *what);
/* The place of the nth such call in the record, or -1. */
int fake_place(const char *what, unsigned nth);

#endif
