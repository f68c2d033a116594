/* devices/frame/parse.h: what the first bytes of a frame say. Pure; reads only bytes[0, len). */
#ifndef TAPVM_FRAME_PARSE_H
#define TAPVM_FRAME_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* What is looked at: tags of a frame, extension headers of a packet, options of a header. */
enum { VLAN_TAGS_MAX = 2, EXTENSIONS_MAX = 8, OPTIONS_MAX = 6 };

enum l4_kind { L4_UNKNOWN, L4_TCP, L4_UDP };

struct parsed {
	bool understood; /* false: not IP, a fragment, truncated, headers end past the bytes seen */
	bool fragment;   /* an IP fragment: its transport header must not be touched */
	unsigned ip_version; /* 4, 6 or 0 */
	enum l4_kind l4;
	uint16_t l3_offset; /* behind up to two VLAN tags (0x8100, 0x88a8) */
	uint16_t l4_offset; /* behind IPv4 options or IPv6 extension headers (hop-by-hop, routing,
			       destination); 0: they do not end within the bytes seen */
	uint16_t payload_offset; /* behind the transport header */
	uint8_t protocol;        /* IP's number of what lies at l4_offset */
	/* IPv6 only: there are extension headers, and where the addresses are that take the place
	 * of the packet's own (home address option, one of the first six of the last
	 * destination header; routing header type 2: RFC 6275), 0: none. */
	bool extensions;
	uint16_t home_source, home_destination;
};

/* Whether a VLAN tag (0x8100, 0x88a8) follows the addresses. */
bool frame_tagged(const uint8_t *bytes, uint32_t len);

/* bytes: the first len bytes of a frame that is frame_len long (len <= frame_len). */
struct parsed frame_parse(const uint8_t *bytes, uint32_t len, uint32_t frame_len);

/* The same of what begins at bytes[at] inside a frame and is what its ethertype says: an IP packet,
 * or a frame of its own. Offsets count from bytes all the same. */
enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_ETHERNET = 0x6558 };
struct parsed inner_parse(const uint8_t *bytes, uint32_t len, uint32_t at, uint16_t type);

static inline uint16_t be16_read(const uint8_t *b) { return (uint16_t)(b[0] << 8 | b[1]); }

#endif
