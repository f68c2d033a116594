/* devices/frame/parse.c: Ethernet, up to two VLAN tags, IPv4 or IPv6, TCP or UDP. */
#include "devices/frame/parse.h"

enum {
	ETH_BYTES = 14,
	ETH_TYPE = 12,
	VLAN_BYTES = 4,
	VLAN_TAGS_MAX = 2,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	IPV4_BYTES_MIN = 20,
	IPV6_BYTES = 40,
	EXTENSIONS_MAX = 8,
	PROTO_HOP = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_DESTINATION = 60,
	TCP_BYTES_MIN = 20,
	UDP_BYTES = 8,
};

static uint16_t be16(const uint8_t *b) { return (uint16_t)(b[0] << 8 | b[1]); }
static bool is_tag(uint16_t type) { return type == TYPE_VLAN || type == TYPE_QINQ; }

bool frame_tagged(const uint8_t *bytes, uint32_t len)
{
	return len >= ETH_BYTES && is_tag(be16(bytes + ETH_TYPE));
}

/* Finds the transport protocol of an IPv4 packet at p->l3_offset. */
static bool ipv4(const uint8_t *bytes, uint32_t len, struct parsed *p, uint8_t *ret_proto)
{
	const uint8_t *ip = bytes + p->l3_offset;
	uint32_t left = len - p->l3_offset, header;

	if (left < IPV4_BYTES_MIN || ip[0] >> 4 != 4)
		return false;
	header = (uint32_t)(ip[0] & 15) * 4;
	if (header < IPV4_BYTES_MIN || header > left)
		return false;
	p->ip_version = 4;
	p->fragment = (be16(ip + 6) & 0x3fff) != 0;
	p->l4_offset = (uint16_t)(p->l3_offset + header);
	*ret_proto = ip[9];
	return !p->fragment;
}

static bool ipv6(const uint8_t *bytes, uint32_t len, struct parsed *p, uint8_t *ret_proto)
{
	uint32_t at = (uint32_t)p->l3_offset + IPV6_BYTES;
	uint8_t next;

	if (at > len || bytes[p->l3_offset] >> 4 != 6)
		return false;
	p->ip_version = 6;
	next = bytes[p->l3_offset + 6];
	for (unsigned i = 0;
	     next == PROTO_HOP || next == PROTO_ROUTING || next == PROTO_DESTINATION; i++) {
		if (i == EXTENSIONS_MAX || len - at < 8)
			return false;
		next = bytes[at];
		at += ((uint32_t)bytes[at + 1] + 1) * 8;
		if (at > len)
			return false;
	}
	p->fragment = next == PROTO_FRAGMENT;
	p->l4_offset = (uint16_t)at;
	*ret_proto = next;
	return !p->fragment;
}

static bool transport(const uint8_t *bytes, uint32_t len, uint8_t proto, struct parsed *p)
{
	uint32_t left = len - p->l4_offset;
	uint32_t header;

	if (proto == PROTO_UDP) {
		p->l4 = L4_UDP;
		header = UDP_BYTES;
	} else if (proto == PROTO_TCP && left >= TCP_BYTES_MIN) {
		p->l4 = L4_TCP;
		header = (uint32_t)(bytes[p->l4_offset + 12] >> 4) * 4;
		if (header < TCP_BYTES_MIN)
			return false;
	} else {
		return false;
	}
	if (header > left)
		return false;
	p->payload_offset = (uint16_t)(p->l4_offset + header);
	return true;
}

struct parsed frame_parse(const uint8_t *bytes, uint32_t len, uint32_t frame_len)
{
	struct parsed p = { 0 };
	uint32_t at = ETH_TYPE;
	uint8_t proto = 0;
	uint16_t type;

	if (len > frame_len)
		len = frame_len;
	if (len < ETH_BYTES)
		return p;
	type = be16(bytes + at);
	for (unsigned i = 0; i < VLAN_TAGS_MAX && is_tag(type); i++) {
		at += VLAN_BYTES;
		if (len < at + 2)
			return p;
		type = be16(bytes + at);
	}
	p.l3_offset = (uint16_t)(at + 2);
	if ((type == TYPE_IPV4 && ipv4(bytes, len, &p, &proto)) ||
	    (type == TYPE_IPV6 && ipv6(bytes, len, &p, &proto)))
		p.understood = transport(bytes, len, proto, &p);
	if (!p.understood)
		p.l4 = L4_UNKNOWN;
	return p;
}
