/* devices/net/ctrl.c: the control queue (virtio 1.4, 5.1.9.5), on the control loop with the
 * device mutex held. A command is read once into n->ctrl_bytes, judged there, and takes effect
 * as a whole or not at all. */
#include <string.h>

#include "devices/base/le.h"
#include "devices/base/uapi_compat.h"
#include "devices/mem/slices.h"
#include "devices/net/ctrl_priv.h"

enum {
	CTRL_HEADER = 2,      /* class, command */
	COMMANDS_A_TURN = 16, /* each may cost a pause, or the backend's time */
};

/* CTRL-25, CTRL-26. */
static bool guest_offloads(struct net *n, struct ctrl *c)
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

/* CTRL-15: clear before the command is used; clear already is as good. */
static bool announce_ack(struct net *n, struct ctrl *c)
{
	if (c->len != 0)
		return false;
	device_config_begin(n->device);
	n->announce = false;
	device_config_end(n->device, false);
	return true;
}

/* Which command needs which feature (CTRL-03), and what does it. A command that either of two
 * features will do for has two rows. */
/* clang-format off */
static const struct ctrl_row {
	uint8_t class, command, feature;
	uint8_t ack; /* its offset in the writable part: bytes that are answered in front of it */
	bool (*run)(struct net *n, struct ctrl *c); /* false: ERR, and nothing was changed */
} rows[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, 0, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX, 0, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI, VIRTIO_NET_F_CTRL_RX_EXTRA, 0, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOMULTI, VIRTIO_NET_F_CTRL_RX_EXTRA, 0, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI, VIRTIO_NET_F_CTRL_RX_EXTRA, 0, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST, VIRTIO_NET_F_CTRL_RX_EXTRA, 0, ctrl_rx_mode },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_F_CTRL_RX, 0, ctrl_mac_table },
	/* CTRL-11: bit 23 is there for it, and the text asks for bit 18. */
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR, 0, ctrl_mac_address },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_RX, 0, ctrl_mac_address },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, VIRTIO_NET_F_CTRL_VLAN, 0, ctrl_vlan },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, VIRTIO_NET_F_CTRL_VLAN, 0, ctrl_vlan },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG, VIRTIO_NET_F_HASH_REPORT, 0, ctrl_hash },
	{ VIRTIO_NET_CTRL_HASH_TUNNEL, VIRTIO_NET_CTRL_HASH_TUNNEL_SET, VIRTIO_NET_F_HASH_TUNNEL, 0, ctrl_hash_tunnel },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ, 0, ctrl_pairs },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, VIRTIO_NET_F_RSS, 0, ctrl_rss },
	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, VIRTIO_NET_F_GUEST_ANNOUNCE, 0, announce_ack },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, 0, guest_offloads },
	{ VIRTIO_NET_CTRL_NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL_TX_SET, VIRTIO_NET_F_NOTF_COAL, 0, ctrl_coal_set },
	{ VIRTIO_NET_CTRL_NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL_RX_SET, VIRTIO_NET_F_NOTF_COAL, 0, ctrl_coal_set },
	{ VIRTIO_NET_CTRL_NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET, VIRTIO_NET_F_VQ_NOTF_COAL, 0, ctrl_coal_queue_set },
	/* CTRL-34: two le32 in front of the ack. */
	{ VIRTIO_NET_CTRL_NOTF_COAL, VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET, VIRTIO_NET_F_VQ_NOTF_COAL, 8, ctrl_coal_queue_get },
	{ VIRTIO_NET_CTRL_STATS, VIRTIO_NET_CTRL_STATS_QUERY, VIRTIO_NET_F_DEVICE_STATS, 0, ctrl_stats_query },
	{ VIRTIO_NET_CTRL_STATS, VIRTIO_NET_CTRL_STATS_GET, VIRTIO_NET_F_DEVICE_STATS, 0, ctrl_stats_get },
};
/* clang-format on */

/* The row by which this driver may give the command, any other row of the command if there is none,
 * NULL: there is no such command. */
static const struct ctrl_row *find_row(const struct net *n, uint8_t class, uint8_t command)
{
	const struct ctrl_row *found = NULL;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].class != class || rows[i].command != command)
			continue;
		found = &rows[i];
		if (ctrl_agreed(n, found->feature))
			break;
	}
	return found;
}

void ctrl_answer(struct ctrl *c, uint64_t offset, const void *bytes, uint64_t len)
{
	uint64_t room = c->chain->writable_bytes;

	if (offset >= room)
		return;
	if (len > room - offset)
		len = room - offset;
	(void)slices_write(c->chain->writable, c->chain->writable_count, offset, bytes, len);
	if (offset + len > c->written)
		c->written = offset + len;
}

/* CTRL-02: too long, too short, or unknown: no row. */
static const struct ctrl_row *read_command(struct net *n, struct ctrl *c)
{
	const struct chain *chain = c->chain;

	if (chain->readable_bytes < CTRL_HEADER || chain->readable_bytes > CTRL_BYTES_MAX ||
	    !slices_read(chain->readable, chain->readable_count, 0, n->ctrl_bytes,
			 chain->readable_bytes))
		return NULL;
	c->command = n->ctrl_bytes[1];
	c->data = n->ctrl_bytes + CTRL_HEADER;
	c->len = (uint32_t)chain->readable_bytes - CTRL_HEADER;
	return find_row(n, n->ctrl_bytes[0], c->command);
}

/* Does what the chain says, and answers; returns the bytes written. Where there is no room
 * for what stands in front of the ack, the command is refused in the last byte that there is. */
static uint32_t command(struct net *n, const struct chain *chain)
{
	static const uint8_t nothing[UINT8_MAX];
	struct ctrl c = { .chain = chain };
	const struct ctrl_row *row = read_command(n, &c);
	uint64_t ack_at = row == NULL ? 0 : row->ack;
	uint8_t ack = VIRTIO_NET_ERR;
	bool room = ack_at < chain->writable_bytes;

	n->commands++;
	if (!room)
		ack_at = chain->writable_bytes - 1;
	ctrl_answer(&c, 0, nothing, ack_at); /* the used length counts from the first byte on */
	if (row != NULL && room && ctrl_agreed(n, row->feature) && row->run(n, &c)) {
		ack = VIRTIO_NET_OK;
		n->commands_ok++;
	}
	ctrl_answer(&c, ack_at, &ack, sizeof(ack));
	return (uint32_t)c.written;
}

/* CTRL-01: done, then answered, then used. CTRL-02: without a byte for the answer the queue is
 * broken. */
void ctrl_run(struct net *n, struct queue *q)
{
	struct chain c;

	queue_kick_disable(q);
	for (unsigned i = 0; i < COMMANDS_A_TURN && queue_take(q, &c) == TAKE_CHAIN; i++) {
		if (c.writable_bytes == 0) {
			queue_rewind(q, &c);
			queue_break(q, QUEUE_FAULT_CONTROL);
			return;
		}
		queue_push(q, &c, command(n, &c));
	}
}
