/* devices/frame/vnet_hdr.c: judging and making the header in front of each frame (virtio 1.4,
 * 5.1.9). The kernel checks little of it: it takes a TSO4 type on IPv6, and a checksum anywhere. */
#include "devices/frame/vnet_hdr.h"

#include <string.h>

#include "devices/frame/csum.h"
#include "devices/frame/gso.h"
#include "devices/frame/headers.h"

static uint16_t get16(const uint8_t *b) { return (uint16_t)(b[0] | b[1] << 8); }
static void put16(uint8_t *b, uint16_t v)
{
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

struct vnet_hdr vnet_hdr_read(const uint8_t *bytes, unsigned size)
{
	struct vnet_hdr h = {
		.flags = bytes[0],
		.gso_type = bytes[1],
		.hdr_len = get16(bytes + 2),
		.gso_size = get16(bytes + 4),
		.csum_start = get16(bytes + 6),
		.csum_offset = get16(bytes + 8),
	};

	if (size >= VNET_HDR_BYTES)
		h.num_buffers = get16(bytes + 10);
	if (size >= VNET_HDR_HASH_BYTES) {
		h.hash_value = get16(bytes + 12) | (uint32_t)get16(bytes + 14) << 16;
		h.hash_report = get16(bytes + 16);
	}
	if (size >= VNET_HDR_TUNNEL_BYTES) {
		h.outer_th_offset = get16(bytes + 20);
		h.inner_nh_offset = get16(bytes + 22);
	}
	return h;
}

void vnet_hdr_write(struct vnet_hdr h, uint8_t *ret_bytes, unsigned size)
{
	memset(ret_bytes, 0, size);
	ret_bytes[0] = h.flags;
	ret_bytes[1] = h.gso_type;
	put16(ret_bytes + 2, h.hdr_len);
	put16(ret_bytes + 4, h.gso_size);
	put16(ret_bytes + 6, h.csum_start);
	put16(ret_bytes + 8, h.csum_offset);
	if (size >= VNET_HDR_BYTES)
		put16(ret_bytes + 10, h.num_buffers);
	if (size >= VNET_HDR_HASH_BYTES) {
		put16(ret_bytes + 12, (uint16_t)h.hash_value);
		put16(ret_bytes + 14, (uint16_t)(h.hash_value >> 16));
		put16(ret_bytes + 16, h.hash_report);
	}
	if (size >= VNET_HDR_TUNNEL_BYTES) {
		put16(ret_bytes + 20, h.outer_th_offset);
		put16(ret_bytes + 22, h.inner_nh_offset);
	}
}

/* NET-08, NET-10: the room of a tag is for those that carry one. */
static bool too_long(const struct frame *f, uint32_t frame_max_plain)
{
	uint32_t spare = frame_tagged(f->bytes, f->local) ? 0 : VLAN_BYTES;

	return frame_max_plain != 0 && f->len + spare > frame_max_plain;
}

/* NET-21, NET-23, NET-28. */
static bool tx_agreed(const struct vnet_hdr *h, const struct tx_rules *rules)
{
	const struct gso_kind *kind = gso_kind(h->gso_type);

	if (kind == NULL)
		return false;
	if ((h->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0 && (!rules->ecn || kind->l4 != L4_TCP))
		return false;
	if ((h->gso_type & GSO_TUNNEL) != 0 && !rules->tunnel)
		return false;
	switch (kind->type) {
	case VIRTIO_NET_HDR_GSO_TCPV4: return rules->tso4;
	case VIRTIO_NET_HDR_GSO_TCPV6: return rules->tso6;
	default: return rules->uso;
	}
}

/* What a super-frame's header keeps. */
static void keep_gso(const struct vnet_hdr *h, struct vnet_hdr *clean)
{
	clean->gso_type = h->gso_type;
	clean->gso_size = h->gso_size;
	if ((h->gso_type & GSO_TUNNEL) == 0)
		return;
	clean->flags |= h->flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	clean->outer_th_offset = h->outer_th_offset;
	clean->inner_nh_offset = h->inner_nh_offset;
}

/* NET-14, NET-15, NET-16, NET-17, NET-20: what is not judged here does not get into the clean
 * header. NET-18, NET-19, NET-09: of the checksum's place and the frame's length. */
enum drop_reason vnet_hdr_judge_tx(struct frame *f, const struct tx_rules *rules)
{
	struct vnet_hdr h = f->hdr, clean = { 0 };

	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!rules->csum)
			return DROP_TX_CSUM_FEATURE;
		if ((uint32_t)h.csum_start + h.csum_offset + 2 > f->len)
			return DROP_TX_CSUM_RANGE;
		clean.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		clean.csum_start = h.csum_start;
		clean.csum_offset = h.csum_offset;
	}
	/* NET-27, NET-28. */
	if ((h.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM) != 0 && !rules->tunnel_csum)
		return DROP_TX_GSO_FEATURE;
	if ((h.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM) != 0 && (h.gso_type & GSO_TUNNEL) == 0)
		return DROP_TX_GSO_FIELDS;
	if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		struct gso_headers headers;
		enum drop_reason why;

		if (!tx_agreed(&h, rules))
			return DROP_TX_GSO_FEATURE;
		why = gso_judge(f, &headers);
		if (why != DROP_NONE)
			return why;
		keep_gso(&h, &clean);
	} else if (too_long(f, rules->frame_max_plain)) {
		return DROP_TX_MTU;
	}
	f->hdr = clean;
	return DROP_NONE;
}

/* NET-36, NET-38, NET-42. ip_version: of the packet that is to be cut. */
static bool rx_agreed(const struct vnet_hdr *h, unsigned ip_version, const struct rx_rules *rules)
{
	const struct gso_kind *kind = gso_kind(h->gso_type);

	if (kind == NULL || ((h->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0 && !rules->ecn))
		return false;
	if ((h->gso_type & GSO_TUNNEL) != 0 &&
	    (!rules->tunnel ||
	     ((h->flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM) != 0 && !rules->tunnel_csum)))
		return false;
	switch (kind->type) {
	case VIRTIO_NET_HDR_GSO_TCPV4: return rules->tso4;
	case VIRTIO_NET_HDR_GSO_TCPV6: return rules->tso6;
	default: return ip_version == 6 ? rules->uso6 : rules->uso4;
	}
}

/* NET-34, NET-35, NET-37, NET-39, NET-40, NET-41: made from nothing, field by field. */
enum drop_reason vnet_hdr_make_rx(struct frame *f, const struct rx_rules *rules)
{
	struct vnet_hdr h = f->hdr, clean = { 0 };

	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (rules->csum) {
			clean.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
			clean.csum_start = h.csum_start;
			clean.csum_offset = h.csum_offset;
		} else if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE ||
			   !csum_finish(f->bytes, f->len, h.csum_start, h.csum_offset)) {
			return DROP_RX_OFFLOAD;
		}
	} else if (rules->csum) {
		clean.flags = h.flags & VIRTIO_NET_HDR_F_DATA_VALID;
	}
	if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		struct gso_headers headers;
		bool understood = gso_parse(f, &headers);

		if (clean.flags != VIRTIO_NET_HDR_F_NEEDS_CSUM || h.gso_size == 0 ||
		    ((h.gso_type & GSO_TUNNEL) != 0 && !understood) ||
		    !rx_agreed(&h, headers.packet.ip_version, rules))
			return DROP_RX_OFFLOAD;
		keep_gso(&h, &clean);
		if (rules->hdr_len)
			clean.hdr_len = understood ? headers.packet.payload_offset : h.hdr_len;
		if (rules->frame_max != 0 && f->len > rules->frame_max)
			return DROP_RX_TOO_BIG;
	} else if (too_long(f, rules->frame_max_plain)) {
		return DROP_RX_MTU;
	}
	f->hdr = clean;
	return DROP_NONE;
}
