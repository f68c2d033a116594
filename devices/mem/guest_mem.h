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
};

struct guest_mem;

struct guest_mem *guest_mem_create(void);      /* empty; NULL: out of memory */
void guest_mem_destroy(struct guest_mem *mem); /* takes NULL; unmaps nothing */

/* Replaces the whole table (copied, sorted). Refuses overlap, wrap, size 0, too many. */
struct err guest_mem_replace(struct guest_mem *mem, const struct mem_region *regions,
			     unsigned count) MUST_USE;

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

/* The one way to say "the device wrote here" (host pointers as given by mem_slice or mem_ring). */
void mem_wrote(const struct guest_mem *mem, const void *host, uint64_t len);

#endif
