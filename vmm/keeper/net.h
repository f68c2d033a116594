/* vmm/keeper/net.h: a NIC's TAP in the namespace that its options name, and the host's link state.
 */
#ifndef TAPVM_KEEPER_NET_H
#define TAPVM_KEEPER_NET_H

#include "devices/tap/link.h"
#include "vmm/keeper/keeper.h"

/* ---- watch.c: the host's link state, for the guest's ---- */
struct nic_watch {
	struct hostnet *changed; /* beside the TAP, by net_open; NULL: nothing */
	struct link *link;       /* NULL: not known, taken as up */
	struct link_watch *watch;
	char name[IFNAMSIZ];
	unsigned index; /* the kernel's */
	unsigned mtu;   /* when the watch began */
	bool up;        /* now */
	bool off;       /* whatever the host's is, the guest's is down */
	bool told;      /* the guest's, as the machine was told last */
};
static inline bool watch_guest_link(const struct nic_watch *w) { return w->up && !w->off; }
struct err watch_open(struct nic_watch *w, const char *name) MUST_USE;
void watch_close(struct nic_watch *w);
/* Reads what happened; w->up is right then. */
void watch_read(struct nic_watch *w);

/* ---- net.c: a NIC in its namespace ---- */
struct net_home {
	int home;    /* the namespace we came from; -1: not needed yet */
	int private; /* the one of this run; -1: none yet */
};
/* Before anything of ours is open: a number that is free now would name a descriptor of ours
 * later. */
struct err net_inherited_check(const struct nic_options nic[], unsigned count) MUST_USE;
/* keeper_nic in the namespace that o names, a watch there, and what o wishes beside. Back home on
 * return. */
struct err net_open(struct net_home *home, const struct nic_options *o, unsigned index,
		    bool all_private, struct machine_nic *ret_nic, struct nic_watch *ret_watch,
		    char *ret_line, unsigned line_size) MUST_USE;
/* failed: a persistent TAP that we made goes as well. */
void net_close(const struct nic_options *o, struct machine_nic *nic, struct nic_watch *watch,
	       bool failed);
void net_home_close(struct net_home *home);

#endif
