/* tests/unit/frame/frames.h: frames of the kinds that a header is judged against, each in a block
 * of just its length, so that a sanitizer sees a read behind it; what the two programs that test
 * the header share. */
#ifndef TAPVM_TESTS_FRAMES_H
#define TAPVM_TESTS_FRAMES_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/frame/vnet_hdr.h"
#include "tests/driver/rig.h"

/* TCP and UDP over IPv4 and IPv6 without options; the same TCP over IPv4 behind one or two tags,
 * and as a fragment. */
enum shape { T4, T6, U4, U6, TAGGED, QINQ, FRAGMENT, ARP };

static inline uint32_t shape_headers(enum shape shape)
{
	switch (shape) {
	case T4:
	case FRAGMENT: return 54;
	case T6: return 74;
	case U4: return 42;
	case U6: return 62;
	case TAGGED: return 58;
	case QINQ: return 62;
	case ARP: return 14;
	}
	return 0;
}

/* Makes room for `tags` VLAN tags behind the addresses: the outer type of two is 0x88a8. */
static inline uint32_t put_tags(uint8_t *bytes, uint32_t len, unsigned tags)
{
	static const uint8_t one[4] = { 0x81, 0x00, 0x00, 0x05 },
			     two[8] = { 0x88, 0xa8, 0, 9, 0x81, 0x00, 0, 5 };

	memmove(bytes + 12 + 4 * tags, bytes + 12, len - 12);
	memcpy(bytes + 12, tags == 1 ? one : two, 4 * tags);
	return len + 4 * tags;
}

/* A whole frame of that payload; freed by frame_free. */
static inline struct frame frame_make(enum shape shape, uint32_t payload)
{
	static uint8_t bytes[70000];
	uint32_t len;
	struct frame f = { .fate = FATE_OPEN };

	if (shape == ARP) {
		len = 14 + payload;
		rig_fill(bytes, len, 0);
		bytes[12] = 0x08;
		bytes[13] = 0x06;
	} else {
		len = rig_fill_ip(bytes, shape == T6 || shape == U6, shape != U4 && shape != U6,
				  payload);
	}
	if (shape == TAGGED || shape == QINQ)
		len = put_tags(bytes, len, shape == TAGGED ? 1 : 2);
	if (shape == FRAGMENT)
		bytes[20] = 0x20; /* more fragments */
	f.bytes = malloc(len);
	if (f.bytes == NULL)
		ck_abort_msg("out of memory");
	memcpy(f.bytes, bytes, len);
	f.len = f.local = len;
	return f;
}

static inline void frame_free(struct frame *f) { free(f->bytes); }

/* A header without hash and tunnel. */
struct base_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static inline struct vnet_hdr hdr_of(struct base_hdr b)
{
	return (struct vnet_hdr){ .flags = b.flags,
				  .gso_type = b.gso_type,
				  .hdr_len = b.hdr_len,
				  .gso_size = b.gso_size,
				  .csum_start = b.csum_start,
				  .csum_offset = b.csum_offset,
				  .num_buffers = b.num_buffers };
}

static inline void same_hdr(const char *says, struct vnet_hdr got, struct vnet_hdr want)
{
	ck_assert_msg(got.flags == want.flags && got.gso_type == want.gso_type &&
			      got.gso_size == want.gso_size,
		      "%s: got flags %#x, GSO %#x of %u, want %#x, %#x of %u", says, got.flags,
		      got.gso_type, got.gso_size, want.flags, want.gso_type, want.gso_size);
	ck_assert_msg(got.csum_start == want.csum_start && got.csum_offset == want.csum_offset,
		      "%s: got checksum at %u + %u, want %u + %u", says, got.csum_start,
		      got.csum_offset, want.csum_start, want.csum_offset);
	ck_assert_msg(got.hdr_len == want.hdr_len && got.num_buffers == want.num_buffers,
		      "%s: got hdr_len %u, num_buffers %u, want %u, %u", says, got.hdr_len,
		      got.num_buffers, want.hdr_len, want.num_buffers);
}

#endif
