/* devices/tap/link.h: interfaces by rtnetlink (libmnl): up, MTU, addresses, and what changes.
 * Never runs `ip`. A struct link is one netlink socket in the namespace in which it was opened, and
 * stays there. Threads: one at a time. */
#ifndef TAPVM_TAP_LINK_H
#define TAPVM_TAP_LINK_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"

struct ip_prefix {
	int family; /* AF_INET, AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} addr;
	unsigned prefix_len;
};
/* "192.168.77.1/24", "fd00::1/64". Without /LEN: 32 or 128. */
struct err ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix) MUST_USE;
void ip_prefix_print(const struct ip_prefix *p, char *ret_text, unsigned size);

struct link;
struct err link_open(struct link **ret_link) MUST_USE;
void link_close(struct link *l);

struct link_info {
	unsigned index;
	unsigned flags; /* IFF_* */
	uint32_t mtu;
	uint8_t mac[6];
	char kind[16]; /* IFLA_INFO_KIND: "tun", "veth"; "" if none */
	bool tun_is_tap, tun_multi_queue, tun_persist, tun_vnet_hdr,
		tun_pi;               /* IFLA_INFO_DATA of kind tun */
	unsigned tun_queues;          /* that somebody holds, attached or not; of multi_queue */
	int64_t tun_owner, tun_group; /* -1: none */
	bool carrier;
	unsigned master; /* the index of the bridge that it is a port of; 0: of none */
};
/* ENODEV in sys_errno: there is no such interface. */
struct err link_get(struct link *l, const char *name, struct link_info *ret_info) MUST_USE;
struct err link_set_up(struct link *l, const char *name, bool up) MUST_USE;
struct err link_set_mtu(struct link *l, const char *name, uint32_t mtu) MUST_USE;
struct err link_set_mac(struct link *l, const char *name, const uint8_t mac[static 6]) MUST_USE;
/* A port of that bridge from now on; NULL: of none. */
struct err link_set_master(struct link *l, const char *name, const char *master) MUST_USE;
/* IPv6 addresses get IFA_F_NODAD. An address that is there already is no error. */
struct err link_add_address(struct link *l, const char *name,
			    const struct ip_prefix *prefix) MUST_USE;
/* Those that somebody gave it (no fe80::), IPv4 first; at most max of them. */
struct err link_addresses(struct link *l, const char *name, struct ip_prefix *ret_list,
			  unsigned max, unsigned *ret_count) MUST_USE;
struct err link_del(struct link *l, const char *name) MUST_USE;
/* A veth pair; the peer is born in the namespace of peer_netns_fd (-1: here). */
struct err link_add_veth(struct link *l, const char *name, const char *peer,
			 int peer_netns_fd) MUST_USE;
/* A route to prefix by gateway (NULL: directly) out of name. */
struct err link_add_route(struct link *l, const char *name, const struct ip_prefix *to,
			  const struct ip_prefix *gateway) MUST_USE;
/* Where packets to everywhere go: the interface of the main table's best default route of that
 * family (AF_INET, AF_INET6). *ret_name is empty if there is none by one interface. */
struct err link_default_route(struct link *l, int family, char ret_name[static IFNAMSIZ]) MUST_USE;
/* A permanent neighbour entry. */
struct err link_add_neighbour(struct link *l, const char *name, const struct ip_prefix *who,
			      const uint8_t mac[static 6]) MUST_USE;

/* ---- what changes: a socket that hears RTM_NEWLINK and RTM_DELLINK ---- */
struct link_event {
	char name[IFNAMSIZ];
	unsigned index;
	bool up, carrier, deleted;
};
struct link_watch;
struct err link_watch_open(struct link_watch **ret_watch) MUST_USE;
void link_watch_close(struct link_watch *w);
int link_watch_fd(
	const struct link_watch *w); /* readable: call link_watch_next until it says false */
/* *ret_lost: the kernel's buffer ran over; ask with link_get again. */
bool link_watch_next(struct link_watch *w, struct link_event *ret_event, bool *ret_lost);

#endif
