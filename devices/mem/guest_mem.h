/* devices/mem/guest_mem.h: guest memory as a sorted table of regions.
 *
 * The only place that turns a guest address into a host pointer. Everything that comes from the
 * guest is read once into a local, judged there, and then used.
 * Threads: lookups from any thread; the table is replaced whole while every reader is paused.
 * Errors: enums and -1 in lookups, struct err in set-up. */
#ifndef TAPVM_MEM_GUEST_MEM_H
#define TAPVM_MEM_GUEST_MEM_H

#include <stdint.h>
#include <sys/uio.h>

#include "devices/base/err.h"

enum { GUEST_MEM_REGIONS_MAX = 32 };

struct mem_region {
	uint64_t gpa;    /* guest physical address of its first byte */
	uint64_t size;   /* bytes, not 0; gpa + size does not wrap */
	uint8_t *host;   /* lent: stays mapped as long as the table is in use */
	int fd;          /* the file behind it, or -1 */
	uint64_t offset; /* in that file */
	/* The mapping of a file that somebody else may cut short; NULL: there is none. */
	uint8_t *map;
	uint64_t map_bytes;
};

struct guest_mem;

struct guest_mem *guest_mem_create(void);      /* empty; NULL: out of memory */
void guest_mem_destroy(struct guest_mem *mem); /* takes NULL; unmaps nothing */

/* Replaces the whole table (copied, sorted). Refuses overlap, wrap, size 0, too many. */
struct err guest_mem_replace(struct guest_mem *mem, const struct mem_region *regions,
			     unsigned count) MUST_USE;

/* The table as it is, by address: their number. */
unsigned guest_mem_table(const struct guest_mem *mem,
			 struct mem_region ret_regions[static GUEST_MEM_REGIONS_MAX]);

/* Host slices of [gpa, gpa + len): fills iov, one entry a region touched (adjacent regions are
 * crossed), and returns their number, 0 for len 0. -1: a byte of it is in no region, it wraps, or
 * more than max slices would be needed. */
int mem_slice(const struct guest_mem *mem, uint64_t gpa, uint64_t len, struct iovec *iov, int max);

/* The host address of [gpa, gpa + len) if it lies within one region and gpa is a multiple of
 * align; NULL if not. For rings. */
void *mem_ring(const struct guest_mem *mem, uint64_t gpa, uint64_t len, uint64_t align);

/* Copies between guest memory and a local: false if any byte is in no region (then nothing is
 * promised about ret; a guest's bytes are read at most once). */
bool mem_read(const struct guest_mem *mem, uint64_t gpa, void *ret, uint64_t len);
bool mem_write(const struct guest_mem *mem, uint64_t gpa, const void *bytes, uint64_t len);

/* The one way to say "the device wrote here", after it wrote (host pointers as given by mem_slice
 * or mem_ring). */
void mem_wrote(const struct guest_mem *mem, const void *host, uint64_t len);

/* ---- the log of dirty pages: a bit for each page of 4096 bytes that was written, by guest
 * address, set atomically ---- */
struct mem_alias { /* what is written at [host, host + len) is logged as if it were at gpa */
	const uint8_t *host;
	uint64_t len, gpa;
};
enum { MEM_LOG_PAGE = 4096, MEM_ALIASES_MAX = 32 };
struct mem_log {
	uint8_t *bits; /* lent; NULL: nothing is logged */
	uint64_t bytes;
	uint8_t *map; /* the mapping in which they lie, as of a region */
	uint64_t map_bytes;
	struct mem_alias alias[MEM_ALIASES_MAX];
	unsigned alias_count;
};
/* While every writer is paused. Copied. */
void guest_mem_set_log(struct guest_mem *mem, const struct mem_log *log);
/* The mapping of one more file that may be cut short, of no guest address. Likewise. NULL: none. */
void guest_mem_set_beside(struct guest_mem *mem, uint8_t *map, uint64_t map_bytes);

/* ---- a file that was cut short under its mapping: SIGBUS ---- */
/* For the signal handler of a program: puts zeros under the whole mapping that holds this address,
 * for good, and notes it. false: the address is not ours. Calls nothing that a handler may not. */
bool mem_fault_fix(struct guest_mem *mem, const void *address);
/* Did that happen since the table was replaced? Its queues are broken by then or soon. */
bool mem_faulted(const struct guest_mem *mem);

#endif
