/* Names of interfaces: what is refused, in which words, and that the kernel agrees byte by byte. */
#include <check.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

static const struct {
	const char *name, *word; /* NULL: taken */
} names[] = {
	{ "t0", NULL },
	{ "a", NULL },
	{ "fifteen-bytes-x", NULL },
	{ "sixteen-bytes-xy", "at most 15" },
	{ "", "is empty" },
	{ ".", "reserved" },
	{ "..", "reserved" },
	{ "...", NULL },
	{ "all", "reserved" },
	{ "default", "reserved" },
	{ "all0", NULL },
	{ "a/b", "'/'" },
	{ "a:b", "':'" },
	{ "a b", "white space" },
	{ "a\tb", "white space" },
	{ "a\nb", "white space" },
	{ "vm%d", NULL },
	{ "%d", NULL },
	{ "%dvm", NULL },
	{ "vm%s", "pattern" },
	{ "vm%", "pattern" },
	{ "vm%%", "pattern" },
	{ "%d%d", "pattern" },
	{ "a%d%", "pattern" },
	{ "-a", NULL },
	{ "a'\"$;b", NULL },
};

START_TEST(names_are_judged)
{
	struct err e = tap_name_check(names[_i].name);
	const char *word = names[_i].word;

	ck_assert_msg(err_is(e) == (word != NULL), "'%s': got \"%s\"", names[_i].name, e.text);
	if (word == NULL)
		return;
	ck_assert_int_eq(e.kind, ERR_USAGE);
	ck_assert_msg(strstr(e.text, word) != NULL, "'%s': got \"%s\", want '%s' in it",
		      names[_i].name, e.text, word);
}
END_TEST

static bool kernel_takes(const char *name)
{
	int fd = host_tun(name, IFF_TAP | IFF_NO_PI);

	if (fd < 0) {
		ck_assert_msg(errno == EINVAL, "'%s': %s", name, strerrordesc_np(errno));
		return false;
	}
	(void)close(fd);
	return true;
}

START_TEST(the_kernel_agrees_on_names)
{
	const char *name = names[_i].name;

	/* Empty is our word for automatic elsewhere; a name that is too long the kernel cuts in
	 * silence. */
	if (name[0] == '\0' || strlen(name) > 15)
		return;
	host_fresh();
	ck_assert_msg(kernel_takes(name) == (names[_i].word == NULL),
		      "the kernel thinks otherwise of '%s'", name);
}
END_TEST

START_TEST(the_kernel_agrees_on_every_byte)
{
	host_fresh();
	for (int byte = 1; byte < 256; byte++) {
		const char name[] = { 'x', (char)byte, 'y', '\0' };
		bool ours = !err_is(tap_name_check(name)), theirs = kernel_takes(name);

		ck_assert_msg(ours == theirs, "byte %#x in a name: we %s it, the kernel %s it",
			      byte, ours ? "take" : "refuse", theirs ? "takes" : "refuses");
	}
}
END_TEST

/* ---- addresses made of names ---- */

START_TEST(a_mac_is_ours_steady_and_spread)
{
	uint8_t first[6], again[6], other[6], index[6];

	for (unsigned i = 0; i < 1000; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "vm%u", i);
		tap_mac(name, 0, first);
		tap_mac(name, 0, again);
		tap_mac(name, 1, index);
		(void)snprintf(name, sizeof(name), "vm%u", i + 1);
		tap_mac(name, 0, other);
		ck_assert_msg((first[0] & 3) == 2, "first byte %02x: not local, or multicast",
			      first[0]);
		ck_assert_mem_eq(first, again, 6);
		ck_assert_mem_ne(first, index, 6);
		ck_assert_mem_ne(first, other, 6);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("name");
	TCase *pure = tcase_create("pure"), *kernel = tcase_create("kernel");

	tcase_set_timeout(pure, 60);
	tcase_add_loop_test(pure, names_are_judged, 0, (int)ARRAY_LEN(names));
	tcase_add_test(pure, a_mac_is_ours_steady_and_spread);
	suite_add_tcase(s, pure);
	if (host_ready("names against the kernel")) {
		tcase_set_timeout(kernel, 60);
		tcase_add_loop_test(kernel, the_kernel_agrees_on_names, 0, (int)ARRAY_LEN(names));
		tcase_add_test(kernel, the_kernel_agrees_on_every_byte);
	}
	suite_add_tcase(s, kernel);
	return suite_run(s);
}
