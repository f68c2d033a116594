/* devices/frame/segment.c: what the segments of one super-frame differ in: lengths, sequence
 * numbers, identifications, flags, checksums. */
#include "devices/frame/segment.h"

#include <string.h>

#include "devices/frame/csum.h"
#include "devices/frame/headers.h"

enum {
	IPV4_LENGTH = 2, /* offsets in an IPv4 header */
	IPV4_ID = 4,
	IPV4_CSUM = 10,
	IPV6_LENGTH = 4,
	TCP_SEQUENCE = 4,
	TCP_FLAGS = 13,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,
	UDP_LENGTH = 4,
	UDP_CSUM = 6,
};

static void be16_write(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static void be16_add(uint8_t *b, uint32_t v) { be16_write(b, be16_read(b) + v); }

static void be32_add(uint8_t *b, uint32_t v)
{
	uint32_t sum = ((uint32_t)be16_read(b) << 16 | be16_read(b + 2)) + v;

	be16_write(b, sum >> 16);
	be16_write(b + 2, sum);
}

bool segment_begin(struct segmenter *s, const struct frame *super)
{
	if (super->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE || super->local != super->len ||
	    gso_judge(super, &s->headers) != DROP_NONE)
		return false;
	s->super = super;
	s->payload = super->len - s->headers.packet.payload_offset;
	s->done = 0;
	return s->payload > 0;
}

/* IP's header in front of `len` bytes, in the index-th segment. */
static void set_ip(uint8_t *ip, const struct parsed *p, uint32_t len, uint32_t index)
{
	uint32_t header = (uint32_t)p->l4_offset - p->l3_offset;

	if (p->ip_version == 6) {
		be16_write(ip + IPV6_LENGTH, header - IPV6_BYTES + len);
		return;
	}
	be16_write(ip + IPV4_LENGTH, header + len);
	be16_add(ip + IPV4_ID, index);
	be16_write(ip + IPV4_CSUM, 0);
	be16_write(ip + IPV4_CSUM, csum_fold(csum_add(0, ip, header)));
}

/* FIN and PSH are for the last segment, CWR for the first. */
static void set_tcp(uint8_t *tcp, uint32_t sent, bool last)
{
	be32_add(tcp + TCP_SEQUENCE, sent);
	if (sent > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* The open checksum holds the pseudo header's sum; of that only the length is another one. */
static void move_pseudo_sum(uint8_t *field, uint32_t from, uint32_t to)
{
	uint32_t sum = be16_read(field) + (uint16_t)~from + to;

	be16_write(field, (uint16_t)~csum_fold(sum));
}

/* The tunnel around a segment of `len` bytes whose own headers are made. Its checksum was left open
 * (UDP_TUNNEL_CSUM), so it has to be made here, and without the payload's being summed: once the
 * packet's checksum is finished, its bytes from csum_start on sum up to the complement of what the
 * field holds now. */
static void set_tunnel(uint8_t *bytes, uint32_t len, const struct frame *super,
		       const struct parsed *tunnel, uint32_t index)
{
	uint8_t *udp = bytes + tunnel->l4_offset;
	uint32_t udp_len = len - tunnel->l4_offset, start = super->hdr.csum_start;
	uint32_t before = start - tunnel->l4_offset;
	uint16_t inner = be16_read(bytes + start + super->hdr.csum_offset), sum;

	set_ip(bytes + tunnel->l3_offset, tunnel, udp_len, index);
	be16_write(udp + UDP_LENGTH, udp_len);
	if ((super->hdr.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM) == 0)
		return;
	move_pseudo_sum(udp + UDP_CSUM, super->len - tunnel->l4_offset, udp_len);
	if (before % 2 != 0)
		inner = (uint16_t)(inner << 8 | inner >> 8); /* RFC 1071, 2 (B) */
	sum = csum_fold(csum_add((uint16_t)~inner, udp, before));
	be16_write(udp + UDP_CSUM, sum == 0 ? 0xffff : sum);
}

/* NET-36: what a driver did not agree to take whole. */
bool segment_next(struct segmenter *s, struct frame *ret)
{
	const struct frame *super = s->super;
	const struct parsed *p = &s->headers.packet;
	uint32_t left = s->payload - s->done, size = super->hdr.gso_size;
	uint32_t part = left < size ? left : size, len = p->payload_offset + part;
	uint32_t l4_header = (uint32_t)p->payload_offset - p->l4_offset;
	uint8_t *bytes = ret->bytes, *l4 = bytes + p->l4_offset;

	if (left == 0)
		return false;
	memcpy(bytes, super->bytes, p->payload_offset);
	memcpy(bytes + p->payload_offset, super->bytes + p->payload_offset + s->done, part);
	set_ip(bytes + p->l3_offset, p, l4_header + part, s->done / size);
	if (p->l4 == L4_TCP)
		set_tcp(l4, s->done, part == left);
	else
		be16_write(l4 + UDP_LENGTH, l4_header + part);
	move_pseudo_sum(l4 + super->hdr.csum_offset, l4_header + s->payload, l4_header + part);
	if (s->headers.tunnel.ip_version != 0)
		set_tunnel(bytes, len, super, &s->headers.tunnel, s->done / size);
	*ret = (struct frame){
		.hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			 .csum_start = super->hdr.csum_start,
			 .csum_offset = super->hdr.csum_offset },
		.bytes = bytes,
		.local = len,
		.len = len,
	};
	s->done += part;
	return true;
}
