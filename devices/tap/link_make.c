/* devices/tap/link_make.c: addresses, neighbours and veth pairs by rtnetlink. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/tap/link_priv.h"

struct err ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix)
{
	struct ip_prefix p = { 0 };
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned long bits, most;
	char *end = NULL;

	if (len >= sizeof(address))
		return err_make(ERR_USAGE, 0, "'%s' is no IP address", text);
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &p.addr.v4) == 1)
		p.family = AF_INET;
	else if (inet_pton(AF_INET6, address, &p.addr.v6) == 1)
		p.family = AF_INET6;
	else
		return err_make(ERR_USAGE, 0,
				"'%s' is no IP address: write as 192.168.77.1/24 or fd00::1/64",
				text);
	most = p.family == AF_INET ? 32 : 128;
	bits = slash != NULL ? strtoul(slash + 1, &end, 10) : most;
	if (slash != NULL && (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > most))
		return err_make(ERR_USAGE, 0, "'%s': the prefix length is 0 to %lu", text, most);
	p.prefix_len = (unsigned)bits;
	*ret_prefix = p;
	return err_none();
}

void ip_prefix_print(const struct ip_prefix *p, char *ret_text, unsigned size)
{
	char address[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(p->family, &p->addr, address, sizeof(address));
	(void)snprintf(ret_text, size, "%s/%u", address, p->prefix_len);
}

/* The kernel's EACCES and EINVAL say nothing of IPv6's two conditions (Linux
 * net/ipv6/addrconf.c). */
static struct err address_error(int why, const char *name, const struct ip_prefix *prefix)
{
	char text[64];

	ip_prefix_print(prefix, text, sizeof(text));
	if (prefix->family == AF_INET6 && why == EACCES)
		return err_make(
			ERR_SETUP, 0,
			"%s: IPv6 is switched off on %s: 'sysctl net.ipv6.conf.%s.disable_ipv6=0' "
			"as root, or 'default' for one that is yet to be made",
			text, name, name);
	if (prefix->family == AF_INET6 && why == EINVAL)
		return err_make(
			ERR_SETUP, why,
			"%s: give an address to %s, whose MTU must be 1280 or more for IPv6", text,
			name);
	return err_within(link_error(why, "give an address to", name), "%s", text);
}

struct err link_add_address(struct link *l, const char *name, const struct ip_prefix *prefix)
{
	struct nlmsghdr *h;
	struct ifaddrmsg *a;
	unsigned index;
	int why;
	struct err e = link_index(l, name, &index);

	if (err_is(e))
		return e;
	h = link_request(l, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	a = mnl_nlmsg_put_extra_header(h, sizeof(*a));
	a->ifa_family = (uint8_t)prefix->family;
	a->ifa_prefixlen = (uint8_t)prefix->prefix_len;
	a->ifa_index = index;
	mnl_attr_put(h, IFA_LOCAL, ip_address_bytes(prefix), &prefix->addr);
	mnl_attr_put(h, IFA_ADDRESS, ip_address_bytes(prefix), &prefix->addr);
	/* Duplicate address detection would cost more than a second. */
	if (prefix->family == AF_INET6)
		mnl_attr_put_u32(h, IFA_FLAGS, IFA_F_NODAD);
	why = link_talk(l, h, NULL, NULL);
	return why == 0 || why == EEXIST ? err_none() : address_error(why, name, prefix);
}

/* ---- what there is ---- */

struct listing {
	unsigned index, max, count;
	struct ip_prefix *list;
};

/* IFA_LOCAL is the interface's own where a peer has the other. */
static int on_address_attribute(const struct nlattr *a, void *self)
{
	struct ip_prefix *p = self;
	unsigned type = mnl_attr_get_type(a);

	if (mnl_attr_get_payload_len(a) == ip_address_bytes(p) &&
	    (type == IFA_LOCAL || (type == IFA_ADDRESS && p->family == AF_INET6)))
		memcpy(&p->addr, mnl_attr_get_payload(a), ip_address_bytes(p));
	return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *h, void *self)
{
	const struct ifaddrmsg *a = mnl_nlmsg_get_payload(h);
	struct listing *l = self;

	if (a->ifa_index != l->index || a->ifa_scope == RT_SCOPE_LINK || l->count == l->max ||
	    (a->ifa_family != AF_INET && a->ifa_family != AF_INET6))
		return MNL_CB_OK;
	l->list[l->count] =
		(struct ip_prefix){ .family = a->ifa_family, .prefix_len = a->ifa_prefixlen };
	(void)mnl_attr_parse(h, sizeof(*a), on_address_attribute, &l->list[l->count++]);
	return MNL_CB_OK;
}

struct err link_addresses(struct link *l, const char *name, struct ip_prefix *ret_list,
			  unsigned max, unsigned *ret_count)
{
	struct listing listing = { .max = max, .list = ret_list };
	struct err e = link_index(l, name, &listing.index);
	struct nlmsghdr *h;
	int why;

	if (err_is(e))
		return e;
	h = link_request(l, RTM_GETADDR, NLM_F_DUMP);
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
	why = link_talk(l, h, on_address, &listing);
	if (why != 0)
		return link_error(why, "list the addresses of", name);
	*ret_count = listing.count;
	return err_none();
}

/* ---- neighbours, veth ---- */

struct err link_add_veth(struct link *l, const char *name, const char *peer, int peer_netns_fd)
{
	struct nlmsghdr *h = link_request(l, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *other;

	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(h, VETH_INFO_PEER);
	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, peer);
	if (peer_netns_fd >= 0)
		mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)peer_netns_fd);
	mnl_attr_nest_end(h, other);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return link_error(link_talk(l, h, NULL, NULL), "make veth", name);
}

struct err link_add_neighbour(struct link *l, const char *name, const struct ip_prefix *who,
			      const uint8_t mac[static 6])
{
	struct nlmsghdr *h;
	struct ndmsg *n;
	unsigned index;
	struct err e = link_index(l, name, &index);

	if (err_is(e))
		return e;
	h = link_request(l, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	n = mnl_nlmsg_put_extra_header(h, sizeof(*n));
	n->ndm_family = (uint8_t)who->family;
	n->ndm_ifindex = (int)index;
	n->ndm_state = NUD_PERMANENT;
	mnl_attr_put(h, NDA_DST, ip_address_bytes(who), &who->addr);
	mnl_attr_put(h, NDA_LLADDR, 6, mac);
	return link_error(link_talk(l, h, NULL, NULL), "add a neighbour of", name);
}
