/* tests/unit/vmm/test_vcpu.c: what of a processor KVM leaves otherwise than firmware would. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/machine/machine_priv.h"

enum {
	KVM_FD = 9998,
	VM_FD = 9999,
	MISC_ENABLE = 0x1a0,
	AFTER_RESET = 0x1800, /* as KVM has it */
	FAST_STRINGS = 1,
	REFUSED = 0x77,
};

static uint64_t misc_enable;
static bool refuses;

static int fake_msrs(struct kvm_msrs *m, bool set)
{
	if (refuses)
		return 0;
	ck_assert_uint_eq(m->nmsrs, 1);
	ck_assert_uint_eq(m->entries[0].index, MISC_ENABLE);
	if (set)
		misc_enable = m->entries[0].data;
	else
		m->entries[0].data = misc_enable;
	return 1;
}

/* KVM is this program's ioctl: its processors are files. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case KVM_GET_VCPU_MMAP_SIZE: return (int)sysconf(_SC_PAGESIZE);
	case KVM_CREATE_VCPU: return memfd_create("vcpu", MFD_CLOEXEC);
	case KVM_GET_SUPPORTED_CPUID: ((struct kvm_cpuid2 *)arg)->nent = 0; return 0;
	case KVM_GET_MSRS: return fake_msrs(arg, false);
	case KVM_SET_MSRS: return fake_msrs(arg, true);
	default: return 0;
	}
}

static void make(void)
{
	const struct vm vm = { .fd = VM_FD };
	struct bus bus = { .pci = NULL };
	struct cpus cpus;
	struct err e;

	cpus_init(&cpus, 1, &bus);
	e = vcpu_init(&cpus.vcpu[0], KVM_FD, &vm);
	ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
	vcpu_fini(&cpus.vcpu[0]);
}

/* Linux on Intel copies by words without it. The other bits are KVM's to say. */
START_TEST(fast_strings_are_on)
{
	misc_enable = AFTER_RESET;
	make();
	ck_assert_uint_eq(misc_enable, AFTER_RESET | FAST_STRINGS);
}
END_TEST

/* A guest without them is slower, and that is all. */
START_TEST(a_kvm_that_has_no_such_register)
{
	refuses = true;
	misc_enable = REFUSED;
	make();
	ck_assert_uint_eq(misc_enable, REFUSED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/vcpu");
	TCase *tc = tcase_create("vcpu");

	tcase_add_test(tc, fast_strings_are_on);
	tcase_add_test(tc, a_kvm_that_has_no_such_register);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
