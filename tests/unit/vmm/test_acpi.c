/* ACPI tables as a guest reads them from memory: their sums, and their fields by the offsets of the
 * specification. */
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/acpi_tables.h"

static const struct acpi_request requests[] = {
	{ .cpus = 1 },
	{ .cpus = 1, .windows = 1 },
	{ .cpus = 2, .pci = true },
	{ .cpus = 32, .windows = 0xff, .pci = true },
	{ .cpus = ACPI_CPUS_MAX, .windows = 0xff, .pci = true },
};
static const char *const signatures[] = { "XSDT", "FACP", "DSDT", "APIC", "MCFG" };

static unsigned sum(struct acpi_tables *a, uint64_t at, uint64_t bytes)
{
	unsigned v = 0;

	for (uint64_t i = 0; i < bytes; i++)
		v += (unsigned)acpi_number(a, at + i, 1);
	return v & 0xff;
}

static void expect(struct acpi_tables *a, const char *says, uint64_t at, unsigned bytes,
		   uint64_t want)
{
	uint64_t got = acpi_number(a, at, bytes);

	ck_assert_msg(got == want, "%s: got %#llx, want %#llx", says, (unsigned long long)got,
		      (unsigned long long)want);
}

START_TEST(sums_and_places)
{
	uint64_t from[ARRAY_LEN(signatures)], to[ARRAY_LEN(signatures)];
	struct acpi_tables a;

	acpi_make(&a, &requests[_i]);
	ck_assert_mem_eq(driver_at(&a.m, a.rsdp), "RSD PTR ", 8);
	ck_assert_msg(a.rsdp >= 0xe0000 && a.rsdp % 16 == 0, "a kernel does not look at %#llx",
		      (unsigned long long)a.rsdp);
	ck_assert_uint_eq(sum(&a, a.rsdp, 20), 0);
	ck_assert_uint_eq(sum(&a, a.rsdp, 36), 0);
	expect(&a, "RSDP's revision", a.rsdp + 15, 1, 2);
	expect(&a, "RSDP's length", a.rsdp + 20, 4, 36);
	for (unsigned i = 0; i < ARRAY_LEN(signatures); i++) {
		uint64_t at = acpi_find(&a, signatures[i]);

		from[i] = to[i] = at;
		if (at == 0 && !requests[_i].pci && strcmp(signatures[i], "MCFG") == 0)
			continue;
		to[i] = at + acpi_number(&a, at + 4, 4);
		ck_assert_mem_eq(driver_at(&a.m, at), signatures[i], 4);
		ck_assert_msg(at >= a.rsdp + 36 && to[i] <= 0xffff0, "%s lies at %#llx",
			      signatures[i], (unsigned long long)at);
		ck_assert_msg(sum(&a, at, to[i] - at) == 0, "%s: a wrong sum", signatures[i]);
		for (unsigned j = 0; j < i; j++)
			ck_assert_msg(to[i] <= from[j] || to[j] <= from[i], "%s lies over %s",
				      signatures[i], signatures[j]);
	}
	acpi_unmake(&a);
}
END_TEST

START_TEST(the_fadt)
{
	struct acpi_tables a;
	uint64_t at;

	acpi_make(&a, &requests[0]);
	at = acpi_find(&a, "FACP");
	expect(&a, "length", at + 4, 4, 276);
	expect(&a, "revision", at + 8, 1, 6);
	expect(&a, "no VGA, no CMOS clock", at + 109, 2, 0x24);
	expect(&a, "flags: hardware-reduced, reset register", at + 112, 4, 0x100431);
	expect(&a, "reset: a port of a byte", at + 116, 4, 0x01000801);
	expect(&a, "reset: which port", at + 120, 8, 0xcf9);
	expect(&a, "reset: its value", at + 128, 1, ACPI_RESET);
	expect(&a, "sleep control: a port of a byte", at + 244, 4, 0x01000801);
	expect(&a, "sleep control: which port", at + 248, 8, 0x600);
	expect(&a, "sleep status: a port of a byte", at + 256, 4, 0x01000801);
	expect(&a, "sleep status: which port", at + 260, 8, 0x601);
	acpi_unmake(&a);
}
END_TEST

START_TEST(a_processor_each)
{
	unsigned cpus = requests[_i].cpus;
	struct acpi_tables a;
	uint64_t at;

	acpi_make(&a, &requests[_i]);
	at = acpi_find(&a, "APIC");
	expect(&a, "length", at + 4, 4, 44 + 12 + 8 * cpus);
	expect(&a, "local APICs", at + 36, 4, 0xfee00000);
	expect(&a, "no PIC", at + 40, 4, 0);
	expect(&a, "an I/O APIC", at + 44, 4, 0x0c01);
	expect(&a, "its address", at + 48, 4, 0xfec00000);
	expect(&a, "its first GSI", at + 52, 4, 0);
	for (unsigned i = 0; i < cpus; i++) {
		expect(&a, "a processor", at + 56 + 8 * i, 4, UINT64_C(0x0800) | i << 16 | i << 24);
		expect(&a, "it is enabled", at + 56 + 8 * i + 4, 4, 1);
	}
	acpi_unmake(&a);
}
END_TEST

START_TEST(configuration_space)
{
	struct acpi_tables a;
	uint64_t at;

	acpi_make(&a, &requests[_i]);
	at = acpi_find(&a, "MCFG");
	ck_assert_msg((at != 0) == requests[_i].pci, "MCFG at %#llx", (unsigned long long)at);
	if (at != 0) {
		expect(&a, "length", at + 4, 4, 60);
		expect(&a, "address", at + 44, 8, 0xe0000000);
		expect(&a, "segment 0, bus 0 to 0", at + 52, 4, 0);
	}
	acpi_unmake(&a);
}
END_TEST

/* mov al, 0xfe; out 0x64, al; and no way out of the halt behind it. */
START_TEST(the_reset_vector)
{
	static const uint8_t want[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd };
	struct acpi_tables a;

	acpi_make(&a, &requests[_i]);
	ck_assert_mem_eq(driver_at(&a.m, 0xffff0), want, sizeof(want));
	acpi_unmake(&a);
}
END_TEST

static const unsigned wrong_cpus[] = { 0, 256, UINT32_MAX };

START_TEST(a_count_of_processors_that_cannot_be)
{
	const struct acpi_request request = { .cpus = wrong_cpus[_i] };
	struct driver_memory m;
	uint64_t rsdp = 77;
	struct err e;

	driver_memory_init(&m, ACPI_REGION);
	e = acpi_write(m.mem, &request, &rsdp);
	ck_assert_msg(err_is(e) && e.kind == ERR_USAGE && rsdp == 77 &&
			      strstr(e.text, "1 to 255") != NULL,
		      "got \"%s\"", e.text);
	driver_memory_fini(&m);
}
END_TEST

/* Memory that ends before the tables, among them, and before the reset vector. */
static const uint64_t too_small[] = { 0x70000, 0x71000, 0x7f000 };

START_TEST(too_little_memory_is_told)
{
	struct driver_memory m;
	uint64_t rsdp = 77;
	struct err e;

	driver_memory_init(&m, too_small[_i]);
	e = acpi_write(m.mem, &requests[0], &rsdp);
	ck_assert_msg(err_is(e) && rsdp == 77 && strstr(e.text, "--memory") != NULL, "got \"%s\"",
		      e.text);
	driver_memory_fini(&m);
}
END_TEST

/* The NICs' slots have the lines that their windows in memory have; no other slot has one of them.
 */
START_TEST(lines_of_pci_slots)
{
	for (unsigned slot = 1; slot <= 8; slot++)
		ck_assert_uint_eq(acpi_pci_gsi(slot), 15 + slot);
	for (unsigned slot = 9; slot < 32; slot++)
		ck_assert_uint_eq(acpi_pci_gsi(slot), 8 + (slot - 1) % 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("acpi");
	TCase *tc = tcase_create("acpi");

	tcase_add_loop_test(tc, sums_and_places, 0, (int)ARRAY_LEN(requests));
	tcase_add_test(tc, the_fadt);
	tcase_add_loop_test(tc, a_processor_each, 0, (int)ARRAY_LEN(requests));
	tcase_add_loop_test(tc, configuration_space, 0, (int)ARRAY_LEN(requests));
	tcase_add_loop_test(tc, the_reset_vector, 0, (int)ARRAY_LEN(requests));
	tcase_add_loop_test(tc, a_count_of_processors_that_cannot_be, 0,
			    (int)ARRAY_LEN(wrong_cpus));
	tcase_add_loop_test(tc, too_little_memory_is_told, 0, (int)ARRAY_LEN(too_small));
	tcase_add_test(tc, lines_of_pci_slots);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
