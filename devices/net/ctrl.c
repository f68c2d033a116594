/* devices/net/ctrl.c: the control queue (virtio 1.4, 5.1.9.5), on the control loop with the
 * device mutex held. A command is read once into n->ctrl_bytes, judged there, and takes effect
 * as a whole or not at all. */
#include <assert.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/net/net_priv.h"

enum { CTRL_HEADER = 2 }; /* class, command */

struct ctrl {
	uint8_t command;
	const uint8_t *data; /* what follows class and command: a copy */
	uint32_t len;
};

static bool agreed(const struct net *n, unsigned bit)
{
	return features_has(device_accepted(n->device), bit);
}

/* What workers read is changed only while they are paused. A driver without receive modes cannot
 * ask for multicast, so nothing is kept from it: the address that it sets filters nothing. */
static void change_filter(struct net *n, const struct filter *to)
{
	device_pause(n->device);
	n->filter = *to;
	n->filter.active = agreed(n, VIRTIO_NET_F_CTRL_RX);
	device_resume(n->device);
}

/* CTRL-04, CTRL-05, CTRL-07. */
static bool rx_mode(struct net *n, const struct ctrl *c)
{
	struct filter f = n->filter;

	if (c->len != 1 || c->data[0] > 1)
		return false;
	if (c->command == VIRTIO_NET_CTRL_RX_PROMISC)
		f.promiscuous = c->data[0] == 1;
	else
		f.all_multicast = c->data[0] == 1;
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

/* CTRL-08, CTRL-12: both lists are good, or both stay. */
static bool mac_table(struct net *n, const struct ctrl *c)
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

static bool mac_address(struct net *n, const struct ctrl *c)
{
	struct filter f = n->filter;

	if (c->len != sizeof(n->mac) || (c->data[0] & 1) != 0)
		return false;
	/* CTRL-09: the field shows it before the command is used. */
	device_config_begin(n->device);
	memcpy(n->mac, c->data, sizeof(n->mac));
	device_config_end(n->device, false);
	memcpy(f.mac, c->data, sizeof(f.mac));
	change_filter(n, &f);
	return true;
}

/* CTRL-25, CTRL-26. */
static bool guest_offloads(struct net *n, const struct ctrl *c)
{
	le64 wire;

	if (c->len != sizeof(wire))
		return false;
	memcpy(&wire, c->data, sizeof(wire));
	if ((le64_get(wire) & ~plan_guest_offloads(device_accepted(n->device))) != 0)
		return false;
	device_pause(n->device);
	n->guest_offloads = le64_get(wire);
	net_replan(n);
	device_resume(n->device);
	return true;
}

/* Which command needs which feature (CTRL-03, CTRL-11), and what does it. */
static const struct ctrl_row {
	uint8_t class, command, feature;
	bool (*run)(struct net *n, const struct ctrl *c); /* false: ERR, and nothing was changed */
} rows[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX, rx_mode },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_F_CTRL_RX, mac_table },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR,
	  mac_address },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
	  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, guest_offloads },
};

/* CTRL-02: too short, or unknown: no row. */
static bool command(struct net *n, const uint8_t *bytes, uint32_t len)
{
	struct ctrl c = { .data = bytes + CTRL_HEADER };

	if (len < CTRL_HEADER)
		return false;
	c.command = bytes[1];
	c.len = len - CTRL_HEADER;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].class == bytes[0] && rows[i].command == c.command)
			return agreed(n, rows[i].feature) && rows[i].run(n, &c);
	return false;
}

/* CTRL-01: done, then answered, then used. CTRL-02: without a byte for the answer the queue is
 * broken. */
void ctrl_run(struct net *n, struct queue *q)
{
	struct chain c;
	enum take took;

	queue_kick_disable(q);
	while ((took = queue_take(q, &c)) == TAKE_CHAIN) {
		uint8_t ack = VIRTIO_NET_ERR;

		if (c.writable_bytes == 0) {
			queue_rewind(q, &c);
			queue_break(q, QUEUE_FAULT_CONTROL);
			return;
		}
		if (c.readable_bytes <= CTRL_BYTES_MAX &&
		    slices_read(c.readable, c.readable_count, 0, n->ctrl_bytes, c.readable_bytes) &&
		    command(n, n->ctrl_bytes, (uint32_t)c.readable_bytes))
			ack = VIRTIO_NET_OK;
		*(uint8_t *)c.writable[0].iov_base = ack;
		queue_push(q, &c, 1);
	}
}
