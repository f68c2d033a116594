/* The receive filter: which destinations pass in which mode. */
#include <check.h>
#include <stdlib.h>

#include "devices/base/err.h"
#include "devices/frame/filter.h"
#include "devices/frame/frame.h"
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
		bool got = filter_passes(&f, destinations[_i].address, FRAME_MIN),
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
	ck_assert_msg(!filter_passes(&f, unicast, FRAME_MIN),
		      "a unicast entry behind the count let its frame pass");
	ck_assert_msg(!filter_passes(&f, multicast, FRAME_MIN),
		      "a multicast entry behind the count let its frame pass");
	f.unicast_count = f.multicast_count = 0;
	ck_assert_msg(filter_passes(&f, ours, FRAME_MIN),
		      "with empty tables our own address was held back");
}
END_TEST

/* ---- modes against each other ---- */

enum { ALL_UNI = 1, ALL_MULTI_ON = 2, NO_UNI = 4, NO_MULTI = 8, NO_BROAD = 16, PROMISC_ON = 32 };

/* Each destination's own rule, of all 64 sets of modes. */
static bool wanted(unsigned modes, bool known, bool group, bool broadcast)
{
	if ((modes & PROMISC_ON) != 0)
		return true;
	if (broadcast)
		return (modes & NO_BROAD) == 0;
	if (group)
		return (modes & NO_MULTI) == 0 && (known || (modes & ALL_MULTI_ON) != 0);
	return (modes & NO_UNI) == 0 && (known || (modes & ALL_UNI) != 0);
}

/* rule: CTRL-04 CTRL-05 CTRL-06 CTRL-10 */
START_TEST(modes_against_each_other)
{
	static const struct {
		const char *says;
		uint8_t address[6];
		bool known, group, broadcast;
	} to[] = {
		{ "ours", OURS, true, false, false },
		{ "one of the unicast table", UNICAST_FIRST, true, false, false },
		{ "somebody else's", { 2, 0, 0, 0, 0, 2 }, false, false, false },
		{ "one of the multicast table", MULTICAST_FIRST, true, true, false },
		{ "an unknown group", { 1, 0, 0x5e, 0, 0, 1 }, false, true, false },
		{ "broadcast", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, true, true, true },
	};
	unsigned modes = (unsigned)_i;
	struct filter f = filter_in(ACTIVE);

	f.promiscuous = (modes & PROMISC_ON) != 0;
	f.all_unicast = (modes & ALL_UNI) != 0;
	f.all_multicast = (modes & ALL_MULTI_ON) != 0;
	f.no_unicast = (modes & NO_UNI) != 0;
	f.no_multicast = (modes & NO_MULTI) != 0;
	f.no_broadcast = (modes & NO_BROAD) != 0;
	for (unsigned i = 0; i < ARRAY_LEN(to); i++) {
		bool want = wanted(modes, to[i].known, to[i].group, to[i].broadcast);

		ck_assert_msg(filter_passes(&f, to[i].address, FRAME_MIN) == want,
			      "modes %#x: %s was %s", modes, to[i].says,
			      want ? "held back" : "passed");
	}
}
END_TEST

/* What is kept out by name is kept out before the first command of the other class too. */
START_TEST(kept_out_without_tables)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 }, other[6] = { 2, 0, 0, 0, 0, 2 };
	struct filter f = filter_in(SILENT);

	f.no_multicast = true;
	ck_assert(!filter_passes(&f, group, FRAME_MIN) && filter_passes(&f, other, FRAME_MIN));
	f.no_multicast = false;
	f.no_unicast = true;
	ck_assert(filter_passes(&f, group, FRAME_MIN) && !filter_passes(&f, other, FRAME_MIN));
}
END_TEST

/* ---- VLANs ---- */

/* A frame to us with a tag of that type, priority 7 and the drop bit set. */
static void tagged(uint8_t frame[static 64], unsigned type, unsigned id)
{
	const uint8_t ours[6] = OURS;

	for (unsigned i = 0; i < 64; i++)
		frame[i] = i < 6 ? ours[i] : 0;
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	frame[14] = (uint8_t)(0xf0 | id >> 8);
	frame[15] = (uint8_t)id;
}

/* rule: CTRL-13 */
START_TEST(tags_pass_by_their_id)
{
	static const uint16_t ids[] = { 0, 1, 63, 64, 255, 256, 4094, 4095 };
	struct filter f = filter_in(ACTIVE);
	uint8_t frame[64];

	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		tagged(frame, 0x8100, ids[i]);
		f.by_vlan = false;
		ck_assert_msg(filter_passes(&f, frame, 64), "%u: not agreed on", ids[i]);
		f.by_vlan = true;
		ck_assert_msg(!filter_passes(&f, frame, 64), "%u: not in the set", ids[i]);
		filter_set_vlan(&f, ids[i], true);
		filter_set_vlan(&f, ids[i], true);
		ck_assert_msg(filter_passes(&f, frame, 64), "%u: in the set", ids[i]);
		for (unsigned k = 0; k < ARRAY_LEN(ids); k++) {
			tagged(frame, 0x8100, ids[k]);
			ck_assert_msg(filter_passes(&f, frame, 64) == (k == i),
				      "%u with %u in the set", ids[k], ids[i]);
		}
		filter_set_vlan(&f, ids[i], false);
		filter_set_vlan(&f, ids[i], false);
		tagged(frame, 0x8100, ids[i]);
		ck_assert_msg(!filter_passes(&f, frame, 64), "%u: taken out again", ids[i]);
	}
}
END_TEST

/* rule: CTRL-04 CTRL-10 CTRL-13 */
START_TEST(tags_and_the_rest)
{
	struct filter f = filter_in(ACTIVE);
	uint8_t frame[64];

	f.by_vlan = true;
	tagged(frame, 0x0800, 5);
	ck_assert_msg(filter_passes(&f, frame, 64), "an untagged frame was held back");
	tagged(frame, 0x88a8, 5);
	ck_assert_msg(filter_passes(&f, frame, 64), "a service tag was taken for a VLAN");
	tagged(frame, 0x8100, 5);
	ck_assert_msg(filter_passes(&f, frame, 15), "bytes behind the frame were looked at");
	ck_assert_msg(!filter_passes(&f, frame, 16), "a frame that ends with its tag passed");
	f.promiscuous = true;
	ck_assert_msg(filter_passes(&f, frame, 64), "promiscuous: a tag was held back");
	f.promiscuous = false;
	filter_set_vlan(&f, 5, true);
	frame[5] = 9;
	ck_assert_msg(!filter_passes(&f, frame, 64), "the tag let another address pass");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/filter");
	TCase *tc = tcase_create("filter");

	tcase_add_loop_test(tc, destinations_pass_by_mode, 0, (int)ARRAY_LEN(destinations));
	tcase_add_test(tc, what_lies_behind_the_counts_is_not_looked_at);
	tcase_add_loop_test(tc, modes_against_each_other, 0, 64);
	tcase_add_test(tc, kept_out_without_tables);
	tcase_add_test(tc, tags_pass_by_their_id);
	tcase_add_test(tc, tags_and_the_rest);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
