/* devices/tap/link_route.c: routes by rtnetlink. */
#include <string.h>

#include "devices/tap/link_priv.h"

struct err link_add_route(struct link *l, const char *name, const struct ip_prefix *to,
			  const struct ip_prefix *gateway)
{
	struct nlmsghdr *h;
	struct rtmsg *r;
	unsigned index;
	struct err e = link_index(l, name, &index);

	if (err_is(e))
		return e;
	h = link_request(l, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
	r->rtm_family = (uint8_t)to->family;
	r->rtm_dst_len = (uint8_t)to->prefix_len;
	r->rtm_table = RT_TABLE_MAIN;
	r->rtm_protocol = RTPROT_STATIC;
	r->rtm_type = RTN_UNICAST;
	r->rtm_scope = gateway != NULL ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	mnl_attr_put(h, RTA_DST, ip_address_bytes(to), &to->addr);
	mnl_attr_put_u32(h, RTA_OIF, index);
	if (gateway != NULL)
		mnl_attr_put(h, RTA_GATEWAY, ip_address_bytes(gateway), &gateway->addr);
	return link_error(link_talk(l, h, NULL, NULL), "add a route by", name);
}

/* ---- the default route ---- */

struct best {
	unsigned interface, priority;
	bool found;
};

struct route {
	unsigned table, interface, priority;
};

static int on_attribute(const struct nlattr *a, void *self)
{
	struct route *r = self;

	switch (mnl_attr_get_type(a)) {
	case RTA_TABLE: r->table = mnl_attr_get_u32(a); break;
	case RTA_OIF: r->interface = mnl_attr_get_u32(a); break;
	case RTA_PRIORITY: r->priority = mnl_attr_get_u32(a); break;
	default: break;
	}
	return MNL_CB_OK;
}

/* A route by several interfaces at once has no RTA_OIF of its own. */
static int on_route(const struct nlmsghdr *h, void *self)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct route r = { .table = m->rtm_table };
	struct best *best = self;

	(void)mnl_attr_parse(h, sizeof(*m), on_attribute, &r);
	if (m->rtm_dst_len != 0 || m->rtm_type != RTN_UNICAST || r.table != RT_TABLE_MAIN ||
	    r.interface == 0 || (best->found && best->priority <= r.priority))
		return MNL_CB_OK;
	*best = (struct best){ .interface = r.interface, .priority = r.priority, .found = true };
	return MNL_CB_OK;
}

struct err link_default_route(struct link *l, int family, char ret_name[static IFNAMSIZ])
{
	struct nlmsghdr *h = link_request(l, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	struct best best = { .found = false };
	int why;

	m->rtm_family = (uint8_t)family;
	why = link_talk(l, h, on_route, &best);
	if (why != 0)
		return link_error(why, "list the routes of", family == AF_INET ? "IPv4" : "IPv6");
	ret_name[0] = '\0';
	if (best.found && if_indextoname(best.interface, ret_name) == NULL)
		ret_name[0] = '\0';
	return err_none();
}
