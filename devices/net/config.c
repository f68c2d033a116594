/* devices/net/config.c: the configuration space (virtio 1.4, 5.1.4). */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/base/uapi_compat.h"
#include "devices/frame/tunnel.h"
#include "devices/net/net_priv.h"

/* The whole space (NET-03); a field whose feature is not offered reads 0 (CORE-26). */
struct wire_net_config {
	uint8_t mac[6];
	le16 status, max_virtqueue_pairs, mtu;
	le32 speed;
	uint8_t duplex, rss_max_key_size;
	le16 rss_max_table;
	le32 hash_types, tunnel_types;
};
static_assert(offsetof(struct wire_net_config, status) == 6, "virtio 1.4, 5.1.4");
static_assert(offsetof(struct wire_net_config, max_virtqueue_pairs) == 8, "virtio 1.4, 5.1.4");
static_assert(offsetof(struct wire_net_config, mtu) == 10, "virtio 1.4, 5.1.4");
static_assert(offsetof(struct wire_net_config, hash_types) == 20, "virtio 1.4, 5.1.4");
static_assert(offsetof(struct wire_net_config, speed) == 12, "virtio 1.4, 5.1.4");
static_assert(offsetof(struct wire_net_config, duplex) == 16, "virtio 1.4, 5.1.4");
static_assert(sizeof(struct wire_net_config) == 28, "virtio 1.4, 5.1.4");

/* NET-05, NET-07: the MTU is that of the offer for ever. */
void net_config_bytes(const struct net *n, uint32_t offset, void *ret, uint32_t len)
{
	struct features offered = net_offer(&n->config);
	struct wire_net_config w = { 0 };
	static const uint8_t duplex[] = {
		[NET_DUPLEX_UNKNOWN] = 0xff,
		[NET_DUPLEX_HALF] = 0,
		[NET_DUPLEX_FULL] = 1,
	};
	const struct net_speed *speed = &n->config.speed;

	if (features_has(&offered, VIRTIO_NET_F_MAC))
		memcpy(w.mac, n->mac, sizeof(w.mac));
	if (features_has(&offered, VIRTIO_NET_F_STATUS))
		w.status = le16_put((uint16_t)((n->link_up ? NET_LINK_UP : 0) |
					       (n->announce ? NET_ANNOUNCE : 0)));
	/* NET-06. */
	if (features_has(&offered, VIRTIO_NET_F_MQ) || features_has(&offered, VIRTIO_NET_F_RSS))
		w.max_virtqueue_pairs = le16_put((uint16_t)n->config.pairs);
	if (features_has(&offered, VIRTIO_NET_F_MTU))
		w.mtu = le16_put(n->config.mtu);
	/* NET-11. */
	if (features_has(&offered, VIRTIO_NET_F_HASH_REPORT) ||
	    features_has(&offered, VIRTIO_NET_F_RSS)) {
		w.rss_max_key_size = HASH_KEY_MAX;
		w.hash_types = le32_put(HASH_TYPES_ALL);
	}
	if (features_has(&offered, VIRTIO_NET_F_RSS))
		w.rss_max_table = le16_put(STEERING_TABLE_MAX);
	if (features_has(&offered, VIRTIO_NET_F_HASH_TUNNEL))
		w.tunnel_types = le32_put(TUNNELS_ALL);
	/* NET-12: they never change. */
	if (features_has(&offered, VIRTIO_NET_F_SPEED_DUPLEX)) {
		w.speed = le32_put(speed->known ? speed->mbits : UINT32_MAX);
		w.duplex = duplex[speed->duplex];
	}
	if (offset >= sizeof(w))
		return;
	if (len > sizeof(w) - offset)
		len = (uint32_t)(sizeof(w) - offset);
	memcpy(ret, (const uint8_t *)&w + offset, len);
}
