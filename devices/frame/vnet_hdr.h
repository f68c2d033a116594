/* devices/frame/vnet_hdr.h: the header in front of each frame: reading, judging and making it.
 * Pure. Wire form: little-endian (virtio 1.4, 5.1.9). */
#ifndef TAPVM_FRAME_VNET_HDR_H
#define TAPVM_FRAME_VNET_HDR_H

#include <stdbool.h>

#include "devices/frame/frame.h"

/* NET-13: its sizes; a longer one begins with all of the shorter. */
enum {
	VNET_HDR_LEGACY_BYTES = 10, /* without num_buffers */
	VNET_HDR_BYTES = 12,
	VNET_HDR_HASH_BYTES = 20,
	VNET_HDR_TUNNEL_BYTES = 24,
};

/* size: one of these, or more. Bytes of no field are not read, and written as 0. */
struct vnet_hdr vnet_hdr_read(const uint8_t *bytes, unsigned size);
void vnet_hdr_write(struct vnet_hdr h, uint8_t *ret_bytes, unsigned size);

/* What the driver agreed on for frames that it sends. */
struct tx_rules {
	bool csum, tso4, tso6, ecn, uso;
	bool tunnel, tunnel_csum; /* those in a UDP tunnel; whose own checksum is left open */
	/* Longest frame without GSO: mtu + 14 + 4, the 4 only for one with a VLAN tag; 0: no
	 * limit but FRAME_MAX. */
	uint32_t frame_max_plain;
};

/* Judges f->hdr (the guest's) against the frame's bytes and rules (NET-14 to NET-25), and on
 * DROP_NONE replaces f->hdr by the one for the backend: hdr_len 0, num_buffers 0, unknown flags and
 * DATA_VALID cleared, checksum and GSO fields 0 where they do not apply.
 * A frame whose L4 header ends past f->local passes only without GSO. */
enum drop_reason vnet_hdr_judge_tx(struct frame *f, const struct tx_rules *rules);

/* What the driver agreed to receive (features accepted, cut by CTRL_GUEST_OFFLOADS). */
struct rx_rules {
	bool csum, tso4, tso6, ecn, uso4, uso6;
	bool tunnel, tunnel_csum;
	bool hdr_len; /* any guest GSO bit: hdr_len must cover all headers (NET-39) */
	/* With MTU accepted: mtu + 14 + 4, the 4 only for one with a VLAN tag; else 0. */
	uint32_t frame_max_plain;
	uint32_t frame_max; /* FRAME_MAX with a guest GSO bit, else 0 = whatever the buffers take */
};

/* Makes the header for the guest from f->hdr (the backend's), in place: finishes a checksum in
 * the bytes where the driver has no GUEST_CSUM, clears what is not allowed, sets hdr_len;
 * num_buffers is set by whoever places the frame. Whole frame in f->bytes. DROP_RX_OFFLOAD: a GSO
 * form not agreed to, for segment.h if it can be cut; the frame is as it was. */
enum drop_reason vnet_hdr_make_rx(struct frame *f, const struct rx_rules *rules);

#endif
