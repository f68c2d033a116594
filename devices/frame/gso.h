/* devices/frame/gso.h: what a super-frame's header says of it, held against its bytes. Pure. */
#ifndef TAPVM_FRAME_GSO_H
#define TAPVM_FRAME_GSO_H

#include <linux/virtio_net.h>

#include "devices/base/uapi_compat.h"
#include "devices/frame/frame.h"
#include "devices/frame/parse.h"

/* What a GSO type asks of the packet that is to be cut. */
struct gso_kind {
	uint8_t type;
	unsigned ip_version; /* 0: either */
	enum l4_kind l4;
	uint32_t segments_max;
};
/* ECN and tunnel bits do not count. NULL: a type that is not known. */
const struct gso_kind *gso_kind(uint8_t gso_type);

/* The bits of a packet in a UDP tunnel, by the tunnel's IP version: 0: it is in none. */
enum { GSO_TUNNEL = VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 };

struct gso_headers {
	struct parsed packet; /* that is to be cut */
	struct parsed tunnel; /* around it; ip_version 0: none */
};
/* The headers that f->hdr says are there. false: they are not, or not all of them are seen. */
bool gso_parse(const struct frame *f, struct gso_headers *ret);

/* Whether the GSO fields of f->hdr, whoever made them, agree with each other and with the frame's
 * headers. DROP_TX_GSO_FEATURE: a type that is not known; DROP_TX_GSO_FIELDS, DROP_TX_GSO_PROTOCOL:
 * they do not. */
enum drop_reason gso_judge(const struct frame *f, struct gso_headers *ret);

#endif
