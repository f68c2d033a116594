/* The split ring: which chains and which rings it accepts, against a driver that keeps the rules
 * and one that breaks each of them. */
#include <string.h>
#include <sys/mman.h>

#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

enum { FAR_AWAY = 3 * REGION };

/* ---- what one chain gives: a table of descriptors, the first is the head ---- */

struct row {
	const char *says;
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[4];
	enum take want;
	enum queue_fault fault;
	uint64_t readable, writable;
	int slices;
	bool no_indirect;
};
/* clang-format off */
static const struct row rows[] = {
	{ "one readable descriptor", { { 0x80000, 60, 0, 0 } }, TAKE_CHAIN, 0, 60, 0, 1, false },
	{ "one writable descriptor", { { 0x80000, 60, D_WRITE, 0 } }, TAKE_CHAIN, 0, 0, 60, 1, false },
	{ "readable, then writable", { { 0x80000, 12, D_NEXT, 1 }, { 0x80100, 100, D_WRITE, 0 } }, TAKE_CHAIN, 0, 12,
	  100, 2, false },
	{ "an empty descriptor first (B03)", { { 0x80000, 0, D_NEXT, 1 }, { 0x80100, 100, 0, 0 } }, TAKE_CHAIN, 0, 100,
	  0, 1, false },
	{ "an empty descriptor last (B03)", { { 0x80000, 9, D_NEXT, 1 }, { 0x80100, 0, 0, 0 } }, TAKE_CHAIN, 0, 9, 0,
	  1, false },
	{ "across the border of regions (B04)", { { REGION - 30, 60, 0, 0 } }, TAKE_CHAIN, 0, 60, 0, 2, false },
	{ "the last 64 bytes of memory (B05)", { { 2 * REGION - 64, 64, 0, 0 } }, TAKE_CHAIN, 0, 64, 0, 1, false },
	{ "one byte more (B05)", { { 2 * REGION - 64, 65, 0, 0 } }, TAKE_BROKEN, QUEUE_FAULT_ADDRESS, 0, 0, 0, false },
	{ "an address that wraps (B05)", { { UINT64_MAX - 7, 16, 0, 0 } }, TAKE_BROKEN, QUEUE_FAULT_ADDRESS, 0, 0, 0,
	  false },
	{ "outside memory", { { FAR_AWAY, 16, 0, 0 } }, TAKE_BROKEN, QUEUE_FAULT_ADDRESS, 0, 0, 0, false },
	{ "writable, then readable", { { 0x80000, 12, D_WRITE | D_NEXT, 1 }, { 0x80100, 100, 0, 0 } }, TAKE_BROKEN,
	  QUEUE_FAULT_ORDER, 0, 0, 0, false },
	{ "next past the ring", { { 0x80000, 12, D_NEXT, SIZE } }, TAKE_BROKEN, QUEUE_FAULT_HEAD, 0, 0, 0, false },
	{ "a chain that names itself (B02)", { { 0x80000, 0, D_NEXT, 0 } }, TAKE_BROKEN, QUEUE_FAULT_LOOP, 0, 0, 0,
	  false },
	{ "two that name each other (B02)", { { 0x80000, 1, D_NEXT, 1 }, { 0x80000, 1, D_NEXT, 0 } }, TAKE_BROKEN,
	  QUEUE_FAULT_LOOP, 0, 0, 0, false },
	{ "INDIRECT without the feature", { { 0x90000, 16, D_INDIRECT, 0 } }, TAKE_BROKEN, QUEUE_FAULT_INDIRECT, 0, 0,
	  0, true },
	{ "INDIRECT with NEXT", { { 0x90000, 16, D_INDIRECT | D_NEXT, 1 }, { 0x80000, 1, 0, 0 } }, TAKE_BROKEN,
	  QUEUE_FAULT_INDIRECT, 0, 0, 0, false },
	{ "a table of length 0 (B01)", { { 0x90000, 0, D_INDIRECT, 0 } }, TAKE_BROKEN, QUEUE_FAULT_INDIRECT, 0, 0, 0,
	  false },
	{ "a table of 15 bytes (B01)", { { 0x90000, 15, D_INDIRECT, 0 } }, TAKE_BROKEN, QUEUE_FAULT_INDIRECT, 0, 0, 0,
	  false },
	{ "a table of 24 bytes (B01)", { { 0x90000, 24, D_INDIRECT, 0 } }, TAKE_BROKEN, QUEUE_FAULT_INDIRECT, 0, 0, 0,
	  false },
	{ "a table outside memory", { { FAR_AWAY, 16, D_INDIRECT, 0 } }, TAKE_BROKEN, QUEUE_FAULT_ADDRESS, 0, 0, 0,
	  false },
};
/* clang-format on */

/* rule: SPLIT-05 SPLIT-09 SPLIT-10 SPLIT-11 SPLIT-13 SPLIT-15 SPLIT-16 SPLIT-19 */
START_TEST(take_judges_a_chain)
{
	const struct row *r = &rows[_i];
	struct chain c;
	enum take got;

	begin(false, !r->no_indirect);
	for (uint16_t i = 0; i < 4; i++)
		driver_desc(&d, i, r->desc[i].addr, r->desc[i].len, r->desc[i].flags,
			    r->desc[i].next);
	driver_offer(&d, 0);
	driver_show(&d);
	got = queue_take(q, &c);
	ck_assert_msg(got == r->want, "%s: got %d, want %d", r->says, got, r->want);
	ck_assert_msg(queue_fault_of(q) == r->fault, "%s: fault %s", r->says,
		      queue_fault_name(queue_fault_of(q)));
	if (got != TAKE_CHAIN) {
		ck_assert_msg(queue_take(q, &c) == TAKE_BROKEN, "%s: broken does not stay",
			      r->says);
		ck_assert_uint_eq(queue_held(q), 0);
		return;
	}
	ck_assert_msg(c.readable_bytes == r->readable && c.writable_bytes == r->writable,
		      "%s: %lu and %lu bytes", r->says, (unsigned long)c.readable_bytes,
		      (unsigned long)c.writable_bytes);
	ck_assert_msg(c.readable_count + c.writable_count == r->slices, "%s: %d slices", r->says,
		      c.readable_count + c.writable_count);
	queue_rewind(q, &c);
}
END_TEST

/* ---- indirect tables ---- */

static enum take take_table(uint64_t table, uint32_t entries, struct chain *c)
{
	driver_desc(&d, 0, table, entries * 16, D_INDIRECT, 0);
	driver_offer(&d, 0);
	driver_show(&d);
	return queue_take(q, c);
}

/* rule: SPLIT-19 */
START_TEST(indirect_tables)
{
	struct chain c;

	begin(false, true);
	/* At an odd address, and across the border of regions (B01, B04). */
	for (uint16_t i = 0; i < 3; i++)
		driver_desc_at(&m, REGION - 23, i, 0x80000u + 100u * i, 10,
			       i < 2 ? D_NEXT : D_WRITE, (uint16_t)(i + 1));
	ck_assert_int_eq(take_table(REGION - 23, 3, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 20);
	ck_assert_uint_eq(c.writable_bytes, 10);
	ck_assert_uint_eq(c.descriptors, 1);
	queue_rewind(q, &c);
}
END_TEST

/* What becomes of table and ring after the take is no concern of the chain's. */
/* rule: CORE-31 SPLIT-21 SPLIT-27 */
START_TEST(a_chain_is_what_was_taken)
{
	struct driver_used u;
	struct chain c;

	begin(false, true);
	driver_desc(&d, 3, 0x80000, 10, D_NEXT, 4);
	driver_desc(&d, 4, 0x80100, 20, D_WRITE, 0);
	driver_offer(&d, 3);
	driver_show(&d);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	memset(driver_at(&m, d.desc), 0xff, 16 * SIZE);
	memset((uint8_t *)driver_at(&m, d.avail) + 4, 0xff, 2 * SIZE);
	ck_assert(c.readable_count == 1 && c.writable_count == 1);
	ck_assert(c.readable[0].iov_base == driver_at(&m, 0x80000) && c.readable[0].iov_len == 10);
	ck_assert(c.writable[0].iov_base == driver_at(&m, 0x80100) && c.writable[0].iov_len == 20);
	queue_push(q, &c, 20);
	publish();
	ck_assert(driver_collect(&d, &u) && u.id == 3 && u.len == 20);
}
END_TEST

/* Direct ones in front of a table; the table's own WRITE says nothing of its entries. */
/* rule: SPLIT-17 SPLIT-18 */
START_TEST(a_table_behind_direct_descriptors)
{
	struct chain c;

	begin(false, true);
	driver_desc_at(&m, 0x90000, 0, 0x80100, 20, D_NEXT, 1);
	driver_desc_at(&m, 0x90000, 1, 0x80200, 30, D_WRITE, 0);
	driver_desc(&d, 0, 0x80000, 10, D_NEXT, 1);
	driver_desc(&d, 1, 0x90000, 32, D_INDIRECT | (_i == 1 ? D_WRITE : 0), 0);
	driver_offer(&d, 0);
	driver_show(&d);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 30);
	ck_assert_uint_eq(c.writable_bytes, 30);
	ck_assert_uint_eq(c.descriptors, 2);
	queue_rewind(q, &c);
}
END_TEST

static const struct {
	const char *says;
	uint16_t flags, next;
	enum queue_fault fault;
} entries[] = {
	{ "an entry that is INDIRECT", D_INDIRECT, 0, QUEUE_FAULT_INDIRECT },
	{ "next past the table", D_NEXT, 2, QUEUE_FAULT_HEAD },
	{ "a table that loops", D_NEXT, 0, QUEUE_FAULT_LOOP },
};

/* rule: SPLIT-14 SPLIT-16 */
START_TEST(indirect_entries_are_judged)
{
	struct chain c;

	begin(false, true);
	driver_desc_at(&m, 0x90000, 0, 0x80000, 1, D_NEXT, 1);
	driver_desc_at(&m, 0x90000, 1, 0x80000, 1, entries[_i].flags, entries[_i].next);
	ck_assert_int_eq(take_table(0x90000, 2, &c), TAKE_BROKEN);
	ck_assert_msg(queue_fault_of(q) == entries[_i].fault, "%s: %s", entries[_i].says,
		      queue_fault_name(queue_fault_of(q)));
}
END_TEST

/* rule: SPLIT-16 */
START_TEST(indirect_longer_than_we_follow)
{
	struct chain c;

	begin(false, true);
	for (uint16_t i = 0; i < 1025; i++)
		driver_desc_at(&m, 0x90000, i, 0x80000, 1, i < 1024 ? D_NEXT : 0,
			       (uint16_t)(i + 1));
	ck_assert_int_eq(take_table(0x90000, 1025, &c), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_LOOP);
	(void)queue_stop(q);
	begin(false, true);
	driver_desc_at(&m, 0x90000, 1023, 0x80000, 1, 0, 0);
	ck_assert_int_eq(take_table(0x90000, 1024, &c), TAKE_CHAIN);
	ck_assert_int_eq(c.readable_count, 1024);
	queue_rewind(q, &c);
}
END_TEST

/* rule: SPLIT-04 */
START_TEST(chain_of_the_whole_ring)
{
	struct chain c;

	begin(false, false);
	for (uint16_t i = 0; i < SIZE; i++)
		driver_desc(&d, i, 0x80000, 5, i < SIZE - 1 ? D_NEXT : 0, (uint16_t)(i + 1));
	driver_offer(&d, 0);
	driver_show(&d);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 5 * SIZE);
	queue_rewind(q, &c);
}
END_TEST

/* Nothing is read from there. */
/* rule: SPLIT-10 */
START_TEST(head_past_the_ring)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x8000, 0xffff };
	struct chain c;

	begin(false, true);
	driver_offer(&d, heads[_i]);
	driver_show(&d);
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_HEAD);
}
END_TEST

/* A sum that 32 bits do not hold. */
/* rule: SPLIT-09 */
START_TEST(chain_of_more_than_4_gib)
{
	enum { PIECES = 4096, PIECE = 2 * REGION };
	struct queue_config config;
	struct chain c;

	driver_queue_init(&d, &m, PIECES, false);
	config = driver_config(&d, false);
	ck_assert(queue_start(q, m.mem, &config, (struct queue_state){ 0 }));
	for (uint16_t i = 0; i < PIECES; i++)
		driver_desc(&d, i, 0, PIECE, i + 1 < PIECES ? D_NEXT : 0, (uint16_t)(i + 1));
	driver_offer(&d, PIECES / 2 + 1); /* 2047 of 2 MiB */
	driver_offer(&d, PIECES / 2);     /* 2048: exactly 4 GiB */
	driver_show(&d);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, UINT64_C(2047) * PIECE);
	queue_push(q, &c, 0);
	publish();
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_LOOP);
}
END_TEST

/* ---- what may be a queue at all ---- */

static const struct {
	const char *says;
	uint32_t size;
	uint64_t desc, avail, used;
	bool packed, good;
} configs[] = {
	{ "size 1", 1, 0, 0x1000, 0x2000, false, true },
	{ "size 32768", 32768, 0, 0xa0000, 2 * REGION - 0x80000, false, true },
	{ "size 65536", 65536, 0, 0xa0000, REGION, false, false },
	{ "size 0", 0, 0, 0x1000, 0x2000, false, false },
	{ "size 100", 100, 0, 0x1000, 0x2000, false, false },
	{ "a table across the border", 8, REGION - 64, 0x1000, 0x2000, false, false },
	{ "an available ring that ends with memory", 8, 0, 2 * REGION - 22, 0x2000, false, true },
	{ "one byte less of it, by alignment", 8, 0, 2 * REGION - 20, 0x2000, false, false },
	{ "a used ring that wraps", 8, 0, 0x1000, UINT64_MAX - 3, false, false },
	{ "packed, size 1", 1, 0, 0x1000, 0x2000, true, true },
	{ "packed, size 100", 100, 0, 0x1000, 0x2000, true, true },
	{ "packed, size 32768", 32768, REGION, 0x1000, 0x2000, true, true },
	{ "packed, size 0", 0, 0, 0x1000, 0x2000, true, false },
	{ "packed, size 32769", 32769, REGION, 0x1000, 0x2000, true, false },
	{ "packed, an unaligned ring", 8, 8, 0x1000, 0x2000, true, false },
	{ "packed, an unaligned driver event", 8, 0, 0x1002, 0x2000, true, false },
	{ "packed, an unaligned device event", 8, 0, 0x1000, 0x2002, true, false },
	{ "packed, a ring across the border", 8, REGION - 64, 0x1000, 0x2000, true, false },
	{ "packed, a driver event past memory", 8, 0, 2 * REGION, 0x2000, true, false },
};

/* rule: SPLIT-01 SPLIT-02 PACKED-01 PACKED-02 */
START_TEST(config_ok)
{
	const struct queue_config c = { .size = configs[_i].size,
					.desc = configs[_i].desc,
					.driver = configs[_i].avail,
					.device = configs[_i].used,
					.packed = configs[_i].packed };

	ck_assert_msg(queue_config_ok(m.mem, &c) == configs[_i].good, "%s", configs[_i].says);
	ck_assert_msg(queue_start(q, m.mem, &c, (struct queue_state){ 0 }) == configs[_i].good,
		      "%s", configs[_i].says);
}
END_TEST

/* ---- rings that are gone ---- */

START_TEST(remap_without_the_ring_breaks)
{
	struct mem_region r = { .gpa = REGION, .size = REGION, .host = m.map[1], .fd = -1 };
	struct queue_config rings;

	begin(false, false);
	rings = driver_config(&d, false);
	ck_assert(!err_is(guest_mem_replace(m.mem, &r, 1)));
	queue_remap(q, &rings);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_MEMORY);
}
END_TEST

/* Broken is at rest: what is asked of the queue then touches no ring, which may be gone. */
START_TEST(a_broken_queue_touches_no_ring)
{
	struct chain c;

	begin(_i == 1, false);
	(void)driver_post(&d, 0x80000, 64, true);
	queue_break(q, QUEUE_FAULT_MEMORY);
	ck_assert_int_eq(mprotect(m.map[0], REGION, PROT_NONE), 0);
	queue_kick_disable(q);
	ck_assert(!queue_kick_enable(q));
	ck_assert_msg(queue_available(q) == 1, "who takes learns of it");
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert(!queue_publish(q));
	ck_assert_int_eq(mprotect(m.map[0], REGION, PROT_READ | PROT_WRITE), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/split");
	TCase *tc = tcase_create("split");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, take_judges_a_chain, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, indirect_tables);
	tcase_add_test(tc, a_chain_is_what_was_taken);
	tcase_add_loop_test(tc, a_table_behind_direct_descriptors, 0, 2);
	tcase_add_loop_test(tc, indirect_entries_are_judged, 0, (int)ARRAY_LEN(entries));
	tcase_add_test(tc, indirect_longer_than_we_follow);
	tcase_add_test(tc, chain_of_the_whole_ring);
	tcase_add_loop_test(tc, head_past_the_ring, 0, 4);
	tcase_add_test(tc, chain_of_more_than_4_gib);
	tcase_add_loop_test(tc, config_ok, 0, (int)ARRAY_LEN(configs));
	tcase_add_test(tc, remap_without_the_ring_breaks);
	tcase_add_loop_test(tc, a_broken_queue_touches_no_ring, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
