/* vmm/machine/memory.c: guest memory: private, anonymous, in huge pages where the host has them. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/boot/memory_map.h"
#include "vmm/machine/parts.h"

static const uint64_t huge_page = UINT64_C(2) << 20;
static const uint64_t least = UINT64_C(2) << 20;

/* The host's memory is asked before it is promised: MAP_NORESERVE would take anything. */
static struct err check_size(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * page;

	if (bytes < least)
		return err_make(
			ERR_USAGE, 0,
			"guest memory of %llu bytes: at least 2M are needed (--memory 128M)",
			(unsigned long long)bytes);
	if (bytes > host)
		return err_make(ERR_USAGE, 0,
				"guest memory of %lluM is more than the host's %lluM: give less "
				"--memory",
				(unsigned long long)(bytes >> 20),
				(unsigned long long)(host >> 20));
	return err_none();
}

struct err ram_init(struct ram *ram, uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct err e = check_size(bytes);
	uint64_t low;
	uint8_t *at;

	*ram = (struct ram){ .bytes = (bytes + page - 1) & ~(page - 1) };
	if (err_is(e))
		return e;
	at = mmap(NULL, ram->bytes + huge_page, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return err_make(ERR_SETUP, errno, "map %lluM of guest memory",
				(unsigned long long)(bytes >> 20));
	/* Aligned by cutting off what is too much at either end. */
	low = (huge_page - ((uintptr_t)at & (huge_page - 1))) & (huge_page - 1);
	ram->host = at + low;
	if (low > 0)
		(void)munmap(at, low);
	if (low < huge_page)
		(void)munmap(ram->host + ram->bytes, huge_page - low);
	(void)madvise(ram->host, ram->bytes, MADV_HUGEPAGE);
	low = memory_low_end(ram->bytes);
	ram->region[ram->regions++] =
		(struct mem_region){ .gpa = 0, .size = low, .host = ram->host, .fd = -1 };
	if (ram->bytes > low)
		ram->region[ram->regions++] = (struct mem_region){
			.gpa = HOLE_END, .size = ram->bytes - low, .host = ram->host + low, .fd = -1
		};
	ram->mem = guest_mem_create();
	if (ram->mem == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make the memory table");
	return guest_mem_replace(ram->mem, ram->region, ram->regions);
}

void ram_fini(struct ram *ram)
{
	guest_mem_destroy(ram->mem);
	if (ram->host != NULL)
		(void)munmap(ram->host, ram->bytes);
}
