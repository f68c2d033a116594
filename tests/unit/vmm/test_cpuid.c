/* tests/unit/vmm/test_cpuid.c: who a processor of a machine says it is. */
#include <check.h>
#include <string.h>

#include "devices/base/err.h"
#include "tests/driver/suite.h"
#include "vmm/machine/cpuid.h"

enum { ROOM = 32, INTEL = 0x6c65746e, AMD = 0x444d4163 };

union table {
	struct kvm_cpuid2 head;
	uint8_t bytes[sizeof(struct kvm_cpuid2) + ROOM * sizeof(struct kvm_cpuid_entry2)];
};

/* As KVM gives them on a host of many processors. */
static void make(union table *t, uint32_t vendor)
{
	static const struct kvm_cpuid_entry2 host[] = {
		{ .function = 0, .eax = 0x1f },
		{ .function = 1, .ebx = 0x37400800, .ecx = 0x1000, .edx = 0x078bfbff },
		{ .function = 4, .index = 0, .eax = 0x3c07c121 },
		{ .function = 4, .index = 3, .eax = 0x3c07c163 },
		{ .function = 4, .index = 4, .eax = 0 },
		{ .function = 7, .ebx = 0x1234 },
		{ .function = 0xb, .index = 0, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 0x37 },
		{ .function = 0xb, .index = 1, .eax = 6, .ebx = 64, .ecx = 0x201, .edx = 0x37 },
		{ .function = 0x1f, .index = 0, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 0x37 },
		{ .function = 0x80000001, .ecx = 0x100 },
		{ .function = 0x80000008, .eax = 0x3030, .ecx = 0x703f },
		{ .function = 0x8000001d, .index = 0, .eax = 0x4121 },
		{ .function = 0x8000001d, .index = 3, .eax = 0x3c163 },
		{ .function = 0x8000001e, .eax = 0x37, .ebx = 0x11b, .ecx = 0x301 },
	};

	memset(t, 0, sizeof(*t));
	memcpy(t->head.entries, host, sizeof(host));
	t->head.entries[0].ecx = vendor;
	t->head.nent = ARRAY_LEN(host);
}

static void fit(union table *t, uint32_t vendor, unsigned cpu, unsigned cpus, unsigned room)
{
	const struct cpuid_request r = {
		.cpu = cpu, .cpus = cpus, .tsc_deadline = true, .room = room
	};

	make(t, vendor);
	cpuid_fit(&t->head, &r);
	ck_assert_uint_le(t->head.nent, room);
}

static const struct kvm_cpuid_entry2 *find(const union table *t, uint32_t function, uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = NULL;

	for (unsigned i = 0; i < t->head.nent; i++)
		if (t->head.entries[i].function == function && t->head.entries[i].index == index) {
			ck_assert_ptr_null(found);
			found = &t->head.entries[i];
		}
	return found;
}

static const struct {
	unsigned cpu, cpus, bits;
} places[] = { { 0, 1, 0 }, { 0, 2, 1 }, { 1, 2, 1 }, { 2, 3, 2 }, { 3, 4, 2 }, { 31, 32, 5 } };

START_TEST(who_it_is)
{
	unsigned cpu = places[_i].cpu, cpus = places[_i].cpus;
	const struct kvm_cpuid_entry2 *e;
	union table t;

	fit(&t, INTEL, cpu, cpus, ROOM);
	e = find(&t, 1, 0);
	ck_assert_uint_eq(e->ebx >> 24, cpu);
	ck_assert_uint_eq(e->ebx >> 16 & 0xff, 1u << places[_i].bits);
	ck_assert_uint_eq(e->ebx & 0xffff, 0x0800);
	ck_assert_uint_eq(e->edx, cpus > 1 ? 0x178bfbff : 0x078bfbff & ~(1u << 28));
	ck_assert_uint_eq(e->ecx, 0x1000 | 1u << 31 | 1u << 24);
	ck_assert_uint_eq(find(&t, 7, 0)->ebx, 0x1234);
}
END_TEST

START_TEST(its_topology)
{
	unsigned cpus = places[_i].cpus;
	union table t;

	fit(&t, INTEL, places[_i].cpu, cpus, ROOM);
	ck_assert_uint_eq(find(&t, 0xb, 0)->eax, 0);
	ck_assert_uint_eq(find(&t, 0xb, 0)->ebx, 1);
	ck_assert_uint_eq(find(&t, 0xb, 0)->ecx, 0x100);
	ck_assert_uint_eq(find(&t, 0xb, 1)->eax, places[_i].bits);
	ck_assert_uint_eq(find(&t, 0xb, 1)->ebx, cpus);
	ck_assert_uint_eq(find(&t, 0xb, 1)->ecx, 0x201);
	ck_assert_uint_eq(find(&t, 0xb, 2)->ebx, 0);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(find(&t, 0xb, i)->edx, places[_i].cpu);
		ck_assert_uint_ne(find(&t, 0xb, i)->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 0);
	}
	ck_assert_ptr_null(find(&t, 0x1f, 0));
}
END_TEST

/* Level 1 is the core's own, level 3 everybody's; behind the last cache nothing is. */
START_TEST(its_caches)
{
	uint32_t others = (1u << places[_i].bits) - 1;
	union table t;

	fit(&t, INTEL, places[_i].cpu, places[_i].cpus, ROOM);
	ck_assert_uint_eq(find(&t, 4, 0)->eax, others << 26 | 0x121);
	ck_assert_uint_eq(find(&t, 4, 3)->eax, others << 26 | others << 14 | 0x163);
	ck_assert_uint_eq(find(&t, 4, 4)->eax, 0);
	fit(&t, AMD, places[_i].cpu, places[_i].cpus, ROOM);
	ck_assert_uint_eq(find(&t, 0x8000001d, 0)->eax, 0x121);
	ck_assert_uint_eq(find(&t, 0x8000001d, 3)->eax, others << 14 | 0x163);
}
END_TEST

START_TEST(as_amd_says_it)
{
	unsigned cpu = places[_i].cpu, cpus = places[_i].cpus;
	union table t;

	fit(&t, AMD, cpu, cpus, ROOM);
	ck_assert_uint_eq(find(&t, 0x80000001, 0)->ecx, cpus > 1 ? 0x102 : 0x100);
	ck_assert_uint_eq(find(&t, 0x80000008, 0)->ecx, places[_i].bits << 12 | (cpus - 1));
	ck_assert_uint_eq(find(&t, 0x8000001e, 0)->eax, cpu);
	ck_assert_uint_eq(find(&t, 0x8000001e, 0)->ebx, cpu);
	ck_assert_uint_eq(find(&t, 0x8000001e, 0)->ecx, 0);
	fit(&t, INTEL, cpu, cpus, ROOM);
	ck_assert_uint_eq(find(&t, 0x80000001, 0)->ecx, 0x100);
	ck_assert_uint_eq(find(&t, 0x80000008, 0)->ecx, 0x703f);
}
END_TEST

/* No room for what is added: it is not written behind the end. */
START_TEST(a_full_table)
{
	union table t;

	for (unsigned room = 11; room < 14; room++)
		fit(&t, INTEL, 1, 2, room);
}
END_TEST

/* A processor older than leaf 0xb has none. */
START_TEST(an_old_processor)
{
	const struct cpuid_request r = { .cpu = 1, .cpus = 2, .room = ROOM };
	union table t;

	make(&t, INTEL);
	t.head.entries[0].eax = 7;
	cpuid_fit(&t.head, &r);
	ck_assert_ptr_null(find(&t, 0xb, 0));
	ck_assert_uint_eq(find(&t, 1, 0)->ecx, 0x1000 | 1u << 31);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/cpuid");
	TCase *tc = tcase_create("cpuid");

	tcase_add_loop_test(tc, who_it_is, 0, (int)ARRAY_LEN(places));
	tcase_add_loop_test(tc, its_topology, 0, (int)ARRAY_LEN(places));
	tcase_add_loop_test(tc, its_caches, 0, (int)ARRAY_LEN(places));
	tcase_add_loop_test(tc, as_amd_says_it, 0, (int)ARRAY_LEN(places));
	tcase_add_test(tc, a_full_table);
	tcase_add_test(tc, an_old_processor);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
