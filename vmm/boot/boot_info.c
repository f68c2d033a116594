/* vmm/boot/boot_info.c: command line and initial RAM disk. */
#include "vmm/boot/boot_info.h"

#include <string.h>

#include "vmm/boot/memory_map.h"

enum { PAGE = 4096 };

struct err cmdline_write(struct guest_mem *mem, const char *cmdline, uint32_t max)
{
	size_t len = strlen(cmdline);

	if (max > BOOT_CMDLINE_MAX)
		max = BOOT_CMDLINE_MAX;
	if (len > max)
		return err_make(ERR_USAGE, 0,
				"the command line has %zu bytes: the guest takes at most %u", len,
				max);
	if (!mem_write(mem, BOOT_CMDLINE, cmdline, len + 1))
		return err_make(ERR_SETUP, 0,
				"guest memory is too small to boot: give more --memory");
	return err_none();
}

struct err initrd_load(struct guest_mem *mem, const struct initrd *initrd, uint64_t memory_bytes,
		       uint64_t kernel_end, uint32_t last, uint64_t *ret_at)
{
	static const uint64_t in_page = PAGE - 1;
	uint64_t top = memory_low_end(memory_bytes), at;
	uint64_t bottom = (kernel_end + in_page) & ~in_page;

	if (top > last)
		top = (uint64_t)last + 1;
	if (bottom < HIGH_MEMORY) /* in front of it there are gaps, and what a kernel is told */
		bottom = HIGH_MEMORY;
	if (initrd->size == 0)
		return err_make(ERR_SETUP, 0, "initrd %s is empty", initrd->what);
	if (top < bottom || initrd->size > top - bottom)
		return err_make(ERR_SETUP, 0,
				"initrd %s has %llu bytes: behind the kernel, between %#llx and "
				"%#llx, there is no room for it: give more --memory, or a smaller "
				"initrd",
				initrd->what, (unsigned long long)initrd->size,
				(unsigned long long)bottom, (unsigned long long)top);
	at = (top - initrd->size) & ~in_page;
	if (!mem_write(mem, at, initrd->bytes, initrd->size))
		return err_make(ERR_SETUP, 0, "initrd %s: there is no guest memory at %#llx",
				initrd->what, (unsigned long long)at);
	*ret_at = at;
	return err_none();
}
