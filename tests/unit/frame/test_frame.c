/* Drop reasons: each has a name for --stats and words for the docs, and none is another's. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/err.h"
#include "devices/frame/frame.h"
#include "tests/driver/suite.h"

START_TEST(each_reason_has_a_name_of_its_own)
{
	const char *name = drop_name((enum drop_reason)_i);

	ck_assert_msg(name != NULL && name[0] != '\0', "reason %d has no name", _i);
	ck_assert_msg(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name),
		      "reason %d: got \"%s\", want small letters and underscores", _i, name);
	for (int other = 0; other < _i; other++)
		ck_assert_msg(strcmp(name, drop_name((enum drop_reason)other)) != 0,
			      "reasons %d and %d are both called \"%s\"", other, _i, name);
}
END_TEST

START_TEST(each_reason_has_words_of_its_own)
{
	const char *text = drop_text((enum drop_reason)_i);

	ck_assert_msg(text != NULL && text[0] != '\0', "reason %d has no words", _i);
	ck_assert_msg(strpbrk(text, "\n\t") == NULL, "reason %d: \"%s\" is more than one line", _i,
		      text);
	for (int other = 0; other < _i; other++)
		ck_assert_msg(strcmp(text, drop_text((enum drop_reason)other)) != 0,
			      "reasons %d and %d both say \"%s\"", other, _i, text);
}
END_TEST

/* The names are an interface: scripts read them. */
static const struct {
	enum drop_reason why;
	const char *name;
} known[] = {
	{ DROP_NONE, "none" },
	{ DROP_TX_MTU, "tx_mtu" },
	{ DROP_TX_GSO_FIELDS, "tx_gso_fields" },
	{ DROP_RX_NO_BUFFERS, "rx_no_buffers" },
	{ DROP_RX_ERROR, "rx_error" },
};

START_TEST(names_are_those_of_their_reasons)
{
	ck_assert_msg(strcmp(drop_name(known[_i].why), known[_i].name) == 0,
		      "got \"%s\", want \"%s\"", drop_name(known[_i].why), known[_i].name);
}
END_TEST

/* The names say which way the frame went, so that a sum of one way is a sum over names. */
START_TEST(names_begin_with_their_direction)
{
	const char *want = _i < DROP_RX_RUNT ? "tx_" : "rx_";

	ck_assert_msg(strncmp(drop_name((enum drop_reason)_i), want, 3) == 0,
		      "got \"%s\", want \"%s...\"", drop_name((enum drop_reason)_i), want);
}
END_TEST

START_TEST(a_dropped_frame_knows_why)
{
	struct frame f = { .fate = FATE_OPEN };

	frame_drop(&f, DROP_RX_FILTER);
	ck_assert_int_eq(f.fate, FATE_DROPPED);
	ck_assert_int_eq(f.why, DROP_RX_FILTER);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame/frame");
	TCase *tc = tcase_create("frame");

	tcase_add_loop_test(tc, each_reason_has_a_name_of_its_own, 0, DROP_REASONS);
	tcase_add_loop_test(tc, each_reason_has_words_of_its_own, 0, DROP_REASONS);
	tcase_add_loop_test(tc, names_are_those_of_their_reasons, 0, (int)ARRAY_LEN(known));
	tcase_add_loop_test(tc, names_begin_with_their_direction, DROP_NONE + 1, DROP_REASONS);
	tcase_add_test(tc, a_dropped_frame_knows_why);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
