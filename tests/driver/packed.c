/* tests/driver/packed.c: the driver's side of a packed ring, by hand (virtio 1.4, 2.8). */
#include <check.h>
#include <endian.h>
#include <string.h>

#include "tests/driver/driver.h"

enum { IDS = ARRAY_LEN(((struct driver_queue *)NULL)->slots_of) };

/* A descriptor: addr 0, len 8, id 12, flags 14. */
static uint8_t *at_slot(struct driver_queue *q, uint16_t slot)
{
	return driver_at(q->memory, q->desc + 16u * slot);
}
static uint16_t *flags_at(struct driver_queue *q, uint16_t slot)
{
	return (uint16_t *)(void *)(at_slot(q, slot) + 14);
}
static uint16_t load_flags(struct driver_queue *q, uint16_t slot)
{
	return le16toh(__atomic_load_n(flags_at(q, slot), __ATOMIC_ACQUIRE));
}

void driver_packed_init(struct driver_queue *q, struct driver_memory *m, uint16_t size,
			bool event_idx)
{
	*q = (struct driver_queue){ .memory = m,
				    .size = size,
				    .event_idx = event_idx,
				    .packed = true,
				    .wrap = true,
				    .used_wrap = true,
				    .kick_wrap = true };
	q->desc = driver_alloc(m, 16u * size, 16);
	q->avail = driver_alloc(m, 4, 4);
	q->used = driver_alloc(m, 4, 4);
	memset(driver_at(m, q->desc), 0, 16u * size);
	memset(driver_at(m, q->avail), 0, 4);
	memset(driver_at(m, q->used), 0, 4);
}

uint16_t driver_packed_marks(bool wrap) { return wrap ? D_AVAIL : D_USED; }

void driver_packed_desc(struct driver_queue *q, uint16_t slot, uint64_t addr, uint32_t len,
			uint16_t id, uint16_t flags)
{
	uint8_t *d = at_slot(q, slot);

	__atomic_store_n((uint64_t *)(void *)d, htole64(addr), __ATOMIC_RELAXED);
	__atomic_store_n((uint32_t *)(void *)(d + 8), htole32(len), __ATOMIC_RELAXED);
	__atomic_store_n((uint16_t *)(void *)(d + 12), htole16(id), __ATOMIC_RELAXED);
	__atomic_store_n(flags_at(q, slot), htole16(flags), __ATOMIC_RELEASE);
}

struct driver_packed_used driver_packed_at(struct driver_queue *q, uint16_t slot)
{
	const uint8_t *d = at_slot(q, slot);
	struct driver_packed_used u = { .flags = load_flags(q, slot) };

	u.len = le32toh(__atomic_load_n((const uint32_t *)(const void *)(d + 8), __ATOMIC_RELAXED));
	u.id = le16toh(__atomic_load_n((const uint16_t *)(const void *)(d + 12), __ATOMIC_RELAXED));
	return u;
}

static void advance(const struct driver_queue *q, uint16_t *slot, bool *wrap, unsigned by)
{
	unsigned to = *slot + by;

	if (to >= q->size) {
		to -= q->size;
		*wrap = !*wrap;
	}
	*slot = (uint16_t)to;
}

/* The first descriptor's flags are written last: until then nothing of the chain is there. */
uint16_t driver_packed_post(struct driver_queue *q, const struct driver_buffer *b, unsigned count)
{
	uint16_t head = q->slot, slot = q->slot, id = q->next_desc, first = 0;
	bool wrap = q->wrap;

	q->next_desc = (uint16_t)((id + 1) % (q->size < IDS ? q->size : IDS));
	q->slots_of[id] = (uint16_t)count;
	for (unsigned i = 0; i < count; i++) {
		uint16_t flags =
			(uint16_t)(driver_packed_marks(wrap) | (b[i].writable ? D_WRITE : 0) |
				   (i + 1 < count ? D_NEXT : 0));

		if (i == 0)
			first = flags;
		/* The id stands in the last descriptor alone. */
		driver_packed_desc(q, slot, b[i].addr, b[i].len, i + 1 < count ? 0xbeef : id,
				   i == 0 ? load_flags(q, slot) : flags);
		advance(q, &slot, &wrap, 1);
	}
	__atomic_store_n(flags_at(q, head), htole16(first), __ATOMIC_RELEASE);
	q->slot = slot;
	q->wrap = wrap;
	q->avail_index++;
	return id;
}

static bool is_used(struct driver_queue *q, uint16_t slot, bool wrap)
{
	uint16_t flags = load_flags(q, slot);

	return ((flags & D_AVAIL) != 0) == wrap && ((flags & D_USED) != 0) == wrap;
}

bool driver_packed_collect(struct driver_queue *q, struct driver_used *ret)
{
	struct driver_packed_used u;

	if (q->used_index == q->avail_index || !is_used(q, q->used_slot, q->used_wrap))
		return false;
	u = driver_packed_at(q, q->used_slot);
	if (u.id >= IDS)
		ck_abort_msg("a used descriptor with id %u", u.id);
	advance(q, &q->used_slot, &q->used_wrap, q->slots_of[u.id]);
	q->used_index++;
	*ret = (struct driver_used){ u.id, (u.flags & D_WRITE) != 0 ? u.len : 0 };
	return true;
}

/* Counts on from what was collected, without collecting. */
uint16_t driver_packed_used_index(struct driver_queue *q)
{
	struct driver_queue ahead = *q;
	struct driver_used u;

	while (driver_packed_collect(&ahead, &u))
		continue;
	return ahead.used_index;
}

uint32_t driver_packed_device_event(struct driver_queue *q)
{
	uint32_t *at = driver_at(q->memory, q->used);

	return le32toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

void driver_packed_set_event(struct driver_queue *q, uint16_t position, uint16_t flags)
{
	uint32_t *at = driver_at(q->memory, q->avail);

	__atomic_store_n(at, htole32((uint32_t)flags << 16 | position), __ATOMIC_RELEASE);
}

/* Was the slot that the device named among those filled since the last look? */
bool driver_packed_wants_kick(struct driver_queue *q)
{
	uint32_t word = driver_packed_device_event(q);
	uint16_t slot = q->kick_slot, named = word & 0x7fff;
	bool wrap = q->kick_wrap, hit = false, named_wrap = (word & 0x8000) != 0;

	while (slot != q->slot || wrap != q->wrap) {
		hit = hit || (slot == named && wrap == named_wrap);
		advance(q, &slot, &wrap, 1);
	}
	q->kick_slot = q->slot;
	q->kick_wrap = q->wrap;
	return word >> 16 == 2 ? hit : word >> 16 == 0;
}
