/* The header that a guest receives: what it may hold for a driver that agreed to this and not to
 * that. */
#include "tests/driver/suite.h"
#include "tests/unit/frame/frames.h"

/* clang-format off */
/* csum, tso4, tso6, ecn, uso4, uso6, tunnel, its checksum, hdr_len, longest plain frame, longest frame */
#define ALL { 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, FRAME_MAX }
#define NOTHING { 0 }
#define CSUM_ALONE { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define MTU_1500 { 1, 1, 1, 1, 1, 1, 0, 0, 1, 1518, FRAME_MAX }

/* flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers */
static const struct { const char *says; enum shape shape; uint32_t payload; struct base_hdr given;
		      struct rx_rules rules; enum drop_reason want; struct base_hdr clean; } rows[] = {
	{ "nothing said", T4, 100, { 0 }, ALL, DROP_NONE, { 0 } },
	{ "junk in unused fields", T4, 100, { 0, 0, 7, 8, 9, 10, 11 }, ALL, DROP_NONE, { 0 } },
	{ "unknown flags", T4, 100, { 0xfc, 0, 0, 0, 0, 0, 0 }, ALL, DROP_NONE, { 0 } },
	/* ---- NET-35 ---- */
	{ "a checked sum", T4, 100, { 2, 0, 0, 0, 0, 0, 0 }, ALL, DROP_NONE,
	  { 2, 0, 0, 0, 0, 0, 0 } },
	{ "a checked sum that nobody asked for", T4, 100, { 2, 0, 0, 0, 0, 0, 0 }, NOTHING,
	  DROP_NONE, { 0 } },
	{ "a sum left open", T4, 100, { 1, 0, 0, 0, 34, 16, 0 }, CSUM_ALONE, DROP_NONE,
	  { 1, 0, 0, 0, 34, 16, 0 } },
	{ "open and checked in one", T4, 9, { 3, 0, 0, 0, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 0, 0, 0, 34, 16, 0 } },
	{ "a sum left open is finished", T4, 100, { 1, 0, 0, 0, 34, 16, 0 }, NOTHING, DROP_NONE,
	  { 0 } },
	{ "one that cannot be finished", T4, 100, { 1, 0, 0, 0, 34, 9000, 0 }, NOTHING,
	  DROP_RX_OFFLOAD, { 0 } },
	{ "one that starts behind the frame", T4, 0, { 1, 0, 0, 0, 54, 0, 0 }, NOTHING,
	  DROP_RX_OFFLOAD, { 0 } },
	/* ---- NET-36, 37, 39 ---- */
	{ "TSO over IPv4", T4, 2000, { 1, 1, 0, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 54, 999, 34, 16, 0 } },
	{ "TSO over IPv6", T6, 2000, { 1, 4, 0, 999, 54, 16, 0 }, ALL, DROP_NONE,
	  { 1, 4, 74, 999, 54, 16, 0 } },
	{ "USO over IPv4", U4, 2000, { 1, 5, 0, 999, 34, 6, 0 }, ALL, DROP_NONE,
	  { 1, 5, 42, 999, 34, 6, 0 } },
	{ "USO over IPv6", U6, 2000, { 1, 5, 0, 999, 54, 6, 0 }, ALL, DROP_NONE,
	  { 1, 5, 62, 999, 54, 6, 0 } },
	{ "TSO behind a tag", TAGGED, 2000, { 1, 1, 0, 999, 38, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 58, 999, 38, 16, 0 } },
	{ "a backend's hdr_len is made anew", T4, 2000, { 1, 1, 3, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 54, 999, 34, 16, 0 } },
	{ "headers that are not understood: its word", ARP, 2000, { 1, 1, 66, 999, 34, 16, 0 }, ALL,
	  DROP_NONE,
	  { 1, 1, 66, 999, 34, 16, 0 } },
	{ "hdr_len for nobody", T4, 2000, { 1, 1, 54, 999, 34, 16, 0 },
	  { 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, DROP_NONE,
	  { 1, 1, 0, 999, 34, 16, 0 } },
	{ "TSO4 not agreed on", T4, 2000, { 1, 1, 0, 999, 34, 16, 0 },
	  { 1, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0 }, DROP_RX_OFFLOAD, { 0 } },
	{ "TSO6 not agreed on", T6, 2000, { 1, 4, 0, 999, 54, 16, 0 },
	  { 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0 }, DROP_RX_OFFLOAD, { 0 } },
	{ "USO4 not agreed on", U4, 2000, { 1, 5, 0, 999, 34, 6, 0 }, { 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0 },
	  DROP_RX_OFFLOAD, { 0 } },
	{ "USO6 not agreed on", U6, 2000, { 1, 5, 0, 999, 54, 6, 0 }, { 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0 },
	  DROP_RX_OFFLOAD, { 0 } },
	{ "TSO, its sum not agreed on", T4, 2000, { 1, 1, 0, 999, 34, 16, 0 },
	  { 0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0 },
	  DROP_RX_OFFLOAD, { 0 } },
	{ "TSO without an open sum", T4, 2000, { 0, 1, 0, 999, 34, 16, 0 }, ALL, DROP_RX_OFFLOAD,
	  { 0 } },
	{ "TSO with a checked sum", T4, 2000, { 2, 1, 0, 999, 34, 16, 0 }, ALL, DROP_RX_OFFLOAD,
	  { 0 } },
	{ "segments of no bytes", T4, 2000, { 1, 1, 0, 0, 34, 16, 0 }, ALL, DROP_RX_OFFLOAD,
	  { 0 } },
	{ "UFO, which is never offered", U4, 2000, { 1, 3, 0, 999, 34, 6, 0 }, ALL, DROP_RX_OFFLOAD,
	  { 0 } },
	{ "a type that is none", T4, 2000, { 1, 9, 0, 999, 34, 16, 0 }, ALL, DROP_RX_OFFLOAD,
	  { 0 } },
	/* ---- NET-38 ---- */
	{ "ECN", T4, 2000, { 1, 0x81, 0, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 0x81, 54, 999, 34, 16, 0 } },
	{ "ECN over IPv6", T6, 2000, { 1, 0x84, 0, 999, 54, 16, 0 }, ALL, DROP_NONE,
	  { 1, 0x84, 74, 999, 54, 16, 0 } },
	{ "ECN not agreed on", T4, 2000, { 1, 0x81, 0, 999, 34, 16, 0 },
	  { 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0 },
	  DROP_RX_OFFLOAD, { 0 } },
	{ "TSO without ECN needs none", T4, 2000, { 1, 1, 0, 999, 34, 16, 0 },
	  { 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0 },
	  DROP_NONE, { 1, 1, 54, 999, 34, 16, 0 } },
	/* ---- NET-08, NET-34 ---- */
	{ "as long as the MTU allows", T4, 1460, { 0 }, MTU_1500, DROP_NONE, { 0 } },
	{ "a byte longer", T4, 1461, { 0 }, MTU_1500, DROP_RX_MTU, { 0 } },
	{ "as long, with a tag", TAGGED, 1460, { 0 }, MTU_1500, DROP_NONE, { 0 } },
	{ "a byte longer, with a tag", TAGGED, 1461, { 0 }, MTU_1500, DROP_RX_MTU, { 0 } },
	{ "a byte longer, its sum left open", T4, 1461, { 1, 0, 0, 0, 34, 16, 0 }, MTU_1500,
	  DROP_RX_MTU, { 0 } },
	{ "long, but in segments", T4, 9000, { 1, 1, 0, 999, 34, 16, 0 }, MTU_1500, DROP_NONE,
	  { 1, 1, 54, 999, 34, 16, 0 } },
	{ "long without an MTU", T4, 9000, { 0 }, ALL, DROP_NONE, { 0 } },
	{ "the longest", T4, FRAME_MAX - 54, { 1, 1, 0, 999, 34, 16, 0 }, ALL, DROP_NONE,
	  { 1, 1, 54, 999, 34, 16, 0 } },
	{ "a byte longer than that", T4, FRAME_MAX - 53, { 1, 1, 0, 999, 34, 16, 0 }, ALL,
	  DROP_RX_TOO_BIG, { 0 } },
};
/* clang-format on */

/* rule: NET-08 NET-34 NET-35 NET-36 NET-37 NET-38 NET-39 NET-40 NET-41 */
START_TEST(headers_for_a_guest)
{
	struct frame f = frame_make(rows[_i].shape, rows[_i].payload);
	enum drop_reason got;

	f.hdr = hdr_of(rows[_i].given);
	got = vnet_hdr_make_rx(&f, &rows[_i].rules);
	ck_assert_msg(got == rows[_i].want, "%s: got %s, want %s", rows[_i].says, drop_name(got),
		      drop_name(rows[_i].want));
	if (got == DROP_NONE)
		same_hdr(rows[_i].says, f.hdr, hdr_of(rows[_i].clean));
	frame_free(&f);
}
END_TEST

/* The sum that a receiver finds over the transport part and the pseudo header's sum. */
static uint32_t found_sum(const struct frame *f, uint32_t start, uint32_t pseudo)
{
	uint32_t sum = pseudo;

	for (uint32_t i = start; i < f->len; i++)
		sum += (i - start) % 2 == 0 ? (uint32_t)f->bytes[i] << 8 : f->bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static const struct {
	const char *says;
	enum shape shape;
	uint16_t start, offset;
} open_sums[] = {
	{ "TCP over IPv4", T4, 34, 16 },        { "TCP over IPv6", T6, 54, 16 },
	{ "UDP over IPv4", U4, 34, 6 },         { "UDP over IPv6", U6, 54, 6 },
	{ "TCP behind a tag", TAGGED, 38, 16 }, { "TCP behind two", QINQ, 42, 16 },
};

/* rule: NET-35 */
START_TEST(sums_are_finished_for_who_cannot)
{
	static const struct rx_rules nothing = NOTHING, csum_alone = CSUM_ALONE;

	for (uint32_t payload = 0; payload < 70; payload++) {
		struct frame f = frame_make(open_sums[_i].shape, payload),
			     before = frame_make(open_sums[_i].shape, payload);
		uint32_t at = open_sums[_i].start + open_sums[_i].offset, got;
		uint32_t pseudo = (uint32_t)f.bytes[at] << 8 | f.bytes[at + 1];

		f.hdr = (struct vnet_hdr){ .flags = 1,
					   .csum_start = open_sums[_i].start,
					   .csum_offset = open_sums[_i].offset };
		ck_assert_int_eq(vnet_hdr_make_rx(&f, &csum_alone), DROP_NONE);
		if (memcmp(f.bytes, before.bytes, f.len) != 0)
			ck_abort_msg("%s, %u bytes: changed for one who can", open_sums[_i].says,
				     payload);
		ck_assert_int_eq(vnet_hdr_make_rx(&f, &nothing), DROP_NONE);
		got = found_sum(&f, open_sums[_i].start, pseudo);
		if (got != 0xffff)
			ck_abort_msg("%s, %u bytes: a receiver sums up to %#x, want 0xffff",
				     open_sums[_i].says, payload, got);
		f.bytes[at] = before.bytes[at];
		f.bytes[at + 1] = before.bytes[at + 1];
		if (memcmp(f.bytes, before.bytes, f.len) != 0)
			ck_abort_msg("%s, %u bytes: more than the sum was changed",
				     open_sums[_i].says, payload);
		frame_free(&f);
		frame_free(&before);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/vnet_hdr_rx");
	TCase *tc = tcase_create("vnet_hdr_rx");

	tcase_add_loop_test(tc, headers_for_a_guest, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tc, sums_are_finished_for_who_cannot, 0, (int)ARRAY_LEN(open_sums));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
