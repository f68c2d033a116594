/* guest/net/packet.c: frames. */
#include "guest/net/packet.h"

enum { TTL = 64, TCP_ACK_PSH = 0x18, WINDOW = 0xffff };

uint16_t get_be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
void put_be16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}
uint32_t get_be32(const uint8_t *at) { return (uint32_t)get_be16(at) << 16 | get_be16(at + 2); }
void put_be32(uint8_t *at, uint32_t v)
{
	put_be16(at, (uint16_t)(v >> 16));
	put_be16(at + 2, (uint16_t)v);
}

uint16_t sum_of(uint32_t start, const uint8_t *bytes, uint32_t len)
{
	uint64_t sum = start;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += get_be16(bytes + i);
	if (len & 1)
		sum += (uint32_t)bytes[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static unsigned address_bytes(const struct address *a) { return a->v6 ? 16 : 4; }

uint16_t pseudo_sum(const struct flow *f, uint8_t proto, uint32_t l4_len)
{
	uint32_t sum = sum_of(proto + (l4_len >> 16) + (l4_len & 0xffff), f->from.bytes,
			      address_bytes(&f->from));

	return sum_of(sum, f->to.bytes, address_bytes(&f->to));
}

uint8_t pattern(uint32_t n, uint32_t i) { return (uint8_t)(i * 7 + n * 13 + 5); }

void fill_pattern(uint8_t *at, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		at[i] = pattern(n, i);
}

bool is_pattern(const uint8_t *at, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (at[i] != pattern(n, i))
			return false;
	return true;
}

static void put_eth(uint8_t *frame, const struct flow *f, uint16_t type)
{
	for (unsigned i = 0; i < 6; i++) {
		frame[i] = f->to_mac[i];
		frame[6 + i] = f->from_mac[i];
	}
	put_be16(frame + 12, type);
}

static void put_bytes(uint8_t *at, const struct address *a)
{
	for (unsigned i = 0; i < address_bytes(a); i++)
		at[i] = a->bytes[i];
}

uint32_t put_ip(uint8_t *frame, const struct flow *f, uint8_t proto, uint32_t l4_len)
{
	uint8_t *ip = frame + ETH;

	for (unsigned i = 0; i < (f->to.v6 ? IP6 : IP4); i++)
		ip[i] = 0;
	if (f->to.v6) {
		put_eth(frame, f, TYPE_IP6);
		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)l4_len);
		ip[6] = proto;
		ip[7] = proto == PROTO_ICMP6 ? 255 : TTL;
		put_bytes(ip + 8, &f->from);
		put_bytes(ip + 24, &f->to);
		return ETH + IP6;
	}
	put_eth(frame, f, TYPE_IP4);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(IP4 + l4_len));
	ip[6] = 0x40; /* don't fragment */
	ip[8] = TTL;
	ip[9] = proto;
	put_bytes(ip + 12, &f->from);
	put_bytes(ip + 16, &f->to);
	put_be16(ip + 10, (uint16_t)~sum_of(0, ip, IP4));
	return ETH + IP4;
}

uint32_t udp_payload(bool v6) { return (v6 ? ETH + IP6 : ETH + IP4) + UDP; }
uint32_t tcp_payload(bool v6) { return (v6 ? ETH + IP6 : ETH + IP4) + TCP; }

/* The checksum field at `field` of l4_len bytes at l4, which is 0 now. */
static void put_sum(uint8_t *l4, uint32_t l4_len, uint32_t field, const struct flow *f,
		    uint8_t proto, enum sum sum)
{
	uint16_t pseudo = pseudo_sum(f, proto, l4_len), full;

	if (sum != SUM_FULL) {
		put_be16(l4 + field, sum == SUM_BAD_PSEUDO ? (uint16_t)(pseudo ^ 0x5555) : pseudo);
		return;
	}
	full = (uint16_t)~sum_of(pseudo, l4, l4_len);
	put_be16(l4 + field, full == 0 && proto == PROTO_UDP ? 0xffff : full);
}

uint32_t put_udp(uint8_t *frame, const struct flow *f, uint32_t len, enum sum sum)
{
	uint32_t at = put_ip(frame, f, PROTO_UDP, UDP + len);
	uint8_t *udp = frame + at;

	put_be16(udp, f->from_port);
	put_be16(udp + 2, f->to_port);
	put_be16(udp + 4, (uint16_t)(UDP + len));
	put_be16(udp + 6, 0);
	put_sum(udp, UDP + len, 6, f, PROTO_UDP, sum);
	return at + UDP + len;
}

uint32_t put_tcp(uint8_t *frame, const struct flow *f, uint32_t len, enum sum sum)
{
	uint32_t at = put_ip(frame, f, PROTO_TCP, TCP + len);
	uint8_t *tcp = frame + at;

	put_be16(tcp, f->from_port);
	put_be16(tcp + 2, f->to_port);
	put_be32(tcp + 4, 1); /* sequence: payload byte 0 */
	put_be32(tcp + 8, 1);
	tcp[12] = TCP / 4 << 4;
	tcp[13] = TCP_ACK_PSH;
	put_be16(tcp + 14, WINDOW);
	put_be32(tcp + 16, 0);
	put_sum(tcp, TCP + len, 16, f, PROTO_TCP, sum);
	return at + TCP + len;
}

/* An echo of `len` data bytes: type 8 or, for IPv6, 128; identifier 0x7674. */
uint32_t put_echo_request(uint8_t *frame, const struct flow *f, uint16_t sequence, uint32_t len)
{
	uint8_t proto = f->to.v6 ? PROTO_ICMP6 : PROTO_ICMP;
	uint32_t at = put_ip(frame, f, proto, ICMP + len);
	uint8_t *icmp = frame + at;

	icmp[0] = f->to.v6 ? 128 : 8;
	icmp[1] = 0;
	put_be16(icmp + 2, 0);
	put_be16(icmp + 4, 0x7674);
	put_be16(icmp + 6, sequence);
	put_be16(icmp + 2, (uint16_t)~sum_of(f->to.v6 ? pseudo_sum(f, proto, ICMP + len) : 0, icmp,
					     ICMP + len));
	return at + ICMP + len;
}

uint32_t put_arp_request(uint8_t *frame, const struct flow *f)
{
	static const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 }; /* Ethernet, IPv4, request */
	uint8_t *arp = frame + ETH;

	put_eth(frame, f, TYPE_ARP);
	for (unsigned i = 0; i < 6; i++) {
		frame[i] = 0xff;
		arp[8 + i] = f->from_mac[i];
		arp[18 + i] = 0;
	}
	for (unsigned i = 0; i < 8; i++)
		arp[i] = head[i];
	put_bytes(arp + 14, &f->from);
	put_bytes(arp + 24, &f->to);
	return ETH + 28;
}

static void take_l4(struct packet *p, uint8_t proto, uint32_t pseudo)
{
	const uint8_t *l4 = p->l4;
	uint32_t header = proto == PROTO_TCP ? TCP : UDP;

	if (p->l4_len < header)
		return;
	p->payload = l4 + header;
	p->payload_len = p->l4_len - header;
	p->sum_right = sum_of(proto == PROTO_ICMP ? 0 : pseudo, l4, p->l4_len) == 0xffff;
	if (proto == PROTO_UDP || proto == PROTO_TCP) {
		p->udp = proto == PROTO_UDP;
		p->tcp = proto == PROTO_TCP;
		p->from_port = get_be16(l4);
		p->to_port = get_be16(l4 + 2);
		return;
	}
	p->sequence = get_be16(l4 + 6);
	p->echo_request = l4[0] == (proto == PROTO_ICMP ? 8 : 128);
	p->echo_reply = l4[0] == (proto == PROTO_ICMP ? 0 : 129);
	p->neighbour_solicitation = proto == PROTO_ICMP6 && l4[0] == 135 && p->l4_len >= 24;
}

/* Finds the transport header; false: not ours to understand. */
static bool take_ip(struct packet *p, const uint8_t *frame, uint32_t len, uint8_t *ret_proto)
{
	const uint8_t *ip = frame + ETH;
	uint32_t all;

	p->v6 = get_be16(frame + 12) == TYPE_IP6;
	if (len < (uint32_t)ETH + (p->v6 ? IP6 : IP4))
		return false;
	all = p->v6 ? IP6 + (uint32_t)get_be16(ip + 4) : get_be16(ip + 2);
	if (all + ETH > len || all < (p->v6 ? IP6 : IP4))
		return false;
	p->from_ip = p->v6 ? ip + 8 : ip + 12;
	p->to_ip = p->v6 ? ip + 24 : ip + 16;
	p->l4 = ip + (p->v6 ? IP6 : IP4);
	p->l4_len = all - (p->v6 ? IP6 : IP4);
	*ret_proto = p->v6 ? ip[6] : ip[9];
	return true;
}

struct packet take_apart(const uint8_t *frame, uint32_t len)
{
	struct packet p = { 0 };
	uint16_t type = len >= ETH ? get_be16(frame + 12) : 0;
	uint8_t proto = 0;

	p.from_mac = frame + 6;
	if (type == TYPE_ARP && len >= ETH + 28) {
		p.arp_request = get_be16(frame + ETH + 6) == 1;
		p.arp_reply = get_be16(frame + ETH + 6) == 2;
		p.from_mac = frame + ETH + 8;
		p.from_ip = frame + ETH + 14;
		p.to_ip = frame + ETH + 24;
	} else if ((type == TYPE_IP4 || type == TYPE_IP6) && take_ip(&p, frame, len, &proto)) {
		unsigned bytes = p.v6 ? 16 : 4;
		uint32_t pseudo = sum_of(proto + p.l4_len, p.from_ip, bytes);

		pseudo = sum_of(pseudo, p.to_ip, bytes);
		if (proto == PROTO_UDP || proto == PROTO_TCP || proto == PROTO_ICMP ||
		    proto == PROTO_ICMP6)
			take_l4(&p, proto, pseudo);
	}
	return p;
}
