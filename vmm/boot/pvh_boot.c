/* vmm/boot/pvh_boot.c: start_info and what it points to. */
#include "vmm/boot/pvh_boot.h"

#include <assert.h>
#include <stddef.h>

#include "vmm/boot/memory_map.h"

enum {
	/* Each up to the next, up to PVH_BOOT_END. */
	START_INFO = PVH_BOOT_AT,
	MEMORY_MAP = 0x6100,
	MODULES = 0x6200,
	CMDLINE = BOOT_CMDLINE,
	FDT = 0x9000,
	MODULES_MAX = 2,
};

/* Host is little-endian as the guest. */
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp, memory_map;
	uint32_t memory_map_count, reserved;
};
struct module {
	uint64_t address, size, cmdline, reserved;
};
struct map_entry {
	uint64_t address, size;
	uint32_t type, reserved;
};
static_assert(sizeof(struct start_info) == 56 && sizeof(struct module) == 32, "Xen start_info.h");
static_assert(sizeof(struct map_entry) == 24, "Xen start_info.h");
static_assert(MEMORY_MAP + MEMORY_RANGES_MAX * sizeof(struct map_entry) <= MODULES,
	      "the memory map ends before the modules");
static_assert(MODULES + MODULES_MAX * sizeof(struct module) <= CMDLINE,
	      "the modules end before the command line");
static_assert(CMDLINE + BOOT_CMDLINE_MAX < FDT, "a command line ends before the device tree");

static uint32_t map_entries(const struct boot_info *boot,
			    struct map_entry map[static MEMORY_RANGES_MAX])
{
	struct memory_range ranges[MEMORY_RANGES_MAX];
	unsigned n = memory_map(boot->memory_bytes, boot->rsdp != 0, ranges);

	for (unsigned i = 0; i < n; i++)
		map[i] = (struct map_entry){ ranges[i].at, ranges[i].size, ranges[i].kind, 0 };
	return n;
}

/* Linux takes the first one for its initrd. */
static uint32_t modules(const struct boot_info *boot, struct module list[static MODULES_MAX])
{
	uint32_t n = 0;

	if (boot->initrd_bytes > 0)
		list[n++] = (struct module){ boot->initrd_at, boot->initrd_bytes, 0, 0 };
	if (boot->fdt != NULL)
		list[n++] = (struct module){ FDT, boot->fdt_bytes, 0, 0 };
	return n;
}

struct err pvh_boot_write(struct guest_mem *mem, const struct boot_info *boot,
			  uint32_t *ret_start_info)
{
	struct map_entry map[MEMORY_RANGES_MAX];
	struct module list[MODULES_MAX];
	struct start_info info = {
		.magic = 0x336ec578,
		.version = 1,
		.module_count = modules(boot, list),
		.cmdline = CMDLINE,
		.rsdp = boot->rsdp,
		.memory_map = MEMORY_MAP,
		.memory_map_count = map_entries(boot, map),
	};
	struct err e = cmdline_write(mem, boot->cmdline, BOOT_CMDLINE_MAX);

	if (err_is(e))
		return e;
	info.modules = info.module_count > 0 ? MODULES : 0;
	if (boot->fdt != NULL && boot->fdt_bytes > PVH_BOOT_END - FDT)
		return err_make(ERR_SETUP, 0, "a device tree of %u bytes: there is room for %d",
				boot->fdt_bytes, PVH_BOOT_END - FDT);
	if (!mem_write(mem, START_INFO, &info, sizeof(info)) ||
	    !mem_write(mem, MEMORY_MAP, map, info.memory_map_count * sizeof(map[0])) ||
	    !mem_write(mem, MODULES, list, info.module_count * sizeof(list[0])) ||
	    (boot->fdt != NULL && !mem_write(mem, FDT, boot->fdt, boot->fdt_bytes)))
		return err_make(ERR_SETUP, 0,
				"guest memory is too small to boot: give more --memory");
	*ret_start_info = START_INFO;
	return err_none();
}
