/* devices/tap/link.c: an interface by rtnetlink: what it is, up and down, MTU, address.
 * Source: rtnetlink(7), Linux include/uapi/linux/if_link.h. */
#include "devices/tap/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>

#include "devices/tap/link_priv.h"

struct err link_open(struct link **ret_link)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_make(ERR_SETUP, ENOMEM, "open rtnetlink");
	l->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (l->socket == NULL || mnl_socket_bind(l->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int why = errno;

		link_close(l);
		return err_make(ERR_SETUP, why, "open rtnetlink");
	}
	*ret_link = l;
	return err_none();
}

void link_close(struct link *l)
{
	if (l == NULL)
		return;
	if (l->socket != NULL)
		(void)mnl_socket_close(l->socket);
	free(l);
}

struct nlmsghdr *link_request(struct link *l, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(l->buffer);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	h->nlmsg_seq = ++l->sequence;
	return h;
}

int link_talk(struct link *l, struct nlmsghdr *h, mnl_cb_t cb, void *self)
{
	unsigned port = mnl_socket_get_portid(l->socket), sequence = h->nlmsg_seq;
	int more = MNL_CB_OK;

	if (mnl_socket_sendto(l->socket, h, h->nlmsg_len) < 0)
		return errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(l->socket, l->buffer, sizeof(l->buffer));

		if (got < 0)
			return errno;
		more = mnl_cb_run(l->buffer, (size_t)got, sequence, port, cb, self);
	}
	return more == MNL_CB_ERROR ? errno : 0;
}

struct err link_error(int why, const char *what, const char *name)
{
	if (why == 0)
		return err_none();
	if (why == EPERM)
		return err_make(ERR_SETUP, why, "%s %s (needs CAP_NET_ADMIN: run as root)", what,
				name);
	return err_make(ERR_SETUP, why, "%s %s", what, name);
}

/* ---- what it is ---- */

static int on_tun(const struct nlattr *a, void *self)
{
	struct link_info *info = self;

	switch (mnl_attr_get_type(a)) {
	case IFLA_TUN_TYPE: info->tun_is_tap = mnl_attr_get_u8(a) == IFF_TAP; break;
	case IFLA_TUN_MULTI_QUEUE: info->tun_multi_queue = mnl_attr_get_u8(a) != 0; break;
	case IFLA_TUN_PERSIST: info->tun_persist = mnl_attr_get_u8(a) != 0; break;
	case IFLA_TUN_VNET_HDR: info->tun_vnet_hdr = mnl_attr_get_u8(a) != 0; break;
	case IFLA_TUN_PI: info->tun_pi = mnl_attr_get_u8(a) != 0; break;
	case IFLA_TUN_OWNER: info->tun_owner = mnl_attr_get_u32(a); break;
	case IFLA_TUN_NUM_QUEUES:
	case IFLA_TUN_NUM_DISABLED_QUEUES: info->tun_queues += mnl_attr_get_u32(a); break;
	case IFLA_TUN_GROUP: info->tun_group = mnl_attr_get_u32(a); break;
	default: break;
	}
	return MNL_CB_OK;
}

struct kind_data {
	struct link_info *info;
	const struct nlattr *data;
};

static int on_kind(const struct nlattr *a, void *self)
{
	struct kind_data *k = self;

	if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		(void)strncpy(k->info->kind, mnl_attr_get_str(a), sizeof(k->info->kind) - 1);
	else if (mnl_attr_get_type(a) == IFLA_INFO_DATA)
		k->data = a;
	return MNL_CB_OK;
}

static int on_link_attribute(const struct nlattr *a, void *self)
{
	struct link_info *info = self;
	struct kind_data k = { .info = info };

	switch (mnl_attr_get_type(a)) {
	case IFLA_MTU: info->mtu = mnl_attr_get_u32(a); break;
	case IFLA_MASTER: info->master = mnl_attr_get_u32(a); break;
	case IFLA_CARRIER: info->carrier = mnl_attr_get_u8(a) != 0; break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == sizeof(info->mac))
			memcpy(info->mac, mnl_attr_get_payload(a), sizeof(info->mac));
		break;
	case IFLA_LINKINFO:
		(void)mnl_attr_parse_nested(a, on_kind, &k);
		if (k.data != NULL && strcmp(info->kind, "tun") == 0)
			(void)mnl_attr_parse_nested(k.data, on_tun, info);
		break;
	default: break;
	}
	return MNL_CB_OK;
}

static int on_link(const struct nlmsghdr *h, void *self)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	struct link_info *info = self;

	info->index = (unsigned)i->ifi_index;
	info->flags = i->ifi_flags;
	(void)mnl_attr_parse(h, sizeof(*i), on_link_attribute, info);
	return MNL_CB_OK;
}

struct err link_get(struct link *l, const char *name, struct link_info *ret_info)
{
	struct nlmsghdr *h = link_request(l, RTM_GETLINK, 0);
	struct link_info info = { .tun_owner = -1, .tun_group = -1 };
	int why;

	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	why = link_talk(l, h, on_link, &info);
	if (why != 0)
		return link_error(why, "look at interface", name);
	*ret_info = info;
	return err_none();
}

struct err link_index(struct link *l, const char *name, unsigned *ret_index)
{
	struct link_info info;
	struct err e = link_get(l, name, &info);

	if (!err_is(e))
		*ret_index = info.index;
	return e;
}

/* ---- changes ---- */

static struct nlmsghdr *change(struct link *l, unsigned index, uint16_t type, unsigned flags,
			       unsigned mask)
{
	struct nlmsghdr *h = link_request(l, type, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = (int)index;
	i->ifi_flags = flags;
	i->ifi_change = mask;
	return h;
}

struct err link_set_up(struct link *l, const char *name, bool up)
{
	unsigned index;
	struct err e = link_index(l, name, &index);

	if (err_is(e))
		return e;
	return link_error(
		link_talk(l, change(l, index, RTM_NEWLINK, up ? IFF_UP : 0, IFF_UP), NULL, NULL),
		up ? "take up" : "take down", name);
}

static struct err set(struct link *l, const char *name, uint16_t attribute, const void *bytes,
		      size_t len, const char *what)
{
	struct nlmsghdr *h;
	unsigned index;
	struct err e = link_index(l, name, &index);

	if (err_is(e))
		return e;
	h = change(l, index, RTM_NEWLINK, 0, 0);
	mnl_attr_put(h, attribute, len, bytes);
	return link_error(link_talk(l, h, NULL, NULL), what, name);
}

struct err link_set_mtu(struct link *l, const char *name, uint32_t mtu)
{
	return set(l, name, IFLA_MTU, &mtu, sizeof(mtu), "set the MTU of");
}

struct err link_set_mac(struct link *l, const char *name, const uint8_t mac[static 6])
{
	return set(l, name, IFLA_ADDRESS, mac, 6, "set the address of");
}

struct err link_set_master(struct link *l, const char *name, const char *master)
{
	unsigned index = 0;
	struct err e = master == NULL ? err_none() : link_index(l, master, &index);

	if (err_is(e))
		return e;
	return set(l, name, IFLA_MASTER, &index, sizeof(index),
		   master == NULL ? "take out of its bridge" : "make a port of its bridge");
}

struct err link_del(struct link *l, const char *name)
{
	unsigned index;
	struct err e = link_index(l, name, &index);

	if (err_is(e))
		return e;
	return link_error(link_talk(l, change(l, index, RTM_DELLINK, 0, 0), NULL, NULL), "delete",
			  name);
}
