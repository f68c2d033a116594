/* devices/frame/gso.c: the kinds of super-frames. The kernel checks little of them: it takes a TSO4
 * type on IPv6. */
#include "devices/frame/gso.h"

#include <stddef.h>

enum {
	TCP_CSUM_OFFSET = 16,
	UDP_CSUM_OFFSET = 6,
	UDP_SEGMENTS_MAX = 128,  /* Linux, UDP_MAX_SEGMENTS: tun refuses more of USO */
	TCP_SEGMENTS_MAX = 1366, /* 65,535 bytes by 48: Linux, tcp_min_snd_mss */
};

const struct gso_kind *gso_kind(uint8_t gso_type)
{
	static const struct gso_kind kinds[] = {
		{ VIRTIO_NET_HDR_GSO_TCPV4, 4, L4_TCP, TCP_SEGMENTS_MAX },
		{ VIRTIO_NET_HDR_GSO_TCPV6, 6, L4_TCP, TCP_SEGMENTS_MAX },
		{ VIRTIO_NET_HDR_GSO_UDP_L4, 0, L4_UDP, UDP_SEGMENTS_MAX },
	};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == (gso_type & ~(VIRTIO_NET_HDR_GSO_ECN | GSO_TUNNEL)))
			return &kinds[i];
	return NULL;
}

bool gso_parse(const struct frame *f, struct gso_headers *ret)
{
	const struct parsed *tunnel = &ret->tunnel;
	uint8_t bits = f->hdr.gso_type & GSO_TUNNEL;
	uint16_t at = f->hdr.inner_nh_offset;

	*ret = (struct gso_headers){ .packet = frame_parse(f->bytes, f->local, f->len) };
	if (bits == 0)
		return ret->packet.understood;
	ret->tunnel = ret->packet;
	if (tunnel->l4 != L4_UDP || f->hdr.outer_th_offset != tunnel->l4_offset ||
	    tunnel->ip_version != (bits == VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 ? 4 : 6) ||
	    at < tunnel->payload_offset || at >= f->local)
		return false;
	ret->packet =
		inner_parse(f->bytes, f->local, at, f->bytes[at] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4);
	return ret->packet.understood;
}

/* NET-22, NET-24, NET-27. */
enum drop_reason gso_judge(const struct frame *f, struct gso_headers *ret)
{
	const struct vnet_hdr *h = &f->hdr;
	const struct gso_kind *kind = gso_kind(h->gso_type);
	const struct parsed *p = &ret->packet;
	uint8_t tunnel = h->gso_type & GSO_TUNNEL;

	if (kind == NULL)
		return DROP_TX_GSO_FEATURE;
	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 || h->gso_size == 0)
		return DROP_TX_GSO_FIELDS;
	if (tunnel == GSO_TUNNEL || (tunnel != 0 && (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0))
		return DROP_TX_GSO_FIELDS;
	if (!gso_parse(f, ret) || p->l4 != kind->l4 ||
	    (kind->ip_version != 0 && p->ip_version != kind->ip_version) ||
	    h->csum_start != p->l4_offset ||
	    h->csum_offset != (kind->l4 == L4_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET))
		return DROP_TX_GSO_PROTOCOL;
	if ((f->len - p->payload_offset + h->gso_size - 1u) / h->gso_size > kind->segments_max)
		return DROP_TX_GSO_FIELDS;
	return DROP_NONE;
}
