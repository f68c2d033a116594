/* vmm/boot/bzimage_boot.c: the zero page of a Linux kernel, and long mode. */
#include "vmm/boot/bzimage_boot.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/mem/range.h"
#include "vmm/boot/memory_map.h"

enum {
	/* Each up to the next, the command line between them. */
	BOOT_PARAMS = 0x6000,
	GDT = 0x8000,
	PML4 = 0x9000,
	PAGE = 4096,
	ENTRIES = PAGE / 8, /* of a page table */
	MAPPED_GIB = 4,
	PAGE_TABLES = 2 + MAPPED_GIB,

	LOADER_UNKNOWN = 0xff,
	VIDEO_NORMAL = 0xffff,
	E820_MAX = 128,
};
static_assert(BOOT_PARAMS + PAGE == BOOT_CMDLINE, "the command line follows boot_params");
static_assert(BOOT_CMDLINE + BOOT_CMDLINE_MAX < GDT, "the GDT lies behind the command line");

enum { PRESENT = 1 << 0, WRITABLE = 1 << 1, LARGE = 1 << 7 };
static const uint64_t large_page = UINT64_C(2) << 20;

/* By selectors: two of no use, code, data; flat. */
static const uint64_t gdt[] = { 0, 0, UINT64_C(0x00af9b000000ffff), UINT64_C(0x00cf93000000ffff) };
static_assert(CODE64_SELECTOR == 2 * 8 && DATA64_SELECTOR == 3 * 8, "gdt's entries");

struct e820_entry {
	le64 at, size;
	le32 kind;
} __attribute__((packed));

/* The fields of the zero page that a boot loader fills. */
struct boot_params {
	uint8_t to_rsdp[0x70];
	le64 rsdp;
	uint8_t to_e820_count[0x1e8 - 0x78];
	uint8_t e820_count;
	uint8_t to_header[BZIMAGE_HEADER - 0x1e9];
	union {
		uint8_t header[0x2d0 - BZIMAGE_HEADER];
		struct {
			uint8_t to_video_mode[0x1fa - BZIMAGE_HEADER];
			le16 video_mode;
			uint8_t to_loader[0x210 - 0x1fc];
			uint8_t loader;
			uint8_t to_initrd[0x218 - 0x211];
			le32 initrd_at, initrd_bytes;
			uint8_t to_cmdline[0x228 - 0x220];
			le32 cmdline;
		} __attribute__((packed));
	};
	struct e820_entry e820[E820_MAX];
	uint8_t to_end[PAGE - 0x2d0 - E820_MAX * sizeof(struct e820_entry)];
} __attribute__((packed));
static_assert(sizeof(struct boot_params) == PAGE, "zero-page.rst");
static_assert(offsetof(struct boot_params, rsdp) == 0x70, "zero-page.rst");
static_assert(offsetof(struct boot_params, video_mode) == 0x1fa, "boot.rst");
static_assert(offsetof(struct boot_params, loader) == 0x210, "boot.rst");
static_assert(offsetof(struct boot_params, initrd_at) == 0x218, "boot.rst");
static_assert(offsetof(struct boot_params, cmdline) == 0x228, "boot.rst");
static_assert(offsetof(struct boot_params, e820) == 0x2d0, "zero-page.rst");
static_assert((int)MEMORY_RANGES_MAX <= (int)E820_MAX, "zero-page.rst");

struct err bzimage_load(const struct bzimage *image, const char *what, struct guest_mem *mem,
			uint64_t memory_bytes, uint64_t *ret_end)
{
	uint64_t low = memory_low_end(memory_bytes);

	if (!image->entry64)
		return err_make(ERR_SETUP, 0,
				"kernel %s has no 64-bit entry: give a kernel for x86-64", what);
	if (!range_inside(0, low, image->load_at, image->room) ||
	    !mem_write(mem, image->load_at, image->kernel, image->kernel_bytes))
		return err_make(
			ERR_SETUP, 0,
			"kernel %s does not fit into guest memory (it needs %#llx to %#llx): "
			"give more --memory",
			what, (unsigned long long)image->load_at,
			(unsigned long long)(image->load_at + image->room));
	*ret_end = image->load_at + image->room;
	return err_none();
}

static void fill_e820(struct boot_params *p, const struct boot_info *boot)
{
	struct memory_range ranges[MEMORY_RANGES_MAX];
	unsigned n = memory_map(boot->memory_bytes, boot->rsdp != 0, ranges);

	for (unsigned i = 0; i < n; i++)
		p->e820[i] = (struct e820_entry){ le64_put(ranges[i].at), le64_put(ranges[i].size),
						  le32_put(ranges[i].kind) };
	p->e820_count = (uint8_t)n;
}

static bool write_boot_params(struct guest_mem *mem, const struct bzimage *image,
			      const struct boot_info *boot)
{
	struct boot_params p = { .rsdp = le64_put(boot->rsdp) };

	memcpy(p.header, image->header, image->header_bytes);
	p.video_mode = le16_put(VIDEO_NORMAL);
	p.loader = LOADER_UNKNOWN;
	p.initrd_at = le32_put((uint32_t)boot->initrd_at);
	p.initrd_bytes = le32_put((uint32_t)boot->initrd_bytes);
	p.cmdline = le32_put(BOOT_CMDLINE);
	fill_e820(&p, boot);
	return mem_write(mem, BOOT_PARAMS, &p, sizeof(p));
}

/* A top table, one of GiBs, and one of 2 MiB pages for each GiB. */
static bool write_page_tables(struct guest_mem *mem)
{
	le64 tables[PAGE_TABLES][ENTRIES] = { 0 };

	tables[0][0] = le64_put((PML4 + PAGE) | PRESENT | WRITABLE);
	for (unsigned gib = 0; gib < MAPPED_GIB; gib++) {
		tables[1][gib] = le64_put((PML4 + (2 + gib) * PAGE) | PRESENT | WRITABLE);
		for (unsigned i = 0; i < ENTRIES; i++)
			tables[2 + gib][i] = le64_put((gib * ENTRIES + i) * large_page | PRESENT |
						      WRITABLE | LARGE);
	}
	return mem_write(mem, PML4, tables, sizeof(tables));
}

struct err bzimage_boot_write(struct guest_mem *mem, const struct bzimage *image,
			      const struct boot_info *boot, struct entry64 *ret_entry)
{
	struct err e = cmdline_write(mem, boot->cmdline, image->cmdline_max);

	if (err_is(e))
		return e;
	if (!write_boot_params(mem, image, boot) || !mem_write(mem, GDT, gdt, sizeof(gdt)) ||
	    !write_page_tables(mem))
		return err_make(ERR_SETUP, 0,
				"guest memory is too small to boot: give more --memory");
	*ret_entry = (struct entry64){ .rip = image->load_at + BZIMAGE_ENTRY64,
				       .rsi = BOOT_PARAMS,
				       .cr3 = PML4,
				       .gdt = GDT,
				       .gdt_limit = sizeof(gdt) - 1 };
	return err_none();
}
