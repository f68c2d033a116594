/* vmm/boot/mp_table.c: see mp_table.h. */
#include "vmm/boot/mp_table.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "vmm/boot/check_sum.h"
#include "vmm/boot/layout.h"

enum {
	SPECIFICATION = 4, /* 1.4 */
	PARAGRAPH = 16,
	ISA = 1, /* bus; PCI's is 0, its own number */
	PCI = 0,
	PCI_SLOTS = 32,
	LAPIC_VERSION = 0x14,
	IO_APIC_VERSION = 0x11,
	/* A processor's flags. */
	ENABLED = 1 << 0,
	FIRST = 1 << 1,
	/* Kinds of interrupts. */
	VECTORED = 0,
	NMI = 1,
	EXTERNAL = 3,
	/* How they are told. */
	EDGE_HIGH = 0x5,
	LEVEL_LOW = 0xf,
	ALL_LAPICS = 0xff,
};

struct pointer {
	char signature[4];
	le32 table;
	uint8_t paragraphs, specification, check_sum, feature[5];
} __attribute__((packed));

struct header {
	char signature[4];
	le16 length;
	uint8_t specification, check_sum;
	char oem[8], product[12];
	le32 oem_table;
	le16 oem_bytes, entries;
	le32 local_apic;
	le16 more_bytes;
	uint8_t more_check_sum, reserved;
} __attribute__((packed));

enum { PROCESSOR, BUS, IO_APIC, INTERRUPT, LOCAL_INTERRUPT };
struct processor {
	uint8_t type, apic, version, flags;
	le32 signature, features;
	uint8_t reserved[8];
} __attribute__((packed));
struct bus_entry {
	uint8_t type, bus;
	char name[6];
} __attribute__((packed));
struct io_apic {
	uint8_t type, apic, version, flags;
	le32 at;
} __attribute__((packed));
struct interrupt {
	uint8_t type, kind;
	le16 how;
	uint8_t bus, line, apic, pin;
} __attribute__((packed));
static_assert(sizeof(struct pointer) == PARAGRAPH && sizeof(struct header) == 44,
	      "MP 1.4, 4.1, 4.2");
static_assert(sizeof(struct processor) == 20 && sizeof(struct bus_entry) == 8 &&
		      sizeof(struct io_apic) == 8 && sizeof(struct interrupt) == 8,
	      "MP 1.4, 4.3");

enum {
	TABLE = MP_TABLES + PARAGRAPH,
	INTERRUPTS_MAX = 1 + WINDOWS + PCI_SLOTS + 2,
	TABLE_BYTES = sizeof(struct header) + ACPI_CPUS_MAX * sizeof(struct processor) +
		      2 * sizeof(struct bus_entry) + sizeof(struct io_apic) +
		      INTERRUPTS_MAX * sizeof(struct interrupt),
};
static_assert(TABLE + TABLE_BYTES < FIRMWARE_END - PARAGRAPH, "in front of the reset vector");

struct table {
	uint8_t bytes[TABLE_BYTES];
	unsigned used, entries;
	uint8_t io_apic; /* its identifier */
};

static void add(struct table *t, const void *entry, unsigned bytes)
{
	memcpy(t->bytes + t->used, entry, bytes);
	t->used += bytes;
	t->entries++;
}

static void add_processors(struct table *t, unsigned cpus)
{
	for (unsigned i = 0; i < cpus; i++) {
		const struct processor p = {
			.type = PROCESSOR,
			.apic = (uint8_t)i,
			.version = LAPIC_VERSION,
			.flags = i == 0 ? ENABLED | FIRST : ENABLED,
			.signature = le32_put(0x600),
			.features = le32_put(0x201), /* FPU, APIC */
		};

		add(t, &p, sizeof(p));
	}
}

static void add_buses(struct table *t, bool pci)
{
	static const struct bus_entry p = { BUS, PCI, "PCI   " }, isa = { BUS, ISA, "ISA   " };
	const struct io_apic io = { IO_APIC, t->io_apic, IO_APIC_VERSION, ENABLED,
				    le32_put(IOAPIC_BASE) };

	if (pci)
		add(t, &p, sizeof(p));
	add(t, &isa, sizeof(isa));
	add(t, &io, sizeof(io));
}

static void add_interrupt(struct table *t, uint16_t how, uint8_t bus, unsigned line, unsigned pin)
{
	const struct interrupt i = { INTERRUPT,     VECTORED,   le16_put(how), bus,
				     (uint8_t)line, t->io_apic, (uint8_t)pin };

	add(t, &i, sizeof(i));
}

/* As ACPI has them. A pin is a window's, or levels of PCI. */
static void add_interrupts(struct table *t, const struct acpi_request *request)
{
	add_interrupt(t, EDGE_HIGH, ISA, SERIAL_GSI, SERIAL_GSI);
	for (unsigned i = 0; i < WINDOWS; i++)
		if ((request->windows & 1u << i) != 0)
			add_interrupt(t, EDGE_HIGH, ISA, window_gsi(i), window_gsi(i));
	for (unsigned slot = 1; request->pci && slot < PCI_SLOTS; slot++)
		if (slot - NIC_SLOT >= NICS_MAX ||
		    (request->windows & 1u << (slot - NIC_SLOT)) == 0)
			add_interrupt(t, LEVEL_LOW, PCI, slot << 2, acpi_pci_gsi(slot));
	for (uint8_t line = 0; line < 2; line++) {
		const struct interrupt i = { LOCAL_INTERRUPT,
					     line == 0 ? EXTERNAL : NMI,
					     le16_put(0),
					     ISA,
					     0,
					     ALL_LAPICS,
					     line };

		add(t, &i, sizeof(i));
	}
}

void mp_table_write(struct guest_mem *mem, const struct acpi_request *request)
{
	struct pointer p = { .signature = { '_', 'M', 'P', '_' },
			     .table = le32_put(TABLE),
			     .paragraphs = 1,
			     .specification = SPECIFICATION };
	struct header h = { .signature = { 'P', 'C', 'M', 'P' },
			    .specification = SPECIFICATION,
			    .oem = { 'T', 'A', 'P', 'V', 'M', ' ', ' ', ' ' },
			    .product = { 'T', 'A', 'P', 'V', 'M', ' ', ' ', ' ', ' ', ' ', ' ',
					 ' ' },
			    .local_apic = le32_put(LAPIC_BASE) };
	struct table t = { .used = sizeof(h), .io_apic = (uint8_t)request->cpus };

	add_processors(&t, request->cpus);
	add_buses(&t, request->pci);
	add_interrupts(&t, request);
	h.length = le16_put((uint16_t)t.used);
	h.entries = le16_put((uint16_t)t.entries);
	memcpy(t.bytes, &h, sizeof(h));
	h.check_sum = check_sum(t.bytes, t.used);
	memcpy(t.bytes, &h, sizeof(h));
	p.check_sum = check_sum(&p, sizeof(p));
	(void)mem_write(mem, TABLE, t.bytes, t.used);
	(void)mem_write(mem, MP_TABLES, &p, sizeof(p));
}
