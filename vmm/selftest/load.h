/* vmm/selftest/load.h: many datagrams each way, none lost: the sender never runs ahead of what
 * the other side has acknowledged by more than a window (a UDP send to a full TAP says ok). */
#ifndef TAPVM_SELFTEST_LOAD_H
#define TAPVM_SELFTEST_LOAD_H

#include "vmm/selftest/selftest_priv.h"

void load_flood(struct server *s, int fd, unsigned count, unsigned size, unsigned window,
		char *ret_text, size_t text_size);
/* A datagram each of `count` flows, which differ in the port that they come from. NULL: sent. */
const char *load_flows(unsigned count);
void load_sink_ready(struct server *s, struct background *b);

#endif
