/* devices/tap/link_watch.c: what changes on the interfaces of a namespace. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/tap/link.h"

struct link_watch {
	struct mnl_socket *socket;
	char buffer[16384];
	const struct nlmsghdr *next; /* in buffer; left bytes of it */
	int left;
};

struct err link_watch_open(struct link_watch **ret_watch)
{
	struct link_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_make(ERR_SETUP, ENOMEM, "watch interfaces");
	w->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (w->socket == NULL || mnl_socket_bind(w->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		int why = errno;

		link_watch_close(w);
		return err_make(ERR_SETUP, why, "watch interfaces");
	}
	*ret_watch = w;
	return err_none();
}

void link_watch_close(struct link_watch *w)
{
	if (w == NULL)
		return;
	if (w->socket != NULL)
		(void)mnl_socket_close(w->socket);
	free(w);
}

int link_watch_fd(const struct link_watch *w) { return mnl_socket_get_fd(w->socket); }

static int on_attribute(const struct nlattr *a, void *self)
{
	struct link_event *event = self;

	if (mnl_attr_get_type(a) == IFLA_IFNAME)
		(void)strncpy(event->name, mnl_attr_get_str(a), sizeof(event->name) - 1);
	else if (mnl_attr_get_type(a) == IFLA_CARRIER)
		event->carrier = mnl_attr_get_u8(a) != 0;
	return MNL_CB_OK;
}

/* The next message of what was read, NULL: read on. */
static const struct nlmsghdr *next_message(struct link_watch *w)
{
	const struct nlmsghdr *h = w->next;

	if (h == NULL || !mnl_nlmsg_ok(h, w->left))
		return NULL;
	w->next = mnl_nlmsg_next(h, &w->left);
	return h;
}

bool link_watch_next(struct link_watch *w, struct link_event *ret_event, bool *ret_lost)
{
	*ret_lost = false;
	for (;;) {
		const struct nlmsghdr *h = next_message(w);
		const struct ifinfomsg *i;
		ssize_t got;

		if (h == NULL) {
			got = mnl_socket_recvfrom(w->socket, w->buffer, sizeof(w->buffer));
			if (got < 0) {
				*ret_lost = errno == ENOBUFS;
				return false;
			}
			w->next = (const struct nlmsghdr *)(const void *)w->buffer;
			w->left = (int)got;
			continue;
		}
		if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK)
			continue;
		i = mnl_nlmsg_get_payload(h);
		/* A bridge tells of a port that leaves it by RTM_DELLINK of its own family. */
		if (i->ifi_family != AF_UNSPEC)
			continue;
		*ret_event = (struct link_event){
			.index = (unsigned)i->ifi_index,
			.up = (i->ifi_flags & IFF_UP) != 0,
			.deleted = h->nlmsg_type == RTM_DELLINK,
		};
		(void)mnl_attr_parse(h, sizeof(*i), on_attribute, ret_event);
		return true;
	}
}
