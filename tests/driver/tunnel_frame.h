/* tests/driver/tunnel_frame.h: frames in UDP tunnels, made and judged by what their shape says:
 * shares nothing with devices/frame. */
#ifndef TAPVM_TESTS_TUNNEL_FRAME_H
#define TAPVM_TESTS_TUNNEL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/frame/frame.h"

enum { TUNNEL_HEAD_MAX = 16, TUNNEL_HEADERS_MAX = 14 + 40 + 8 + TUNNEL_HEAD_MAX + 14 + 40 + 20 };

struct tunnel_shape {
	const char *says;
	bool outer_v6, csum; /* the tunnel's IP; whether its UDP has a checksum */
	bool inner_v6, tcp;  /* what is in it; not tcp: UDP */
	uint16_t port;       /* that the tunnel goes to */
	uint8_t head_len;    /* of the encapsulation's header */
	uint8_t head[TUNNEL_HEAD_MAX];
};
/* Where things are in a frame of that shape. */
struct tunnel_places {
	uint32_t udp, head, inner, inner_ip, l4, payload;
};
struct tunnel_places tunnel_places(const struct tunnel_shape *s);

/* A super-frame with both checksums left open; returns its length. */
uint32_t tunnel_fill(uint8_t *frame, const struct tunnel_shape *s, uint32_t payload);
/* What a header has to say of it. */
struct vnet_hdr tunnel_header(const struct tunnel_shape *s, uint16_t gso_size);

/* Sums bytes[start, len) into the field at start + offset. */
void tunnel_finish(uint8_t *bytes, uint32_t len, uint32_t start, uint32_t offset);
/* Fails unless all lengths and checksums of the frame are right, and its payload is what the
 * super-frame has from `done` on. Returns the payload's length. */
uint32_t tunnel_assert(const struct tunnel_shape *s, const uint8_t *frame, uint32_t len,
		       const uint8_t *super, uint32_t done);

#endif
