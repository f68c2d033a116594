/* vmm/hostnet/hostnet.h: what a NIC changes of its host beside its own TAP: a port of a bridge,
 * forwarding and masquerading towards an uplink, a DHCP and name server for the one guest.
 *
 * Every change has three sides, in one table (change.c): how it is made, how it is taken back, and
 * the line that says so for --dry-run. Before a change is made it is noted under /run/tapvm who
 * makes it and what stood there; the last of its users takes it back. What a user that is gone left
 * (kill -9) is found by that note, and taken back by whoever comes next, or by `tapvm net clean`.
 * What ends by itself with us (the TAP, the server, a private namespace) is not noted.
 *
 * All in the calling thread's network namespace. Threads: one at a time. */
#ifndef TAPVM_HOSTNET_HOSTNET_H
#define TAPVM_HOSTNET_HOSTNET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "devices/tap/link.h"

enum { HOSTNET_ADDRESSES_MAX = 8 };

struct hostnet_wish {
	bool dhcp;          /* a server for the guest */
	bool nat;           /* the guest reaches what the uplink reaches */
	const char *uplink; /* of nat; NULL: where the default route goes */
	const char *bridge; /* the TAP becomes a port of it; NULL: of none */
	bool has_guest;
	struct in_addr guest; /* the guest's address; chosen if left out */
};

struct hostnet_nic {
	struct hostnet_wish wish;
	const char *tap;                 /* its interface */
	uint8_t mac[6];                  /* the guest's */
	const struct ip_prefix *address; /* of the TAP */
	unsigned address_count;          /* up to HOSTNET_ADDRESSES_MAX */
};

/* What can be told from the words alone: whether the wishes go together, and with these
 * addresses. */
struct err hostnet_judge(const struct hostnet_wish *w, const struct ip_prefix *address,
			 unsigned count) MUST_USE;
/* The guest's IPv4 address by DHCP or by its command line, and the TAP's own prefix that it lies
 * in. False: the TAP has no IPv4 address with room for one. */
bool hostnet_guest(const struct hostnet_nic *nic, struct in_addr *ret_guest,
		   struct ip_prefix *ret_tap);
/* With wish.has_guest: "ip=192.168.77.2::192.168.77.1:255.255.255.0::eth0:off:192.168.77.1", for
 * the command line of a Linux kernel whose NIC of that number this is. Else "". */
void hostnet_kernel_words(const struct hostnet_nic *nic, unsigned index, char *ret_text,
			  unsigned size);

struct hostnet;
/* Makes what the NIC wishes, when its TAP is there, up, and has its addresses; first of all takes
 * back what users that are gone left in this namespace. *ret stays NULL if nothing was wished.
 * ret_text: behind the line at start, ", masqueraded by eth0"; may come to be empty. */
struct err hostnet_open(const struct hostnet_nic *nic, struct hostnet **ret, char *ret_text,
			unsigned size) MUST_USE;
/* Takes it back, in the namespace of hostnet_open, whatever the calling thread's. Takes NULL. */
void hostnet_close(struct hostnet *h);

/* Says what hostnet_open would do, a line each with prefix in front. Changes nothing, and needs no
 * privilege. */
struct err hostnet_dry_run(const struct hostnet_nic *nic, const char *prefix, FILE *out) MUST_USE;

/* The programs of others that a wish takes. */
enum { HOSTNET_DNSMASQ, HOSTNET_NFT, HOSTNET_OVS, HOSTNET_PROGRAMS };
struct hostnet_program {
	const char *name, *package, *wish;
};
extern const struct hostnet_program hostnet_programs[HOSTNET_PROGRAMS];
/* Whether it is in PATH. */
bool hostnet_has(const struct hostnet_program *p);

/* Takes back what users that are gone left, in every network namespace that is to be found, and
 * says each on out. */
struct err hostnet_clean(FILE *out) MUST_USE;

#endif
