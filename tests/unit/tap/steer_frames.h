/* tests/unit/tap/steer_frames.h: frames by chance for what classifies them: right ones, and with
 * any one thing wrong. */
#ifndef TAPVM_TESTS_STEER_FRAMES_H
#define TAPVM_TESTS_STEER_FRAMES_H

#include <stdbool.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/tunnel.h"

enum { ROOM = 8192, LEN_MAX = 1514, ETH_BYTES = 14 };

static uint32_t seed;

static inline uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static inline void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline uint32_t put_upper(uint8_t *at, uint8_t upper)
{
	at[12] = (uint8_t)(upper == 6 ? 0x50 : any(256));
	if (any(8) == 0)
		at[12] = (uint8_t)any(256);
	return upper == 6 ? 20 + any(8) : 8 + any(20);
}

static inline uint8_t any_upper(void)
{
	static const uint8_t kinds[] = { 6, 6, 17, 17, 17, 1, 44, 58, 132 };

	return kinds[any(ARRAY_LEN(kinds))];
}

static inline uint32_t put_frame(uint8_t *frame, unsigned depth);
static inline uint32_t put_packet(uint8_t *ip, uint16_t type, unsigned depth);

static inline uint32_t put_typed(uint8_t *at, uint16_t type, unsigned depth)
{
	return type == TYPE_ETHERNET ? put_frame(at, depth) : put_packet(at, type, depth);
}

static inline uint16_t any_carried(void)
{
	static const uint16_t types[] = { TYPE_ETHERNET, TYPE_ETHERNET, TYPE_IPV4, TYPE_IPV6,
					  0x88b5 };

	return types[any(ARRAY_LEN(types))];
}

static inline uint32_t put_gre(uint8_t *at, unsigned depth)
{
	static const uint16_t flags[] = { 0,      0,      0x2000, 0x2000, 0x8000,
					  0x1000, 0xb000, 0xa000, 0x4000, 1 };
	uint16_t which = flags[any(ARRAY_LEN(flags))], type = any_carried();
	uint32_t size = 4;

	put16(at, which);
	put16(at + 2, type);
	for (uint16_t word = 0x8000; word >= 0x1000; word >>= 1)
		size += (which & word) != 0 ? 4 : 0;
	return size + put_typed(at + size, type, depth);
}

static inline uint32_t put_udp_tunnel(uint8_t *at, unsigned depth)
{
	static const uint16_t ports[] = { 4754, 4789, 4789, 4790, 4790, 6081, 6081, 4791 };
	static const uint16_t gpe[] = { 0, TYPE_IPV4, TYPE_IPV6, TYPE_ETHERNET, 0 };
	uint16_t port = ports[any(ARRAY_LEN(ports))], type = any_carried();
	uint32_t size = 16;

	put16(at + 2, port);
	if (port == 4754)
		return 8 + put_gre(at + 8, depth);
	at[8] = (uint8_t)(any(3) * 4);
	if (port == 6081) {
		put16(at + 10, type);
		size += 4u * at[8];
	} else if (port == 4790 && (at[8] & 4) != 0) {
		at[11] = (uint8_t)any(ARRAY_LEN(gpe));
		type = gpe[at[11]];
	} else {
		type = TYPE_ETHERNET;
	}
	return size + put_typed(at + size, type, depth);
}

static inline uint32_t put_ipv4(uint8_t *ip, unsigned depth)
{
	static const uint8_t tunnels[] = { 4, 17, 17, 47 };
	bool carries = depth < 2 && any(2) == 0;
	uint8_t upper = carries ? tunnels[any(ARRAY_LEN(tunnels))] : any_upper();
	uint32_t header = 20 + 4 * (any(3) == 0 ? any(11) : 0);

	ip[0] = (uint8_t)(0x40 | header / 4);
	if (any(16) == 0)
		ip[0] = (uint8_t)any(256);
	put16(ip + 6, any(5) == 0 ? any(65536) : any(3) * 0x2000);
	ip[9] = upper;
	if (carries && any(8) != 0)
		put16(ip + 6, 0);
	if (!carries)
		return header + put_upper(ip + header, upper);
	if (upper == 4)
		return header + put_ipv4(ip + header, depth + 1);
	return header + (upper == 17 ? put_udp_tunnel(ip + header, depth + 1)
				     : put_gre(ip + header, depth + 1));
}

/* Options of a destination header, or a routing header, with a home address as a rule. */
static inline void put_home(uint8_t *header, uint8_t what)
{
	uint8_t *at = header + 2;

	if (any(3) == 0)
		return;
	if (what == 43) {
		header[1] = (uint8_t)(any(6) == 0 ? 3 : 2);
		header[2] = (uint8_t)(any(6) == 0 ? 0 : 2);
		return;
	}
	header[1] = (uint8_t)(2 + any(4));
	for (unsigned count = any(8); count > 0; count--)
		if (any(2) == 0) {
			*at++ = 0;
		} else {
			at[0] = 1;
			at[1] = (uint8_t)any(4);
			at += 2 + at[1];
		}
	at[0] = (uint8_t)(any(8) == 0 ? 0xc8 : 0xc9);
	at[1] = (uint8_t)(any(8) == 0 ? 15 : 16);
}

static inline uint32_t put_ipv6(uint8_t *ip, unsigned depth)
{
	static const uint8_t extensions[] = { 0, 43, 60, 60, 43, 44 };
	bool carries = depth < 2 && any(2) == 0;
	uint8_t upper = carries ? (uint8_t)(any(2) == 0 ? 17 : 47) : any_upper(), *next = ip + 6;
	uint32_t at = 40;

	ip[0] = (uint8_t)(any(16) == 0 ? any(256) : 0x60);
	for (unsigned count = any(2) == 0 ? any(any(4) == 0 ? 11 : 4) : 0; count > 0; count--) {
		*next = extensions[any(ARRAY_LEN(extensions) - (carries ? 1 : 0))];
		ip[at + 1] = (uint8_t)any(any(4) == 0 ? 8 : 2);
		if (*next == 43 || *next == 60)
			put_home(ip + at, *next);
		next = ip + at;
		at += (ip[at + 1] + 1u) * 8;
	}
	*next = upper;
	if (!carries)
		return at + put_upper(ip + at, upper);
	return at +
	       (upper == 17 ? put_udp_tunnel(ip + at, depth + 1) : put_gre(ip + at, depth + 1));
}

static inline uint32_t put_packet(uint8_t *ip, uint16_t type, unsigned depth)
{
	switch (type) {
	case TYPE_IPV4: return put_ipv4(ip, depth);
	case TYPE_IPV6: return put_ipv6(ip, depth);
	default: return any(100);
	}
}

static inline uint32_t put_frame(uint8_t *frame, unsigned depth)
{
	static const uint16_t tags[] = { 0x8100, 0x88a8, 0x8100, 0x9100 };
	static const uint16_t types[] = {
		TYPE_IPV4, TYPE_IPV6, TYPE_IPV4, TYPE_IPV6, 0x0806, 0x88b5
	};
	uint16_t type = types[any(ARRAY_LEN(types))];
	uint32_t at = 12;

	for (unsigned count = any(3) == 0 ? any(4) : 0; count > 0; count--, at += 4)
		put16(frame + at, tags[any(ARRAY_LEN(tags))]);
	put16(frame + at, type);
	return at + 2 + put_packet(frame + at + 2, type, depth);
}

/* ROOM bytes of frame; its length. ip_alone: behind an Ethernet header of its type there is IP. */
static inline uint32_t any_frame(uint8_t *frame, bool ip_alone)
{
	uint16_t type = any(2) == 0 ? TYPE_IPV4 : TYPE_IPV6;
	uint32_t len;

	for (unsigned i = 0; i < ROOM; i++)
		frame[i] = (uint8_t)any(256);
	frame[0] = 0x52;
	if (ip_alone) {
		len = ETH_BYTES + put_packet(frame + ETH_BYTES, type, 0);
		put16(frame + 12, frame[ETH_BYTES] >> 4 == 4 ? TYPE_IPV4 : TYPE_IPV6);
	} else {
		len = put_frame(frame, 0);
	}
	if (any(8) == 0)
		len = ETH_BYTES + 1 + any(len - ETH_BYTES);
	return len < LEN_MAX ? len : LEN_MAX;
}

#endif
