/* tests/driver/tunnel_frame.c: an Ethernet frame, in VXLAN or GENEVE, in UDP, in IP. */
#include "tests/driver/tunnel_frame.h"

#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"

enum { ETH = 14, UDP = 8, TCP = 20, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

static uint32_t ip_bytes(bool v6) { return v6 ? 40 : 20; }

struct tunnel_places tunnel_places(const struct tunnel_shape *s)
{
	struct tunnel_places p = { .udp = ETH + ip_bytes(s->outer_v6) };

	p.head = p.udp + UDP;
	p.inner = p.head + s->head_len;
	p.inner_ip = p.inner + ETH;
	p.l4 = p.inner_ip + ip_bytes(s->inner_v6);
	p.payload = p.l4 + (s->tcp ? TCP : UDP);
	return p;
}

static uint32_t csum_offset(const struct tunnel_shape *s) { return s->tcp ? 16 : 6; }

uint32_t tunnel_fill(uint8_t *frame, const struct tunnel_shape *s, uint32_t payload)
{
	struct tunnel_places p = tunnel_places(s);
	uint32_t len = rig_fill_ip(frame, s->outer_v6, false, p.payload + payload - p.head);

	frame[p.udp + 2] = (uint8_t)(s->port >> 8);
	frame[p.udp + 3] = (uint8_t)s->port;
	if (!s->csum)
		memset(frame + p.udp + 6, 0, 2);
	memcpy(frame + p.head, s->head, s->head_len);
	ck_assert_uint_eq(p.inner + rig_fill_ip(frame + p.inner, s->inner_v6, s->tcp, payload),
			  len);
	return len;
}

struct vnet_hdr tunnel_header(const struct tunnel_shape *s, uint16_t gso_size)
{
	struct tunnel_places p = tunnel_places(s);
	unsigned type = !s->tcp       ? VIRTIO_NET_HDR_GSO_UDP_L4
			: s->inner_v6 ? VIRTIO_NET_HDR_GSO_TCPV6
				      : VIRTIO_NET_HDR_GSO_TCPV4,
		 tunnel = s->outer_v6 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6
				      : VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4,
		 flags = VIRTIO_NET_HDR_F_NEEDS_CSUM |
			 (s->csum ? VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM : 0u);

	return (struct vnet_hdr){ .flags = (uint8_t)flags,
				  .gso_type = (uint8_t)(type | tunnel),
				  .hdr_len = (uint16_t)p.payload,
				  .gso_size = gso_size,
				  .csum_start = (uint16_t)p.l4,
				  .csum_offset = (uint16_t)csum_offset(s),
				  .outer_th_offset = (uint16_t)p.udp,
				  .inner_nh_offset = (uint16_t)p.inner_ip };
}

/* ---- judging ---- */

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

/* One's complement, folded: 0xffff of what is right with its checksum in it. */
static uint32_t sum(uint32_t start, const uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		start += i % 2 == 0 ? (uint32_t)at[i] << 8 : at[i];
	while (start >> 16 != 0)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

void tunnel_finish(uint8_t *bytes, uint32_t len, uint32_t start, uint32_t offset)
{
	uint32_t field = start + offset, s = ~sum(0, bytes + start, len - start) & 0xffff;

	ck_assert_uint_le(field + 2, len);
	s = s == 0 ? 0xffff : s;
	bytes[field] = (uint8_t)(s >> 8);
	bytes[field + 1] = (uint8_t)s;
}

/* The IP header at bytes[at] of a packet that ends with the frame: the sum of its pseudo header. */
static uint32_t assert_ip(const uint8_t *bytes, uint32_t at, uint32_t len, bool v6,
			  uint8_t protocol)
{
	const uint8_t *ip = bytes + at;
	uint32_t l4_len = len - at - ip_bytes(v6);

	ck_assert_uint_eq(get16(ip - 2), v6 ? 0x86dd : 0x0800);
	if (v6) {
		ck_assert_uint_eq(ip[0] >> 4, 6);
		ck_assert_uint_eq(get16(ip + 4), l4_len);
		ck_assert_uint_eq(ip[6], protocol);
		return sum(protocol + l4_len, ip + 8, 32);
	}
	ck_assert_uint_eq(ip[0], 0x45);
	ck_assert_uint_eq(get16(ip + 2), len - at);
	ck_assert_uint_eq(ip[9], protocol);
	ck_assert_msg(sum(0, ip, 20) == 0xffff, "the checksum of an IP header is wrong");
	return sum(protocol + l4_len, ip + 12, 8);
}

uint32_t tunnel_assert(const struct tunnel_shape *s, const uint8_t *frame, uint32_t len,
		       const uint8_t *super, uint32_t done)
{
	struct tunnel_places p = tunnel_places(s);
	uint32_t pseudo;

	ck_assert_uint_gt(len, p.payload);
	pseudo = assert_ip(frame, ETH, len, s->outer_v6, PROTOCOL_UDP);
	ck_assert_uint_eq(get16(frame + p.udp + 2), s->port);
	ck_assert_uint_eq(get16(frame + p.udp + 4), len - p.udp);
	if (s->csum)
		ck_assert_msg(get16(frame + p.udp + 6) != 0 &&
				      sum(pseudo, frame + p.udp, len - p.udp) == 0xffff,
			      "%s: the tunnel's checksum is wrong at %u", s->says, done);
	else
		ck_assert_uint_eq(get16(frame + p.udp + 6), 0);
	ck_assert_mem_eq(frame + p.head, s->head, s->head_len);
	pseudo = assert_ip(frame, p.inner_ip, len, s->inner_v6,
			   s->tcp ? PROTOCOL_TCP : PROTOCOL_UDP);
	ck_assert_msg(sum(pseudo, frame + p.l4, len - p.l4) == 0xffff,
		      "%s: the checksum of what is in the tunnel is wrong at %u", s->says, done);
	if (s->tcp)
		ck_assert_uint_eq(get16(frame + p.l4 + 4) << 16 | get16(frame + p.l4 + 6), done);
	else
		ck_assert_uint_eq(get16(frame + p.l4 + 4), len - p.l4);
	ck_assert_mem_eq(frame + p.payload, super + p.payload + done, len - p.payload);
	return len - p.payload;
}
