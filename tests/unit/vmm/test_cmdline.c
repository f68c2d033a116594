/* tests/unit/vmm/test_cmdline.c: the command line of a kernel whose NICs have addresses. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/boot/boot.h"
#include "vmm/keeper/keeper_priv.h"

static struct keeper_options options;
static struct machine_config config;
static char line[CMDLINE_BYTES];

/* Two NICs; the guest's address of the second is known. The kernel's file is of nobody's kind. */
static void setup(void)
{
	static const uint8_t kernel[64];
	struct nic_options *nic = &options.nic[1];

	options = (struct keeper_options){ .append = "quiet ip=dhcp", .nic_count = 2 };
	nic->host.has_guest = true;
	nic->address_count = 1;
	ck_assert(!err_is(ip_prefix_parse("10.0.0.1/24", &nic->address[0])));
	ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.9", &nic->host.guest), 1);
	config = (struct machine_config){ .append = options.append,
					  .kernel = kernel,
					  .kernel_bytes = sizeof(kernel) };
}

START_TEST(nics_come_before_the_users_words)
{
	ck_assert(!err_is(cmdline_ready(&options, &config, line)));
	ck_assert_str_eq(config.append,
			 "ip=10.0.0.9::10.0.0.1:255.255.255.0::eth1:off quiet ip=dhcp");
}
END_TEST

START_TEST(without_an_address_it_is_as_given)
{
	options.nic[1].host.has_guest = false;
	ck_assert(!err_is(cmdline_ready(&options, &config, line)));
	ck_assert_ptr_eq(config.append, options.append);
}
END_TEST

START_TEST(it_has_an_end)
{
	const size_t words = strlen("ip=10.0.0.9::10.0.0.1:255.255.255.0::eth1:off ");
	char append[BOOT_CMDLINE_MAX + 1];
	struct err e;

	memset(append, 'x', sizeof(append));
	append[BOOT_CMDLINE_MAX - words] = '\0';
	options.append = config.append = append;
	ck_assert(!err_is(cmdline_ready(&options, &config, line)));
	ck_assert_uint_eq(strlen(config.append), BOOT_CMDLINE_MAX);
	append[BOOT_CMDLINE_MAX - words] = 'x';
	append[BOOT_CMDLINE_MAX - words + 1] = '\0';
	config.append = append;
	e = cmdline_ready(&options, &config, line);
	ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, "shorten it") != NULL, "got \"%s\"",
		      e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cmdline");
	TCase *tc = tcase_create("cmdline");

	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, nics_come_before_the_users_words);
	tcase_add_test(tc, without_an_address_it_is_as_given);
	tcase_add_test(tc, it_has_an_end);
	return suite_run(s);
}
