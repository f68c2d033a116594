/* The split ring against a driver that keeps the rules and one that breaks each of them. */
#include <check.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "devices/virtio/ring_math.h"
#include "devices/virtio/wire_split.h"
#include "tests/driver/driver.h"

enum { SIZE = 8, REGION = 1 << 20, FAR_AWAY = 3 * REGION };

static struct driver_memory m;
static struct driver_queue d;
static struct queue *q;

static void begin(bool event_idx, bool indirect)
{
	struct queue_config c;

	driver_queue_init(&d, &m, SIZE, event_idx);
	c = driver_config(&d, indirect);
	ck_assert(queue_start(q, m.mem, &c, (struct queue_state){ 0 }));
}

/* For tests that do not care whether the driver wants a signal. */
static void publish(void)
{
	bool wants = queue_publish(q);

	(void)wants;
}

static void setup(void)
{
	driver_memory_init(&m, REGION);
	q = queue_create();
	ck_assert_ptr_nonnull(q);
}

static void teardown(void)
{
	queue_destroy(q);
	driver_memory_fini(&m);
}

/* Ours are the kernel's. */
START_TEST(wire_is_the_kernels)
{
	ck_assert_uint_eq(sizeof(struct wire_desc), sizeof(struct vring_desc));
	ck_assert_uint_eq(offsetof(struct wire_desc, next), offsetof(struct vring_desc, next));
	ck_assert_uint_eq(sizeof(struct wire_used_element), sizeof(struct vring_used_elem));
	ck_assert_uint_eq(offsetof(struct wire_avail, ring), offsetof(struct vring_avail, ring));
	ck_assert_uint_eq(offsetof(struct wire_used, ring), offsetof(struct vring_used, ring));
	ck_assert_int_eq(WIRE_DESC_NEXT, VRING_DESC_F_NEXT);
	ck_assert_int_eq(WIRE_DESC_WRITE, VRING_DESC_F_WRITE);
	ck_assert_int_eq(WIRE_DESC_INDIRECT, VRING_DESC_F_INDIRECT);
	ck_assert_int_eq(WIRE_AVAIL_NO_INTERRUPT, VRING_AVAIL_F_NO_INTERRUPT);
	ck_assert_int_eq(WIRE_USED_NO_NOTIFY, VRING_USED_F_NO_NOTIFY);
}
END_TEST

START_TEST(event_math_is_the_kernels)
{
	for (uint32_t i = 0; i < 200000; i++) {
		uint16_t event = (uint16_t)(i * 7919), now = (uint16_t)(i * 104729), old = (uint16_t)(now - i % 70);

		ck_assert(ring_event_passed(event, now, old) == (vring_need_event(event, now, old) != 0));
	}
}
END_TEST

/* ---- what one chain gives: a table of descriptors, the first is the head ---- */

struct row { const char *says; struct { uint64_t addr; uint32_t len; uint16_t flags, next; } desc[4];
	     enum take want; enum queue_fault fault; uint64_t readable, writable; int slices; bool no_indirect; };
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

START_TEST(take_judges_a_chain)
{
	const struct row *r = &rows[_i];
	struct chain c;
	enum take got;

	begin(false, !r->no_indirect);
	for (uint16_t i = 0; i < 4; i++)
		driver_desc(&d, i, r->desc[i].addr, r->desc[i].len, r->desc[i].flags, r->desc[i].next);
	driver_offer(&d, 0);
	driver_show(&d);
	got = queue_take(q, &c);
	ck_assert_msg(got == r->want, "%s: got %d, want %d", r->says, got, r->want);
	ck_assert_msg(queue_fault_of(q) == r->fault, "%s: fault %s", r->says, queue_fault_name(queue_fault_of(q)));
	if (got != TAKE_CHAIN) {
		ck_assert_msg(queue_take(q, &c) == TAKE_BROKEN, "%s: broken does not stay", r->says);
		ck_assert_uint_eq(queue_held(q), 0);
		return;
	}
	ck_assert_msg(c.readable_bytes == r->readable && c.writable_bytes == r->writable, "%s: %lu and %lu bytes",
		      r->says, (unsigned long)c.readable_bytes, (unsigned long)c.writable_bytes);
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

START_TEST(indirect_tables)
{
	struct chain c;

	begin(false, true);
	/* At an odd address, and across the border of regions (B01, B04). */
	for (uint16_t i = 0; i < 3; i++)
		driver_desc_at(&m, REGION - 23, i, 0x80000u + 100u * i, 10, i < 2 ? D_NEXT : D_WRITE,
			       (uint16_t)(i + 1));
	ck_assert_int_eq(take_table(REGION - 23, 3, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 20);
	ck_assert_uint_eq(c.writable_bytes, 10);
	ck_assert_uint_eq(c.descriptors, 1);
	queue_rewind(q, &c);
}
END_TEST

static const struct { const char *says; uint16_t flags, next; enum queue_fault fault; } entries[] = {
	{ "an entry that is INDIRECT", D_INDIRECT, 0, QUEUE_FAULT_INDIRECT },
	{ "next past the table", D_NEXT, 2, QUEUE_FAULT_HEAD },
	{ "a table that loops", D_NEXT, 0, QUEUE_FAULT_LOOP },
};

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

START_TEST(indirect_longer_than_we_follow)
{
	struct chain c;

	begin(false, true);
	for (uint16_t i = 0; i < 1025; i++)
		driver_desc_at(&m, 0x90000, i, 0x80000, 1, i < 1024 ? D_NEXT : 0, (uint16_t)(i + 1));
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

/* ---- indices ---- */

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

/* B06: a jump of exactly the queue size is legal, one more is not. */
START_TEST(available_index_jumps)
{
	static const struct { uint16_t jump; bool good; } jumps[] = {
		{ SIZE, true }, { SIZE + 1, false }, { 0xffff, false }, { 0x8000, false },
	};
	struct chain c;

	for (unsigned i = 0; i < ARRAY_LEN(jumps); i++) {
		unsigned taken = 0;
		enum take got;

		begin(false, false);
		for (uint16_t k = 0; k < SIZE; k++) {
			driver_desc(&d, k, 0x80000, 5, 0, 0);
			driver_offer(&d, k);
		}
		driver_show_index(&d, jumps[i].jump);
		while ((got = queue_take(q, &c)) == TAKE_CHAIN) {
			queue_push(q, &c, 0);
			taken++;
		}
		publish();
		ck_assert_msg(got == (jumps[i].good ? TAKE_EMPTY : TAKE_BROKEN), "jump of %u", jumps[i].jump);
		ck_assert_uint_eq(taken, jumps[i].good ? SIZE : 0);
		(void)queue_stop(q);
	}
}
END_TEST

START_TEST(indices_wrap_many_times)
{
	struct driver_used u;
	struct chain c;

	begin(true, false);
	for (uint32_t i = 0; i < 3 * 65536; i++) {
		uint16_t head = driver_post(&d, 0x80000, 64, true);

		ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
		ck_assert_uint_eq(c.id, head);
		queue_push(q, &c, i % 64);
		publish();
		ck_assert(driver_collect(&d, &u));
		ck_assert_uint_eq(u.id, head);
		ck_assert_uint_eq(u.len, i % 64);
	}
	ck_assert_uint_eq(queue_stop(q).index, (uint16_t)(3u * 65536));
}
END_TEST

START_TEST(nothing_shows_before_publish_and_rewind_takes_back)
{
	struct chain a, b, again;
	struct driver_used u;

	begin(false, false);
	(void)driver_post(&d, 0x80000, 64, true);
	(void)driver_post(&d, 0x81000, 64, true);
	ck_assert_int_eq(queue_take(q, &a), TAKE_CHAIN);
	ck_assert_int_eq(queue_take(q, &b), TAKE_CHAIN);
	ck_assert_uint_eq(queue_held(q), 2);
	queue_push(q, &a, 1);
	ck_assert_uint_eq(driver_used_index(&d), 0);
	queue_rewind(q, &b);
	ck_assert_uint_eq(queue_held(q), 1);
	publish();
	ck_assert_uint_eq(queue_held(q), 0);
	ck_assert(driver_collect(&d, &u));
	ck_assert(!driver_collect(&d, &u));
	ck_assert_int_eq(queue_take(q, &again), TAKE_CHAIN);
	ck_assert_uint_eq(again.position, b.position);
	ck_assert_ptr_eq(again.writable[0].iov_base, driver_at(&m, 0x81000));
	queue_rewind(q, &again);
}
END_TEST

/* A guest that names one long table in every slot cannot run the slices over. */
START_TEST(slices_run_out_between_chains_only)
{
	struct chain c[SIZE];
	unsigned taken = 0;
	enum take got = TAKE_CHAIN;

	begin(false, true);
	for (uint16_t i = 0; i < 1024; i++)
		driver_desc_at(&m, 0x90000, i, 0x80000, 1, i < 1023 ? D_NEXT : 0, (uint16_t)(i + 1));
	for (uint16_t i = 0; i < SIZE; i++) {
		driver_desc(&d, i, 0x90000, 1024 * 16, D_INDIRECT, 0);
		driver_offer(&d, i);
	}
	driver_show(&d);
	for (unsigned rounds = 0; rounds < 2 * SIZE && taken < SIZE; rounds++) {
		got = queue_take(q, &c[taken]);
		if (got == TAKE_CHAIN) {
			ck_assert_int_eq(c[taken].readable_count, 1024);
			queue_push(q, &c[taken++], 0);
			continue;
		}
		ck_assert_int_eq(got, TAKE_FULL);
		ck_assert_uint_gt(queue_held(q), 0);
		publish();
	}
	ck_assert_uint_eq(taken, SIZE);
	publish();
}
END_TEST

/* ---- notifications ---- */

static bool use_one(void)
{
	struct chain c;

	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	queue_push(q, &c, 1);
	return queue_publish(q);
}

START_TEST(signals_by_flags)
{
	begin(false, false);
	ck_assert(use_one());
	driver_set_avail_flags(&d, 1);
	ck_assert(!use_one());
	driver_set_avail_flags(&d, 0xfffe);
	ck_assert_msg(use_one(), "only bit 0 counts (SPLIT-22)");
	ck_assert_msg(!queue_publish(q), "a publish of nothing signals nothing");
}
END_TEST

START_TEST(signals_by_event_index)
{
	struct chain c[3];

	begin(true, false);
	driver_set_avail_flags(&d, 1); /* ignored (SPLIT-23) */
	driver_set_used_event(&d, 0);
	ck_assert(use_one());
	ck_assert_msg(!use_one(), "used_event 0 is passed already");
	driver_set_used_event(&d, 3); /* two on: the batch jumps over it */
	for (unsigned i = 0; i < 3; i++)
		(void)driver_post(&d, 0x80000, 64, true);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(queue_take(q, &c[i]), TAKE_CHAIN);
		queue_push(q, &c[i], 1);
	}
	ck_assert(queue_publish(q));
}
END_TEST

START_TEST(kicks_by_flags)
{
	begin(false, false);
	queue_kick_disable(q);
	ck_assert_uint_eq(driver_used_flags(&d), 1);
	ck_assert(!queue_kick_enable(q));
	ck_assert_uint_eq(driver_used_flags(&d), 0);
	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert_msg(queue_kick_enable(q), "what came in between is told");
}
END_TEST

START_TEST(kicks_by_event_index)
{
	struct chain c;

	begin(true, false);
	queue_kick_disable(q);
	ck_assert_msg(driver_used_flags(&d) == 0, "with EVENT_IDX the flags stay 0 (SPLIT-30)");
	ck_assert(!queue_kick_enable(q));
	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert(driver_wants_kick(&d, 0));
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	queue_rewind(q, &c);
	ck_assert_msg(!queue_kick_enable(q), "what was seen and did not suffice is not told again");
	(void)driver_post(&d, 0x80000, 64, true);
	ck_assert_msg(driver_wants_kick(&d, 1), "but what comes after it is");
	ck_assert(queue_kick_enable(q));
}
END_TEST

/* After a hand-over: used index from the ring, and the first publish signals whatever is asked for. */
START_TEST(restore)
{
	struct queue_config c;
	struct queue_state state;
	struct driver_used u;

	begin(true, false);
	ck_assert(use_one());
	ck_assert(driver_collect(&d, &u));
	driver_set_used_event(&d, 0x4000);
	state = queue_stop(q);
	ck_assert_uint_eq(state.index, 1);
	ck_assert(state.restored);
	c = driver_config(&d, false);
	ck_assert(queue_start(q, m.mem, &c, state));
	ck_assert_msg(use_one(), "the first publish after a restore signals");
	ck_assert(!use_one());
	ck_assert_uint_eq(driver_used_index(&d), 3);
}
END_TEST

START_TEST(junk_in_the_used_ring_is_not_read)
{
	struct queue_config c;
	struct driver_used u;

	driver_queue_init(&d, &m, SIZE, false);
	memset(driver_at(&m, d.used), 0xee, 6 + 8 * SIZE);
	c = driver_config(&d, false);
	ck_assert(queue_start(q, m.mem, &c, (struct queue_state){ 0 }));
	ck_assert_uint_eq(driver_used_flags(&d), 0);
	ck_assert(use_one());
	ck_assert_uint_eq(driver_used_index(&d), 1);
	ck_assert(driver_collect(&d, &u));
	ck_assert_uint_eq(u.len, 1);
}
END_TEST

/* ---- what may be a queue at all: SPLIT-01, SPLIT-02, B13 ---- */

static const struct { const char *says; uint32_t size; uint64_t desc, avail, used; bool packed, good; } configs[] = {
	{ "size 1", 1, 0, 0x1000, 0x2000, false, true },
	{ "size 32768", 32768, 0, 0xa0000, 2 * REGION - 0x80000, false, true },
	{ "size 65536", 65536, 0, 0xa0000, REGION, false, false },
	{ "size 0", 0, 0, 0x1000, 0x2000, false, false },
	{ "size 100", 100, 0, 0x1000, 0x2000, false, false },
	{ "a table across the border", 8, REGION - 64, 0x1000, 0x2000, false, false },
	{ "an available ring that ends with memory", 8, 0, 2 * REGION - 22, 0x2000, false, true },
	{ "one byte less of it, by alignment", 8, 0, 2 * REGION - 20, 0x2000, false, false },
	{ "a used ring that wraps", 8, 0, 0x1000, UINT64_MAX - 3, false, false },
	{ "packed, which is not offered", 8, 0, 0x1000, 0x2000, true, false },
};

START_TEST(config_ok)
{
	const struct queue_config c = { .size = configs[_i].size, .desc = configs[_i].desc, .driver = configs[_i].avail,
					.device = configs[_i].used, .packed = configs[_i].packed };

	ck_assert_msg(queue_config_ok(m.mem, &c) == configs[_i].good, "%s", configs[_i].says);
	ck_assert_msg(queue_start(q, m.mem, &c, (struct queue_state){ 0 }) == configs[_i].good, "%s", configs[_i].says);
}
END_TEST

START_TEST(remap_without_the_ring_breaks)
{
	struct mem_region r = { .gpa = REGION, .size = REGION, .host = m.map[1], .fd = -1 };

	begin(false, false);
	ck_assert(!err_is(guest_mem_replace(m.mem, &r, 1)));
	queue_remap(q);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_MEMORY);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/split");
	TCase *tc = tcase_create("split");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, wire_is_the_kernels);
	tcase_add_test(tc, event_math_is_the_kernels);
	tcase_add_loop_test(tc, take_judges_a_chain, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, indirect_tables);
	tcase_add_loop_test(tc, indirect_entries_are_judged, 0, (int)ARRAY_LEN(entries));
	tcase_add_test(tc, indirect_longer_than_we_follow);
	tcase_add_test(tc, chain_of_the_whole_ring);
	tcase_add_test(tc, available_index_jumps);
	tcase_add_test(tc, indices_wrap_many_times);
	tcase_add_test(tc, nothing_shows_before_publish_and_rewind_takes_back);
	tcase_add_test(tc, slices_run_out_between_chains_only);
	tcase_add_test(tc, signals_by_flags);
	tcase_add_test(tc, signals_by_event_index);
	tcase_add_test(tc, kicks_by_flags);
	tcase_add_test(tc, kicks_by_event_index);
	tcase_add_test(tc, restore);
	tcase_add_test(tc, junk_in_the_used_ring_is_not_read);
	tcase_add_loop_test(tc, config_ok, 0, (int)ARRAY_LEN(configs));
	tcase_add_test(tc, remap_without_the_ring_breaks);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
