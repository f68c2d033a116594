/* The receive filter: which destinations pass in which mode. */
#include <check.h>
#include <stdlib.h>

#include "devices/base/err.h"
#include "devices/frame/filter.h"
#include "tests/driver/suite.h"

enum mode { SILENT, ACTIVE, PROMISC, ALL_MULTI, UNICAST_OVERFLOW, MULTICAST_OVERFLOW, MODES };
static const char *const mode_name[MODES] = {
	"before any command", "with tables",      "promiscuous",
	"all multicast",      "unicast overflow", "multicast overflow",
};

#define OURS                                                                                       \
	{                                                                                          \
		2, 0, 0, 0, 0, 1                                                                   \
	}
#define UNICAST_FIRST                                                                              \
	{                                                                                          \
		2, 0, 0, 0, 1, 0                                                                   \
	}
#define UNICAST_LAST                                                                               \
	{                                                                                          \
		2, 0, 0, 0, 1, 63                                                                  \
	}
#define MULTICAST_FIRST                                                                            \
	{                                                                                          \
		0x33, 0x33, 0, 0, 2, 0                                                             \
	}
#define MULTICAST_LAST                                                                             \
	{                                                                                          \
		0x33, 0x33, 0, 0, 2, 63                                                            \
	}

static struct filter filter_in(enum mode mode)
{
	struct filter f = {
		.active = mode != SILENT,
		.promiscuous = mode == PROMISC,
		.all_multicast = mode == ALL_MULTI,
		.unicast_overflow = mode == UNICAST_OVERFLOW,
		.multicast_overflow = mode == MULTICAST_OVERFLOW,
		.mac = OURS,
		.unicast_count = FILTER_TABLE_MAX,
		.multicast_count = FILTER_TABLE_MAX,
	};

	for (unsigned i = 0; i < FILTER_TABLE_MAX; i++) {
		const uint8_t unicast[6] = { 2, 0, 0, 0, 1, (uint8_t)i };
		const uint8_t multicast[6] = { 0x33, 0x33, 0, 0, 2, (uint8_t)i };

		for (unsigned k = 0; k < 6; k++) {
			f.unicast[i][k] = unicast[k];
			f.multicast[i][k] = multicast[k];
		}
	}
	return f;
}

/* A 1 for each mode that lets it pass, in the order of enum mode. */
static const struct {
	const char *says;
	uint8_t address[6];
	bool want[MODES];
} destinations[] = {
	{ "broadcast", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 1, 1, 1, 1, 1, 1 } },
	{ "our address", OURS, { 1, 1, 1, 1, 1, 1 } },
	{ "the first of the unicast table", UNICAST_FIRST, { 1, 1, 1, 1, 1, 1 } },
	{ "its last", UNICAST_LAST, { 1, 1, 1, 1, 1, 1 } },
	{ "one behind its last", { 2, 0, 0, 0, 1, 64 }, { 1, 0, 1, 0, 1, 0 } },
	{ "somebody else's", { 2, 0, 0, 0, 0, 2 }, { 1, 0, 1, 0, 1, 0 } },
	{ "ours but for the first byte", { 6, 0, 0, 0, 0, 1 }, { 1, 0, 1, 0, 1, 0 } },
	{ "nobody's", { 0, 0, 0, 0, 0, 0 }, { 1, 0, 1, 0, 1, 0 } },
	{ "the first of the multicast table", MULTICAST_FIRST, { 1, 1, 1, 1, 1, 1 } },
	{ "its last", MULTICAST_LAST, { 1, 1, 1, 1, 1, 1 } },
	{ "one behind its last", { 0x33, 0x33, 0, 0, 2, 64 }, { 1, 0, 1, 1, 0, 1 } },
	{ "a group that was not asked for", { 1, 0, 0x5e, 0, 0, 1 }, { 1, 0, 1, 1, 0, 1 } },
	{ "broadcast but for the last bit",
	  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe },
	  { 1, 0, 1, 1, 0, 1 } },
	{ "our address as a group", { 3, 0, 0, 0, 0, 1 }, { 1, 0, 1, 1, 0, 1 } },
};

/* rule: CTRL-04 CTRL-05 CTRL-10 CTRL-12 */
START_TEST(destinations_pass_by_mode)
{
	for (enum mode mode = SILENT; mode < MODES; mode++) {
		struct filter f = filter_in(mode);
		bool got = filter_passes(&f, destinations[_i].address),
		     want = destinations[_i].want[mode];

		ck_assert_msg(got == want, "%s, %s: got %s, want %s", destinations[_i].says,
			      mode_name[mode], got ? "passed" : "held back",
			      want ? "passed" : "held back");
	}
}
END_TEST

START_TEST(what_lies_behind_the_counts_is_not_looked_at)
{
	static const uint8_t unicast[6] = UNICAST_LAST, multicast[6] = MULTICAST_LAST,
			     ours[6] = OURS;
	struct filter f = filter_in(ACTIVE);

	f.unicast_count = f.multicast_count = FILTER_TABLE_MAX - 1;
	ck_assert_msg(!filter_passes(&f, unicast),
		      "a unicast entry behind the count let its frame pass");
	ck_assert_msg(!filter_passes(&f, multicast),
		      "a multicast entry behind the count let its frame pass");
	f.unicast_count = f.multicast_count = 0;
	ck_assert_msg(filter_passes(&f, ours), "with empty tables our own address was held back");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/filter");
	TCase *tc = tcase_create("filter");

	tcase_add_loop_test(tc, destinations_pass_by_mode, 0, (int)ARRAY_LEN(destinations));
	tcase_add_test(tc, what_lies_behind_the_counts_is_not_looked_at);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
