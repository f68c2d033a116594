/* Super-frames cut into segments: what each holds, and that a receiver's checks pass. */
#include <linux/virtio_net.h>

#include "devices/frame/segment.h"
#include "tests/driver/suite.h"
#include "tests/unit/frame/frames.h"

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16, CWR = 128, SLOT = 66000 };

static uint8_t slot[SLOT];
static struct frame super, segment;
static struct segmenter cutter;

/* clang-format off */
static const struct kind { const char *says; enum shape shape; uint8_t gso_type; bool v6, tcp; uint16_t l3, l4, headers; } kinds[] = {
	{ "TCP over IPv4", T4, 1, false, true, 14, 34, 54 },
	{ "TCP over IPv6", T6, 4, true, true, 14, 54, 74 },
	{ "UDP over IPv4", U4, 5, false, false, 14, 34, 42 },
	{ "UDP over IPv6", U6, 5, true, false, 14, 54, 62 },
	{ "TCP behind a tag", TAGGED, 1, false, true, 18, 38, 58 },
	{ "TCP behind two", QINQ, 1, false, true, 22, 42, 62 },
};
/* clang-format on */

static uint32_t be16(const uint8_t *b) { return (uint32_t)b[0] << 8 | b[1]; }
static uint32_t be32(const uint8_t *b) { return be16(b) << 16 | be16(b + 2); }

/* In each super-frame: identification 0xfffe and sequence number 0xffffff00, so that both go round
 * within it, and all flags that are for one segment alone. */
static void make(const struct kind *k, uint32_t payload, uint16_t size)
{
	uint8_t *ip, *l4;

	super = frame_make(k->shape, payload);
	ip = super.bytes + k->l3;
	l4 = super.bytes + k->l4;
	super.hdr = (struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = k->gso_type,
				       .gso_size = size,
				       .csum_start = k->l4,
				       .csum_offset = k->tcp ? 16 : 6 };
	if (!k->v6)
		memcpy(ip + 4, "\xff\xfe", 2);
	if (k->tcp) {
		memcpy(l4 + 4, "\xff\xff\xff\x00", 4);
		l4[13] = FIN | PSH | ACK | CWR;
	}
	segment = (struct frame){ .bytes = slot };
	ck_assert(segment_begin(&cutter, &super));
}

static uint32_t sum_of(const uint8_t *bytes, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* As a receiver sums, once the checksum is finished: by the addresses that stand in the segment. */
static uint32_t received_sum(const struct kind *k)
{
	static const struct rx_rules nothing = { 0 };
	const uint8_t *ip = slot + k->l3;
	uint32_t l4_len = segment.len - k->l4, pseudo;

	if (vnet_hdr_make_rx(&segment, &nothing) != DROP_NONE)
		return 0;
	pseudo = sum_of(k->v6 ? ip + 8 : ip + 12, k->v6 ? 32 : 8, (k->tcp ? 6 : 17) + l4_len);
	return sum_of(slot + k->l4, l4_len, pseudo);
}

static void check_ip(const struct kind *k, unsigned index)
{
	const uint8_t *ip = slot + k->l3, *before = super.bytes + k->l3;

	if (k->v6) {
		if (be16(ip + 4) != segment.len - k->l3 - 40)
			ck_abort_msg("%s, segment %u: IPv6 length", k->says, index);
		if (memcmp(ip, before, 4) != 0 || memcmp(ip + 6, before + 6, 34) != 0)
			ck_abort_msg("%s, segment %u: more of IPv6 changed", k->says, index);
		return;
	}
	if (be16(ip + 2) != segment.len - k->l3)
		ck_abort_msg("%s, segment %u: IPv4 length %u", k->says, index, be16(ip + 2));
	if (be16(ip + 4) != ((0xfffe + index) & 0xffff))
		ck_abort_msg("%s, segment %u: identification %#x", k->says, index, be16(ip + 4));
	if (sum_of(ip, 20, 0) != 0xffff)
		ck_abort_msg("%s, segment %u: IPv4 header checksum", k->says, index);
}

static void check_transport(const struct kind *k, unsigned index, uint32_t done, bool last)
{
	const uint8_t *l4 = slot + k->l4;
	uint8_t want = ACK;

	if (!k->tcp) {
		if (be16(l4 + 4) != segment.len - k->l4)
			ck_abort_msg("%s, segment %u: UDP length", k->says, index);
		return;
	}
	want |= (uint8_t)((index == 0 ? CWR : 0) | (last ? FIN | PSH : 0));
	if (l4[13] != want)
		ck_abort_msg("%s, segment %u: flags %#x, want %#x", k->says, index, l4[13], want);
	if (be32(l4 + 4) != 0xffffff00 + done)
		ck_abort_msg("%s, segment %u: sequence %#x", k->says, index, be32(l4 + 4));
}

/* rule: NET-36 NET-38 */
START_TEST(each_segment_is_a_frame_of_its_own)
{
	const struct kind *k = &kinds[_i];
	static const uint32_t payloads[] = { 1, 99, 100, 101, 199, 200, 201, 6400, 6437 };

	for (unsigned n = 0; n < ARRAY_LEN(payloads); n++) {
		uint32_t done = 0, payload = payloads[n];
		unsigned index = 0;

		make(k, payload, 100);
		while (segment_next(&cutter, &segment)) {
			uint32_t part = payload - done < 100 ? payload - done : 100;

			if (segment.len != k->headers + part || segment.local != segment.len)
				ck_abort_msg("%s, segment %u of %u: %u bytes", k->says, index,
					     payload, segment.len);
			if (segment.fate != FATE_OPEN || segment.hdr.gso_type != 0 ||
			    segment.hdr.flags != VIRTIO_NET_HDR_F_NEEDS_CSUM)
				ck_abort_msg("%s, segment %u: its header", k->says, index);
			if (memcmp(slot + k->headers, super.bytes + k->headers + done, part) != 0)
				ck_abort_msg("%s, segment %u: its payload", k->says, index);
			check_ip(k, index);
			check_transport(k, index, done, done + part == payload);
			if (received_sum(k) != 0xffff)
				ck_abort_msg("%s, segment %u of %u: checksum", k->says, index,
					     payload);
			done += part;
			index++;
		}
		ck_assert_uint_eq(done, payload);
		ck_assert(!segment_next(&cutter, &segment));
		frame_free(&super);
	}
}
END_TEST

START_TEST(the_super_frame_is_not_touched)
{
	const struct kind *k = &kinds[_i];
	struct frame before;

	make(k, 5000, 1400);
	before = frame_make(k->shape, 5000);
	memcpy(before.bytes, super.bytes, super.len);
	while (segment_next(&cutter, &segment))
		(void)received_sum(k);
	ck_assert(memcmp(before.bytes, super.bytes, super.len) == 0);
	frame_free(&super);
	frame_free(&before);
}
END_TEST

/* Puts `bytes` zeros between IP's header and the transport's, and `more` behind the latter's. */
static void lengthen(enum shape shape, uint32_t l4, uint32_t bytes, uint32_t more)
{
	struct frame plain = frame_make(shape, 3000);

	super = frame_make(shape, 3000 + bytes + more);
	memset(super.bytes + l4, 0, super.len - l4);
	memcpy(super.bytes + l4 + bytes, plain.bytes + l4, 20);
	memcpy(super.bytes + l4 + bytes + 20 + more, plain.bytes + l4 + 20, 3000);
	super.hdr = (struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = shape == T4 ? VIRTIO_NET_HDR_GSO_TCPV4
							       : VIRTIO_NET_HDR_GSO_TCPV6,
				       .gso_size = 1000,
				       .csum_start = (uint16_t)(l4 + bytes),
				       .csum_offset = 16 };
	/* The pseudo header counts the longer segment. */
	super.bytes[l4 + bytes + 17] = (uint8_t)(super.bytes[l4 + bytes + 17] + more);
	segment = (struct frame){ .bytes = slot };
	frame_free(&plain);
}

/* Options go into each segment. */
START_TEST(options)
{
	const struct kind k = { "options", T4, 1, false, true, 14, 38, 70 };
	unsigned count = 0;

	lengthen(T4, 34, 4, 12);
	super.bytes[14] = 0x46;
	super.bytes[38 + 12] = 0x80;
	ck_assert(segment_begin(&cutter, &super));
	for (; segment_next(&cutter, &segment); count++) {
		ck_assert_msg(sum_of(slot + 14, 24, 0) == 0xffff, "IPv4 header checksum");
		ck_assert_uint_eq(be16(slot + 16), segment.len - 14);
		ck_assert_uint_eq(received_sum(&k), 0xffff);
		ck_assert(memcmp(slot + 58, super.bytes + 58, 12) == 0);
	}
	ck_assert_uint_eq(count, 3);
	frame_free(&super);
}
END_TEST

/* So do extension headers. */
START_TEST(extension_headers)
{
	const struct kind k = { "hop-by-hop options", T6, 4, true, true, 14, 62, 82 };
	unsigned count = 0;

	lengthen(T6, 54, 8, 0);
	super.bytes[54] = 6;
	super.bytes[20] = 0;
	ck_assert(segment_begin(&cutter, &super));
	for (; segment_next(&cutter, &segment); count++) {
		ck_assert_uint_eq(be16(slot + 18), segment.len - 54);
		ck_assert_uint_eq(received_sum(&k), 0xffff);
	}
	ck_assert_uint_eq(count, 3);
	frame_free(&super);
}
END_TEST

/* clang-format off */
static const struct { const char *says; enum shape shape; uint32_t payload; struct vnet_hdr h; } refused[] = {
	{ "no super-frame", T4, 3000, { .flags = 1, .csum_start = 34, .csum_offset = 16 } },
	{ "a checksum that is not left open", T4, 3000, { .gso_type = 1, .gso_size = 1000 } },
	{ "segments of no bytes", T4, 3000, { .flags = 1, .gso_type = 1, .csum_start = 34, .csum_offset = 16 } },
	{ "UFO", U4, 3000, { .flags = 1, .gso_type = 3, .gso_size = 1000, .csum_start = 34, .csum_offset = 6 } },
	{ "TSO of a datagram", U4, 3000, { .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16 } },
	{ "TSO over IPv4 of IPv6", T6, 3000, { .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 54, .csum_offset = 16 } },
	{ "a checksum that starts elsewhere", T4, 3000, { .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 33, .csum_offset = 16 } },
	{ "a fragment", FRAGMENT, 3000, { .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16 } },
	{ "not IP", ARP, 3000, { .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16 } },
	{ "headers alone", T4, 0, { .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 34, .csum_offset = 16 } },
	{ "a segment a byte, thousands of them", T4, 3000, { .flags = 1, .gso_type = 1, .gso_size = 1, .csum_start = 34, .csum_offset = 16 } },
};
/* clang-format on */

START_TEST(what_cannot_be_cut)
{
	super = frame_make(refused[_i].shape, refused[_i].payload);
	super.hdr = refused[_i].h;
	ck_assert_msg(!segment_begin(&cutter, &super), "%s", refused[_i].says);
	frame_free(&super);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/segment");
	TCase *tc = tcase_create("segment");

	tcase_add_loop_test(tc, each_segment_is_a_frame_of_its_own, 0, (int)ARRAY_LEN(kinds));
	tcase_add_loop_test(tc, the_super_frame_is_not_touched, 0, (int)ARRAY_LEN(kinds));
	tcase_add_test(tc, options);
	tcase_add_test(tc, extension_headers);
	tcase_add_loop_test(tc, what_cannot_be_cut, 0, (int)ARRAY_LEN(refused));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
