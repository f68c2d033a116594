/* What the first bytes of a frame say, for each kind of header and cut at each length. Frames lie
 * in blocks of just their length, so that a sanitizer sees a read behind the end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/parse.h"
#include "tests/driver/suite.h"
#include "tests/unit/frame/bytes.h"

/* clang-format off */
struct want { bool understood, fragment; unsigned ip_version; enum l4_kind l4;
	      uint16_t l3_offset, l4_offset, payload_offset; };
/* understood, fragment, IP version, kind, then the three offsets */
static const struct row { const char *says; const uint8_t *bytes; uint32_t len; struct want want; } rows[] = {
	{ "TCP over IPv4", FRAME(ETH(0x0800), IP4(5, 0, T), TCP(5), PAYLOAD),
	  { 1, 0, 4, L4_TCP, 14, 34, 54 } },
	{ "UDP over IPv4", FRAME(ETH(0x0800), IP4(5, 0, U), UDP, PAYLOAD),
	  { 1, 0, 4, L4_UDP, 14, 34, 42 } },
	{ "TCP over IPv6", FRAME(ETH(0x86dd), IP6(T), TCP(5), PAYLOAD),
	  { 1, 0, 6, L4_TCP, 14, 54, 74 } },
	{ "UDP over IPv6", FRAME(ETH(0x86dd), IP6(U), UDP, PAYLOAD),
	  { 1, 0, 6, L4_UDP, 14, 54, 62 } },
	{ "no payload at all", FRAME(ETH(0x0800), IP4(5, 0, U), UDP),
	  { 1, 0, 4, L4_UDP, 14, 34, 42 } },
	{ "TCP with options", FRAME(ETH(0x0800), IP4(5, 0, T), TCP(7), NOPS, NOPS, PAYLOAD),
	  { 1, 0, 4, L4_TCP, 14, 34, 62 } },
	{ "TCP's longest header",
	  FRAME(ETH(0x0800), IP4(5, 0, T), TCP(15), UNIT, UNIT, UNIT, UNIT, UNIT, PAYLOAD),
	  { 1, 0, 4, L4_TCP, 14, 34, 94 } },
	{ "TCP's header too short", FRAME(ETH(0x0800), IP4(5, 0, T), TCP(4), PAYLOAD),
	  { 0, 0, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "TCP's header longer than the frame", FRAME(ETH(0x0800), IP4(5, 0, T), TCP(7), PAYLOAD),
	  { 0, 0, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "IPv4 with one option", FRAME(ETH(0x0800), IP4(6, 0, T), NOPS, TCP(5), PAYLOAD),
	  { 1, 0, 4, L4_TCP, 14, 38, 58 } },
	{ "IPv4 with all options",
	  FRAME(ETH(0x0800), IP4(15, 0, U), UNIT, UNIT, UNIT, UNIT, UNIT, UDP, PAYLOAD),
	  { 1, 0, 4, L4_UDP, 14, 74, 82 } },
	{ "IPv4's header too short", FRAME(ETH(0x0800), IP4(4, 0, T), TCP(5), PAYLOAD),
	  { 0, 0, 0, L4_UNKNOWN, 14, 0, 0 } },
	{ "IPv4's header longer than the frame", FRAME(ETH(0x0800), IP4(15, 0, U), UDP, PAYLOAD),
	  { 0, 0, 0, L4_UNKNOWN, 14, 0, 0 } },
	{ "IPv6 under IPv4's type", FRAME(ETH(0x0800), IP6(T), TCP(5)),
	  { 0, 0, 0, L4_UNKNOWN, 14, 0, 0 } },
	{ "IPv4 under IPv6's type", FRAME(ETH(0x86dd), IP4(5, 0, T), TCP(5), UNIT, UNIT, UNIT),
	  { 0, 0, 0, L4_UNKNOWN, 14, 0, 0 } },
	{ "ICMP", FRAME(ETH(0x0800), IP4(5, 0, ICMP), UNIT, UNIT, UNIT),
	  { 0, 0, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "ICMPv6", FRAME(ETH(0x86dd), IP6(ICMP6), UNIT, UNIT, UNIT),
	  { 0, 0, 6, L4_UNKNOWN, 14, 54, 0 } },
	{ "ARP", FRAME(ETH(0x0806), UNIT, UNIT, UNIT, UNIT, UNIT),
	  { 0, 0, 0, L4_UNKNOWN, 14, 0, 0 } },
	{ "a length instead of a type", FRAME(ETH(46), UNIT, UNIT, UNIT, UNIT, UNIT, UNIT),
	  { 0, 0, 0, L4_UNKNOWN, 14, 0, 0 } },
	/* ---- tags ---- */
	{ "a VLAN tag", FRAME(ETH(0x8100), TAG(0x0800), IP4(5, 0, T), TCP(5), PAYLOAD),
	  { 1, 0, 4, L4_TCP, 18, 38, 58 } },
	{ "a VLAN tag and IPv6", FRAME(ETH(0x8100), TAG(0x86dd), IP6(U), UDP, PAYLOAD),
	  { 1, 0, 6, L4_UDP, 18, 58, 66 } },
	{ "two tags (QinQ)",
	  FRAME(ETH(0x88a8), TAG(0x8100), TAG(0x0800), IP4(5, 0, U), UDP, PAYLOAD),
	  { 1, 0, 4, L4_UDP, 22, 42, 50 } },
	{ "two inner tags", FRAME(ETH(0x8100), TAG(0x8100), TAG(0x86dd), IP6(T), TCP(5), PAYLOAD),
	  { 1, 0, 6, L4_TCP, 22, 62, 82 } },
	{ "three tags are one too many",
	  FRAME(ETH(0x88a8), TAG(0x8100), TAG(0x8100), TAG(0x0800), IP4(5, 0, U), UDP),
	  { 0, 0, 0, L4_UNKNOWN, 22, 0, 0 } },
	/* ---- fragments ---- */
	{ "don't fragment is no fragment", FRAME(ETH(0x0800), IP4(5, 0x4000, T), TCP(5)),
	  { 1, 0, 4, L4_TCP, 14, 34, 54 } },
	{ "the first fragment", FRAME(ETH(0x0800), IP4(5, 0x2000, T), TCP(5)),
	  { 0, 1, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "one in the middle", FRAME(ETH(0x0800), IP4(5, 0x20b9, U), UDP),
	  { 0, 1, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "the last", FRAME(ETH(0x0800), IP4(5, 0x0001, T), TCP(5)),
	  { 0, 1, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "the farthest", FRAME(ETH(0x0800), IP4(5, 0x1fff, T), TCP(5)),
	  { 0, 1, 4, L4_UNKNOWN, 14, 34, 0 } },
	{ "IPv6's fragment header", FRAME(ETH(0x86dd), IP6(FRAGMENT), EXT(T, 0), TCP(5)),
	  { 0, 1, 6, L4_UNKNOWN, 14, 54, 0 } },
	{ "the same behind options", FRAME(ETH(0x86dd), IP6(HOP), EXT(FRAGMENT, 0), EXT(U, 0), UDP),
	  { 0, 1, 6, L4_UNKNOWN, 14, 62, 0 } },
	/* ---- IPv6 extension headers ---- */
	{ "hop-by-hop options", FRAME(ETH(0x86dd), IP6(HOP), EXT(T, 0), TCP(5), PAYLOAD),
	  { 1, 0, 6, L4_TCP, 14, 62, 82 } },
	{ "a routing header of three units",
	  FRAME(ETH(0x86dd), IP6(ROUTING), EXT(U, 2), UNIT, UNIT, UDP, PAYLOAD),
	  { 1, 0, 6, L4_UDP, 14, 78, 86 } },
	{ "all three",
	  FRAME(ETH(0x86dd), IP6(HOP), EXT(DESTINATION, 0), EXT(ROUTING, 1), UNIT, EXT(T, 0), TCP(5)),
	  { 1, 0, 6, L4_TCP, 14, 86, 106 } },
	{ "eight of them", FRAME(ETH(0x86dd), IP6(HOP), EXT8(U), UDP, PAYLOAD),
	  { 1, 0, 6, L4_UDP, 14, 118, 126 } },
	{ "nine are one too many", FRAME(ETH(0x86dd), IP6(HOP), EXT8(HOP), EXT(U, 0), UDP),
	  { 0, 0, 6, L4_UNKNOWN, 14, 0, 0 } },
	{ "one that ends behind the frame", FRAME(ETH(0x86dd), IP6(HOP), EXT(U, 255), UDP, PAYLOAD),
	  { 0, 0, 6, L4_UNKNOWN, 14, 0, 0 } },
	{ "one that is not known (AH)", FRAME(ETH(0x86dd), IP6(51), EXT(U, 0), UDP),
	  { 0, 0, 6, L4_UNKNOWN, 14, 54, 0 } },
};
/* clang-format on */

/* The first len bytes in a block of their own. No ck_assert here nor in the loops below: it tells
 * its parent of each that holds. */
static struct parsed parse_block(const uint8_t *bytes, uint32_t len, uint32_t frame_len)
{
	uint8_t *block = malloc(len > 0 ? len : 1);
	struct parsed p;

	if (block == NULL)
		ck_abort_msg("out of memory");
	memcpy(block, bytes, len);
	p = frame_parse(block, len, frame_len);
	free(block);
	return p;
}

START_TEST(whole_frames)
{
	const struct row *r = &rows[_i];
	struct parsed p = parse_block(r->bytes, r->len, r->len);

	ck_assert_msg(p.understood == r->want.understood && p.fragment == r->want.fragment,
		      "%s: got understood %d, fragment %d, want %d, %d", r->says, p.understood,
		      p.fragment, r->want.understood, r->want.fragment);
	ck_assert_msg(p.ip_version == r->want.ip_version && p.l4 == r->want.l4,
		      "%s: got IPv%u, transport %d, want IPv%u, %d", r->says, p.ip_version,
		      (int)p.l4, r->want.ip_version, (int)r->want.l4);
	ck_assert_msg(p.l3_offset == r->want.l3_offset && p.l4_offset == r->want.l4_offset &&
			      p.payload_offset == r->want.payload_offset,
		      "%s: got offsets %u, %u, %u, want %u, %u, %u", r->says, p.l3_offset,
		      p.l4_offset, p.payload_offset, r->want.l3_offset, r->want.l4_offset,
		      r->want.payload_offset);
}
END_TEST

/* The payload is not needed; each byte before it is, be it the frame that ends there or what was
 * seen of it. */
START_TEST(cut_at_each_byte)
{
	const struct row *r = &rows[_i];

	for (uint32_t len = 0; len <= r->len; len++) {
		bool want = r->want.understood && len >= r->want.payload_offset;
		struct parsed cut = parse_block(r->bytes, len, len);
		struct parsed seen = parse_block(r->bytes, len, r->len);
		struct parsed ended = parse_block(r->bytes, r->len, len);

		if (cut.understood != want)
			ck_abort_msg("%s, a frame of %u bytes: got %d, want %d", r->says, len,
				     cut.understood, want);
		if (seen.understood != want)
			ck_abort_msg("%s, %u bytes seen: got %d, want %d", r->says, len,
				     seen.understood, want);
		if (ended.understood != want)
			ck_abort_msg("%s, a frame that says %u bytes: got %d, want %d", r->says,
				     len, ended.understood, want);
		if (!want && cut.l4 != L4_UNKNOWN)
			ck_abort_msg(
				"%s, a frame of %u bytes: transport %d without being understood",
				r->says, len, (int)cut.l4);
	}
}
END_TEST

/* Any bytes: what is understood lies inside, in order. A generator of our own, so that each run is
 * the same. */
START_TEST(any_bytes_at_all)
{
	uint32_t state = 1;

	for (unsigned round = 0; round < 200000; round++) {
		const struct row *r = &rows[round % ARRAY_LEN(rows)];
		uint8_t bytes[256];
		uint32_t len;
		struct parsed p;

		memcpy(bytes, r->bytes, r->len);
		for (unsigned change = 0; change < 3; change++) {
			state = state * 1664525 + 1013904223;
			bytes[(state >> 16) % r->len] = (uint8_t)(state >> 8);
		}
		state = state * 1664525 + 1013904223;
		len = (state >> 16) % (r->len + 1);
		p = parse_block(bytes, len, len);
		if (p.understood &&
		    (p.l3_offset >= p.l4_offset || p.l4_offset >= p.payload_offset ||
		     p.payload_offset > len || p.l4 == L4_UNKNOWN || p.fragment))
			ck_abort_msg("round %u: %u bytes gave offsets %u, %u, %u", round, len,
				     p.l3_offset, p.l4_offset, p.payload_offset);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/parse");
	TCase *tc = tcase_create("parse");

	tcase_add_loop_test(tc, whole_frames, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tc, cut_at_each_byte, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, any_bytes_at_all);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
