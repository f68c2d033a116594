/* devices/net/features.c: one table of features: it gives the offer, the check of what a driver
 * accepted, the switches of the command line and their help. */
#include "devices/net/features.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devices/base/uapi_compat.h"
#include "devices/net/net.h"

static struct backend_offloads can(const struct net_config *c) { return c->backend->caps.offloads; }
static bool can_csum(const struct net_config *c) { return can(c).csum; }
static bool can_tso4(const struct net_config *c) { return can(c).csum && can(c).tso4; }
static bool can_tso6(const struct net_config *c) { return can(c).csum && can(c).tso6; }
static bool can_ecn(const struct net_config *c) { return can(c).csum && can(c).ecn; }
static bool can_uso(const struct net_config *c) { return can(c).csum && can(c).uso; }
static bool has_pairs(const struct net_config *c) { return c->pairs > 1; }
static bool can_tunnel(const struct net_config *c) { return can(c).csum && can(c).tunnel; }
static bool can_tunnel_csum(const struct net_config *c)
{
	return can_tunnel(c) && can(c).tunnel_csum;
}
static bool can_send_tunnel(const struct net_config *c)
{
	return can_tunnel(c) && c->backend->caps.sends_tunnels;
}
static bool can_steer(const struct net_config *c)
{
	return c->pairs > 1 && c->backend->caps.steering;
}
static bool has_mtu(const struct net_config *c) { return c->mtu != 0; }

/* CORE-12, CORE-18, CORE-20: what has no row is not offered, whatever the switches say. CORE-17. */
/* clang-format off */
const struct net_feature net_features[] = {
	{ VIRTIO_F_VERSION_1, NULL, "no legacy interface", true, NULL },
	{ VIRTIO_RING_F_INDIRECT_DESC, "indirect", "indirect descriptors", true, NULL },
	{ VIRTIO_RING_F_EVENT_IDX, "event-idx", "kicks and interrupts by event index", true, NULL },
	{ VIRTIO_F_RING_PACKED, "packed", "packed virtqueues", true, NULL },
	{ VIRTIO_F_IN_ORDER, "in-order", "buffers used in the order in which they were made available", true, NULL },
	{ VIRTIO_F_RING_RESET, "ring-reset", "single queues reset; off under vhost-user, where front-ends keep it to themselves", true, NULL },
	{ VIRTIO_F_NOTIFICATION_DATA, "notification-data", "kicks that say how far the ring is filled; over mmio each costs an exit", false, NULL },
	{ VIRTIO_NET_F_MAC, NULL, "mac=", true, NULL },
	{ VIRTIO_NET_F_STATUS, "status", "the link's state", true, NULL },
	{ VIRTIO_NET_F_MTU, NULL, "mtu=", true, has_mtu },
	{ VIRTIO_NET_F_MRG_RXBUF, "mrg-rxbuf", "a frame over several receive buffers", true, NULL },
	{ VIRTIO_NET_F_CSUM, "csum", "checksums left to the host", true, can_csum },
	{ VIRTIO_NET_F_HOST_TSO4, "host-tso4", "TCP over IPv4 segmented by the host", true, can_tso4 },
	{ VIRTIO_NET_F_HOST_TSO6, "host-tso6", "TCP over IPv6 segmented by the host", true, can_tso6 },
	{ VIRTIO_NET_F_HOST_ECN, "host-ecn", "that of TCP with ECN", true, can_ecn },
	{ VIRTIO_NET_F_HOST_USO, "host-uso", "UDP segmented by the host", true, can_uso },
	{ VIRTIO_NET_F_GUEST_CSUM, "guest-csum", "checksums left to the guest", true, can_csum },
	{ VIRTIO_NET_F_GUEST_TSO4, "guest-tso4", "super-frames of TCP over IPv4 to the guest", true, can_tso4 },
	{ VIRTIO_NET_F_GUEST_TSO6, "guest-tso6", "super-frames of TCP over IPv6 to the guest", true, can_tso6 },
	{ VIRTIO_NET_F_GUEST_ECN, "guest-ecn", "those of TCP with ECN", true, can_ecn },
	{ VIRTIO_NET_F_GUEST_USO4, "guest-uso4", "super-frames of UDP over IPv4 to the guest", true, can_uso },
	{ VIRTIO_NET_F_GUEST_USO6, "guest-uso6", "super-frames of UDP over IPv6 to the guest", true, can_uso },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, "host-tunnel", "super-frames in UDP tunnels segmented by the host", true, can_send_tunnel },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, "host-tunnel-csum", "those with a checksum of the tunnel's", true, can_tunnel_csum },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, "guest-tunnel", "super-frames in UDP tunnels to the guest", true, can_tunnel },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, "guest-tunnel-csum", "those with a checksum of the tunnel's", true, can_tunnel_csum },
	{ VIRTIO_NET_F_CTRL_VQ, "ctrl-vq", "the control queue", true, NULL },
	{ VIRTIO_NET_F_CTRL_RX, "ctrl-rx", "receive modes and the MAC table", true, NULL },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, "ctrl-rx-extra", "receive modes for unicast, and that keep a kind out", true, NULL },
	{ VIRTIO_NET_F_CTRL_VLAN, "ctrl-vlan", "a table of VLANs to receive", true, NULL },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, "ctrl-mac", "a MAC of the driver's choice", true, NULL },
	{ VIRTIO_NET_F_HASH_REPORT, "hash-report", "the hash of each received frame in its header", false, NULL },
	{ VIRTIO_NET_F_HASH_TUNNEL, "hash-tunnel", "that of a tunnel by what it carries", false, NULL },
	{ VIRTIO_NET_F_MQ, "mq", "several queue pairs, queues=", true, has_pairs },
	{ VIRTIO_NET_F_RSS, "rss", "queue pairs chosen by a hash, queues=; needs root", true, can_steer },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, "announce", "the guest is asked to tell the network where it is", true, NULL },
	{ VIRTIO_NET_F_NOTF_COAL, "coal", "interrupts held back, for all queues of a kind", true, NULL },
	{ VIRTIO_NET_F_VQ_NOTF_COAL, "vq-coal", "interrupts held back, queue by queue", true, NULL },
	{ VIRTIO_NET_F_DEVICE_STATS, "device-stats", "the device's own counters", true, NULL },
	{ VIRTIO_NET_F_GUEST_HDRLEN, "guest-hdrlen", "a super-frame's header length from the guest", true, NULL },
	{ VIRTIO_NET_F_SPEED_DUPLEX, "speed-duplex", "speed= and duplex=, or that they are not known", true, NULL },
	{ VIRTIO_NET_F_STANDBY, "standby", "this NIC stands in for another one that has the same MAC", false, NULL },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, "guest-offloads", "offloads to the guest switched at run time", true, can_csum },
};
/* clang-format on */
const unsigned net_feature_count = ARRAY_LEN(net_features);

/* What needs what (virtio 1.4, 5.1.3.1): bit needs one of two (or the same twice), for each row
 * that it has. */
static const struct {
	uint8_t bit, needs, or_needs;
} dependencies[] = {
	{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6 },
	{ VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6 },
	{ VIRTIO_NET_F_HOST_USO, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_RSS, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_DEVICE_STATS, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_VQ_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_HASH_TUNNEL, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO4 },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_TSO6 },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO4 },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_GUEST_USO6 },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO,
	  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO4 },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_TSO6 },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_USO, VIRTIO_NET_F_HOST_USO },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO,
	  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO },
	{ VIRTIO_NET_F_HASH_TUNNEL, VIRTIO_NET_F_RSS, VIRTIO_NET_F_HASH_REPORT },
};

/* Not offered without that, though a driver may take the one and leave the other. */
static const struct {
	uint8_t bit, with;
} offered_with[] = {
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_VQ }, /* NET-02 */
	{ VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_STATUS }, /* which holds its bit */
};

/* What a bit of f needs is in f too. */
static bool grounded(unsigned bit, const struct features *f)
{
	for (unsigned i = 0; i < ARRAY_LEN(dependencies); i++)
		if (dependencies[i].bit == bit && !features_has(f, dependencies[i].needs) &&
		    !features_has(f, dependencies[i].or_needs))
			return false;
	return true;
}

static bool accompanied(unsigned bit, const struct features *offer)
{
	for (unsigned i = 0; i < ARRAY_LEN(offered_with); i++)
		if (offered_with[i].bit == bit && !features_has(offer, offered_with[i].with))
			return false;
	return true;
}

static bool possible(const struct net_feature *row, const struct net_config *config)
{
	return row->possible == NULL || row->possible(config);
}

/* CORE-13, CORE-16. */
bool net_features_ok(const struct features *accepted)
{
	for (unsigned i = 0; i < net_feature_count; i++)
		if (features_has(accepted, net_features[i].bit) &&
		    !grounded(net_features[i].bit, accepted))
			return false;
	return true;
}

void net_features_trim(struct features *f)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (unsigned i = 0; i < net_feature_count; i++) {
			const struct net_feature *row = &net_features[i];

			if (features_has(f, row->bit) &&
			    (!grounded(row->bit, f) || !accompanied(row->bit, f))) {
				features_set(f, row->bit, false);
				changed = true;
			}
		}
	}
}

/* CORE-12: what this backend cannot do is not offered. */
struct features net_offer(const struct net_config *config)
{
	const struct net_switches *s = &config->switches;
	struct features f = { 0 };

	for (unsigned i = 0; i < net_feature_count; i++) {
		const struct net_feature *row = &net_features[i];

		features_set(&f, row->bit,
			     possible(row, config) && !features_has(&s->off, row->bit) &&
				     (row->usual || features_has(&s->on, row->bit)));
	}
	/* CORE-11: what lost its ground is not offered either. */
	net_features_trim(&f);
	return f;
}

const char *net_feature_name(unsigned bit)
{
	for (unsigned i = 0; i < net_feature_count; i++)
		if (net_features[i].bit == bit && net_features[i].name != NULL)
			return net_features[i].name;
	return "another one";
}

/* Why it is not possible. */
static struct err impossible(const struct net_feature *row, const struct net_config *config)
{
	if ((row->possible == has_pairs || row->possible == can_steer) && !has_pairs(config))
		return err_make(ERR_USAGE, 0,
				"%s=on needs several queue pairs; add queues=2, or leave it out",
				row->name);
	return err_make(ERR_SETUP, 0, "%s=on: this host's TAP cannot do that (%s); leave it out",
			row->name, row->means);
}

static struct err lacks(const struct net_feature *row, unsigned bit)
{
	return err_make(ERR_USAGE, 0,
			"%s=on needs %s, which is not offered; switch that on, or leave this out",
			row->name, net_feature_name(bit));
}

/* What a possible one lacks in this offer. */
static struct err groundless(const struct net_feature *row, const struct features *offer)
{
	for (unsigned i = 0; i < ARRAY_LEN(dependencies); i++) {
		unsigned one = dependencies[i].needs, other = dependencies[i].or_needs;

		if (dependencies[i].bit != row->bit || features_has(offer, one) ||
		    features_has(offer, other))
			continue;
		if (one == other)
			return lacks(row, one);
		return err_make(ERR_USAGE, 0,
				"%s=on needs %s or %s, and neither is offered; switch one on, or "
				"leave this out",
				row->name, net_feature_name(one), net_feature_name(other));
	}
	for (unsigned i = 0; i < ARRAY_LEN(offered_with); i++)
		if (offered_with[i].bit == row->bit && !features_has(offer, offered_with[i].with))
			return lacks(row, offered_with[i].with);
	return err_none();
}

struct err net_offer_check(const struct net_config *config)
{
	struct features f = net_offer(config);

	for (unsigned i = 0; i < net_feature_count; i++) {
		const struct net_feature *row = &net_features[i];

		if (!features_has(&config->switches.on, row->bit) || features_has(&f, row->bit))
			continue;
		return possible(row, config) ? groundless(row, &f) : impossible(row, config);
	}
	if (has_pairs(config) && !features_has(&f, VIRTIO_NET_F_MQ) &&
	    !features_has(&f, VIRTIO_NET_F_RSS))
		return err_make(ERR_USAGE, 0,
				"queues=%u needs mq or rss, and neither is offered; switch one on, "
				"or leave this out",
				config->pairs);
	return err_none();
}
