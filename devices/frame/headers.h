/* devices/frame/headers.h: numbers of the headers that are read here, as they are on the wire:
 * sizes in bytes, Ethernet types, protocols, ports. Sources: IEEE 802.3, 802.1Q; RFC 768, 791,
 * 4302, 6275, 8200, 9293; of tunnels RFC 2003, 2784, 2890, 7348, 7637, 8086, 8926. */
#ifndef TAPVM_FRAME_HEADERS_H
#define TAPVM_FRAME_HEADERS_H

#include "devices/frame/parse.h"

enum {
	/* ---- Ethernet ---- */
	MAC_BYTES = 6,
	ETH_BYTES = 14,
	ETH_TYPE = 12, /* offset */
	VLAN_BYTES = 4,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,

	/* ---- IP ---- */
	IPV4_BYTES_MIN = 20,
	IPV6_BYTES = 40,
	PROTO_HOP = 0,
	PROTO_IPIP = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_NONE = 59,
	PROTO_DESTINATION = 60,
	ROUTING_HOME = 2, /* type of the routing header that carries a home address */
	OPTION_PAD1 = 0,
	OPTION_HOME = 0xc9,
	ADDRESS_BYTES = 16, /* of IPv6 */

	TCP_BYTES_MIN = 20,
	UDP_BYTES = 8,

	/* ---- tunnels ---- */
	PORT_GRE = 4754,
	PORT_VXLAN = 4789,
	PORT_VXLAN_GPE = 4790,
	PORT_GENEVE = 6081,
	GRE_BYTES = 4,
	GRE_CHECKSUM = 0x8000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_MUST_BE_0 = 0x4c07, /* routing, strict source route, recursion's half, version */
	VXLAN_BYTES = 8,        /* GENEVE's without options too */
	GPE_PROTOCOL = 4,       /* flag: the header names what follows */
};

#endif
