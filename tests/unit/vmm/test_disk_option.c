/* The value of --disk: what is taken, what is refused with which words, and how many there may be.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/cli/disk_option.h"
#include "vmm/cli/run_options.h"

static const struct {
	const char *text;
	struct disk_options want;
	const char *error; /* NULL: taken */
} disks[] = {
	{ "a.img", { "a.img", false, false }, NULL },
	{ "a.img,ro", { "a.img", true, false }, NULL },
	{ "/d e/a=b,snapshot", { "/d e/a=b", false, true }, NULL },
	{ ",ro", { 0 }, "no file in front of the comma; write it like root.img,snapshot" },
	{ "a,", { 0 }, "a comma with nothing behind it" },
	{ "a,,ro", { 0 }, "a comma with nothing behind it" },
	{ "a,=ro", { 0 }, "a comma with nothing behind it" },
	{ "a,snapshot,ro", { 0 }, "ro does not go with snapshot" },
	{ "a,ro,ro", { 0 }, "ro is given twice" },
	{ "a,ro=on", { 0 }, "ro takes no value" },
	{ "a,snapshto", { 0 }, "unknown word snapshto; did you mean snapshot" },
	{ "a,format=raw", { 0 }, "unknown word format; behind the file it takes ro or snapshot" },
};

START_TEST(disk_takes_or_refuses)
{
	char *text = strdup(disks[_i].text);
	struct disk_options disk = { .path = "untouched" };
	struct err e;

	ck_assert_ptr_nonnull(text);
	e = disk_option_parse(text, &disk);
	if (disks[_i].error == NULL) {
		ck_assert_msg(!err_is(e), "%s: got \"%s\"", disks[_i].text, e.text);
		ck_assert_str_eq(disk.path, disks[_i].want.path);
		ck_assert(disk.read_only == disks[_i].want.read_only);
		ck_assert(disk.snapshot == disks[_i].want.snapshot);
	} else {
		ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, disks[_i].error) != NULL,
			      "%s: got \"%s\"", disks[_i].text, e.text);
		ck_assert_str_eq(disk.path, "untouched");
	}
	free(text);
}
END_TEST

START_TEST(run_takes_8_disks_and_no_9th)
{
	for (int disks_given = 1; disks_given <= DISKS_MAX + 1; disks_given++) {
		char kernel[] = "k", option[] = "--disk", value[] = "a.img,ro";
		char *words[1 + 2 * (DISKS_MAX + 1)] = { kernel };
		struct run_options o;
		bool help;
		struct err e;

		for (int i = 0; i < disks_given; i++) {
			words[1 + 2 * i] = option;
			words[2 + 2 * i] = value;
		}
		run_options_init(&o);
		e = options_parse(&run_option_table, 1 + 2 * disks_given, words, &o, &help);
		if (disks_given > DISKS_MAX) {
			ck_assert_msg(strstr(e.text, "--disk: more than 8 disks") != NULL,
				      "got \"%s\"", e.text);
		} else {
			ck_assert(!err_is(e));
			ck_assert_uint_eq(o.keeper.disk_count, (unsigned)disks_given);
			ck_assert_str_eq(o.keeper.disk[disks_given - 1].path, "a.img");
		}
		run_options_fini(&o);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disk_option");
	TCase *tc = tcase_create("disk_option");

	tcase_add_loop_test(tc, disk_takes_or_refuses, 0, ARRAY_LEN(disks));
	tcase_add_test(tc, run_takes_8_disks_and_no_9th);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
