/* The header in front of each frame: its bytes, and how a driver's is judged. */
#include "tests/driver/suite.h"
#include "tests/unit/frame/frames.h"

/* ---- bytes ---- */

static const struct {
	const char *says;
	unsigned size;
	uint8_t bytes[VNET_HDR_MAX];
	struct vnet_hdr hdr;
} layouts[] = {
	{ "zeroes", VNET_HDR_MAX, { 0 }, { 0 } },
	{ "each byte another",
	  VNET_HDR_BYTES,
	  { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
	  { .flags = 1,
	    .gso_type = 2,
	    .hdr_len = 0x0403,
	    .gso_size = 0x0605,
	    .csum_start = 0x0807,
	    .csum_offset = 0x0a09,
	    .num_buffers = 0x0c0b } },
	{ "of an old driver",
	  VNET_HDR_LEGACY_BYTES,
	  { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
	  { .flags = 1,
	    .gso_type = 2,
	    .hdr_len = 0x0403,
	    .gso_size = 0x0605,
	    .csum_start = 0x0807,
	    .csum_offset = 0x0a09 } },
	{ "with a hash",
	  VNET_HDR_HASH_BYTES,
	  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 13, 14, 15, 0xf0, 17, 18 },
	  { .num_buffers = 1, .hash_value = 0xf00f0e0d, .hash_report = 0x1211 } },
	{ "with a tunnel",
	  VNET_HDR_TUNNEL_BYTES,
	  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 13, 14, 15, 0xf0, 17, 18, 0, 0, 21, 22, 23, 24 },
	  { .num_buffers = 1,
	    .hash_value = 0xf00f0e0d,
	    .hash_report = 0x1211,
	    .outer_th_offset = 0x1615,
	    .inner_nh_offset = 0x1817 } },
	{ "the largest",
	  VNET_HDR_BYTES,
	  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	  { .flags = 0xff,
	    .gso_type = 0xff,
	    .hdr_len = 0xffff,
	    .gso_size = 0xffff,
	    .csum_start = 0xffff,
	    .csum_offset = 0xffff,
	    .num_buffers = 0xffff } },
};

static void same_more(const char *says, struct vnet_hdr got, struct vnet_hdr want)
{
	ck_assert_msg(got.hash_value == want.hash_value && got.hash_report == want.hash_report,
		      "%s: got hash %#x of type %u", says, got.hash_value, got.hash_report);
	ck_assert_msg(got.outer_th_offset == want.outer_th_offset &&
			      got.inner_nh_offset == want.inner_nh_offset,
		      "%s: got offsets %u, %u", says, got.outer_th_offset, got.inner_nh_offset);
}

/* rule: NET-13 */
START_TEST(bytes_are_read)
{
	/* At an odd address: a guest puts its header anywhere. */
	uint8_t *block = malloc(layouts[_i].size + 1);
	struct vnet_hdr got;

	ck_assert_ptr_nonnull(block);
	memcpy(block + 1, layouts[_i].bytes, layouts[_i].size);
	got = vnet_hdr_read(block + 1, layouts[_i].size);
	same_hdr(layouts[_i].says, got, layouts[_i].hdr);
	same_more(layouts[_i].says, got, layouts[_i].hdr);
	free(block);
}
END_TEST

/* Of a shorter one only its fields are read. */
START_TEST(fields_that_have_no_room)
{
	uint8_t all[VNET_HDR_MAX];
	struct vnet_hdr got;

	memset(all, 0xff, sizeof(all));
	got = vnet_hdr_read(all, VNET_HDR_LEGACY_BYTES);
	ck_assert_uint_eq(got.num_buffers, 0);
	got = vnet_hdr_read(all, VNET_HDR_BYTES);
	same_more("12 bytes", got, (struct vnet_hdr){ 0 });
	got = vnet_hdr_read(all, VNET_HDR_HASH_BYTES);
	same_more("20 bytes", got,
		  (struct vnet_hdr){ .hash_value = UINT32_MAX, .hash_report = UINT16_MAX });
}
END_TEST

/* rule: NET-13 */
START_TEST(bytes_are_written)
{
	for (unsigned size = layouts[_i].size; size <= VNET_HDR_MAX; size++) {
		uint8_t *block = malloc(size);

		ck_assert_ptr_nonnull(block);
		memset(block, 0x5a, size);
		vnet_hdr_write(layouts[_i].hdr, block, size);
		for (unsigned i = 0; i < size; i++)
			if (block[i] != layouts[_i].bytes[i])
				ck_abort_msg("%s, %u bytes: got %#x at %u, want %#x",
					     layouts[_i].says, size, block[i], i,
					     layouts[_i].bytes[i]);
		free(block);
	}
}
END_TEST

/* ---- what a driver sends ---- */

/* clang-format off */
/* csum, tso4, tso6, ecn, uso, tunnel, its checksum, longest plain frame */
#define ALL { 1, 1, 1, 1, 1, 1, 1, 0 }
#define MTU_1500 { 1, 1, 1, 1, 1, 0, 0, 1518 }

/* flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers */
struct row { const char *says; enum shape shape; uint32_t payload; struct base_hdr given; struct tx_rules rules;
	     enum drop_reason want; struct base_hdr clean; };
static const struct row plain_rows[] = {
	{ "nothing asked for", T4, 100, { 0 }, ALL, DROP_NONE, { 0 } },
	{ "nothing agreed on, nothing asked for", T4, 100, { 0 }, { 0 }, DROP_NONE, { 0 } },
	{ "unused fields hold anything (NET-15, 17)", T4, 9, { 0, 0, 7, 8, 9, 10, 11 }, ALL,
	  DROP_NONE, { 0 } },
	{ "unknown flags (NET-14)", T4, 100, { 0xf0, 0, 0, 0, 0, 0, 0 }, ALL, DROP_NONE, { 0 } },
	{ "DATA_VALID and RSC_INFO (NET-20)", T4, 100, { 6, 0, 0, 0, 0, 0, 0 }, ALL, DROP_NONE,
	  { 0 } },
	{ "a checksum", T4, 100, { 1, 0, 0, 0, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 0, 0, 0, 34, 16, 0 } },
	{ "a checksum, all else junk", T4, 9, { 0xf7, 0, 99, 7, 34, 16, 3 }, ALL, DROP_NONE,
	  { 1, 0, 0, 0, 34, 16, 0 } },
	{ "a checksum in what is not IP", ARP, 40, { 1, 0, 0, 0, 14, 2, 0 }, ALL, DROP_NONE,
	  { 1, 0, 0, 0, 14, 2, 0 } },
	{ "a checksum not agreed on (NET-18)", T4, 100, { 1, 0, 0, 0, 34, 16, 0 },
	  { 0, 1, 1, 1, 1, 0, 0, 0 },
	  DROP_TX_CSUM_FEATURE, { 0 } },
	{ "its field ends the frame (NET-19)", T4, 0, { 1, 0, 0, 0, 34, 18, 0 }, ALL, DROP_NONE,
	  { 1, 0, 0, 0, 34, 18, 0 } },
	{ "its field ends a byte behind", T4, 0, { 1, 0, 0, 0, 34, 19, 0 }, ALL, DROP_TX_CSUM_RANGE,
	  { 0 } },
	{ "the sum starts at the end", T4, 0, { 1, 0, 0, 0, 54, 0, 0 }, ALL, DROP_TX_CSUM_RANGE,
	  { 0 } },
	{ "places that would wrap in 16 bits", T4, 100, { 1, 0, 0, 0, 0xffff, 0xffff, 0 }, ALL,
	  DROP_TX_CSUM_RANGE, { 0 } },
	/* ---- NET-10: mtu + 14, 4 more for a frame with a tag ---- */
	{ "as long as the MTU allows", T4, 1460, { 0 }, MTU_1500, DROP_NONE, { 0 } },
	{ "a byte longer", T4, 1461, { 0 }, MTU_1500, DROP_TX_MTU, { 0 } },
	{ "a byte longer, with a checksum", T4, 1461, { 1, 0, 0, 0, 34, 16, 0 }, MTU_1500,
	  DROP_TX_MTU, { 0 } },
	{ "as long, with a tag", TAGGED, 1460, { 0 }, MTU_1500, DROP_NONE, { 0 } },
	{ "a byte longer, with a tag", TAGGED, 1461, { 0 }, MTU_1500, DROP_TX_MTU, { 0 } },
	{ "as long, with two tags", QINQ, 1456, { 0 }, MTU_1500, DROP_NONE, { 0 } },
	{ "a byte longer, with two tags", QINQ, 1457, { 0 }, MTU_1500, DROP_TX_MTU, { 0 } },
	{ "not IP, as long as allowed", ARP, 1500, { 0 }, MTU_1500, DROP_NONE, { 0 } },
	{ "not IP, a byte longer", ARP, 1501, { 0 }, MTU_1500, DROP_TX_MTU, { 0 } },
	{ "long, but in segments", T4, 9000, { 1, 1, 0, 1460, 34, 16, 0 }, MTU_1500, DROP_NONE,
	  { 1, 1, 0, 1460, 34, 16, 0 } },
	{ "the longest without an MTU", T4, FRAME_MAX - 54, { 0 }, ALL, DROP_NONE, { 0 } },
};
static const struct row gso_rows[] = {
	{ "TSO over IPv4", T4, 2000, { 1, 1, 54, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 0, 999, 34, 16, 0 } },
	{ "TSO over IPv6", T6, 2000, { 1, 4, 74, 999, 54, 16, 0 }, ALL, DROP_NONE,
	  { 1, 4, 0, 999, 54, 16, 0 } },
	{ "USO over IPv4", U4, 2000, { 1, 5, 42, 999, 34, 6, 0 }, ALL, DROP_NONE,
	  { 1, 5, 0, 999, 34, 6, 0 } },
	{ "USO over IPv6", U6, 2000, { 1, 5, 62, 999, 54, 6, 0 }, ALL, DROP_NONE,
	  { 1, 5, 0, 999, 54, 6, 0 } },
	{ "TSO behind a tag", TAGGED, 2000, { 1, 1, 58, 999, 38, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 0, 999, 38, 16, 0 } },
	{ "TSO behind two tags", QINQ, 2000, { 1, 1, 62, 999, 42, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 0, 999, 42, 16, 0 } },
	{ "TSO with ECN", T4, 2000, { 1, 0x81, 0, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 0x81, 0, 999, 34, 16, 0 } },
	{ "TSO over IPv6 with ECN", T6, 9, { 1, 0x84, 0, 4, 54, 16, 0 }, ALL, DROP_NONE,
	  { 1, 0x84, 0, 4, 54, 16, 0 } },
	{ "a wrong hdr_len is only a hint (NET-16)", T4, 2000, { 1, 1, 0xffff, 999, 34, 16, 9 },
	  ALL, DROP_NONE,
	  { 1, 1, 0, 999, 34, 16, 0 } },
	{ "headers alone", T4, 0, { 1, 1, 0, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 0, 999, 34, 16, 0 } },
	/* ---- NET-21, NET-23 ---- */
	{ "TSO4 not agreed on", T4, 2000, { 1, 1, 0, 999, 34, 16, 0 }, { 1, 0, 1, 1, 1, 0, 0, 0 },
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "TSO6 not agreed on", T6, 2000, { 1, 4, 0, 999, 54, 16, 0 }, { 1, 1, 0, 1, 1, 0, 0, 0 },
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "USO not agreed on", U4, 2000, { 1, 5, 0, 999, 34, 6, 0 }, { 1, 1, 1, 1, 0, 0, 0, 0 },
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "USO over IPv6 likewise", U6, 2000, { 1, 5, 0, 999, 54, 6, 0 }, { 1, 1, 1, 1, 0, 0, 0, 0 },
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "ECN not agreed on", T4, 2000, { 1, 0x81, 0, 999, 34, 16, 0 }, { 1, 1, 1, 0, 1, 0, 0, 0 },
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "ECN beside UDP", U4, 2000, { 1, 0x85, 0, 999, 34, 6, 0 }, ALL, DROP_TX_GSO_FEATURE,
	  { 0 } },
	{ "ECN without a type", T4, 2000, { 1, 0x80, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_FEATURE,
	  { 0 } },
	{ "UFO, which is never offered", U4, 2000, { 1, 3, 0, 999, 34, 6, 0 }, ALL,
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "a type that is none: 2", T4, 2000, { 1, 2, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_FEATURE,
	  { 0 } },
	{ "a type that is none: 6", T4, 2000, { 1, 6, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_FEATURE,
	  { 0 } },
	{ "a type that is none: 0x11", T4, 2000, { 1, 0x11, 0, 999, 34, 16, 0 }, ALL,
	  DROP_TX_GSO_FEATURE, { 0 } },
	{ "the checksum was not agreed on", T4, 2000, { 1, 1, 0, 999, 34, 16, 0 },
	  { 0, 1, 1, 1, 1, 0, 0, 0 },
	  DROP_TX_CSUM_FEATURE, { 0 } },
	/* ---- NET-22 ---- */
	{ "no NEEDS_CSUM", T4, 2000, { 0, 1, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_FIELDS, { 0 } },
	{ "DATA_VALID instead", T4, 2000, { 2, 1, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_FIELDS,
	  { 0 } },
	{ "segments of no bytes", T4, 2000, { 1, 1, 0, 0, 34, 16, 0 }, ALL, DROP_TX_GSO_FIELDS,
	  { 0 } },
	{ "128 segments of UDP", U4, 12800, { 1, 5, 0, 100, 34, 6, 0 }, ALL, DROP_NONE,
	  { 1, 5, 0, 100, 34, 6, 0 } },
	{ "129 segments of UDP", U4, 12801, { 1, 5, 0, 100, 34, 6, 0 }, ALL, DROP_TX_GSO_FIELDS,
	  { 0 } },
	{ "a segment for each byte", T6, 60000, { 1, 4, 0, 1, 54, 16, 0 }, ALL, DROP_TX_GSO_FIELDS,
	  { 0 } },
	{ "600 segments of TCP: a small MSS", T4, 60000, { 1, 1, 0, 100, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 0, 100, 34, 16, 0 } },
	/* ---- NET-24 ---- */
	{ "TSO4 on IPv6", T6, 2000, { 1, 1, 0, 999, 54, 16, 0 }, ALL, DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "TSO6 on IPv4", T4, 2000, { 1, 4, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "TSO4 on UDP", U4, 2000, { 1, 1, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "USO on TCP", T4, 2000, { 1, 5, 0, 999, 34, 6, 0 }, ALL, DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "on a fragment", FRAGMENT, 2000, { 1, 1, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_PROTOCOL,
	  { 0 } },
	{ "on what is not IP", ARP, 2000, { 1, 1, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_PROTOCOL,
	  { 0 } },
	{ "the sum starts at the IP header", T4, 2000, { 1, 1, 0, 999, 14, 16, 0 }, ALL,
	  DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "the sum starts a byte late", T4, 2000, { 1, 1, 0, 999, 35, 16, 0 }, ALL,
	  DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "the sum leaves the tag out", TAGGED, 2000, { 1, 1, 0, 999, 34, 16, 0 }, ALL,
	  DROP_TX_GSO_PROTOCOL, { 0 } },
	{ "UDP's place in TCP", T4, 2000, { 1, 1, 0, 999, 34, 6, 0 }, ALL, DROP_TX_GSO_PROTOCOL,
	  { 0 } },
	{ "TCP's place in UDP", U4, 2000, { 1, 5, 0, 999, 34, 16, 0 }, ALL, DROP_TX_GSO_PROTOCOL,
	  { 0 } },
	{ "the place outside the frame", T4, 2000, { 1, 1, 0, 999, 34, 9000, 0 }, ALL,
	  DROP_TX_CSUM_RANGE, { 0 } },
};
/* clang-format on */

static void judge(const struct row *r)
{
	struct frame f = frame_make(r->shape, r->payload);
	enum drop_reason got;

	f.hdr = hdr_of(r->given);
	got = vnet_hdr_judge_tx(&f, &r->rules);
	ck_assert_msg(got == r->want, "%s: got %s, want %s", r->says, drop_name(got),
		      drop_name(r->want));
	/* A refused header stays as it came. */
	same_hdr(r->says, f.hdr, hdr_of(r->want == DROP_NONE ? r->clean : r->given));
	frame_free(&f);
}

/* rule: NET-09 NET-10 NET-14 NET-15 NET-17 NET-18 NET-19 NET-20 */
START_TEST(plain_frames_of_a_driver) { judge(&plain_rows[_i]); }
END_TEST

/* rule: NET-16 NET-18 NET-21 NET-22 NET-23 NET-24 */
START_TEST(gso_frames_of_a_driver) { judge(&gso_rows[_i]); }
END_TEST

/* Of a lent frame only the head is seen: GSO needs all headers in it, a checksum does not. */
START_TEST(the_head_of_a_lent_frame)
{
	static const struct {
		const char *says;
		enum shape shape;
		struct base_hdr gso;
	} lent[] = {
		{ "TCP over IPv4", T4, { 1, 1, 0, 999, 34, 16, 0 } },
		{ "TCP over IPv6", T6, { 1, 4, 0, 999, 54, 16, 0 } },
		{ "UDP over IPv4", U4, { 1, 5, 0, 999, 34, 6, 0 } },
		{ "UDP over IPv6", U6, { 1, 5, 0, 999, 54, 6, 0 } },
		{ "behind two tags", QINQ, { 1, 1, 0, 999, 42, 16, 0 } },
	};
	static const struct tx_rules all = ALL;

	for (unsigned i = 0; i < ARRAY_LEN(lent); i++) {
		for (uint32_t local = 0; local <= LENT_HEAD; local++) {
			struct frame whole = frame_make(lent[i].shape, 9000), f = whole;
			enum drop_reason got, want = DROP_NONE;

			f.bytes = malloc(local > 0 ? local : 1);
			if (f.bytes == NULL)
				ck_abort_msg("out of memory");
			memcpy(f.bytes, whole.bytes, local);
			f.local = local;
			f.hdr = (struct vnet_hdr){ .flags = 1,
						   .csum_start = lent[i].gso.csum_start };
			got = vnet_hdr_judge_tx(&f, &all);
			if (got != DROP_NONE)
				ck_abort_msg("%s, a checksum, %u bytes seen: got %s, want none",
					     lent[i].says, local, drop_name(got));
			f.hdr = hdr_of(lent[i].gso);
			if (local < shape_headers(lent[i].shape))
				want = DROP_TX_GSO_PROTOCOL;
			got = vnet_hdr_judge_tx(&f, &all);
			if (got != want)
				ck_abort_msg("%s, GSO, %u bytes seen: got %s, want %s",
					     lent[i].says, local, drop_name(got), drop_name(want));
			frame_free(&f);
			frame_free(&whole);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/vnet_hdr");
	TCase *tc = tcase_create("vnet_hdr");

	tcase_add_loop_test(tc, bytes_are_read, 0, (int)ARRAY_LEN(layouts));
	tcase_add_test(tc, fields_that_have_no_room);
	tcase_add_loop_test(tc, bytes_are_written, 0, (int)ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, plain_frames_of_a_driver, 0, (int)ARRAY_LEN(plain_rows));
	tcase_add_loop_test(tc, gso_frames_of_a_driver, 0, (int)ARRAY_LEN(gso_rows));
	tcase_add_test(tc, the_head_of_a_lent_frame);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
