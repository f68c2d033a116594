/* devices/frame/vnet_hdr.c: judging and making the header in front of each frame (virtio 1.4,
 * 5.1.9). The kernel checks little of it: it takes a TSO4 type on IPv6, and a checksum anywhere. */
#include "devices/frame/vnet_hdr.h"

#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/frame/csum.h"
#include "devices/frame/parse.h"

enum {
	TCP_CSUM_OFFSET = 16,
	UDP_CSUM_OFFSET = 6,
	UDP_SEGMENTS_MAX = 128,  /* Linux, UDP_MAX_SEGMENTS: tun refuses more of USO */
	TCP_SEGMENTS_MAX = 1366, /* 65,535 bytes by 48: Linux, tcp_min_snd_mss */
	VLAN_BYTES = 4,
};

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
		.num_buffers = get16(bytes + 10),
	};

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

/* What a GSO type asks of the frame. Types without a row are not known. */
static const struct gso_kind {
	uint8_t type;
	unsigned ip_version; /* 0: either */
	enum l4_kind l4;
	uint32_t segments_max;
} gso_kinds[] = {
	{ VIRTIO_NET_HDR_GSO_TCPV4, 4, L4_TCP, TCP_SEGMENTS_MAX },
	{ VIRTIO_NET_HDR_GSO_TCPV6, 6, L4_TCP, TCP_SEGMENTS_MAX },
	{ VIRTIO_NET_HDR_GSO_UDP_L4, 0, L4_UDP, UDP_SEGMENTS_MAX },
};

static const struct gso_kind *gso_kind(uint8_t gso_type)
{
	for (unsigned i = 0; i < sizeof(gso_kinds) / sizeof(gso_kinds[0]); i++)
		if (gso_kinds[i].type == (gso_type & ~VIRTIO_NET_HDR_GSO_ECN))
			return &gso_kinds[i];
	return NULL;
}

/* NET-08, NET-10: the room of a tag is for those that carry one. */
static bool too_long(const struct frame *f, uint32_t frame_max_plain)
{
	uint32_t spare = frame_tagged(f->bytes, f->local) ? 0 : VLAN_BYTES;

	return frame_max_plain != 0 && f->len + spare > frame_max_plain;
}

/* NET-21, NET-23. */
static bool tx_agreed(const struct gso_kind *kind, bool ecn, const struct tx_rules *rules)
{
	if (ecn && (!rules->ecn || kind->l4 != L4_TCP))
		return false;
	switch (kind->type) {
	case VIRTIO_NET_HDR_GSO_TCPV4: return rules->tso4;
	case VIRTIO_NET_HDR_GSO_TCPV6: return rules->tso6;
	default: return rules->uso;
	}
}

/* NET-22, NET-24. */
enum drop_reason vnet_hdr_judge_gso(const struct frame *f, struct parsed *ret)
{
	const struct vnet_hdr *h = &f->hdr;
	const struct gso_kind *kind = gso_kind(h->gso_type);
	uint16_t offset;

	if (kind == NULL)
		return DROP_TX_GSO_FEATURE;
	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 || h->gso_size == 0)
		return DROP_TX_GSO_FIELDS;
	*ret = frame_parse(f->bytes, f->local, f->len);
	offset = kind->l4 == L4_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
	if (!ret->understood || ret->l4 != kind->l4 ||
	    (kind->ip_version != 0 && ret->ip_version != kind->ip_version) ||
	    h->csum_start != ret->l4_offset || h->csum_offset != offset)
		return DROP_TX_GSO_PROTOCOL;
	if ((f->len - ret->payload_offset + h->gso_size - 1u) / h->gso_size > kind->segments_max)
		return DROP_TX_GSO_FIELDS;
	return DROP_NONE;
}

/* NET-14, NET-15, NET-16, NET-17, NET-20: what is not judged here does not get into the clean
 * header. NET-18, NET-19, NET-09: of the checksum's place and the frame's length. */
enum drop_reason vnet_hdr_judge_tx(struct frame *f, const struct tx_rules *rules)
{
	struct vnet_hdr h = f->hdr, clean = { 0 };
	bool gso = h.gso_type != VIRTIO_NET_HDR_GSO_NONE;

	if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!rules->csum)
			return DROP_TX_CSUM_FEATURE;
		if ((uint32_t)h.csum_start + h.csum_offset + 2 > f->len)
			return DROP_TX_CSUM_RANGE;
		clean.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		clean.csum_start = h.csum_start;
		clean.csum_offset = h.csum_offset;
	}
	if (gso) {
		const struct gso_kind *kind = gso_kind(h.gso_type);
		struct parsed parsed;
		enum drop_reason why;

		if (kind == NULL ||
		    !tx_agreed(kind, (h.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0, rules))
			return DROP_TX_GSO_FEATURE;
		why = vnet_hdr_judge_gso(f, &parsed);
		if (why != DROP_NONE)
			return why;
		clean.gso_type = h.gso_type;
		clean.gso_size = h.gso_size;
	} else if (too_long(f, rules->frame_max_plain)) {
		return DROP_TX_MTU;
	}
	f->hdr = clean;
	return DROP_NONE;
}

/* NET-36, NET-38. */
static bool rx_agreed(const struct gso_kind *kind, unsigned ip_version, bool ecn,
		      const struct rx_rules *rules)
{
	if (ecn && !rules->ecn)
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
		const struct gso_kind *kind = gso_kind(h.gso_type);
		struct parsed p = frame_parse(f->bytes, f->local, f->len);

		if (kind == NULL || clean.flags != VIRTIO_NET_HDR_F_NEEDS_CSUM || h.gso_size == 0 ||
		    !rx_agreed(kind, p.ip_version, (h.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0,
			       rules))
			return DROP_RX_OFFLOAD;
		clean.gso_type = h.gso_type;
		clean.gso_size = h.gso_size;
		if (rules->hdr_len)
			clean.hdr_len = p.understood ? p.payload_offset : h.hdr_len;
		if (rules->frame_max != 0 && f->len > rules->frame_max)
			return DROP_RX_TOO_BIG;
	} else if (too_long(f, rules->frame_max_plain)) {
		return DROP_RX_MTU;
	}
	f->hdr = clean;
	return DROP_NONE;
}
