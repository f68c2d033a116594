/* devices/mem/guest_mem.c: the table of regions, and the one translation of addresses. */
#include "devices/mem/guest_mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/mem/range.h"

struct guest_mem {
	unsigned count;
	struct mem_region region[GUEST_MEM_REGIONS_MAX]; /* by address */
	struct mem_log log;
	uint8_t *beside;
	uint64_t beside_bytes;
	atomic_bool faulted;
};

struct guest_mem *guest_mem_create(void) { return calloc(1, sizeof(struct guest_mem)); }
void guest_mem_destroy(struct guest_mem *mem) { free(mem); }

static int by_address(const void *a, const void *b)
{
	uint64_t x = ((const struct mem_region *)a)->gpa, y = ((const struct mem_region *)b)->gpa;

	return (x > y) - (x < y);
}

struct err guest_mem_replace(struct guest_mem *mem, const struct mem_region *regions,
			     unsigned count)
{
	struct mem_region fresh[GUEST_MEM_REGIONS_MAX];

	if (count > GUEST_MEM_REGIONS_MAX)
		return err_make(ERR_SETUP, 0, "%u memory regions: the table holds %d", count,
				GUEST_MEM_REGIONS_MAX);
	for (unsigned i = 0; i < count; i++) {
		const struct mem_region *r = &regions[i];

		if (r->size == 0 || r->size - 1 > UINT64_MAX - r->gpa)
			return err_make(ERR_SETUP, 0,
					"memory region at %#llx: size %#llx is empty or wraps",
					(unsigned long long)r->gpa, (unsigned long long)r->size);
		fresh[i] = *r;
	}
	qsort(fresh, count, sizeof(fresh[0]), by_address);
	for (unsigned i = 1; i < count; i++)
		if (range_overlap(fresh[i - 1].gpa, fresh[i - 1].size, fresh[i].gpa, fresh[i].size))
			return err_make(ERR_SETUP, 0, "memory regions at %#llx and %#llx overlap",
					(unsigned long long)fresh[i - 1].gpa,
					(unsigned long long)fresh[i].gpa);
	memcpy(mem->region, fresh, count * sizeof(fresh[0]));
	mem->count = count;
	atomic_store(&mem->faulted, false);
	return err_none();
}

unsigned guest_mem_table(const struct guest_mem *mem,
			 struct mem_region ret_regions[static GUEST_MEM_REGIONS_MAX])
{
	memcpy(ret_regions, mem->region, mem->count * sizeof(ret_regions[0]));
	return mem->count;
}

/* The region that holds the byte at gpa, or NULL. */
static const struct mem_region *find(const struct guest_mem *mem, uint64_t gpa)
{
	unsigned low = 0, high = mem->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct mem_region *r = &mem->region[middle];

		if (gpa < r->gpa)
			high = middle;
		else if (gpa - r->gpa < r->size)
			return r;
		else
			low = middle + 1;
	}
	return NULL;
}

int mem_slice(const struct guest_mem *mem, uint64_t gpa, uint64_t len, struct iovec *iov, int max)
{
	int used = 0;

	while (len > 0) {
		const struct mem_region *r = find(mem, gpa);
		uint64_t part;

		if (r == NULL || used == max)
			return -1;
		part = r->size - (gpa - r->gpa);
		if (part > len)
			part = len;
		iov[used++] = (struct iovec){ r->host + (gpa - r->gpa), part };
		len -= part;
		if (len > 0 && part > UINT64_MAX - gpa)
			return -1;
		gpa += part;
	}
	return used;
}

void *mem_ring(const struct guest_mem *mem, uint64_t gpa, uint64_t len, uint64_t align)
{
	const struct mem_region *r = find(mem, gpa);

	if (r == NULL || gpa % align != 0 || !range_inside(r->gpa, r->size, gpa, len))
		return NULL;
	return r->host + (gpa - r->gpa);
}

static bool copy(const struct guest_mem *mem, uint64_t gpa, uint8_t *local, uint64_t len, bool in)
{
	while (len > 0) {
		struct iovec part;
		const struct mem_region *r = find(mem, gpa);
		uint64_t there;

		if (r == NULL)
			return false;
		there = r->size - (gpa - r->gpa);
		if (mem_slice(mem, gpa, len < there ? len : there, &part, 1) != 1)
			return false;
		if (in) {
			memcpy(local, part.iov_base, part.iov_len);
		} else {
			memcpy(part.iov_base, local, part.iov_len);
			mem_wrote(mem, part.iov_base, part.iov_len);
		}
		local += part.iov_len;
		len -= part.iov_len;
		if (len > 0 && part.iov_len > UINT64_MAX - gpa)
			return false;
		gpa += part.iov_len;
	}
	return true;
}

bool mem_read(const struct guest_mem *mem, uint64_t gpa, void *ret, uint64_t len)
{
	return copy(mem, gpa, ret, len, true);
}

bool mem_write(const struct guest_mem *mem, uint64_t gpa, const void *bytes, uint64_t len)
{
	/* copy() only reads from it in this direction. */
	return copy(mem, gpa, (uint8_t *)(uintptr_t)bytes, len, false);
}

/* ---- the log of dirty pages ---- */

static bool holds(const uint8_t *base, uint64_t size, const void *at)
{
	return base != NULL && (uintptr_t)at >= (uintptr_t)base &&
	       (uintptr_t)at - (uintptr_t)base < size;
}

/* The guest address under which what lies at host is logged. */
static bool logged_at(const struct guest_mem *mem, const uint8_t *host, uint64_t *ret_gpa)
{
	for (unsigned i = 0; i < mem->log.alias_count; i++) {
		const struct mem_alias *a = &mem->log.alias[i];

		if (holds(a->host, a->len, host)) {
			*ret_gpa = a->gpa + (uint64_t)(host - a->host);
			return true;
		}
	}
	for (unsigned i = 0; i < mem->count; i++) {
		const struct mem_region *r = &mem->region[i];

		if (holds(r->host, r->size, host)) {
			*ret_gpa = r->gpa + (uint64_t)(host - r->host);
			return true;
		}
	}
	return false;
}

/* VHU-18. Whoever reads and clears a bit, then copies the page, sees what was written before: the
 * release pairs with its exchange. What lies beyond the log has no bit. */
void mem_wrote(const struct guest_mem *mem, const void *host, uint64_t len)
{
	uint64_t gpa, last;

	if (mem->log.bits == NULL || len == 0 || !logged_at(mem, host, &gpa))
		return;
	last = (len - 1 > UINT64_MAX - gpa ? UINT64_MAX : gpa + len - 1) / MEM_LOG_PAGE;
	for (uint64_t page = gpa / MEM_LOG_PAGE; page <= last && page / 8 < mem->log.bytes; page++)
		(void)__atomic_fetch_or(&mem->log.bits[page / 8], (uint8_t)(1u << page % 8),
					__ATOMIC_RELEASE);
}

void guest_mem_set_log(struct guest_mem *mem, const struct mem_log *log) { mem->log = *log; }

void guest_mem_set_beside(struct guest_mem *mem, uint8_t *map, uint64_t map_bytes)
{
	mem->beside = map;
	mem->beside_bytes = map_bytes;
}

/* ---- a file that was cut short ---- */

static bool put_zeros(uint8_t *map, uint64_t bytes, const void *address)
{
	return holds(map, bytes, address) &&
	       mmap(map, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool mem_fault_fix(struct guest_mem *mem, const void *address)
{
	bool fixed = put_zeros(mem->log.map, mem->log.map_bytes, address) ||
		     put_zeros(mem->beside, mem->beside_bytes, address);

	for (unsigned i = 0; i < mem->count && !fixed; i++)
		fixed = put_zeros(mem->region[i].map, mem->region[i].map_bytes, address);
	if (fixed)
		atomic_store(&mem->faulted, true);
	return fixed;
}

bool mem_faulted(const struct guest_mem *mem)
{
	return atomic_load_explicit(&mem->faulted, memory_order_relaxed);
}
