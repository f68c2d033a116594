/* devices/tap/netns.h: network namespaces: by name, or a private one.
 * Threads: enters change the calling thread only. */
#ifndef TAPVM_TAP_NETNS_H
#define TAPVM_TAP_NETNS_H

#include "devices/base/err.h"

/* Opens /run/netns/NAME (or a path with a slash). */
struct err netns_open(const char *name, int *ret_fd) MUST_USE;
struct err netns_current(int *ret_fd) MUST_USE;
/* A new, unnamed one, which lives as long as its descriptor and what is in it. The calling thread
 * is back in its old one on return. Loopback is up. */
struct err netns_private(int *ret_fd) MUST_USE;
struct err netns_enter(int fd) MUST_USE;
/* For an ordinary user: a user and a network namespace of our own, with us as root in them; the
 * calling process moves into both for good. */
struct err netns_become_root(void) MUST_USE;

#endif
