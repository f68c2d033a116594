/* The Toeplitz hash: the published vectors, and which fields of which frame it is taken over. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/hash.h"
#include "devices/frame/parse.h"
#include "tests/driver/suite.h"
#include "tests/unit/frame/bytes.h"

/* Microsoft's "Verifying the RSS hash calculation". */
static const uint8_t key[HASH_KEY_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static struct hash_config config;

static void setup(void)
{
	memset(&config, 0, sizeof(config));
	hash_set_key(&config, key, sizeof(key));
}

/* In a block of its own length, so that a sanitizer sees a read behind the end. */
static struct hash hash_block(const uint8_t *bytes, uint32_t len)
{
	uint8_t *block = malloc(len);
	struct hash h;

	if (block == NULL)
		ck_abort_msg("out of memory");
	memcpy(block, bytes, len);
	h = hash_frame(&config, block, len);
	free(block);
	return h;
}

/* ---- the published vectors ---- */

/* clang-format off */
#define V4(sa, sb, sc, sd, da, db, dc, dd) 0x45, 0, 0, 40, 0, 1, 0, 0, 64, PROTO, 0, 0, sa, sb, sc, sd, da, db, dc, dd
#define V6 0x60, 0, 0, 0, 0, 20, PROTO, 64
#define PORTS(s, d) BE(s), BE(d), 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 16, 0, 64, 0, 0, 0, 0
#define A_3FFE_2501_1FFF_7 0x3f, 0xfe, 0x25, 1, 2, 0, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7
#define A_3FFE_2501_3_1    0x3f, 0xfe, 0x25, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1
#define A_3FFE_501_8       0x3f, 0xfe, 5, 1, 0, 8, 0, 0, 2, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab
#define A_FF02_1           0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define A_3FFE_1900        0x3f, 0xfe, 0x19, 0, 0x45, 0x45, 0, 3, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf
#define A_FE80             0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf
enum { PROTO = 6 };

static const struct { const uint8_t *bytes; uint32_t len; uint32_t ip, with_ports; } vectors[] = {
	{ FRAME(ETH(0x0800), V4(66, 9, 149, 187, 161, 142, 100, 80), PORTS(2794, 1766)), 0x323e8fc2, 0x51ccc178 },
	{ FRAME(ETH(0x0800), V4(199, 92, 111, 2, 65, 69, 140, 83), PORTS(14230, 4739)), 0xd718262a, 0xc626b0ea },
	{ FRAME(ETH(0x0800), V4(24, 19, 198, 95, 12, 22, 207, 184), PORTS(12898, 38024)), 0xd2d0a5de, 0x5c2b394a },
	{ FRAME(ETH(0x0800), V4(38, 27, 205, 30, 209, 142, 163, 6), PORTS(48228, 2217)), 0x82989176, 0xafc7327f },
	{ FRAME(ETH(0x0800), V4(153, 39, 163, 191, 202, 188, 127, 2), PORTS(44251, 1303)), 0x5d1809c5, 0x10e828a2 },
	{ FRAME(ETH(0x86dd), V6, A_3FFE_2501_1FFF_7, A_3FFE_2501_3_1, PORTS(2794, 1766)), 0x2cc18cd5, 0x40207d3d },
	{ FRAME(ETH(0x86dd), V6, A_3FFE_501_8, A_FF02_1, PORTS(14230, 4739)), 0x0f0c461c, 0xdde51bbf },
	{ FRAME(ETH(0x86dd), V6, A_3FFE_1900, A_FE80, PORTS(44251, 38024)), 0x4b61e985, 0x02d1feef },
};
/* clang-format on */

/* rule: NET-48 */
START_TEST(published_vectors)
{
	uint16_t ip = vectors[_i].bytes[12] == 8 ? 1 : 4;
	struct hash h;

	config.types = HASH_IPV4 | HASH_IPV6;
	h = hash_block(vectors[_i].bytes, vectors[_i].len);
	ck_assert_msg(h.value == vectors[_i].ip && h.report == ip,
		      "addresses: got %#x, type %u, want %#x, %u", h.value, h.report,
		      vectors[_i].ip, ip);
	config.types = HASH_TYPES_ALL;
	h = hash_block(vectors[_i].bytes, vectors[_i].len);
	ck_assert_msg(h.value == vectors[_i].with_ports && h.report == ip + 1,
		      "with ports: got %#x, type %u, want %#x, %u", h.value, h.report,
		      vectors[_i].with_ports, ip + 1);
}
END_TEST

/* ---- which type, over which fields ---- */

/* The definition itself, bit by bit. */
static uint32_t toeplitz(const uint8_t *input, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned bit = 0; bit < 8 * len; bit++) {
		uint32_t window = 0;

		if ((input[bit / 8] >> (7 - bit % 8) & 1) == 0)
			continue;
		for (unsigned i = 0; i < 32; i++)
			window = window << 1 |
				 (uint32_t)(key[(bit + i) / 8] >> (7 - (bit + i) % 8) & 1);
		sum ^= window;
	}
	return sum;
}

/* clang-format off */
#define HOME 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x51
#define ROUTED 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x52
#define HOME_OPTION(next) next, 2, 1, 2, 0, 0, 0xc9, 16, HOME
#define ROUTE(next, type) next, 2, type, 1, 0, 0, 0, 0, ROUTED
#define S4 10, 0, 0, 1
#define D4 10, 0, 0, 2
#define S6 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define D6 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define P 0, 80, 0, 81
#define INPUT(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
#define NO_INPUT NULL, 0

static const struct { const char *says; const uint8_t *bytes; uint32_t len; uint32_t types; uint16_t report;
		      const uint8_t *input; unsigned input_len; } rows[] = {
	/* ---- NET-48: the first enabled one of TCP, UDP, IP that fits ---- */
	{ "UDP over IPv4", FRAME(ETH(0x0800), IP4(5, 0, U), UDP), HASH_TYPES_ALL, 3, INPUT(S4, D4, P) },
	{ "UDP over IPv6", FRAME(ETH(0x86dd), IP6(U), UDP), HASH_TYPES_ALL, 6, INPUT(S6, D6, P) },
	{ "TCP, only UDP and IP enabled", FRAME(ETH(0x0800), IP4(5, 0, T), TCP(5)), HASH_UDPV4 | HASH_IPV4, 1, INPUT(S4, D4) },
	{ "TCP, only UDP enabled", FRAME(ETH(0x0800), IP4(5, 0, T), TCP(5)), HASH_UDPV4, 0, NO_INPUT },
	{ "UDP, only TCP enabled", FRAME(ETH(0x86dd), IP6(U), UDP), HASH_TCPV6, 0, NO_INPUT },
	{ "IPv6, only IPv4 enabled", FRAME(ETH(0x86dd), IP6(U), UDP), HASH_IPV4 | HASH_TCPV4 | HASH_UDPV4, 0, NO_INPUT },
	{ "IPv4, only IPv6 enabled", FRAME(ETH(0x0800), IP4(5, 0, U), UDP), HASH_TYPES_ALL & ~7, 0, NO_INPUT },
	{ "nothing enabled", FRAME(ETH(0x0800), IP4(5, 0, U), UDP), 0, 0, NO_INPUT },
	{ "ICMP", FRAME(ETH(0x0800), IP4(5, 0, ICMP), UNIT), HASH_TYPES_ALL, 1, INPUT(S4, D4) },
	{ "ARP", FRAME(ETH(0x0806), UNIT, UNIT, UNIT, UNIT), HASH_TYPES_ALL, 0, NO_INPUT },
	{ "IPv4 options", FRAME(ETH(0x0800), IP4(6, 0, T), NOPS, TCP(5)), HASH_TYPES_ALL, 2, INPUT(S4, D4, P) },
	{ "two tags", FRAME(ETH(0x88a8), TAG(0x8100), TAG(0x0800), IP4(5, 0, U), UDP), HASH_TYPES_ALL, 3, INPUT(S4, D4, P) },
	{ "a first fragment has no ports", FRAME(ETH(0x0800), IP4(5, 0x2000, T), TCP(5)), HASH_TYPES_ALL, 1, INPUT(S4, D4) },
	{ "TCP's header cut off", FRAME(ETH(0x0800), IP4(5, 0, T), 0, 80, 0, 81), HASH_TYPES_ALL, 1, INPUT(S4, D4) },
	{ "IPv4's header cut off", FRAME(ETH(0x0800), 0x45, 0, 0, 40), HASH_TYPES_ALL, 0, NO_INPUT },
	/* ---- NET-49: extension headers ---- */
	{ "no extension headers, only _EX enabled", FRAME(ETH(0x86dd), IP6(T), TCP(5)),
	  HASH_IP_EX | HASH_TCP_EX | HASH_UDP_EX, 0, NO_INPUT },
	{ "a home address option", FRAME(ETH(0x86dd), IP6(DESTINATION), HOME_OPTION(T), TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(HOME, D6, P) },
	{ "a routing header type 2", FRAME(ETH(0x86dd), IP6(ROUTING), ROUTE(U, 2), UDP), HASH_TYPES_ALL, 9,
	  INPUT(S6, ROUTED, P) },
	{ "both, by IP alone", FRAME(ETH(0x86dd), IP6(DESTINATION), HOME_OPTION(ROUTING), ROUTE(T, 2), TCP(5)),
	  HASH_IP_EX | HASH_TCPV6 | HASH_IPV6, 7, INPUT(HOME, ROUTED) },
	{ "both, no _EX that fits: they are skipped",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), HOME_OPTION(ROUTING), ROUTE(T, 2), TCP(5)),
	  HASH_UDP_EX | HASH_TCPV6 | HASH_IPV6, 5, INPUT(S6, D6, P) },
	{ "a routing header of another type", FRAME(ETH(0x86dd), IP6(ROUTING), ROUTE(T, 4), TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(S6, D6, P) },
	{ "a routing header type 2 of another length", FRAME(ETH(0x86dd), IP6(ROUTING), T, 0, 2, 1, 0, 0, 0, 0, TCP(5)),
	  HASH_TYPES_ALL, 8, INPUT(S6, D6, P) },
	{ "hop-by-hop options alone", FRAME(ETH(0x86dd), IP6(HOP), EXT(U, 0), UDP), HASH_TYPES_ALL, 9, INPUT(S6, D6, P) },
	{ "a home address that ends behind its header",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), T, 1, 1, 2, 0, 0, 0xc9, 16, UNIT, TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(S6, D6, P) },
	{ "padding of one byte in front of it",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), T, 2, 0, 0, 0, 0, 0xc9, 16, HOME, TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(HOME, D6, P) },
	{ "as the sixth option",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), T, 3, 0, 0, 0, 0, 0, 0xc9, 16, HOME, 0, 0, 0, 0, 0, 0, 0, TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(HOME, D6, P) },
	{ "as the seventh, which is not looked for",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), T, 3, 0, 0, 0, 0, 0, 0, 0xc9, 16, HOME, 0, 0, 0, 0, 0, 0, TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(S6, D6, P) },
	{ "of two destination headers the last",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), DESTINATION, 2, 1, 2, 0, 0, 0xc9, 16, ROUTED, HOME_OPTION(T), TCP(5)),
	  HASH_TYPES_ALL, 8, INPUT(HOME, D6, P) },
	{ "and there is none in it",
	  FRAME(ETH(0x86dd), IP6(DESTINATION), HOME_OPTION(DESTINATION), EXT(T, 0), TCP(5)), HASH_TYPES_ALL, 8,
	  INPUT(S6, D6, P) },
	{ "a fragment behind a home address", FRAME(ETH(0x86dd), IP6(DESTINATION), HOME_OPTION(FRAGMENT), EXT(T, 0), TCP(5)),
	  HASH_TYPES_ALL, 7, INPUT(HOME, D6) },
};
/* clang-format on */

/* rule: NET-48 NET-49 NET-50 */
START_TEST(fields_and_types)
{
	struct hash h;
	uint32_t want = toeplitz(rows[_i].input, rows[_i].input_len);

	config.types = rows[_i].types;
	h = hash_block(rows[_i].bytes, rows[_i].len);
	ck_assert_msg(h.report == rows[_i].report, "%s: got report %u, want %u", rows[_i].says,
		      h.report, rows[_i].report);
	ck_assert_msg(h.value == want, "%s: got %#x, want %#x", rows[_i].says, h.value, want);
}
END_TEST

/* A short key goes on with zeros, and a new one leaves nothing of the old. */
START_TEST(keys_of_any_length)
{
	uint8_t padded[HASH_KEY_MAX] = { 0 };
	struct hash h, want;

	memcpy(padded, key, (size_t)_i);
	config.types = HASH_TYPES_ALL;
	hash_set_key(&config, padded, sizeof(padded));
	want = hash_block(vectors[5].bytes, vectors[5].len);
	hash_set_key(&config, key, sizeof(key));
	hash_set_key(&config, key, (unsigned)_i);
	h = hash_block(vectors[5].bytes, vectors[5].len);
	ck_assert_uint_eq(h.value, want.value);
	ck_assert_uint_eq(h.report, 5);
	ck_assert_msg((h.value == 0x40207d3d) == (_i == HASH_KEY_MAX), "%d bytes: %#x", _i,
		      h.value);
}
END_TEST

/* rule: NET-47 */
START_TEST(entries_of_a_table)
{
	struct hash h = { 0x51ccc178, 2 };

	ck_assert_uint_eq(hash_entry(h, 127), 0x78);
	ck_assert_uint_eq(hash_entry(h, 0), 0);
	ck_assert_uint_eq(hash_entry(h, 0xffff), 0xc178);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/hash");
	TCase *tc = tcase_create("hash");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, published_vectors, 0, (int)ARRAY_LEN(vectors));
	tcase_add_loop_test(tc, fields_and_types, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tc, keys_of_any_length, 0, HASH_KEY_MAX + 1);
	tcase_add_test(tc, entries_of_a_table);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
