/* devices/frame/parse.c: Ethernet, up to two VLAN tags, IPv4 or IPv6, TCP or UDP. */
#include "devices/frame/parse.h"

#include "devices/frame/headers.h"

static bool is_tag(uint16_t type) { return type == TYPE_VLAN || type == TYPE_QINQ; }

bool frame_tagged(const uint8_t *bytes, uint32_t len)
{
	return len >= ETH_BYTES && is_tag(be16_read(bytes + ETH_TYPE));
}

/* Finds the transport protocol of an IPv4 packet at p->l3_offset. */
static bool ipv4(const uint8_t *bytes, uint32_t len, struct parsed *p)
{
	const uint8_t *ip = bytes + p->l3_offset;
	uint32_t left = len - p->l3_offset, header;

	if (left < IPV4_BYTES_MIN || ip[0] >> 4 != 4)
		return false;
	header = (uint32_t)(ip[0] & 15) * 4;
	if (header < IPV4_BYTES_MIN || header > left)
		return false;
	p->ip_version = 4;
	p->fragment = (be16_read(ip + 6) & 0x3fff) != 0;
	p->l4_offset = (uint16_t)(p->l3_offset + header);
	p->protocol = ip[9];
	return !p->fragment;
}

/* The home address option among the first of a destination header of `size` bytes: its offset, 0:
 * none. */
static uint16_t home_option(const uint8_t *bytes, uint32_t header, uint32_t size)
{
	uint32_t at = header + 2, end = header + size;

	for (unsigned i = 0; i < OPTIONS_MAX && at + 2 <= end; i++) {
		if (bytes[at] == OPTION_PAD1) {
			at++;
			continue;
		}
		if (bytes[at] == OPTION_HOME && bytes[at + 1] == ADDRESS_BYTES)
			return at + 2 + ADDRESS_BYTES <= end ? (uint16_t)(at + 2) : 0;
		at += 2u + bytes[at + 1];
	}
	return 0;
}

/* NET-49: what an extension header of `size` bytes says of the packet's addresses. */
static void note_home(const uint8_t *bytes, uint32_t header, uint32_t size, uint8_t kind,
		      struct parsed *p)
{
	if (kind == PROTO_DESTINATION)
		p->home_source = home_option(bytes, header, size);
	if (kind == PROTO_ROUTING && bytes[header + 2] == ROUTING_HOME && size == 8 + ADDRESS_BYTES)
		p->home_destination = (uint16_t)(header + 8);
}

static bool ipv6(const uint8_t *bytes, uint32_t len, struct parsed *p)
{
	uint32_t at = (uint32_t)p->l3_offset + IPV6_BYTES;
	uint8_t next;

	if (at > len || bytes[p->l3_offset] >> 4 != 6)
		return false;
	p->ip_version = 6;
	next = bytes[p->l3_offset + 6];
	for (unsigned i = 0;
	     next == PROTO_HOP || next == PROTO_ROUTING || next == PROTO_DESTINATION; i++) {
		uint32_t size;

		p->extensions = true;
		if (i == EXTENSIONS_MAX || len - at < 8)
			return false;
		size = ((uint32_t)bytes[at + 1] + 1) * 8;
		if (size > len - at)
			return false;
		note_home(bytes, at, size, next, p);
		next = bytes[at];
		at += size;
	}
	p->fragment = next == PROTO_FRAGMENT;
	p->extensions |= p->fragment;
	p->l4_offset = (uint16_t)at;
	p->protocol = next;
	return !p->fragment;
}

static bool transport(const uint8_t *bytes, uint32_t len, struct parsed *p)
{
	uint32_t left = len - p->l4_offset;
	uint32_t header;

	if (p->protocol == PROTO_UDP) {
		p->l4 = L4_UDP;
		header = UDP_BYTES;
	} else if (p->protocol == PROTO_TCP && left >= TCP_BYTES_MIN) {
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

/* The type behind the addresses of the frame at *at and its tags; *at: where its packet begins.
 * false: it ends before that. */
static bool ethernet(const uint8_t *bytes, uint32_t len, uint32_t *at, uint16_t *ret_type)
{
	if (len - *at < ETH_BYTES)
		return false;
	*at += ETH_BYTES;
	*ret_type = be16_read(bytes + *at - 2);
	for (unsigned i = 0; i < VLAN_TAGS_MAX && is_tag(*ret_type); i++) {
		if (len - *at < VLAN_BYTES)
			return false;
		*at += VLAN_BYTES;
		*ret_type = be16_read(bytes + *at - 2);
	}
	return true;
}

struct parsed inner_parse(const uint8_t *bytes, uint32_t len, uint32_t at, uint16_t type)
{
	struct parsed p = { 0 };

	len = len < UINT16_MAX ? len : UINT16_MAX; /* as far as an offset reaches */
	if (at > len || (type == TYPE_ETHERNET && !ethernet(bytes, len, &at, &type)))
		return p;
	p.l3_offset = (uint16_t)at;
	if ((type == TYPE_IPV4 && ipv4(bytes, len, &p)) ||
	    (type == TYPE_IPV6 && ipv6(bytes, len, &p)))
		p.understood = transport(bytes, len, &p);
	if (!p.understood)
		p.l4 = L4_UNKNOWN;
	return p;
}

struct parsed frame_parse(const uint8_t *bytes, uint32_t len, uint32_t frame_len)
{
	return inner_parse(bytes, len < frame_len ? len : frame_len, 0, TYPE_ETHERNET);
}
