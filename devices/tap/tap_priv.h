/* devices/tap/tap_priv.h: what the files of this room share. */
#ifndef TAPVM_TAP_TAP_PRIV_H
#define TAPVM_TAP_TAP_PRIV_H

#include "devices/tap/tap.h"

#define TUN_NODE "/dev/net/tun"

/* Sets everything again that a last user may have left in the device: header size, byte order,
 * offloads (which are tried, then off), filter, eBPF programs, send buffer, carrier. */
struct err tap_settle(const struct sys *sys, struct tap *tap) MUST_USE;

/* errno of a step in words: what was tried, on which TAP or TUN, why, and the command that mends
 * it. Looks at the host for more (rtnetlink for a device of another kind, /proc for who holds it).
 */
struct err explain_node(const char *what, const char *name, int err) MUST_USE; /* making it */
struct err explain_open(const char *what, const char *name, int err) MUST_USE;
struct err explain_attach(enum tap_kind kind, bool multi_queue, const char *name, int err) MUST_USE;
struct err explain_set(enum tap_kind kind, const char *what, const char *name, int err) MUST_USE;

/* Loads the program that steers by hash; tap->steers stays false where that may not be. */
void tap_steer_load(const struct sys *sys, struct tap *tap);

/* Which other process holds a TAP of this network namespace: "process 123 (qemu)", or "another
 * process". */
void tap_holder(const char *name, char *ret, size_t size);

#endif
