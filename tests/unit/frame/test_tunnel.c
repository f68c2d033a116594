/* Which encapsulation a packet is, what it carries, and that the hash is taken over that. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/hash.h"
#include "devices/frame/tunnel.h"
#include "tests/driver/suite.h"
#include "tests/unit/frame/bytes.h"

/* clang-format off */
enum { IPIP = 4, IP6IP = 41, GRE = 47 };
#define UDP_TO(port) 0xc0, 0, BE(port), 0, 40, 0, 0
#define OUTER4(proto) ETH(0x0800), IP4(5, 0, proto)
#define OUTER6(proto) ETH(0x86dd), IP6(proto)
#define INNER4 0x45, 0, 0, 28, 0, 1, 0, 0, 64, U, 0, 0, 192, 168, 0, 1, 192, 168, 0, 2, UDP
#define INNER6 IP6(U), UDP
#define VNI 8, 0, 0, 0, 0, 0, 7, 0
#define GRE_HEAD(flags, type) BE(flags), BE(type)
#define WORD 0, 0, 0, 9
#define VXLAN_IPV4 OUTER4(U), UDP_TO(4789), VNI, ETH(0x0800), INNER4
#define VXLAN_ARP OUTER4(U), UDP_TO(4789), VNI, ETH(0x0806), UNIT

static const struct row { const char *says; const uint8_t *bytes; uint32_t len; uint32_t type; unsigned ip_version;
			  uint16_t l3_offset; } rows[] = {
	{ "GRE, RFC 2784", FRAME(OUTER4(GRE), GRE_HEAD(0, 0x0800), INNER4), TUNNEL_GRE_2784, 4, 38 },
	{ "with a checksum", FRAME(OUTER4(GRE), GRE_HEAD(0x8000, 0x86dd), WORD, INNER6), TUNNEL_GRE_2784, 6, 42 },
	{ "GRE with a key, RFC 2890", FRAME(OUTER4(GRE), GRE_HEAD(0x2000, 0x0800), WORD, INNER4), TUNNEL_GRE_2890, 4, 42 },
	{ "with a sequence number", FRAME(OUTER4(GRE), GRE_HEAD(0x1000, 0x0800), WORD, INNER4), TUNNEL_GRE_2890, 4, 42 },
	{ "with all three", FRAME(OUTER4(GRE), GRE_HEAD(0xb000, 0x0800), WORD, WORD, WORD, INNER4), TUNNEL_GRE_2890, 4, 50 },
	{ "a tagged frame in GRE",
	  FRAME(OUTER4(GRE), GRE_HEAD(0, 0x6558), ETH(0x8100), TAG(0x0800), INNER4), TUNNEL_GRE_2784, 4, 56 },
	{ "GRE over IPv6, RFC 7676", FRAME(OUTER6(GRE), GRE_HEAD(0x2000, 0x0800), WORD, INNER4), TUNNEL_GRE_7676, 4, 62 },
	{ "NVGRE is GRE with a key, too", FRAME(OUTER4(GRE), GRE_HEAD(0x2000, 0x6558), WORD, ETH(0x0800), INNER4),
	  TUNNEL_GRE_2890 | TUNNEL_NVGRE, 4, 56 },
	{ "NVGRE over IPv6", FRAME(OUTER6(GRE), GRE_HEAD(0x2000, 0x6558), WORD, ETH(0x0800), INNER4),
	  TUNNEL_GRE_7676 | TUNNEL_NVGRE, 4, 76 },
	{ "NVGRE has no checksum", FRAME(OUTER4(GRE), GRE_HEAD(0xa000, 0x6558), WORD, WORD, ETH(0x0800), INNER4),
	  TUNNEL_GRE_2890, 4, 60 },
	{ "GRE with routing", FRAME(OUTER4(GRE), GRE_HEAD(0x4000, 0x0800), WORD, INNER4), 0, 0, 0 },
	{ "GRE version 1", FRAME(OUTER4(GRE), GRE_HEAD(0x2001, 0x880b), WORD, INNER4), 0, 0, 0 },
	{ "GRE of no bytes", FRAME(OUTER4(GRE)), 0, 0, 0 },
	{ "GRE in UDP", FRAME(OUTER4(U), UDP_TO(4754), GRE_HEAD(0x2000, 0x0800), WORD, INNER4), TUNNEL_GRE_UDP, 4, 50 },
	{ "a frame behind a key in GRE in UDP",
	  FRAME(OUTER6(U), UDP_TO(4754), GRE_HEAD(0x2000, 0x6558), WORD, ETH(0x0800), INNER4), TUNNEL_GRE_UDP, 4, 84 },
	{ "VXLAN", FRAME(VXLAN_IPV4), TUNNEL_VXLAN, 4, 64 },
	{ "VXLAN over IPv6", FRAME(OUTER6(U), UDP_TO(4789), VNI, ETH(0x86dd), INNER6), TUNNEL_VXLAN, 6, 84 },
	{ "VXLAN, its header cut", FRAME(OUTER4(U), UDP_TO(4789), 8, 0, 0), 0, 0, 0 },
	{ "VXLAN with ARP", FRAME(VXLAN_ARP), TUNNEL_VXLAN, 0, 64 },
	{ "from VXLAN's port, not to it", FRAME(OUTER4(U), BE(4789), BE(80), 0, 40, 0, 0, VNI, ETH(0x0800), INNER4), 0, 0, 0 },
	{ "VXLAN-GPE, Ethernet by default", FRAME(OUTER4(U), UDP_TO(4790), VNI, ETH(0x0800), INNER4), TUNNEL_VXLAN_GPE, 4, 64 },
	{ "VXLAN-GPE with IPv4", FRAME(OUTER4(U), UDP_TO(4790), 12, 0, 0, 1, 0, 0, 7, 0, INNER4), TUNNEL_VXLAN_GPE, 4, 50 },
	{ "VXLAN-GPE with IPv6", FRAME(OUTER4(U), UDP_TO(4790), 12, 0, 0, 2, 0, 0, 7, 0, INNER6), TUNNEL_VXLAN_GPE, 6, 50 },
	{ "VXLAN-GPE with Ethernet", FRAME(OUTER4(U), UDP_TO(4790), 12, 0, 0, 3, 0, 0, 7, 0, ETH(0x86dd), INNER6),
	  TUNNEL_VXLAN_GPE, 6, 64 },
	{ "VXLAN-GPE with what is not known", FRAME(OUTER4(U), UDP_TO(4790), 12, 0, 0, 4, 0, 0, 7, 0, INNER4),
	  TUNNEL_VXLAN_GPE, 0, 50 },
	{ "GENEVE", FRAME(OUTER4(U), UDP_TO(6081), 0, 0, 0x65, 0x58, 0, 0, 7, 0, ETH(0x0800), INNER4), TUNNEL_GENEVE, 4, 64 },
	{ "GENEVE with options and IPv6",
	  FRAME(OUTER4(U), UDP_TO(6081), 2, 0, 0x86, 0xdd, 0, 0, 7, 0, UNIT, INNER6), TUNNEL_GENEVE, 6, 58 },
	{ "GENEVE, options longer than the frame",
	  FRAME(OUTER4(U), UDP_TO(6081), 0x3f, 0, 0x86, 0xdd, 0, 0, 7, 0, UNIT, INNER6), TUNNEL_GENEVE, 0, 0 },
	{ "IPIP", FRAME(OUTER4(IPIP), INNER4), TUNNEL_IPIP, 4, 34 },
	{ "IPIP behind options", FRAME(ETH(0x8100), TAG(0x0800), IP4(6, 0, IPIP), NOPS, INNER4), TUNNEL_IPIP, 4, 42 },
	{ "IPv6 in IPv4 is not IPIP", FRAME(OUTER4(IP6IP), INNER6), 0, 0, 0 },
	{ "IPv4 in IPv6 is not IPIP", FRAME(OUTER6(IPIP), INNER4), 0, 0, 0 },
	{ "a fragment of a tunnel", FRAME(ETH(0x0800), IP4(5, 0x2000, IPIP), INNER4), 0, 0, 0 },
	{ "TCP", FRAME(OUTER4(T), TCP(5)), 0, 0, 0 },
	{ "ARP", FRAME(ETH(0x0806), UNIT, UNIT), 0, 0, 0 },
};
/* clang-format on */

START_TEST(what_is_carried)
{
	const struct row *r = &rows[_i];
	struct parsed outer = frame_parse(r->bytes, r->len, r->len), inner = { 0 };

	for (uint32_t type = 1; type <= TUNNELS_ALL; type <<= 1) {
		bool want = (r->type & type) != 0;

		if (tunnel_parse(r->bytes, r->len, &outer, type, &inner) != want)
			ck_abort_msg("%s: of type %#x, want %d", r->says, type, want);
		if (want && (inner.ip_version != r->ip_version ||
			     (r->ip_version != 0 && inner.l3_offset != r->l3_offset)))
			ck_abort_msg("%s: got IPv%u at %u, want IPv%u at %u", r->says,
				     inner.ip_version, inner.l3_offset, r->ip_version,
				     r->l3_offset);
		if (want && r->ip_version != 0 && (!inner.understood || inner.l4 != L4_UDP))
			ck_abort_msg("%s: the datagram inside is not understood", r->says);
	}
	ck_assert(!tunnel_parse(r->bytes, r->len, &outer, 0, &inner));
}
END_TEST

/* Each byte in front of the inner payload is needed; none behind the frame is read. */
START_TEST(cut_at_each_byte)
{
	const struct row *r = &rows[_i];

	for (uint32_t len = 14; len < r->len; len++) {
		uint8_t *block = malloc(len);
		struct parsed outer, inner = { 0 };

		if (block == NULL)
			ck_abort_msg("out of memory");
		memcpy(block, r->bytes, len);
		outer = frame_parse(block, len, len);
		if (tunnel_parse(block, len, &outer, TUNNELS_ALL, &inner) && inner.understood)
			ck_abort_msg("%s: understood with %u bytes", r->says, len);
		free(block);
	}
}
END_TEST

/* rule: CTRL-23 */
START_TEST(hashed_by_what_it_carries)
{
	static const uint8_t vxlan[] = { VXLAN_IPV4 }, arp[] = { VXLAN_ARP };
	static const uint8_t key[HASH_KEY_MAX] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2 };
	static const uint8_t alone[] = { ETH(0x0800), INNER4 };
	static struct hash_config config = { .types = HASH_TYPES_ALL };
	struct hash outer, inner, plain;

	hash_set_key(&config, key, sizeof(key));
	plain = hash_frame(&config, alone, sizeof(alone));
	outer = hash_frame(&config, vxlan, sizeof(vxlan));
	config.tunnels = TUNNELS_ALL & ~TUNNEL_VXLAN;
	inner = hash_frame(&config, vxlan, sizeof(vxlan));
	ck_assert_msg(inner.value == outer.value, "a type that is not enabled: the outer header");
	config.tunnels = TUNNEL_VXLAN;
	inner = hash_frame(&config, vxlan, sizeof(vxlan));
	ck_assert_uint_eq(inner.value, plain.value);
	ck_assert_uint_eq(inner.report, 3);
	ck_assert_uint_ne(inner.value, outer.value);
	inner = hash_frame(&config, arp, sizeof(arp));
	ck_assert_msg(inner.report == 0, "nothing inside that can be hashed: no hash");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/tunnel");
	TCase *tc = tcase_create("tunnel");

	tcase_add_loop_test(tc, what_is_carried, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tc, cut_at_each_byte, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, hashed_by_what_it_carries);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
