/* devices/frame/parse.h: what the first bytes of a frame say. Pure; reads only bytes[0, len). */
#ifndef TAPVM_FRAME_PARSE_H
#define TAPVM_FRAME_PARSE_H

#include <stdbool.h>
#include <stdint.h>

enum l4_kind { L4_UNKNOWN, L4_TCP, L4_UDP };

struct parsed {
	bool understood; /* false: not IP, a fragment, truncated, headers end past the bytes seen */
	bool fragment;   /* an IP fragment: its transport header must not be touched */
	unsigned ip_version; /* 4, 6 or 0 */
	enum l4_kind l4;
	uint16_t l3_offset; /* behind up to two VLAN tags (0x8100, 0x88a8) */
	uint16_t l4_offset; /* behind IPv4 options or IPv6 extension headers (hop-by-hop, routing,
			       destination) */
	uint16_t payload_offset; /* behind the transport header */
};

/* Whether a VLAN tag (0x8100, 0x88a8) follows the addresses. */
bool frame_tagged(const uint8_t *bytes, uint32_t len);

/* bytes: the first len bytes of a frame that is frame_len long (len <= frame_len). */
struct parsed frame_parse(const uint8_t *bytes, uint32_t len, uint32_t frame_len);

#endif
