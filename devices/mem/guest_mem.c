/* devices/mem/guest_mem.c: the table of regions, and the one translation of addresses. */
#include "devices/mem/guest_mem.h"

#include <stdlib.h>
#include <string.h>

#include "devices/mem/range.h"

struct guest_mem {
	unsigned count;
	struct mem_region region[GUEST_MEM_REGIONS_MAX]; /* by address */
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
	struct guest_mem fresh = { .count = count };

	if (count > GUEST_MEM_REGIONS_MAX)
		return err_make(ERR_SETUP, 0, "%u memory regions: the table holds %d", count,
				GUEST_MEM_REGIONS_MAX);
	for (unsigned i = 0; i < count; i++) {
		const struct mem_region *r = &regions[i];

		if (r->size == 0 || r->size - 1 > UINT64_MAX - r->gpa)
			return err_make(ERR_SETUP, 0,
					"memory region at %#llx: size %#llx is empty or wraps",
					(unsigned long long)r->gpa, (unsigned long long)r->size);
		fresh.region[i] = *r;
	}
	qsort(fresh.region, count, sizeof(fresh.region[0]), by_address);
	for (unsigned i = 1; i < count; i++)
		if (range_overlap(fresh.region[i - 1].gpa, fresh.region[i - 1].size,
				  fresh.region[i].gpa, fresh.region[i].size))
			return err_make(ERR_SETUP, 0, "memory regions at %#llx and %#llx overlap",
					(unsigned long long)fresh.region[i - 1].gpa,
					(unsigned long long)fresh.region[i].gpa);
	*mem = fresh;
	return err_none();
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

/* No log of dirty pages is kept yet: nothing asks for one. */
void mem_wrote(const struct guest_mem *mem, const void *host, uint64_t len)
{
	(void)mem, (void)host, (void)len;
}
