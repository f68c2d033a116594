/* tests/driver/driver.c: guest memory and rings, by hand. */
#include "tests/driver/driver.h"

#include <check.h>
#include <endian.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

void driver_memory_init(struct driver_memory *m, uint64_t region_bytes)
{
	struct mem_region r[2];

	*m = (struct driver_memory){ .size = region_bytes };
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *at = mmap(NULL, region_bytes + 2 * PAGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ck_assert_ptr_ne(at, MAP_FAILED);
		m->map[i] = at + PAGE;
		ck_assert_int_eq(mprotect(m->map[i], region_bytes, PROT_READ | PROT_WRITE), 0);
		r[i] = (struct mem_region){
			.gpa = i * region_bytes, .size = region_bytes, .host = m->map[i], .fd = -1
		};
	}
	m->mem = guest_mem_create();
	ck_assert_ptr_nonnull(m->mem);
	ck_assert(!err_is(guest_mem_replace(m->mem, r, 2)));
}

void driver_memory_fini(struct driver_memory *m)
{
	guest_mem_destroy(m->mem);
	for (unsigned i = 0; i < 2; i++)
		(void)munmap(m->map[i] - PAGE, m->size + 2 * PAGE);
}

void *driver_at(struct driver_memory *m, uint64_t gpa)
{
	/* Not ck_assert: it would send a message to Check's parent at each access. */
	if (gpa >= 2 * m->size)
		ck_abort_msg("guest address %#llx is outside memory", (unsigned long long)gpa);
	return m->map[gpa / m->size] + gpa % m->size;
}

uint64_t driver_alloc(struct driver_memory *m, uint64_t bytes, uint64_t align)
{
	uint64_t at = (m->next + align - 1) / align * align;

	/* Never across the border of the regions: who wants that names the address. */
	if (at < m->size && at + bytes > m->size)
		at = m->size;
	m->next = at + bytes;
	ck_assert_uint_le(m->next, 2 * m->size);
	return at;
}

static uint16_t *word(struct driver_queue *q, uint64_t ring, uint32_t offset)
{
	return driver_at(q->memory, ring + offset);
}
static uint16_t load(uint16_t *at, int order) { return le16toh(__atomic_load_n(at, order)); }
static void store(uint16_t *at, uint16_t v, int order) { __atomic_store_n(at, htole16(v), order); }

void driver_queue_init(struct driver_queue *q, struct driver_memory *m, uint16_t size,
		       bool event_idx)
{
	*q = (struct driver_queue){ .memory = m, .size = size, .event_idx = event_idx };
	q->desc = driver_alloc(m, 16u * size, 16);
	q->avail = driver_alloc(m, 6u + 2u * size, 2);
	q->used = driver_alloc(m, 6u + 8u * size, 4);
	memset(driver_at(m, q->desc), 0, 16u * size);
	memset(driver_at(m, q->avail), 0, 6u + 2u * size);
	memset(driver_at(m, q->used), 0, 6u + 8u * size);
}

struct queue_config driver_config(const struct driver_queue *q, bool indirect)
{
	return (struct queue_config){ .size = q->size,
				      .desc = q->desc,
				      .driver = q->avail,
				      .device = q->used,
				      .packed = q->packed,
				      .event_idx = q->event_idx,
				      .indirect = indirect };
}

void driver_desc_at(struct driver_memory *m, uint64_t table, uint16_t i, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t next)
{
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d = { htole64(addr), htole32(len), htole16(flags), htole16(next) };

	if (!mem_write(m->mem, table + 16u * i, &d, 16))
		ck_abort_msg("a descriptor at %#llx is outside memory",
			     (unsigned long long)table + 16u * i);
}

void driver_desc(struct driver_queue *q, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t next)
{
	driver_desc_at(q->memory, q->desc, i, addr, len, flags, next);
}

void driver_offer(struct driver_queue *q, uint16_t head)
{
	store(word(q, q->avail, 4u + 2u * (q->avail_index % q->size)), head, __ATOMIC_RELAXED);
	q->avail_index++;
}

void driver_show_index(struct driver_queue *q, uint16_t index)
{
	q->avail_index = index;
	store(word(q, q->avail, 2), index, __ATOMIC_RELEASE);
}

void driver_show(struct driver_queue *q) { driver_show_index(q, q->avail_index); }

uint16_t driver_post_chain(struct driver_queue *q, const struct driver_buffer *b, unsigned count)
{
	uint16_t head = q->next_desc;

	if (q->packed)
		return driver_packed_post(q, b, count);
	for (unsigned i = 0; i < count; i++) {
		uint16_t at = q->next_desc, next = (uint16_t)((at + 1) % q->size);

		driver_desc(
			q, at, b[i].addr, b[i].len,
			(uint16_t)((b[i].writable ? D_WRITE : 0) | (i + 1 < count ? D_NEXT : 0)),
			i + 1 < count ? next : 0);
		q->next_desc = next;
	}
	driver_offer(q, head);
	driver_show(q);
	return head;
}

uint16_t driver_post(struct driver_queue *q, uint64_t addr, uint32_t len, bool writable)
{
	const struct driver_buffer b = { addr, len, writable };

	return driver_post_chain(q, &b, 1);
}

void driver_ask(struct driver_queue *q, bool on)
{
	if (q->packed && !on)
		driver_packed_set_event(q, 0, 1);
	else if (q->packed)
		driver_packed_set_event(q, (uint16_t)(q->used_slot | (q->used_wrap ? 0x8000 : 0)),
					q->event_idx ? 2 : 0);
	else if (!q->event_idx)
		driver_set_avail_flags(q, on ? 0 : 1);
	else if (on)
		driver_set_used_event(q, q->used_index);
}

uint16_t driver_used_index(struct driver_queue *q)
{
	if (q->packed)
		return driver_packed_used_index(q);
	return load(word(q, q->used, 2), __ATOMIC_ACQUIRE);
}
uint16_t driver_used_flags(struct driver_queue *q)
{
	return load(word(q, q->used, 0), __ATOMIC_RELAXED);
}

bool driver_collect(struct driver_queue *q, struct driver_used *ret)
{
	uint32_t element[2];

	if (q->packed)
		return driver_packed_collect(q, ret);
	if (driver_used_index(q) == q->used_index)
		return false;
	memcpy(element, word(q, q->used, 4u + 8u * (q->used_index % q->size)), sizeof(element));
	q->used_index++;
	*ret = (struct driver_used){ le32toh(element[0]), le32toh(element[1]) };
	return true;
}

uint16_t driver_avail_event(struct driver_queue *q)
{
	return load(word(q, q->used, 4u + 8u * q->size), __ATOMIC_RELAXED);
}

void driver_set_used_event(struct driver_queue *q, uint16_t index)
{
	store(word(q, q->avail, 4u + 2u * q->size), index, __ATOMIC_RELAXED);
}

void driver_set_avail_flags(struct driver_queue *q, uint16_t flags)
{
	store(word(q, q->avail, 0), flags, __ATOMIC_RELAXED);
}

bool driver_wants_kick(struct driver_queue *q, uint16_t old)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->packed)
		return driver_packed_wants_kick(q);
	if (q->event_idx)
		return (uint16_t)(q->avail_index - driver_avail_event(q) - 1) <
		       (uint16_t)(q->avail_index - old);
	return (driver_used_flags(q) & 1) == 0;
}

void driver_own_processor(bool last)
{
	size_t first_cpu = CPU_SETSIZE, last_cpu = 0;
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return;
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &all)) {
			first_cpu = i < first_cpu ? i : first_cpu;
			last_cpu = i;
		}
	}
	CPU_ZERO(&one);
	CPU_SET(last ? last_cpu : first_cpu, &one);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}
