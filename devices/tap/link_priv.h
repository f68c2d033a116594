/* devices/tap/link_priv.h: one request, one answer, for link.c and the other link_*.c. */
#ifndef TAPVM_TAP_LINK_PRIV_H
#define TAPVM_TAP_LINK_PRIV_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "devices/tap/link.h"

enum { LINK_BUFFER = 8192 };

struct link {
	struct mnl_socket *socket;
	unsigned sequence;
	char buffer[LINK_BUFFER]; /* the request, then its answer */
};

static inline size_t ip_address_bytes(const struct ip_prefix *p)
{
	return p->family == AF_INET ? 4 : 16;
}

/* Begins a request of this type in l->buffer. */
struct nlmsghdr *link_request(struct link *l, uint16_t type, uint16_t flags);
/* Sends it and waits for its end; answers (if cb is not NULL) go to cb. Returns 0 or an errno. */
int link_talk(struct link *l, struct nlmsghdr *h, mnl_cb_t cb, void *self);
/* The index of an interface of this namespace, or an error in words. */
struct err link_index(struct link *l, const char *name, unsigned *ret_index) MUST_USE;
struct err link_error(int why, const char *what, const char *name) MUST_USE;

#endif
