/* devices/frame/tunnel.c: encapsulations told by their protocol number or their UDP port. */
#include "devices/frame/tunnel.h"

#include "devices/frame/headers.h"

/* What a tunnel's header says: its type, and where what begins. type 0: no tunnel. */
struct carried {
	uint32_t type;
	uint32_t at;
	uint16_t ethertype;
};

static struct carried gre(const uint8_t *bytes, uint32_t len, uint32_t at, uint32_t type)
{
	struct carried c = { .type = type };
	uint16_t flags;

	if (len - at < GRE_BYTES)
		return (struct carried){ 0 };
	flags = be16_read(bytes + at);
	c.ethertype = be16_read(bytes + at + 2);
	if ((flags & GRE_MUST_BE_0) != 0)
		return (struct carried){ 0 };
	c.at = at + GRE_BYTES;
	for (uint16_t word = GRE_CHECKSUM; word >= GRE_SEQUENCE; word >>= 1)
		if ((flags & word) != 0)
			c.at += 4;
	if (type == TUNNEL_GRE_2784 && (flags & (GRE_KEY | GRE_SEQUENCE)) != 0)
		c.type = TUNNEL_GRE_2890;
	if (type != TUNNEL_GRE_UDP && c.ethertype == TYPE_ETHERNET &&
	    (flags & (GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE)) == GRE_KEY)
		c.type |= TUNNEL_NVGRE;
	return c;
}

/* The types of what VXLAN-GPE's next protocol names; 0: not known. */
static uint16_t gpe_type(const uint8_t *header)
{
	static const uint16_t types[] = { 0, TYPE_IPV4, TYPE_IPV6, TYPE_ETHERNET };

	if ((header[0] & GPE_PROTOCOL) == 0)
		return TYPE_ETHERNET;
	return header[3] < sizeof(types) / sizeof(types[0]) ? types[header[3]] : 0;
}

static struct carried udp(const uint8_t *bytes, uint32_t len, const struct parsed *outer)
{
	uint32_t at = outer->payload_offset;
	uint16_t port = be16_read(bytes + outer->l4_offset + 2);

	if (port == PORT_GRE)
		return gre(bytes, len, at, TUNNEL_GRE_UDP);
	if (len - at < VXLAN_BYTES)
		return (struct carried){ 0 };
	switch (port) {
	case PORT_VXLAN: return (struct carried){ TUNNEL_VXLAN, at + VXLAN_BYTES, TYPE_ETHERNET };
	case PORT_VXLAN_GPE:
		return (struct carried){ TUNNEL_VXLAN_GPE, at + VXLAN_BYTES, gpe_type(bytes + at) };
	case PORT_GENEVE:
		return (struct carried){ TUNNEL_GENEVE, at + VXLAN_BYTES + (bytes[at] & 0x3fu) * 4,
					 be16_read(bytes + at + 2) };
	default: return (struct carried){ 0 };
	}
}

bool tunnel_parse(const uint8_t *bytes, uint32_t len, const struct parsed *outer, uint32_t types,
		  struct parsed *ret_inner)
{
	struct carried c = { 0 };

	if (outer->fragment || outer->l4_offset == 0 || types == 0)
		return false;
	if (outer->l4 == L4_UDP)
		c = udp(bytes, len, outer);
	else if (outer->protocol == PROTO_GRE)
		c = gre(bytes, len, outer->l4_offset,
			outer->ip_version == 4 ? TUNNEL_GRE_2784 : TUNNEL_GRE_7676);
	else if (outer->protocol == PROTO_IPIP && outer->ip_version == 4)
		c = (struct carried){ TUNNEL_IPIP, outer->l4_offset, TYPE_IPV4 };
	if ((c.type & types) == 0)
		return false;
	*ret_inner = inner_parse(bytes, len, c.at, c.ethertype);
	return true;
}
