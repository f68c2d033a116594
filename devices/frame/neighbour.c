/* devices/frame/neighbour.c: ARP requests and neighbour solicitations, and their answers. */
#include "devices/frame/neighbour.h"

#include <string.h>

#include "devices/frame/csum.h"
#include "devices/frame/headers.h"

enum {
	/* From the ARP packet's first byte on. */
	ARP_BYTES = 28,
	ARP_OPERATION = 7,
	ARP_SENDER_MAC = 8,
	ARP_SENDER = 14,
	ARP_TARGET_MAC = 18,
	ARP_TARGET = 24,
	ARP_REPLY = 2,
	/* From the IPv6 header's first byte on. */
	IPV6_LENGTH = 4,
	IPV6_NEXT = 6,
	IPV6_HOPS = 7,
	IPV6_FROM = 8,
	IPV6_TO = 24,
	IPV6_ADDRESS = 16,
	PROTO_ICMPV6 = 58,
	HOPS = 255, /* it was never forwarded: RFC 4861, 7.1 */
	/* From the ICMPv6 header's first byte on. */
	ND_TARGET = 8,
	ND_BYTES = 24,
	ND_OPTION_BYTES = 8,
	ND_TARGET_MAC = 2, /* target link-layer address, an option */
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	/* Router, as the host may well be one: without it a guest gives up the routes that an
	 * advertisement of the host's gave it. Solicited; override. */
	ADVERTISEMENT_FLAGS = 0xe0,
};

static uint16_t type_of(const uint8_t *frame)
{
	return (uint16_t)(frame[ETH_TYPE] << 8 | frame[ETH_TYPE + 1]);
}

static bool arp_asks(const uint8_t *arp, uint32_t len)
{
	/* Ethernet, IPv4, lengths 6 and 4, request. */
	static const uint8_t request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	static const uint8_t nobody[4];

	return len >= ARP_BYTES && memcmp(arp, request, sizeof(request)) == 0 &&
	       memcmp(arp + ARP_SENDER, nobody, sizeof(nobody)) != 0 &&
	       memcmp(arp + ARP_SENDER, arp + ARP_TARGET, sizeof(nobody)) != 0;
}

static bool solicits(const uint8_t *ip, uint32_t len)
{
	static const uint8_t nobody[IPV6_ADDRESS];
	const uint8_t *from = ip + IPV6_FROM, *nd = ip + IPV6_BYTES, *target = nd + ND_TARGET;

	return len >= IPV6_BYTES + ND_BYTES && ip[0] >> 4 == 6 && ip[IPV6_NEXT] == PROTO_ICMPV6 &&
	       ip[IPV6_HOPS] == HOPS && nd[0] == SOLICITATION && nd[1] == 0 && target[0] != 0xff &&
	       memcmp(from, nobody, sizeof(nobody)) != 0 &&
	       memcmp(from, target, sizeof(nobody)) != 0;
}

bool neighbour_asks(const uint8_t *bytes, uint32_t len)
{
	if (len < ETH_BYTES)
		return false;
	switch (type_of(bytes)) {
	case TYPE_ARP: return arp_asks(bytes + ETH_BYTES, len - ETH_BYTES);
	case TYPE_IPV6: return solicits(bytes + ETH_BYTES, len - ETH_BYTES);
	default: return false;
	}
}

static uint32_t answer_arp(const uint8_t *asked, const uint8_t *mac, uint8_t *arp)
{
	memcpy(arp, asked, ARP_SENDER_MAC);
	arp[ARP_OPERATION] = ARP_REPLY;
	memcpy(arp + ARP_SENDER_MAC, mac, MAC_BYTES);
	memcpy(arp + ARP_SENDER, asked + ARP_TARGET, 4);
	memcpy(arp + ARP_TARGET_MAC, asked + ARP_SENDER_MAC, MAC_BYTES + 4);
	return ARP_BYTES;
}

static uint32_t answer_solicitation(const uint8_t *asked, const uint8_t *mac, uint8_t *ip)
{
	enum { BYTES = ND_BYTES + ND_OPTION_BYTES };
	uint8_t *nd = ip + IPV6_BYTES, *option = nd + ND_BYTES;
	uint16_t sum;

	memset(ip, 0, IPV6_BYTES + BYTES);
	ip[0] = 0x60;
	ip[IPV6_LENGTH + 1] = BYTES;
	ip[IPV6_NEXT] = PROTO_ICMPV6;
	ip[IPV6_HOPS] = HOPS;
	memcpy(ip + IPV6_FROM, asked + IPV6_BYTES + ND_TARGET, IPV6_ADDRESS);
	memcpy(ip + IPV6_TO, asked + IPV6_FROM, IPV6_ADDRESS);
	nd[0] = ADVERTISEMENT;
	nd[4] = ADVERTISEMENT_FLAGS;
	memcpy(nd + ND_TARGET, ip + IPV6_FROM, IPV6_ADDRESS);
	option[0] = ND_TARGET_MAC;
	option[1] = 1; /* in units of 8 bytes */
	memcpy(option + 2, mac, MAC_BYTES);
	/* The pseudo header: both addresses, length and protocol. */
	sum = csum_fold(csum_add(csum_add(BYTES + PROTO_ICMPV6, ip + IPV6_FROM, 2 * IPV6_ADDRESS),
				 nd, BYTES));
	nd[2] = (uint8_t)(sum >> 8);
	nd[3] = (uint8_t)sum;
	return IPV6_BYTES + BYTES;
}

uint32_t neighbour_answer(const uint8_t *question, const uint8_t mac[static 6],
			  uint8_t ret[static NEIGHBOUR_ANSWER_MAX])
{
	const uint8_t *asked = question + ETH_BYTES;

	memcpy(ret, question + MAC_BYTES, MAC_BYTES);
	memcpy(ret + MAC_BYTES, mac, MAC_BYTES);
	memcpy(ret + ETH_TYPE, question + ETH_TYPE, 2);
	return ETH_BYTES + (type_of(question) == TYPE_ARP
				    ? answer_arp(asked, mac, ret + ETH_BYTES)
				    : answer_solicitation(asked, mac, ret + ETH_BYTES));
}
