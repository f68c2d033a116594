/* guest/net/packet.h: building and taking apart the frames of the checks. Bytes are big-endian
 * on the wire (RFC 791, 826, 768, 9293, 8200, 4861); sums are of RFC 1071. */
#ifndef TAPVM_GUEST_PACKET_H
#define TAPVM_GUEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ETH = 14,
	IP4 = 20,
	IP6 = 40,
	UDP = 8,
	TCP = 20,
	ICMP = 8,
	TYPE_IP4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_IP6 = 0x86dd,
	TYPE_TEST = 0x88b5,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
};

struct address {
	bool v6;
	uint8_t bytes[16];
};

/* Between whom a packet goes. */
struct flow {
	uint8_t to_mac[6], from_mac[6];
	struct address to, from;
	uint16_t to_port, from_port;
};

uint16_t get_be16(const uint8_t *at);
void put_be16(uint8_t *at, uint16_t v);
uint32_t get_be32(const uint8_t *at);
void put_be32(uint8_t *at, uint32_t v);
uint16_t sum_of(uint32_t start, const uint8_t *bytes, uint32_t len); /* folded, not complemented */
/* The pseudo header's sum: what a NEEDS_CSUM frame carries in its checksum field. */
uint16_t pseudo_sum(const struct flow *f, uint8_t proto, uint32_t l4_len);
/* Byte i of payload number n. */
uint8_t pattern(uint32_t n, uint32_t i);
void fill_pattern(uint8_t *at, uint32_t n, uint32_t len);
bool is_pattern(const uint8_t *at, uint32_t n, uint32_t len);

/* Ethernet and IP headers in front of l4_len bytes: the offset of the transport header. */
uint32_t put_ip(uint8_t *frame, const struct flow *f, uint8_t proto, uint32_t l4_len);
enum sum { SUM_FULL, SUM_PSEUDO, SUM_BAD_PSEUDO };
/* Headers in front of `len` payload bytes that stand behind them already (at the offset returned by
 * *_payload). Returns the frame's length. */
uint32_t udp_payload(bool v6);
uint32_t tcp_payload(bool v6);
uint32_t put_udp(uint8_t *frame, const struct flow *f, uint32_t len, enum sum sum);
uint32_t put_tcp(uint8_t *frame, const struct flow *f, uint32_t len, enum sum sum);
uint32_t put_echo_request(uint8_t *frame, const struct flow *f, uint16_t sequence, uint32_t len);
uint32_t put_arp_request(uint8_t *frame, const struct flow *f);

/* A received frame, as far as it is understood. */
struct packet {
	bool arp_request, arp_reply, echo_request, echo_reply, udp, tcp, neighbour_solicitation;
	bool v6;
	const uint8_t *payload; /* of echo (behind 8 bytes), UDP, TCP */
	uint32_t payload_len;
	uint16_t from_port, to_port, sequence;
	const uint8_t *from_mac, *from_ip, *to_ip, *l4;
	uint32_t l4_len;
	bool sum_right; /* the transport checksum, as it stands in the bytes */
};
struct packet take_apart(const uint8_t *frame, uint32_t len);

#endif
