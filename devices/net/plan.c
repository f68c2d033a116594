/* devices/net/plan.c: the offload plan. */
#include "devices/net/plan.h"

#include "devices/base/uapi_compat.h"
#include "devices/frame/headers.h"

enum { OFFLOAD_TUNNEL = 46, OFFLOAD_TUNNEL_CSUM = 47 };

/* CTRL-27: a bit of the command is that of its feature, but for the tunnels'. */
static const struct {
	uint8_t feature, offload;
} guest_offload_bits[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO4 },
	{ VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_TSO6 },
	{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_ECN },
	{ VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO4 },
	{ VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_GUEST_USO6 },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, OFFLOAD_TUNNEL },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, OFFLOAD_TUNNEL_CSUM },
};

uint64_t plan_guest_offloads(const struct features *accepted)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < ARRAY_LEN(guest_offload_bits); i++)
		if (features_has(accepted, guest_offload_bits[i].feature))
			bits |= UINT64_C(1) << guest_offload_bits[i].offload;
	return bits;
}

static unsigned hdr_bytes(const struct features *accepted)
{
	if (features_has(accepted, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO) ||
	    features_has(accepted, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO))
		return VNET_HDR_TUNNEL_BYTES;
	if (features_has(accepted, VIRTIO_NET_F_HASH_REPORT))
		return VNET_HDR_HASH_BYTES;
	/* Older drivers have num_buffers only where they use it (virtio 1.4, 5.1.6.1). */
	return features_has(accepted, VIRTIO_F_VERSION_1) ||
			       features_has(accepted, VIRTIO_NET_F_MRG_RXBUF)
		       ? VNET_HDR_BYTES
		       : VNET_HDR_LEGACY_BYTES;
}

/* NET-13. */
struct plan plan_make(const struct features *accepted, uint64_t guest_offloads, uint16_t mtu,
		      const struct backend_caps *caps)
{
	uint64_t on = guest_offloads & plan_guest_offloads(accepted);
	bool csum = (on >> VIRTIO_NET_F_GUEST_CSUM & 1) != 0;
	uint32_t plain = features_has(accepted, VIRTIO_NET_F_MTU)
				 ? (uint32_t)mtu + ETH_BYTES + VLAN_BYTES
				 : 0;
	struct plan p = {
		.tx = {
			.csum = features_has(accepted, VIRTIO_NET_F_CSUM),
			.tso4 = features_has(accepted, VIRTIO_NET_F_HOST_TSO4),
			.tso6 = features_has(accepted, VIRTIO_NET_F_HOST_TSO6),
			.ecn = features_has(accepted, VIRTIO_NET_F_HOST_ECN),
			.uso = features_has(accepted, VIRTIO_NET_F_HOST_USO),
			.tunnel = features_has(accepted, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO),
			.tunnel_csum =
				features_has(accepted, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM),
			.frame_max_plain = plain,
		},
		/* A GSO frame is one whose checksum is left to the receiver (NET-37). */
		.rx = {
			.csum = csum,
			.tso4 = csum && (on >> VIRTIO_NET_F_GUEST_TSO4 & 1) != 0,
			.tso6 = csum && (on >> VIRTIO_NET_F_GUEST_TSO6 & 1) != 0,
			.ecn = csum && (on >> VIRTIO_NET_F_GUEST_ECN & 1) != 0,
			.uso4 = csum && (on >> VIRTIO_NET_F_GUEST_USO4 & 1) != 0,
			.uso6 = csum && (on >> VIRTIO_NET_F_GUEST_USO6 & 1) != 0,
			.tunnel = csum && (on >> OFFLOAD_TUNNEL & 1) != 0,
			.tunnel_csum = csum && (on >> OFFLOAD_TUNNEL_CSUM & 1) != 0,
			.frame_max_plain = plain,
		},
	};
	struct rx_rules *rx = &p.rx;

	p.hash_report = features_has(accepted, VIRTIO_NET_F_HASH_REPORT);
	p.hdr_bytes = hdr_bytes(accepted);
	rx->hdr_len = rx->tso4 || rx->tso6 || rx->uso4 || rx->uso6;
	rx->frame_max = rx->hdr_len ? FRAME_MAX : 0;
	p.offloads = (struct backend_offloads){
		.csum = rx->csum && caps->offloads.csum,
		.tso4 = rx->tso4 && caps->offloads.tso4,
		.tso6 = rx->tso6 && caps->offloads.tso6,
		.ecn = rx->ecn && caps->offloads.ecn,
		/* A TAP takes the two kinds only together. */
		.uso = rx->uso4 && rx->uso6 && caps->offloads.uso,
	};
	/* A TAP takes tunnels only beside something that they may carry. */
	p.offloads.tunnel = rx->tunnel && caps->offloads.tunnel &&
			    (p.offloads.tso4 || p.offloads.tso6 || p.offloads.uso);
	p.offloads.tunnel_csum = p.offloads.tunnel && rx->tunnel_csum && caps->offloads.tunnel_csum;
	return p;
}
