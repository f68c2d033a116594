/* Blocks of a pcapng file byte by byte: lengths at both ends, padding, little-endian fields, the
 * order of a time's words, and a buffer that is too small by a byte. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/capture/pcapng.h"
#include "tests/driver/suite.h"

enum { ROOM = 512 };

static uint8_t out[ROOM];

static void assert_bytes(const uint8_t *want, size_t len, size_t got)
{
	ck_assert_uint_eq(got, len);
	for (size_t i = 0; i < len; i++)
		ck_assert_msg(out[i] == want[i], "byte %zu is %02x, not %02x", i, out[i], want[i]);
}

/* clang-format off */
static const uint8_t section[] = {
	0x0a, 0x0d, 0x0d, 0x0a, 60, 0, 0, 0,
	0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	2, 0, 4, 0, 'b', 'o', 'a', 'r',
	3, 0, 5, 0, 'L', 'i', 'n', 'u', 'x', 0, 0, 0,
	4, 0, 3, 0, 't', 'a', 'p', 0,
	0, 0, 0, 0, 60, 0, 0, 0,
};
static const uint8_t interface[] = {
	1, 0, 0, 0, 48, 0, 0, 0,
	1, 0, 0, 0, 0x40, 0, 1, 0,
	2, 0, 2, 0, 't', '0', 0, 0,
	3, 0, 1, 0, 'd', 0, 0, 0,
	9, 0, 1, 0, 9, 0, 0, 0,
	0, 0, 0, 0, 48, 0, 0, 0,
};
static const uint8_t packet[] = {
	6, 0, 0, 0, 88, 0, 0, 0,
	0, 0, 0, 0, /* interface */
	0x34, 0x12, 0, 0, 0x78, 0x56, 0, 0, /* time, the upper word first */
	5, 0, 0, 0, 0x00, 0x02, 0, 0, /* captured, original */
	1, 2, 3, 4, 5, 0, 0, 0,
	2, 0, 4, 0, 0x02, 0x0a, 0, 0,
	6, 0, 4, 0, 3, 0, 0, 0,
	4, 0, 8, 0, 7, 0, 0, 0, 1, 0, 0, 0,
	1, 0, 2, 0, 'n', 'o', 0, 0,
	1, 0, 1, 0, 'x', 0, 0, 0,
	0, 0, 0, 0, 88, 0, 0, 0,
};
static const uint8_t empty[] = {
	6, 0, 0, 0, 52, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	2, 0, 4, 0, 1, 0, 0, 0,
	6, 0, 4, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 52, 0, 0, 0,
};
static const uint8_t statistics[] = {
	5, 0, 0, 0, 52, 0, 0, 0,
	0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0,
	4, 0, 8, 0, 9, 0, 0, 0, 0, 0, 0, 0,
	5, 0, 8, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x01,
	0, 0, 0, 0, 52, 0, 0, 0,
};
/* clang-format on */

static size_t make_section(size_t size)
{
	return pcapng_section(out, size,
			      &(struct pcapng_section){
				      .hardware = "boar", .os = "Linux", .application = "tap" });
}

static size_t make_interface(size_t size)
{
	return pcapng_interface(
		out, size,
		&(struct pcapng_interface){ .name = "t0", .description = "d", .snaplen = 0x10040 });
}

static size_t make_packet(size_t size)
{
	uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	const struct iovec data[] = { { bytes, 3 }, { bytes + 3, 2 } };

	return pcapng_packet(out, size,
			     &(struct pcapng_packet){ .queue = 3,
						      .time_ns = UINT64_C(0x123400005678),
						      .data = data,
						      .data_count = 2,
						      .original_len = 512,
						      .flags = PCAPNG_OUTBOUND |
							       PCAPNG_CSUM_NOT_READY |
							       PCAPNG_TCP_SEGMENTS,
						      .lost = UINT64_C(0x100000007),
						      .comment = { "no", "x" } });
}

static size_t make_empty(size_t size)
{
	return pcapng_packet(out, size, &(struct pcapng_packet){ .flags = PCAPNG_INBOUND });
}

static size_t make_statistics(size_t size)
{
	return pcapng_statistics(
		out, size,
		&(struct pcapng_statistics){ .time_ns = UINT64_C(0x100000002),
					     .received = 9,
					     .dropped = UINT64_C(0x0100000080000000) });
}

static const struct {
	const char *says;
	size_t (*make)(size_t size);
	const uint8_t *want;
	size_t len;
} blocks[] = {
	{ "section header", make_section, section, sizeof(section) },
	{ "interface description", make_interface, interface, sizeof(interface) },
	{ "packet with everything", make_packet, packet, sizeof(packet) },
	{ "packet with nothing", make_empty, empty, sizeof(empty) },
	{ "statistics", make_statistics, statistics, sizeof(statistics) },
};

START_TEST(block_is_byte_for_byte_so)
{
	size_t got;

	memset(out, 0xee, sizeof(out));
	got = blocks[_i].make(sizeof(out));
	assert_bytes(blocks[_i].want, blocks[_i].len, got);
	ck_assert_uint_eq(out[got], 0xee);
}
END_TEST

START_TEST(block_without_room_is_none_and_stays_inside)
{
	for (size_t size = 0; size < blocks[_i].len; size++) {
		memset(out, 0xee, sizeof(out));
		ck_assert_msg(blocks[_i].make(size) == 0, "%s: fits into %zu bytes",
			      blocks[_i].says, size);
		ck_assert_uint_eq(out[size], 0xee);
	}
	ck_assert_uint_eq(blocks[_i].make(blocks[_i].len), blocks[_i].len);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("capture/pcapng");
	TCase *tc = tcase_create("pcapng");

	tcase_add_loop_test(tc, block_is_byte_for_byte_so, 0, ARRAY_LEN(blocks));
	tcase_add_loop_test(tc, block_without_room_is_none_and_stays_inside, 0, ARRAY_LEN(blocks));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
