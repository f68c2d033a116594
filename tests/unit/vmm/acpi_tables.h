/* The ACPI tables of a request, found as a guest finds them: from the RSDP on, by the offsets of
 * the specification. */
#ifndef TAPVM_TESTS_ACPI_TABLES_H
#define TAPVM_TESTS_ACPI_TABLES_H

#include <check.h>
#include <string.h>

#include "tests/driver/driver.h"
#include "vmm/boot/acpi.h"

enum { ACPI_REGION = 1 << 20 };

struct acpi_tables {
	struct driver_memory m;
	uint64_t rsdp, xsdt;
};

static inline uint64_t acpi_number(struct acpi_tables *a, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	if (!mem_read(a->m.mem, at, &v, bytes))
		ck_abort_msg("%#llx is no memory", (unsigned long long)at);
	return v;
}

static inline void acpi_make(struct acpi_tables *a, const struct acpi_request *request)
{
	struct err e;

	driver_memory_init(&a->m, ACPI_REGION);
	e = acpi_write(a->m.mem, request, &a->rsdp);
	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
	a->xsdt = acpi_number(a, a->rsdp + 24, 8);
}

static inline void acpi_unmake(struct acpi_tables *a) { driver_memory_fini(&a->m); }

/* 0 if there is none. The DSDT is the FADT's alone. */
static inline uint64_t acpi_find(struct acpi_tables *a, const char *signature)
{
	uint64_t end = a->xsdt + acpi_number(a, a->xsdt + 4, 4);

	if (strcmp(signature, "XSDT") == 0)
		return a->xsdt;
	if (strcmp(signature, "DSDT") == 0)
		return acpi_number(a, acpi_find(a, "FACP") + 140, 8);
	for (uint64_t at = a->xsdt + 36; at < end; at += 8) {
		uint64_t table = acpi_number(a, at, 8);

		if (memcmp(driver_at(&a->m, table), signature, 4) == 0)
			return table;
	}
	return 0;
}

#endif
