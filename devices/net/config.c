/* devices/net/config.c: features and the configuration space (virtio 1.4, 5.1.3, 5.1.4). */
#include <assert.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/base/uapi_compat.h"
#include "devices/net/net_priv.h"

/* The whole space; a field whose feature is not offered reads 0 (CORE-26). */
struct wire_net_config {
	uint8_t mac[6];
	le16 status, max_virtqueue_pairs, mtu;
	uint8_t rest[16]; /* speed, duplex, RSS, hashes: not offered */
};
static_assert(offsetof(struct wire_net_config, status) == 6, "virtio 1.4, 5.1.4");
static_assert(offsetof(struct wire_net_config, mtu) == 10, "virtio 1.4, 5.1.4");
static_assert(sizeof(struct wire_net_config) == 28, "virtio 1.4, 5.1.4");

/* What needs what (virtio 1.4, 5.1.3.1): bit needs one of two (or the same twice). */
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
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ },
};

bool net_features_ok(const struct features *accepted)
{
	for (unsigned i = 0; i < ARRAY_LEN(dependencies); i++)
		if (features_has(accepted, dependencies[i].bit) &&
		    !features_has(accepted, dependencies[i].needs) &&
		    !features_has(accepted, dependencies[i].or_needs))
			return false;
	return true;
}

struct features net_offer(const struct net_config *config)
{
	struct backend_offloads can = config->backend->caps.offloads;
	const struct {
		uint8_t bit;
		bool on;
	} offers[] = {
		{ VIRTIO_F_VERSION_1, true },
		{ VIRTIO_RING_F_INDIRECT_DESC, true },
		{ VIRTIO_RING_F_EVENT_IDX, true },
		{ VIRTIO_NET_F_MAC, true },
		{ VIRTIO_NET_F_STATUS, true },
		{ VIRTIO_NET_F_MTU, config->mtu != 0 },
		{ VIRTIO_NET_F_MRG_RXBUF, true },
		{ VIRTIO_NET_F_CSUM, can.csum },
		{ VIRTIO_NET_F_HOST_TSO4, can.csum && can.tso4 },
		{ VIRTIO_NET_F_HOST_TSO6, can.csum && can.tso6 },
		{ VIRTIO_NET_F_HOST_ECN, can.csum && can.ecn && (can.tso4 || can.tso6) },
		{ VIRTIO_NET_F_HOST_USO, can.csum && can.uso },
		{ VIRTIO_NET_F_GUEST_CSUM, can.csum },
		{ VIRTIO_NET_F_GUEST_TSO4, can.csum && can.tso4 },
		{ VIRTIO_NET_F_GUEST_TSO6, can.csum && can.tso6 },
		{ VIRTIO_NET_F_GUEST_ECN, can.csum && can.ecn && (can.tso4 || can.tso6) },
		{ VIRTIO_NET_F_GUEST_USO4, can.csum && can.uso },
		{ VIRTIO_NET_F_GUEST_USO6, can.csum && can.uso },
		{ VIRTIO_NET_F_CTRL_VQ, true },
		{ VIRTIO_NET_F_CTRL_RX, true },
		{ VIRTIO_NET_F_CTRL_MAC_ADDR, true },
		{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, can.csum },
	};
	struct features f = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(offers); i++)
		features_set(&f, offers[i].bit,
			     offers[i].on && !features_has(&config->masked, offers[i].bit));
	/* CORE-11: what lost its ground by the mask is not offered either. Twice: ECN needs TSO. */
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < ARRAY_LEN(dependencies); i++)
			if (!features_has(&f, dependencies[i].needs) &&
			    !features_has(&f, dependencies[i].or_needs))
				features_set(&f, dependencies[i].bit, false);
	return f;
}

void net_config_bytes(const struct net *n, uint32_t offset, void *ret, uint32_t len)
{
	struct features offered = net_offer(&n->config);
	struct wire_net_config w = { 0 };

	if (features_has(&offered, VIRTIO_NET_F_MAC))
		memcpy(w.mac, n->mac, sizeof(w.mac));
	if (features_has(&offered, VIRTIO_NET_F_STATUS))
		w.status = le16_put(n->link_up ? NET_LINK_UP : 0);
	if (features_has(&offered, VIRTIO_NET_F_MTU))
		w.mtu = le16_put(n->config.mtu);
	if (offset >= sizeof(w))
		return;
	if (len > sizeof(w) - offset)
		len = (uint32_t)(sizeof(w) - offset);
	memcpy(ret, (const uint8_t *)&w + offset, len);
}
