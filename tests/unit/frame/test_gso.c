/* Super-frames in UDP tunnels: how a driver's are judged, what a guest's header says of them, and
 * what becomes of them where they are not taken whole. */
#include "devices/frame/csum.h"
#include "devices/frame/segment.h"
#include "devices/frame/vnet_hdr.h"
#include "tests/driver/suite.h"
#include "tests/unit/frame/frames.h"

enum { SLOT = 66000, VXLAN = 8, ETH = 14, TUNNEL_CSUM = 8, IN4 = 0x20, IN6 = 0x40 };

static uint8_t bytes[SLOT], inner[SLOT], slot[SLOT];
static struct frame super;

/* What the frame is made of; the tunnel's header is VXLAN's. */
struct made {
	bool outer6, inner6, tcp;
	uint32_t payload;
};

static uint32_t l4_of(const struct made *m) { return m->outer6 ? 54 : 34; }
static uint16_t nh_of(const struct made *m) { return (uint16_t)(l4_of(m) + 8 + VXLAN + ETH); }
static uint16_t th_of(const struct made *m) { return (uint16_t)(nh_of(m) + (m->inner6 ? 40 : 20)); }

/* The tunnel's checksum field holds the pseudo header's sum, or 0. */
static void make(const struct made *m, bool open_csum)
{
	uint32_t len = rig_fill_ip(inner, m->inner6, m->tcp, m->payload);
	uint8_t *udp = bytes + l4_of(m);

	super.len = super.local = rig_fill_ip(bytes, m->outer6, false, VXLAN + len);
	super.bytes = bytes;
	memcpy(udp + 2, "\x12\xb5", 2);
	if (!open_csum)
		memset(udp + 6, 0, 2);
	memset(udp + 8, 0, VXLAN);
	udp[8] = 8;
	memcpy(udp + 8 + VXLAN, inner, len);
	super.hdr = (struct vnet_hdr){
		.flags = (uint8_t)(VIRTIO_NET_HDR_F_NEEDS_CSUM | (open_csum ? TUNNEL_CSUM : 0)),
		.gso_type = (uint8_t)((m->outer6 ? IN6 : IN4) | (!m->tcp     ? 5
								 : m->inner6 ? 4
									     : 1)),
		.gso_size = 1000,
		.csum_start = th_of(m),
		.csum_offset = m->tcp ? 16 : 6,
		.outer_th_offset = (uint16_t)l4_of(m),
		.inner_nh_offset = nh_of(m)
	};
}

static const struct made tcp4 = { false, false, true, 5000 };

/* ---- a driver's (virtio 1.4, 5.1.9.2) ---- */

/* clang-format off */
/* Bits that are set, and offsets that are added to, in a header that is right. */
static const struct { const char *says; uint8_t flags, type; int th, nh, start; enum drop_reason want; } spoilt[] = {
	{ "nothing", 0, 0, 0, 0, 0, DROP_NONE },
	{ "ECN", 0, 0x80, 0, 0, 0, DROP_NONE },
	{ "an open checksum of the tunnel's", TUNNEL_CSUM, 0, 0, 0, 0, DROP_NONE },
	{ "both tunnels", 0, IN6, 0, 0, 0, DROP_TX_GSO_FIELDS },
	{ "a checked sum", 2, 0, 0, 0, 0, DROP_TX_GSO_FIELDS },
	{ "UFO", 0, 2, 0, 0, 0, DROP_TX_GSO_FEATURE },
	{ "the tunnel elsewhere", 0, 0, 1, 0, 0, DROP_TX_GSO_PROTOCOL },
	{ "the packet elsewhere", 0, 0, 0, 1, 0, DROP_TX_GSO_PROTOCOL },
	{ "the packet in front of the tunnel", 0, 0, 0, -50, 0, DROP_TX_GSO_PROTOCOL },
	{ "the packet behind the frame", 0, 0, 0, 60000, 0, DROP_TX_GSO_PROTOCOL },
	{ "the checksum elsewhere", 0, 0, 0, 0, 2, DROP_TX_GSO_PROTOCOL },
};
/* clang-format on */
static const struct tx_rules tx_all = { true, true, true, true, true, true, true, 0 };

/* rule: NET-27 NET-28 */
START_TEST(one_thing_wrong)
{
	enum drop_reason got;

	make(&tcp4, false);
	super.hdr.flags |= spoilt[_i].flags;
	super.hdr.gso_type |= spoilt[_i].type;
	super.hdr.outer_th_offset = (uint16_t)(super.hdr.outer_th_offset + spoilt[_i].th);
	super.hdr.inner_nh_offset = (uint16_t)(super.hdr.inner_nh_offset + spoilt[_i].nh);
	super.hdr.csum_start = (uint16_t)(super.hdr.csum_start + spoilt[_i].start);
	got = vnet_hdr_judge_tx(&super, &tx_all);
	ck_assert_msg(got == spoilt[_i].want, "%s: got %s, want %s", spoilt[_i].says,
		      drop_name(got), drop_name(spoilt[_i].want));
}
END_TEST

/* rule: NET-27 */
START_TEST(a_tunnel_bit_without_its_ground)
{
	make(&tcp4, false);
	super.hdr.gso_type = IN4;
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_TX_GSO_FEATURE);
	make(&tcp4, false);
	super.hdr.flags = 0;
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_TX_GSO_FIELDS);
	make(&tcp4, false);
	super.hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	super.hdr.flags |= TUNNEL_CSUM;
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_TX_GSO_FIELDS);
	make(&tcp4, false);
	super.hdr.gso_type ^= IN4 | IN6; /* the bit is of the tunnel's own IP */
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_TX_GSO_PROTOCOL);
}
END_TEST

/* A datagram that is said to carry itself. rule: NET-24 */
START_TEST(the_tunnel_as_its_own_packet)
{
	make(&tcp4, false);
	super.hdr.gso_type = IN4 | 5;
	super.hdr.inner_nh_offset = ETH;
	super.hdr.csum_start = 34;
	super.hdr.csum_offset = 6;
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_TX_GSO_PROTOCOL);
}
END_TEST

/* Headers that end where no offset reaches are not seen; at what is left of the offset stand
 * others. rule: NET-24 */
START_TEST(a_packet_that_begins_too_far_behind)
{
	static const struct made longest = { true, true, true, FRAME_MAX - 144 };
	const uint16_t at = UINT16_MAX - 35;
	struct segmenter cutter;

	make(&longest, false);
	ck_assert_uint_eq(super.len, FRAME_MAX);
	bytes[at] = 0x60;
	bytes[at + 6] = 6;
	bytes[16] = 0x50;
	super.hdr.inner_nh_offset = at;
	super.hdr.csum_start = (uint16_t)(at + 40);
	ck_assert(!segment_begin(&cutter, &super));
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_TX_GSO_PROTOCOL);
}
END_TEST

/* rule: NET-28 */
START_TEST(a_tunnel_that_was_not_agreed_on)
{
	struct tx_rules rules = tx_all;

	rules.tunnel_csum = false;
	make(&tcp4, true);
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &rules), DROP_TX_GSO_FEATURE);
	make(&tcp4, false);
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &rules), DROP_NONE);
	rules.tunnel = false;
	make(&tcp4, false);
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &rules), DROP_TX_GSO_FEATURE);
}
END_TEST

/* rule: NET-27 */
START_TEST(what_the_backend_gets)
{
	make(&tcp4, true);
	super.hdr.hdr_len = 77;
	super.hdr.hash_value = 1;
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_NONE);
	ck_assert_uint_eq(super.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM | TUNNEL_CSUM);
	ck_assert_uint_eq(super.hdr.gso_type, IN4 | VIRTIO_NET_HDR_GSO_TCPV4);
	ck_assert_uint_eq(super.hdr.outer_th_offset, 34);
	ck_assert_uint_eq(super.hdr.inner_nh_offset, 64);
	ck_assert_uint_eq(super.hdr.hdr_len | super.hdr.hash_value, 0);
	/* Without a tunnel bit the offsets do not count. */
	make(&tcp4, false);
	super.len = super.local = rig_fill_ip(bytes, false, true, 5000);
	super.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	super.hdr.csum_start = 34;
	ck_assert_int_eq(vnet_hdr_judge_tx(&super, &tx_all), DROP_NONE);
	ck_assert_uint_eq(super.hdr.outer_th_offset | super.hdr.inner_nh_offset, 0);
}
END_TEST

/* ---- a guest's (virtio 1.4, 5.1.9.4) ---- */

static const struct rx_rules rx_all = { true, true, true, true, true,     true,
					true, true, true, 0,    FRAME_MAX };

/* rule: NET-39 NET-42 */
START_TEST(what_a_guest_gets)
{
	make(&tcp4, true);
	super.hdr.flags |= VIRTIO_NET_HDR_F_DATA_VALID;
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rx_all), DROP_NONE);
	ck_assert_uint_eq(super.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM | TUNNEL_CSUM);
	ck_assert_uint_eq(super.hdr.gso_type, IN4 | VIRTIO_NET_HDR_GSO_TCPV4);
	ck_assert_uint_eq(super.hdr.outer_th_offset, 34);
	ck_assert_uint_eq(super.hdr.inner_nh_offset, 64);
	ck_assert_uint_eq(super.hdr.hdr_len, 64 + 20 + 20);
}
END_TEST

/* rule: NET-36 NET-42 */
START_TEST(what_a_guest_does_not_get)
{
	struct rx_rules rules = rx_all;

	rules.tunnel_csum = false;
	make(&tcp4, true);
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rules), DROP_RX_OFFLOAD);
	make(&tcp4, false);
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rules), DROP_NONE);
	rules.tunnel = false;
	make(&tcp4, false);
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rules), DROP_RX_OFFLOAD);
	rules = rx_all;
	rules.tso4 = false; /* what the tunnel carries counts, too */
	make(&tcp4, false);
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rules), DROP_RX_OFFLOAD);
	make(&tcp4, false);
	super.hdr.outer_th_offset++;
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rx_all), DROP_RX_OFFLOAD);
}
END_TEST

/* What the TAP's header holds behind its twelfth byte without a tunnel is anything. rule: NET-42 */
START_TEST(junk_where_no_tunnel_is)
{
	super.bytes = bytes;
	super.len = super.local = rig_fill_ip(bytes, false, true, 5000);
	super.hdr = (struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | TUNNEL_CSUM,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				       .gso_size = 1000,
				       .csum_start = 34,
				       .csum_offset = 16,
				       .hash_value = 0x12345678,
				       .outer_th_offset = 77,
				       .inner_nh_offset = 99 };
	ck_assert_int_eq(vnet_hdr_make_rx(&super, &rx_all), DROP_NONE);
	ck_assert_uint_eq(super.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	ck_assert_uint_eq(super.hdr.hash_value, 0);
	ck_assert_uint_eq(super.hdr.outer_th_offset | super.hdr.inner_nh_offset, 0);
}
END_TEST

/* ---- cut ---- */

static uint32_t be16(const uint8_t *b) { return (uint32_t)b[0] << 8 | b[1]; }

static uint32_t sum_of(const uint8_t *b, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)b[i] << 8 : b[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A receiver's sum over what is at l4, behind the IP header at l3. */
static uint32_t received(bool v6, uint32_t l3, uint32_t l4, uint32_t len, uint32_t protocol)
{
	const uint8_t *ip = slot + l3;

	return sum_of(slot + l4, len - l4,
		      sum_of(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8, protocol + len - l4));
}

static uint32_t ip_length(bool v6, uint32_t l3)
{
	return v6 ? be16(slot + l3 + 4) + 40 : be16(slot + l3 + 2);
}

/* Each of the eight kinds, with and without the tunnel's checksum. rule: NET-36 NET-42 */
START_TEST(segments_in_their_tunnels)
{
	static const struct rx_rules nothing = { 0 };
	struct made m = { (_i & 1) != 0, (_i & 2) != 0, (_i & 4) != 0, 4321 };
	struct frame segment = { .bytes = slot };
	struct segmenter cutter;
	uint32_t done = 0, headers = th_of(&m) + (m.tcp ? 20u : 8u), index = 0;
	bool open_csum = (_i & 8) != 0;

	make(&m, open_csum);
	ck_assert(segment_begin(&cutter, &super));
	for (; segment_next(&cutter, &segment); index++) {
		uint32_t len = segment.len, part = len - headers, l4 = l4_of(&m);

		ck_assert_uint_eq(part, done + 1000 <= m.payload ? 1000 : m.payload - done);
		ck_assert(memcmp(slot + headers, bytes + headers + done, part) == 0);
		ck_assert_uint_eq(ip_length(m.outer6, ETH), len - ETH);
		ck_assert_uint_eq(be16(slot + l4 + 4), len - l4);
		ck_assert_uint_eq(ip_length(m.inner6, nh_of(&m)), len - nh_of(&m));
		ck_assert(m.outer6 || sum_of(slot + ETH, 20, 0) == 0xffff);
		ck_assert(m.inner6 || sum_of(slot + nh_of(&m), 20, 0) == 0xffff);
		ck_assert(m.outer6 || be16(slot + ETH + 4) == index);
		/* The packet's checksum is finished, and with it the tunnel's is right. */
		ck_assert_int_eq(vnet_hdr_make_rx(&segment, &nothing), DROP_NONE);
		ck_assert_uint_eq(received(m.inner6, nh_of(&m), th_of(&m), len, m.tcp ? 6 : 17),
				  0xffff);
		if (open_csum)
			ck_assert_uint_eq(received(m.outer6, ETH, l4, len, 17), 0xffff);
		else
			ck_assert_uint_eq(be16(slot + l4 + 6), 0);
		done += part;
	}
	ck_assert_uint_eq(done, m.payload);
}
END_TEST

/* A packet that begins at an odd place of its tunnel: what is summed behind it is summed the other
 * way round. rule: NET-42 */
START_TEST(a_tunnel_of_an_odd_length)
{
	struct frame segment = { .bytes = slot };
	struct segmenter cutter;
	uint32_t udp = l4_of(&tcp4), packet = udp + 8 + VXLAN, sum;

	make(&tcp4, true);
	memmove(bytes + packet + 1, bytes + packet, super.len - packet);
	super.len = super.local = super.len + 1;
	super.hdr.csum_start++;
	super.hdr.inner_nh_offset++;
	sum = be16(bytes + udp + 6) + 1;
	bytes[udp + 6] = (uint8_t)(sum >> 8);
	bytes[udp + 7] = (uint8_t)sum;
	ck_assert(segment_begin(&cutter, &super));
	for (uint32_t i = 0; i < 5; i++) {
		ck_assert(segment_next(&cutter, &segment));
		ck_assert(csum_finish(slot, segment.len, segment.hdr.csum_start,
				      segment.hdr.csum_offset));
		ck_assert_uint_eq(received(false, ETH, udp, segment.len, 17), 0xffff);
	}
}
END_TEST

/* 0 says that there is none: with each value of two bytes one of the sums is 0. rule: NET-42 */
START_TEST(a_tunnel_whose_checksum_comes_out_as_0)
{
	static const struct made one = { false, false, true, 1001 };
	struct frame segment = { .bytes = slot };
	uint32_t udp = l4_of(&one), full = 0;

	make(&one, true);
	for (uint32_t i = 0; i <= UINT16_MAX; i++) {
		struct segmenter cutter;

		bytes[udp + 12] = (uint8_t)(i >> 8);
		bytes[udp + 13] = (uint8_t)i;
		ck_assert(segment_begin(&cutter, &super) && segment_next(&cutter, &segment));
		if (be16(slot + udp + 6) == 0)
			ck_abort_msg("no checksum with %#x", i);
		full += be16(slot + udp + 6) == 0xffff;
	}
	ck_assert_uint_gt(full, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/gso");
	TCase *tc = tcase_create("gso");

	tcase_add_loop_test(tc, one_thing_wrong, 0, (int)ARRAY_LEN(spoilt));
	tcase_add_test(tc, a_tunnel_bit_without_its_ground);
	tcase_add_test(tc, the_tunnel_as_its_own_packet);
	tcase_add_test(tc, a_packet_that_begins_too_far_behind);
	tcase_add_test(tc, a_tunnel_that_was_not_agreed_on);
	tcase_add_test(tc, what_the_backend_gets);
	tcase_add_test(tc, what_a_guest_gets);
	tcase_add_test(tc, what_a_guest_does_not_get);
	tcase_add_test(tc, junk_where_no_tunnel_is);
	tcase_add_loop_test(tc, segments_in_their_tunnels, 0, 16);
	tcase_add_test(tc, a_tunnel_of_an_odd_length);
	tcase_add_test(tc, a_tunnel_whose_checksum_comes_out_as_0);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
