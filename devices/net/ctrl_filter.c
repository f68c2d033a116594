/* devices/net/ctrl_filter.c: commands that say which frames a driver wants (virtio 1.4, 5.1.9.5.1
 * to .3). */
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/net/ctrl_priv.h"

/* What workers read is changed only while they are paused. A driver without receive modes cannot
 * ask for multicast, so nothing is kept from it: the address that it sets filters nothing. */
static void change_filter(struct net *n, const struct filter *to)
{
	device_pause(n->device);
	n->filter = *to;
	n->filter.active = ctrl_agreed(n, VIRTIO_NET_F_CTRL_RX);
	device_resume(n->device);
}

static bool *mode_of(struct filter *f, uint8_t command)
{
	switch (command) {
	case VIRTIO_NET_CTRL_RX_PROMISC: return &f->promiscuous;
	case VIRTIO_NET_CTRL_RX_ALLMULTI: return &f->all_multicast;
	case VIRTIO_NET_CTRL_RX_ALLUNI: return &f->all_unicast;
	case VIRTIO_NET_CTRL_RX_NOMULTI: return &f->no_multicast;
	case VIRTIO_NET_CTRL_RX_NOUNI: return &f->no_unicast;
	default: return &f->no_broadcast;
	}
}

/* CTRL-07: 0 or 1, in one byte. */
bool ctrl_rx_mode(struct net *n, struct ctrl *c)
{
	struct filter f = n->filter;

	if (c->len != 1 || c->data[0] > 1)
		return false;
	*mode_of(&f, c->command) = c->data[0] == 1;
	change_filter(n, &f);
	return true;
}

/* One of the two lists: le32 count, then addresses. Returns the bytes used, 0: they do not add
 * up (CTRL-12). */
static uint32_t mac_list(const uint8_t *data, uint32_t len, uint8_t table[][6], unsigned *ret_count,
			 bool *ret_overflow)
{
	le32 wire;
	uint32_t entries;

	if (len < sizeof(wire))
		return 0;
	memcpy(&wire, data, sizeof(wire));
	entries = le32_get(wire);
	if (entries > (len - sizeof(wire)) / 6)
		return 0;
	*ret_overflow = entries > FILTER_TABLE_MAX;
	*ret_count = *ret_overflow ? 0 : entries;
	memcpy(table, data + sizeof(wire), (size_t)*ret_count * 6);
	return (uint32_t)sizeof(wire) + entries * 6;
}

/* CTRL-08, CTRL-12: both lists as a whole, or neither. */
bool ctrl_mac_table(struct net *n, struct ctrl *c)
{
	struct filter f = n->filter;
	uint32_t used = mac_list(c->data, c->len, f.unicast, &f.unicast_count, &f.unicast_overflow);
	uint32_t more;

	if (used == 0)
		return false;
	more = mac_list(c->data + used, c->len - used, f.multicast, &f.multicast_count,
			&f.multicast_overflow);
	if (more == 0 || used + more != c->len)
		return false;
	change_filter(n, &f);
	return true;
}

/* CTRL-09: the field shows it before the command is used. */
bool ctrl_mac_address(struct net *n, struct ctrl *c)
{
	struct filter f = n->filter;

	if (c->len != sizeof(n->mac) || (c->data[0] & 1) != 0)
		return false;
	device_config_begin(n->device);
	memcpy(n->mac, c->data, sizeof(n->mac));
	device_config_end(n->device, false);
	memcpy(f.mac, c->data, sizeof(f.mac));
	change_filter(n, &f);
	return true;
}

/* CTRL-14: to add what is there, or to take what is not, is no fault. */
bool ctrl_vlan(struct net *n, struct ctrl *c)
{
	le16 wire;

	if (c->len != sizeof(wire))
		return false;
	memcpy(&wire, c->data, sizeof(wire));
	if (le16_get(wire) >= FILTER_VLANS)
		return false;
	device_pause(n->device);
	filter_set_vlan(&n->filter, le16_get(wire), c->command == VIRTIO_NET_CTRL_VLAN_ADD);
	device_resume(n->device);
	return true;
}
