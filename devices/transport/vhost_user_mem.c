/* devices/transport/vhost_user_mem.c: the front-end's memory: files mapped, and the log of dirty
 * pages. What it says of them is checked against the file before anything is changed. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/mem/range.h"
#include "devices/transport/vhost_user_priv.h"

static uint64_t ceil_to(uint64_t n, uint64_t block) { return (n + block - 1) / block * block; }

/* Pages of the file: those of hugetlbfs are mapped and unmapped as wholes. */
static uint64_t block_of(const struct stat *st)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), block = (uint64_t)st->st_blksize;

	return block > page && (block & (block - 1)) == 0 ? block : page;
}

/* VHU-15: bytes [offset, offset + size) of the file, whatever else it has. */
struct err vu_map_file(int fd, const struct wire_vu_region *as, struct vu_mapping *ret)
{
	struct stat st;
	uint64_t block, skip;
	void *map;

	/* What is no file has no size, or cannot be mapped. */
	if (fstat(fd, &st) < 0)
		return err_make(ERR_SETUP, errno, "memory that is no file");
	if (as->size == 0 || !range_inside(0, (uint64_t)st.st_size, as->mmap_offset, as->size))
		return err_make(ERR_SETUP, 0,
				"memory of %#llx bytes from %#llx of a file that has %#llx",
				(unsigned long long)as->size, (unsigned long long)as->mmap_offset,
				(unsigned long long)st.st_size);
	block = block_of(&st);
	skip = as->mmap_offset % block;
	/* st_size is below 2^63, so none of these sums wraps. */
	ret->map_bytes = ceil_to(skip + as->size, block);
	map = mmap(NULL, ret->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		   (off_t)(as->mmap_offset - skip));
	if (map == MAP_FAILED)
		return err_make(ERR_SETUP, errno, "map memory of %#llx bytes",
				(unsigned long long)as->size);
	(void)madvise(map, ret->map_bytes, MADV_DONTDUMP);
	ret->as = *as;
	ret->map = map;
	ret->host = ret->map + skip;
	return err_none();
}

void vu_unmap(struct vu_mapping *m)
{
	if (m->as.size != 0)
		(void)munmap(m->map, m->map_bytes);
	*m = (struct vu_mapping){ .as = { .size = 0 } };
}

static struct err judge_regions(const struct vu_mapping *m, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct wire_vu_region *a = &m[i].as;

		if (a->size - 1 > UINT64_MAX - a->user)
			return err_make(ERR_SETUP, 0, "memory whose user address wraps");
		for (unsigned j = i + 1; j < count; j++)
			if (range_overlap(a->user, a->size, m[j].as.user, m[j].as.size))
				return err_make(ERR_SETUP, 0,
						"two memory regions at user address %#llx",
						(unsigned long long)m[j].as.user);
	}
	return err_none();
}

/* Rings are kept as the front-end's addresses, and found anew. With the mutex, in a pause. */
static void remap_rings(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->config.rings; i++) {
		struct queue *q = device_queue(v->config.device, i);
		struct queue_config c;

		if (!v->ring[i].running)
			continue;
		if (vu_ring_config(v, &v->ring[i], &c)) {
			queue_remap(q, &c);
		} else if (queue_running(q)) {
			queue_break(q, QUEUE_FAULT_MEMORY);
			device_report_broken(v->config.device, i);
		}
	}
}

/* VHU-13: the new table in place of the old one, as a whole or not at all. `fresh` is taken over on
 * success; what of the old mappings is not in it is the caller's to unmap. */
static struct err replace(struct vhost_user *v, const struct vu_mapping *fresh, unsigned count)
{
	struct mem_region regions[GUEST_MEM_REGIONS_MAX];
	struct err e = judge_regions(fresh, count);

	if (err_is(e))
		return e;
	for (unsigned i = 0; i < count; i++)
		regions[i] = (struct mem_region){ .gpa = fresh[i].as.gpa,
						  .size = fresh[i].as.size,
						  .host = fresh[i].host,
						  .fd = -1,
						  .map = fresh[i].map,
						  .map_bytes = fresh[i].map_bytes };
	device_lock(v->config.device);
	device_pause(v->config.device);
	e = guest_mem_replace(v->config.mem, regions, count);
	if (!err_is(e)) {
		memmove(v->mapping, fresh, count * sizeof(*fresh));
		v->mappings = count;
		remap_rings(v);
	}
	device_resume(v->config.device);
	device_unlock(v->config.device);
	if (!err_is(e))
		vu_update_log(v);
	return e;
}

static void unmap_all(struct vu_mapping *m, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		vu_unmap(&m[i]);
}

struct err vu_set_mem_table(struct vhost_user *v, struct vu_message *m)
{
	const struct wire_vu_table *t = &m->payload.table;
	struct vu_mapping fresh[VHOST_USER_TABLE_MAX] = { 0 }, old[GUEST_MEM_REGIONS_MAX];
	unsigned old_count = v->mappings, mapped = 0;
	struct err e = err_none();

	if (t->count > VHOST_USER_TABLE_MAX || m->fd_count != t->count ||
	    m->header.size < 8 + t->count * sizeof(t->region[0]))
		return err_make(ERR_SETUP, 0,
				"a table of %u memory regions in %u bytes with %u descriptors",
				t->count, m->header.size, m->fd_count);
	while (mapped < t->count && !err_is(e)) {
		e = vu_map_file(m->fd[mapped], &t->region[mapped], &fresh[mapped]);
		mapped += !err_is(e);
	}
	memcpy(old, v->mapping, sizeof(old));
	if (!err_is(e))
		e = replace(v, fresh, mapped);
	if (err_is(e)) {
		unmap_all(fresh, mapped);
		return e;
	}
	unmap_all(old, old_count);
	return vu_start_rings(v);
}

/* The place of the region that is the same in all but the file, or v->mappings. */
static unsigned find_same(const struct vhost_user *v, const struct wire_vu_region *r)
{
	unsigned i = 0;

	while (i < v->mappings &&
	       (v->mapping[i].as.gpa != r->gpa || v->mapping[i].as.size != r->size ||
		v->mapping[i].as.user != r->user))
		i++;
	return i;
}

/* VHU-16. Some tell a region once for each queue pair: the later one counts. */
struct err vu_add_mem_reg(struct vhost_user *v, struct vu_message *m)
{
	const struct wire_vu_region *r = &m->payload.one_region.region;
	struct vu_mapping fresh[GUEST_MEM_REGIONS_MAX], old = { 0 };
	unsigned at = find_same(v, r), count = v->mappings + (at == v->mappings);
	struct err e;

	if (count > GUEST_MEM_REGIONS_MAX)
		return err_make(ERR_SETUP, 0, "more than %d memory regions", GUEST_MEM_REGIONS_MAX);
	memcpy(fresh, v->mapping, sizeof(fresh));
	if (at < v->mappings)
		old = fresh[at];
	e = vu_map_file(m->fd[0], r, &fresh[at]);
	if (err_is(e))
		return e;
	e = replace(v, fresh, count);
	vu_unmap(err_is(e) ? &fresh[at] : &old);
	return err_is(e) ? e : vu_start_rings(v);
}

/* VHU-16. What is not there is removed: some tell so once for each queue pair. */
struct err vu_rem_mem_reg(struct vhost_user *v, struct vu_message *m)
{
	struct vu_mapping fresh[GUEST_MEM_REGIONS_MAX], old;
	unsigned at = find_same(v, &m->payload.one_region.region);
	struct err e;

	if (at == v->mappings)
		return err_none();
	memcpy(fresh, v->mapping, sizeof(fresh));
	old = fresh[at];
	memmove(&fresh[at], &fresh[at + 1], (v->mappings - at - 1) * sizeof(fresh[0]));
	e = replace(v, fresh, v->mappings - 1);
	if (!err_is(e))
		vu_unmap(&old);
	return e;
}

bool vu_guest_address(const struct vhost_user *v, uint64_t user, uint64_t *ret_gpa)
{
	for (unsigned i = 0; i < v->mappings; i++) {
		const struct wire_vu_region *r = &v->mapping[i].as;

		if (range_inside(r->user, r->size, user, 1)) {
			*ret_gpa = r->gpa + (user - r->user);
			return true;
		}
	}
	return false;
}

void vu_mem_fini(struct vhost_user *v)
{
	struct err e;

	vu_unmap(&v->log);
	vu_update_log(v);
	e = guest_mem_replace(v->config.mem, NULL, 0);
	(void)e; /* an empty table cannot be refused */
	unmap_all(v->mapping, v->mappings);
	v->mappings = 0;
}

/* ---- the log of dirty pages ---- */

/* VHU-03: answered, as LOG_SHMFD asks. */
struct err vu_set_log_base(struct vhost_user *v, struct vu_message *m)
{
	const struct wire_vu_region as = { .size = m->payload.log.size,
					   .mmap_offset = m->payload.log.offset };
	struct vu_mapping fresh, old = v->log;
	struct err e = vu_map_file(m->fd[0], &as, &fresh);

	if (err_is(e))
		return err_within(e, "log of dirty pages");
	v->log = fresh;
	vu_update_log(v);
	vu_unmap(&old);
	vu_answer(m, 0);
	return e;
}

/* VHU-18. */
void vu_update_log(struct vhost_user *v)
{
	struct mem_log log = { .bits = NULL };
	bool on = v->log.as.size != 0 && (v->features >> VHOST_USER_F_LOG_ALL & 1) != 0;

	if (v->log.as.size != 0) {
		log.map = v->log.map;
		log.map_bytes = v->log.map_bytes;
	}
	if (on) {
		log.bits = v->log.host;
		log.bytes = v->log.as.size;
	}
	for (unsigned i = 0; i < v->config.rings && on; i++)
		if (v->ring[i].running &&
		    vu_ring_alias(v, &v->ring[i], &log.alias[log.alias_count]))
			log.alias_count++;
	device_lock(v->config.device);
	device_pause(v->config.device);
	guest_mem_set_log(v->config.mem, &log);
	device_resume(v->config.device);
	device_unlock(v->config.device);
}
