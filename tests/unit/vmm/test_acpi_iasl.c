/* ACPI tables as ACPICA's compiler reads them: each is disassembled and has in it what it must;
 * the DSDT is assembled again, without a word of complaint, to the same bytes. */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/acpi_tables.h"

enum { TEXT_MAX = 256 * 1024, PATH_LEN = 256, HEADER = 36, TABLES = 5 };

static const struct acpi_request everything = { .cpus = 2, .windows = 0x181, .pci = true };
static const struct acpi_request least = { .cpus = 1 };

struct lab {
	char folder[32];
	char text[TEXT_MAX]; /* what was read last */
	size_t len;
};

static void read_back(struct lab *lab, const char *name)
{
	char path[PATH_LEN];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", lab->folder, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	lab->len = fread(lab->text, 1, sizeof(lab->text) - 1, f);
	lab->text[lab->len] = '\0';
	(void)fclose(f);
}

static void run(struct lab *lab, const char *command)
{
	char line[PATH_LEN];
	int status;

	(void)snprintf(line, sizeof(line), "cd %s && %s >log 2>&1", lab->folder, command);
	status = system(line);
	read_back(lab, "log");
	ck_assert_msg(status == 0, "%s: status %#x: %s", command, (unsigned)status, lab->text);
}

/* Writes the table into a file and disassembles it. */
static void disassemble(struct lab *lab, struct acpi_tables *a, const char *signature)
{
	char name[PATH_LEN];
	uint64_t at = acpi_find(a, signature);
	uint32_t bytes;
	FILE *f;

	ck_assert_msg(at != 0, "there is no %s", signature);
	bytes = (uint32_t)acpi_number(a, at + 4, 4);
	(void)snprintf(name, sizeof(name), "%s/%s.dat", lab->folder, signature);
	f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(driver_at(&a->m, at), 1, bytes, f), bytes);
	ck_assert_int_eq(fclose(f), 0);
	(void)snprintf(name, sizeof(name), "iasl -d %s.dat", signature);
	run(lab, name);
	ck_assert_msg(strcasestr(lab->text, "error") == NULL &&
			      strcasestr(lab->text, "warning") == NULL,
		      "%s: iasl says: %s", signature, lab->text);
}

/* Comments go, and any white space becomes one blank. */
static void squeeze(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0';) {
		if (at[0] == '/' && at[1] == '*') {
			const char *end = strstr(at, "*/");

			at = end != NULL ? end + 2 : at + strlen(at);
		} else if (at[0] == '/' && at[1] == '/') {
			at += strcspn(at, "\n");
		} else if (isspace((unsigned char)*at)) {
			if (to != text && to[-1] != ' ')
				*to++ = ' ';
			at++;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

static void lab_open(struct lab *lab)
{
	(void)snprintf(lab->folder, sizeof(lab->folder), "/tmp/test_acpi.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(lab->folder));
}

static void lab_close(struct lab *lab)
{
	run(lab, "rm -f ./*.dat ./*.dsl ./*.aml");
	(void)snprintf(lab->text, sizeof(lab->text), "%s/log", lab->folder);
	ck_assert_int_eq(unlink(lab->text), 0);
	ck_assert_int_eq(rmdir(lab->folder), 0);
}

/* clang-format off */
static const struct { const char *table, *want; } wants[] = {
	{ "DSDT", "Scope (_SB)" },
	{ "DSDT", "Device (PCI0) { Name (_HID, EisaId (\"PNP0A08\") ) Name (_CID, EisaId (\"PNP0A03\") )" },
	{ "DSDT", "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0x0000, 0x0000, 0x0000, 0x0000, 0x0001, ,, )" },
	{ "DSDT", "IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08, )" },
	{ "DSDT", "WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0x0000, 0x1000, 0xFFFF, 0x0000, 0xF000," },
	{ "DSDT", "DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0x00000000, 0xC0000000, 0xDFFFFFFF, 0x00000000, 0x20000000," },
	{ "DSDT", "QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite, 0x0000000000000000, 0x0000004000000000, 0x0000004FFFFFFFFF, 0x0000000000000000, 0x0000001000000000," },
	{ "DSDT", "Name (_PRT, Package (0x1F) { Package (0x04) { 0x0001FFFF, Zero, Zero, 0x10 }, Package (0x04) { 0x0002FFFF, Zero, Zero, 0x11 }," },
	{ "DSDT", "Package (0x04) { 0x001FFFFF, Zero, Zero, 0x0E } })" },
	{ "DSDT", "Name (_HID, EisaId (\"PNP0C02\") ) Name (_UID, Zero) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0600, 0x0600, 0x01, 0x02, ) Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000, ) })" },
	{ "DSDT", "Device (VIO0) { Name (_HID, \"LNRO0005\") Name (_UID, Zero) Name (_CCA, One) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFEB00000, 0x00001000, ) Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x00000010, } })" },
	{ "DSDT", "Device (VIO7) { Name (_HID, \"LNRO0005\") Name (_UID, 0x07) Name (_CCA, One) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFEB07000, 0x00001000, ) Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x00000017, } })" },
	{ "DSDT", "Device (VIO8) { Name (_HID, \"LNRO0005\") Name (_UID, 0x08) Name (_CCA, One) Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFEB08000, 0x00001000, ) Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x00000005, } })" },
	{ "DSDT", "Device (COM1) { Name (_HID, EisaId (\"PNP0501\") ) Name (_UID, One) Name (_CRS, ResourceTemplate () { IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08, ) Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x00000004, } })" },
	{ "DSDT", "Device (PEVT) { Name (_HID, \"QEMU0001\") Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0505, 0x0505, 0x01, 0x01, ) })" },
	{ "DSDT", "Name (_S5, Package (0x04) { 0x05, Zero, Zero, Zero })" },
	{ "FACP", "Hardware Reduced (V5) : 1" },
	{ "FACP", "CMOS RTC Not Present (V5) : 1" },
	{ "FACP", "8042 Present on ports 60/64 (V2) : 0" },
	{ "FACP", "Reset Register Supported (V2) : 1" },
	{ "FACP", "Value to cause reset : 06" },
	{ "FACP", "FADT Minor Revision : 05" },
	{ "APIC", "Local Apic Address : FEE00000" },
	{ "APIC", "PC-AT Compatibility : 0" },
	{ "APIC", "Local Apic ID : 01" },
	{ "APIC", "[I/O APIC]" },
	{ "MCFG", "Base Address : 00000000E0000000" },
	{ "XSDT", "ACPI Table Address 2" },
};
/* clang-format on */
static const char *const tables[TABLES] = { "DSDT", "FACP", "APIC", "MCFG", "XSDT" };

START_TEST(what_is_in_each)
{
	static struct lab lab;
	struct acpi_tables a;
	char name[PATH_LEN];

	lab_open(&lab);
	acpi_make(&a, &everything);
	disassemble(&lab, &a, tables[_i]);
	(void)snprintf(name, sizeof(name), "%s.dsl", tables[_i]);
	read_back(&lab, name);
	squeeze(lab.text);
	for (unsigned i = 0; i < ARRAY_LEN(wants); i++)
		if (strcmp(wants[i].table, tables[_i]) == 0)
			ck_assert_msg(strstr(lab.text, wants[i].want) != NULL, "want \"%s\" in: %s",
				      wants[i].want, lab.text);
	acpi_unmake(&a);
	lab_close(&lab);
}
END_TEST

START_TEST(what_is_left_out)
{
	static const char *const without[] = { "PCI0", "VIO", "Memory32Fixed" };
	static struct lab lab;
	struct acpi_tables a;

	lab_open(&lab);
	acpi_make(&a, &least);
	disassemble(&lab, &a, "DSDT");
	read_back(&lab, "DSDT.dsl");
	for (unsigned i = 0; i < ARRAY_LEN(without); i++)
		ck_assert_msg(strstr(lab.text, without[i]) == NULL, "\"%s\" in: %s", without[i],
			      lab.text);
	acpi_unmake(&a);
	lab_close(&lab);
}
END_TEST

/* The header names another compiler then. */
START_TEST(assembled_again)
{
	const struct acpi_request requests[] = { everything, least };
	static struct lab lab;
	struct acpi_tables a;
	uint64_t at, bytes;

	lab_open(&lab);
	acpi_make(&a, &requests[_i]);
	disassemble(&lab, &a, "DSDT");
	run(&lab, "iasl -we DSDT.dsl");
	ck_assert_msg(strstr(lab.text, "0 Errors, 0 Warnings, 0 Remarks, 0 Opt") != NULL,
		      "iasl says: %s", lab.text);
	read_back(&lab, "DSDT.aml");
	at = acpi_find(&a, "DSDT");
	bytes = acpi_number(&a, at + 4, 4);
	ck_assert_uint_eq(lab.len, bytes);
	ck_assert_mem_eq(lab.text + HEADER, (char *)driver_at(&a.m, at) + HEADER, bytes - HEADER);
	acpi_unmake(&a);
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("acpi_iasl");
	TCase *tc = tcase_create("acpi_iasl");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_is_in_each, 0, TABLES);
	tcase_add_test(tc, what_is_left_out);
	tcase_add_loop_test(tc, assembled_again, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
