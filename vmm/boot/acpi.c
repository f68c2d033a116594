/* vmm/boot/acpi.c: ACPI tables in guest memory. */
#include "vmm/boot/acpi.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "vmm/boot/check_sum.h"
#include "vmm/boot/dsdt.h"
#include "vmm/boot/layout.h"

enum {
	LISTED_MAX = 3, /* in the XSDT */
	DSDT_BYTES = 4096,
	ALIGNMENT = 16,

	SPACE_PORTS = 1,
	ACCESS_BYTE = 1,
	/* FADT, IA-PC boot flags and flags. */
	NO_VGA = 1 << 2,
	NO_CMOS_CLOCK = 1 << 5,
	WBINVD_WORKS = 1 << 0,
	NO_POWER_BUTTON = 1 << 4,
	NO_SLEEP_BUTTON = 1 << 5,
	HAS_RESET = 1 << 10,
	HARDWARE_REDUCED = 1 << 20,
	/* MADT. */
	LOCAL_APIC = 0,
	IO_APIC = 1,
	ENABLED = 1,
};

static const char oem[6] = "TAPVM ", oem_table[8] = "TAPVM   ", creator[4] = "TAPV";

/* In real mode at the reset vector: mov al, 0xfe; out 0x64, al; hlt; jmp to the hlt. */
static const uint8_t reset_stub[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd };
enum { RESET_VECTOR = 0xffff0 };

struct rsdp {
	char signature[8];
	uint8_t check_sum;
	char oem[6];
	uint8_t revision;
	le32 rsdt, length;
	le64 xsdt;
	uint8_t extended_check_sum, reserved[3];
} __attribute__((packed));

struct table {
	char signature[4];
	le32 length;
	uint8_t revision, check_sum;
	char oem[6], oem_table[8];
	le32 oem_revision;
	char creator[4];
	le32 creator_revision;
} __attribute__((packed));

struct xsdt {
	struct table t;
	le64 table[LISTED_MAX];
} __attribute__((packed));

/* A register of one byte. */
struct address {
	uint8_t space, bits, bit_offset, access;
	le64 at;
} __attribute__((packed));

struct fadt {
	struct table t;
	uint8_t to_boot_flags[109 - sizeof(struct table)];
	le16 boot_flags;
	uint8_t reserved;
	le32 flags;
	struct address reset;
	uint8_t reset_value, to_minor[2], minor;
	le64 firmware_control, dsdt;
	struct address old[8]; /* hardware that a reduced machine lacks */
	struct address sleep_control, sleep_status;
	le64 hypervisor;
} __attribute__((packed));

struct madt {
	struct table t;
	le32 local_apic, flags;
} __attribute__((packed));
struct madt_cpu {
	uint8_t type, length, uid, apic;
	le32 flags;
} __attribute__((packed));
struct madt_io_apic {
	uint8_t type, length, apic, reserved;
	le32 at, gsi_base;
} __attribute__((packed));

struct mcfg {
	struct table t;
	uint8_t reserved[8];
	le64 at;
	le16 segment;
	uint8_t first_bus, last_bus;
	uint8_t reserved2[4];
} __attribute__((packed));

static_assert(sizeof(struct rsdp) == 36 && sizeof(struct table) == 36, "ACPI 6.5, 5.2.5 and 5.2.6");
static_assert(sizeof(struct fadt) == 276 && offsetof(struct fadt, dsdt) == 140, "ACPI 6.5, 5.2.9");
static_assert(offsetof(struct fadt, sleep_control) == 244, "ACPI 6.5, 5.2.9");
static_assert(sizeof(struct madt) == 44 && sizeof(struct mcfg) == 60, "ACPI 6.5, 5.2.12");

static_assert(FIRMWARE + 5 * DSDT_BYTES < MP_TABLES, "a DSDT, and tables that are smaller");

/* Where the next table goes, and those that the XSDT names. */
struct writer {
	struct guest_mem *mem;
	uint64_t at;
	struct xsdt xsdt;
	unsigned listed;
};

/* Completes the table of so many bytes that begins with t. Returns its address. */
static uint64_t write_table(struct writer *w, struct table *t, uint32_t bytes,
			    const char signature[static 4], uint8_t revision)
{
	uint64_t at = w->at;

	memcpy(t->signature, signature, sizeof(t->signature));
	t->length = le32_put(bytes);
	t->revision = revision;
	memcpy(t->oem, oem, sizeof(t->oem));
	memcpy(t->oem_table, oem_table, sizeof(t->oem_table));
	t->oem_revision = le32_put(1);
	memcpy(t->creator, creator, sizeof(t->creator));
	t->creator_revision = le32_put(1);
	t->check_sum = 0;
	t->check_sum = check_sum(t, bytes);
	(void)mem_write(w->mem, at, t, bytes);
	w->at = (at + bytes + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
	return at;
}

static void list(struct writer *w, uint64_t table) { w->xsdt.table[w->listed++] = le64_put(table); }

static struct err write_dsdt(struct writer *w, const struct acpi_request *request, uint64_t *ret_at)
{
	struct {
		struct table t;
		uint8_t aml[DSDT_BYTES];
	} dsdt;
	uint32_t used = 0;
	struct err e = dsdt_build(request, dsdt.aml, sizeof(dsdt.aml), &used);

	if (!err_is(e))
		*ret_at = write_table(w, &dsdt.t, (uint32_t)sizeof(dsdt.t) + used, "DSDT", 2);
	return e;
}

static struct address port(uint16_t at)
{
	return (struct address){ SPACE_PORTS, 8, 0, ACCESS_BYTE, le64_put(at) };
}

static void write_fadt(struct writer *w, uint64_t dsdt)
{
	struct fadt f = {
		.boot_flags = le16_put(NO_VGA | NO_CMOS_CLOCK),
		.flags = le32_put(WBINVD_WORKS | NO_POWER_BUTTON | NO_SLEEP_BUTTON | HAS_RESET |
				  HARDWARE_REDUCED),
		.reset = port(RESET_PORT),
		.reset_value = ACPI_RESET,
		.minor = 5,
		.dsdt = le64_put(dsdt),
		.sleep_control = port(SLEEP_PORT),
		.sleep_status = port(SLEEP_PORT + 1),
	};

	list(w, write_table(w, &f.t, sizeof(f), "FACP", 6));
}

static void write_madt(struct writer *w, unsigned cpus)
{
	struct {
		struct madt madt;
		struct madt_io_apic io_apic;
		struct madt_cpu cpu[ACPI_CPUS_MAX];
	} __attribute__((packed)) m = {
		.madt = { .local_apic = le32_put(LAPIC_BASE) },
		.io_apic = { .type = IO_APIC,
			     .length = sizeof(m.io_apic),
			     .at = le32_put(IOAPIC_BASE) },
	};

	for (unsigned i = 0; i < cpus; i++)
		m.cpu[i] = (struct madt_cpu){ LOCAL_APIC, sizeof(m.cpu[i]), (uint8_t)i, (uint8_t)i,
					      le32_put(ENABLED) };
	list(w, write_table(w, &m.madt.t,
			    (uint32_t)(offsetof(__typeof__(m), cpu) + cpus * sizeof(m.cpu[0])),
			    "APIC", 5));
}

/* Bus 0 alone. */
static void write_mcfg(struct writer *w)
{
	struct mcfg m = { .at = le64_put(PCI_ECAM) };

	list(w, write_table(w, &m.t, sizeof(m), "MCFG", 1));
}

static void write_rsdp(struct writer *w, uint64_t xsdt)
{
	struct rsdp r = { .revision = 2, .length = le32_put(sizeof(r)), .xsdt = le64_put(xsdt) };

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem, oem, sizeof(r.oem));
	r.check_sum = check_sum(&r, offsetof(struct rsdp, length));
	r.extended_check_sum = check_sum(&r, sizeof(r));
	(void)mem_write(w->mem, FIRMWARE, &r, sizeof(r));
}

struct err acpi_write(struct guest_mem *mem, const struct acpi_request *request, uint64_t *ret_rsdp)
{
	struct writer w = { .mem = mem, .at = FIRMWARE + 0x40 };
	struct iovec parts[GUEST_MEM_REGIONS_MAX];
	uint64_t dsdt = 0, xsdt;
	struct err e;

	if (request->cpus < 1 || request->cpus > ACPI_CPUS_MAX)
		return err_make(ERR_USAGE, 0, "%u processors: a machine has 1 to %d", request->cpus,
				ACPI_CPUS_MAX);
	if (mem_slice(mem, FIRMWARE, FIRMWARE_END - FIRMWARE, parts, GUEST_MEM_REGIONS_MAX) < 0)
		return err_make(ERR_SETUP, 0,
				"guest memory is too small for ACPI tables: give more --memory");
	e = write_dsdt(&w, request, &dsdt);
	if (err_is(e))
		return e;
	write_fadt(&w, dsdt);
	write_madt(&w, request->cpus);
	if (request->pci)
		write_mcfg(&w);
	xsdt = write_table(&w, &w.xsdt.t,
			   (uint32_t)(offsetof(struct xsdt, table) + w.listed * sizeof(le64)),
			   "XSDT", 1);
	write_rsdp(&w, xsdt);
	(void)mem_write(mem, RESET_VECTOR, reset_stub, sizeof(reset_stub));
	*ret_rsdp = FIRMWARE;
	return err_none();
}
