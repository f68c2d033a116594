/* tests/unit/vmm/test_cpus.c: more processors than this host's KVM gives a machine. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/driver/suite.h"
#include "vmm/machine/machine_priv.h"

enum { KVM_FD = 9998, HOST_GIVES = 4 };

/* KVM is this program's ioctl: it tells its limit, and makes nothing. */
int ioctl(int fd, unsigned long request, ...)
{
	if (fd == KVM_FD && request == KVM_CHECK_EXTENSION)
		return HOST_GIVES;
	errno = EMFILE;
	return -1;
}

static const struct {
	unsigned count;
	const char *want;
} counts[] = {
	{ 1, "KVM: make virtual processor 0: " },
	{ HOST_GIVES, "KVM: make virtual processor 0: " },
	{ HOST_GIVES + 1, "--cpus: this host's KVM gives a machine 4 processors at most, not 5" },
	{ CPUS_MAX, "4 processors at most, not 32" },
};

START_TEST(the_hosts_limit)
{
	const struct vm vm = { .fd = -1 };
	struct bus bus = { .pci = NULL };
	struct cpus cpus;
	struct err e;

	cpus_init(&cpus, counts[_i].count, &bus);
	e = cpus_open(&cpus, KVM_FD, &vm);
	ck_assert_msg(e.kind == ERR_SETUP && strstr(e.text, counts[_i].want) != NULL,
		      "%u: got \"%s\", want \"%s\"", counts[_i].count, e.text, counts[_i].want);
	cpus_stop(&cpus);
	cpus_close(&cpus);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/cpus");
	TCase *tc = tcase_create("cpus");

	tcase_add_loop_test(tc, the_hosts_limit, 0, (int)ARRAY_LEN(counts));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
