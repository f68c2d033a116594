/* The Internet checksum: RFC 1071's own numbers, odd lengths, and a frame whose checksum is left to
 * be finished. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/csum.h"
#include "tests/driver/suite.h"

enum { BYTES_MAX = 24, FRAME = 64 };

static const struct {
	const char *says;
	uint8_t bytes[BYTES_MAX];
	uint32_t len;
	uint16_t want;
} sums[] = {
	{ "nothing", { 0 }, 0, 0xffff },
	{ "zeroes", { 0 }, BYTES_MAX, 0xffff },
	{ "RFC 1071, 3: the sum is ddf2",
	  { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 },
	  8,
	  0x220d },
	{ "a carry out of a carry", { 0xff, 0xff, 0x00, 0x01 }, 4, 0xfffe },
	{ "ones alone are a zero", { 0xff, 0xff, 0xff, 0xff }, 4, 0x0000 },
	{ "one byte is the upper half of a word", { 0xab }, 1, 0x54ff },
	{ "three bytes", { 0x12, 0x34, 0x56 }, 3, 0x97cb },
	{ "an odd byte that carries", { 0xff, 0xff, 0x80, 0x00, 0x80 }, 5, 0xfffe },
	{ "an IPv4 header without its checksum",
	  { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
	    0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 },
	  20,
	  0xb861 },
	{ "the same with it gives 0",
	  { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
	    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 },
	  20,
	  0x0000 },
};

START_TEST(sums_of_bytes)
{
	/* In a block of just that size: a byte too far is seen by the sanitizer. */
	uint8_t *bytes = malloc(sums[_i].len + 1);
	uint16_t got;

	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes + 1, sums[_i].bytes, sums[_i].len);
	got = csum_fold(csum_add(0, bytes + 1, sums[_i].len));
	ck_assert_msg(got == sums[_i].want, "%s: got %#06x, want %#06x", sums[_i].says, got,
		      sums[_i].want);
	free(bytes);
}
END_TEST

/* The sum of a whole is the sum of its parts, wherever it is cut between two words. */
START_TEST(sums_go_on)
{
	uint8_t bytes[255];
	uint32_t whole;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	whole = csum_add(0, bytes, sizeof(bytes));
	for (uint32_t cut = 0; cut < sizeof(bytes); cut += 2) {
		uint32_t got = csum_add(csum_add(0, bytes, cut), bytes + cut,
					(uint32_t)sizeof(bytes) - cut);

		if (csum_fold(got) != csum_fold(whole))
			ck_abort_msg("cut at %u: got %#x, want %#x", cut, csum_fold(got),
				     csum_fold(whole));
	}
}
END_TEST

START_TEST(a_running_sum_never_overflows)
{
	static uint8_t ones[65536];
	uint32_t sum = UINT32_MAX;

	memset(ones, 0xff, sizeof(ones));
	for (int i = 0; i < 100; i++)
		sum = csum_add(sum, ones, sizeof(ones));
	ck_assert_msg(csum_fold(sum) == 0,
		      "got %#x, want 0: every word is a zero in one's complement", csum_fold(sum));
}
END_TEST

/* ---- finishing ---- */

/* A naive sum of the bytes that a receiver would check. */
static uint16_t receiver_sum(const uint8_t *bytes, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* With the pseudo header's sum in the field, a receiver that adds the pseudo header finds ones. */
START_TEST(a_finished_frame_is_right_for_its_receiver)
{
	const uint32_t start = 34, pseudo = 0x1234;

	for (uint32_t len = start + 8; len <= FRAME; len++) {
		uint8_t *bytes = malloc(len);
		uint32_t sum;

		if (bytes == NULL)
			ck_abort_msg("out of memory");
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(i * 91 + 7);
		bytes[start + 6] = pseudo >> 8;
		bytes[start + 7] = pseudo & 0xff;
		if (!csum_finish(bytes, len, start, 6))
			ck_abort_msg("%u bytes: was not finished", len);
		sum = receiver_sum(bytes + start, len - start) + pseudo;
		sum = (sum & 0xffff) + (sum >> 16);
		if (sum != 0xffff)
			ck_abort_msg("%u bytes: a receiver sums up to %#x, want 0xffff", len, sum);
		for (uint32_t i = 0; i < len; i++)
			if (i / 2 != (start + 6) / 2 && bytes[i] != (uint8_t)(i * 91 + 7))
				ck_abort_msg("%u bytes: byte %u was changed", len, i);
		free(bytes);
	}
}
END_TEST

static const struct {
	const char *says;
	uint32_t offset;
	uint16_t want;
} zeroes[] = {
	{ "UDP: 0 would say that there is none", 6, 0xffff },
	{ "TCP: 0 is a sum like any other", 16, 0x0000 },
	{ "ICMPv6 likewise", 2, 0x0000 },
};

START_TEST(a_sum_of_zero)
{
	uint8_t bytes[FRAME] = { 0 };
	uint16_t got;

	/* The field alone is not 0: its complement is. */
	bytes[zeroes[_i].offset] = bytes[zeroes[_i].offset + 1] = 0xff;
	ck_assert(csum_finish(bytes, FRAME, 0, zeroes[_i].offset));
	got = (uint16_t)(bytes[zeroes[_i].offset] << 8 | bytes[zeroes[_i].offset + 1]);
	ck_assert_msg(got == zeroes[_i].want, "%s: got %#06x, want %#06x", zeroes[_i].says, got,
		      zeroes[_i].want);
}
END_TEST

static const struct {
	const char *says;
	uint32_t len, start, offset;
	bool want;
} fields[] = {
	{ "the whole frame, the field first", FRAME, 0, 0, true },
	{ "the field is the last two bytes", FRAME, FRAME - 2, 0, true },
	{ "the field ends with the frame", FRAME, 34, FRAME - 36, true },
	{ "the field ends one byte behind it", FRAME, 34, FRAME - 35, false },
	{ "the field begins behind it", FRAME, 34, FRAME, false },
	{ "nothing to sum", FRAME, FRAME, 0, false },
	{ "the sum starts in the last byte", FRAME, FRAME - 1, 0, false },
	{ "the sum starts behind the frame", FRAME, FRAME + 1, 0, false },
	{ "the two wrap to a place inside", FRAME, 34, UINT32_MAX - 3, false },
	{ "a start that wraps", FRAME, UINT32_MAX - 3, 6, false },
	{ "an offset of no header's", FRAME, 0, 65536, false },
	{ "a frame of one byte", 1, 0, 0, false },
	{ "an empty frame", 0, 0, 0, false },
};

START_TEST(fields_outside_the_frame)
{
	uint8_t *bytes = malloc(fields[_i].len + 1), before[FRAME];
	bool got;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 0x5a, fields[_i].len + 1);
	memset(before, 0x5a, sizeof(before));
	got = csum_finish(bytes + 1, fields[_i].len, fields[_i].start, fields[_i].offset);
	ck_assert_msg(got == fields[_i].want, "%s: got %d, want %d", fields[_i].says, got,
		      fields[_i].want);
	ck_assert_msg(got || memcmp(bytes + 1, before, fields[_i].len) == 0,
		      "%s: bytes were changed", fields[_i].says);
	free(bytes);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/csum");
	TCase *tc = tcase_create("csum");

	tcase_add_loop_test(tc, sums_of_bytes, 0, (int)ARRAY_LEN(sums));
	tcase_add_test(tc, sums_go_on);
	tcase_add_test(tc, a_running_sum_never_overflows);
	tcase_add_test(tc, a_finished_frame_is_right_for_its_receiver);
	tcase_add_loop_test(tc, a_sum_of_zero, 0, (int)ARRAY_LEN(zeroes));
	tcase_add_loop_test(tc, fields_outside_the_frame, 0, (int)ARRAY_LEN(fields));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
