/* Which questions of ARP and neighbour discovery are answered, and how. */
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/csum.h"
#include "devices/frame/neighbour.h"
#include "tests/driver/suite.h"

enum { ETH = 14, ARP_LEN = ETH + 28, NS_LEN = ETH + 40 + 32, NS_MIN = ETH + 40 + 24 };

static const uint8_t us[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 };
static const uint8_t asker[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

/* Who has 10.0.0.1, tell 10.0.0.2. */
static const uint8_t arp[ARP_LEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0xaa, 0xbb, 0xcc, 0xdd, 0xee, 8, 6, /* Ethernet */
	0,    1,    8,    0,    6,    4,    0,  1,             /* Ethernet for IPv4, request */
	2,    0xaa, 0xbb, 0xcc, 0xdd, 0xee, 10, 0,    0,    2, /* the sender */
	0,    0,    0,    0,    0,    0,    10, 0,    0,    1, /* the target */
};

/* Who has fd00::1, says fd00::2, with its address as an option. */
static const uint8_t ns[NS_LEN] = {
	0x33, 0x33, 0xff, 0, 0,   1,    2,    0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x86, 0xdd,
	0x60, 0,    0,    0, 0,   32,   58,   255, /* IPv6, from and to: */
	0xfd, 0,    0,    0, 0,   0,    0,    0,    0,    0,    0,    0,    0,    0,
	0,    2,    0xff, 2, 0,   0,    0,    0,    0,    0,    0,    0,    0,    1,
	0xff, 0,    0,    1, 135, 0,    0,    0,    0,    0,    0,    0, /* the solicitation, its
									    target: */
	0xfd, 0,    0,    0, 0,   0,    0,    0,    0,    0,    0,    0,    0,    0,
	0,    1,    1,    1, 2,   0xaa, 0xbb, 0xcc, 0xdd, 0xee,
};

static const struct {
	const char *says;
	const uint8_t *from; /* arp or ns */
	unsigned at, count;  /* these bytes of it are `value` */
	uint8_t value;
	uint32_t len; /* 0: whole */
	bool asks;
	/* clang-format off */
} questions[] = {
	{ "an ARP request", arp, 0, 0, 0, 0, true },
	{ "a unicast ARP request", arp, 0, 6, 2, 0, true },
	{ "one of a byte too few", arp, 0, 0, 0, ARP_LEN - 1, false },
	{ "an ARP probe for an address of its own", arp, 28, 4, 0, 0, false },
	{ "an ARP announcement", arp, 41, 1, 2, 0, false },
	{ "an ARP reply", arp, 21, 1, 2, 0, false },
	{ "ARP of another hardware", arp, 15, 1, 6, 0, false },
	{ "ARP for another protocol", arp, 16, 1, 9, 0, false },
	{ "ARP with hardware addresses of 7 bytes", arp, 18, 1, 7, 0, false },
	{ "ARP with addresses of 16 bytes", arp, 19, 1, 16, 0, false },
	{ "a neighbour solicitation", ns, 0, 0, 0, 0, true },
	{ "one without options", ns, 0, 0, 0, NS_MIN, true },
	{ "one of a byte too few", ns, 0, 0, 0, NS_MIN - 1, false },
	{ "duplicate address detection", ns, 22, 16, 0, 0, false },
	{ "a solicitation for its own address", ns, 77, 1, 2, 0, false },
	{ "one for a group", ns, 62, 1, 0xff, 0, false },
	{ "one that was forwarded", ns, 21, 1, 254, 0, false },
	{ "one of another code", ns, 55, 1, 1, 0, false },
	{ "a neighbour advertisement", ns, 54, 1, 136, 0, false },
	{ "a router solicitation", ns, 54, 1, 133, 0, false },
	{ "TCP", ns, 20, 1, 6, 0, false },
	{ "no IPv6 behind its type", ns, 14, 1, 0x40, 0, false },
	{ "a frame of another type", arp, 13, 1, 0xb5, 0, false },
	{ "half an Ethernet header", arp, 0, 0, 0, 13, false },
};
/* clang-format on */

/* In a block of just its length, so that a sanitizer sees a read behind it. */
static uint8_t *question(unsigned i, uint32_t *ret_len)
{
	uint32_t whole = questions[i].from == arp ? ARP_LEN : NS_LEN;
	uint8_t *bytes;

	*ret_len = questions[i].len != 0 ? questions[i].len : whole;
	bytes = malloc(*ret_len);
	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, questions[i].from, *ret_len);
	if (questions[i].count > 0)
		memset(bytes + questions[i].at, questions[i].value, questions[i].count);
	return bytes;
}

START_TEST(who_asks_for_a_neighbour)
{
	uint32_t len;
	uint8_t *bytes = question((unsigned)_i, &len);

	ck_assert_msg(neighbour_asks(bytes, len) == questions[_i].asks, "%s: %sanswered",
		      questions[_i].says, questions[_i].asks ? "not " : "");
	free(bytes);
}
END_TEST

START_TEST(no_length_is_read_behind)
{
	for (uint32_t len = 0; len < NS_LEN; len++) {
		uint8_t *bytes = malloc(len + (len == 0));

		memcpy(bytes, ns, len);
		ck_assert_int_eq(neighbour_asks(bytes, len), len >= NS_MIN);
		free(bytes);
	}
}
END_TEST

START_TEST(arp_is_answered)
{
	uint8_t got[NEIGHBOUR_ANSWER_MAX];
	uint8_t want[ARP_LEN];

	memcpy(want, asker, 6);
	memcpy(want + 6, us, 6);
	memcpy(want + 12, "\x08\x06\0\1\x08\0\6\4\0\2", 10);
	memcpy(want + 22, us, 6);
	memcpy(want + 28, "\x0a\0\0\1", 4);
	memcpy(want + 32, asker, 6);
	memcpy(want + 38, "\x0a\0\0\2", 4);
	ck_assert_uint_eq(neighbour_answer(arp, us, got), ARP_LEN);
	ck_assert_mem_eq(got, want, ARP_LEN);
}
END_TEST

START_TEST(a_solicitation_is_answered)
{
	uint8_t got[NEIGHBOUR_ANSWER_MAX];
	uint8_t want[NS_LEN];
	uint32_t sum = 32 + 58;

	memcpy(want, ns, NS_LEN);
	memcpy(want, asker, 6);
	memcpy(want + 6, us, 6);
	memcpy(want + 22, ns + 62, 16);         /* from the target */
	memcpy(want + 38, ns + 22, 16);         /* to the asker */
	memcpy(want + 54, "\x88\0\0\0\xe0", 5); /* advertisement: router, solicited, override */
	want[78] = 2;                           /* target link-layer address */
	memcpy(want + 80, us, 6);
	ck_assert_uint_eq(neighbour_answer(ns, us, got), NS_LEN);
	/* The sum over pseudo header and message, its own field included, is all ones. */
	sum = csum_add(csum_add(sum, got + 22, 32), got + 54, 32);
	ck_assert_uint_eq(csum_fold(sum), 0);
	memset(got + 56, 0, 2);
	ck_assert_mem_eq(got, want, NS_LEN);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("neighbour");
	TCase *tc = tcase_create("neighbour");

	tcase_add_loop_test(tc, who_asks_for_a_neighbour, 0, (int)ARRAY_LEN(questions));
	tcase_add_test(tc, no_length_is_read_behind);
	tcase_add_test(tc, arp_is_answered);
	tcase_add_test(tc, a_solicitation_is_answered);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
