/* Which chains a packed queue takes, and which break it. */
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

enum { AT = 0x80000, TABLE = 0xc0000, W = D_WRITE, N = D_NEXT };

static uint16_t marks(void) { return driver_packed_marks(true); }

/* rule: PACKED-03 PACKED-04 PACKED-10 PACKED-11 PACKED-12 */
START_TEST(chains_of_every_length_go_round)
{
	const uint16_t sizes[] = { 1, 2, 3, 7, 8, 100, 255 };
	uint16_t size = sizes[_i];
	struct driver_used u;
	struct chain c;

	begin_packed(size, true, false);
	for (uint32_t round = 0; round < 3u * size + 2; round++) {
		unsigned count = round % size + 1;
		struct driver_buffer b[255];
		uint16_t id;

		for (unsigned i = 0; i < count; i++)
			b[i] = (struct driver_buffer){ AT + i, 1, true };
		id = driver_post_chain(&d, b, count);
		ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
		ck_assert_uint_eq(c.id, id);
		ck_assert_uint_eq(c.descriptors, count);
		ck_assert_uint_eq(c.writable_bytes, count);
		ck_assert_uint_eq(queue_available(q), 0);
		ck_assert(!driver_collect(&d, &u));
		queue_push(q, &c, count);
		publish();
		ck_assert(driver_collect(&d, &u));
		ck_assert(u.id == id && u.len == count);
		ck_assert_int_eq(queue_take(q, &c), TAKE_EMPTY);
	}
}
END_TEST

/* rule: PACKED-04 */
START_TEST(what_is_not_available_is_not_taken)
{
	/* Never touched, used in this round, used in the last, available in the last. */
	const uint16_t flags[] = { 0, D_AVAIL | D_USED, 0, D_USED };
	struct chain c;

	begin_packed(SIZE, false, false);
	driver_packed_desc(&d, 0, AT, 4, 0, flags[_i]);
	ck_assert_uint_eq(queue_available(q), 0);
	ck_assert_int_eq(queue_take(q, &c), TAKE_EMPTY);
}
END_TEST

/* What a driver may put into slots 0 to 3, and what becomes of it. */
/* clang-format off */
static const struct {
	const char *says;
	struct { uint32_t len; uint16_t flags; uint64_t addr; } d[4];
	unsigned count;
	enum queue_fault fault;
	unsigned readable, writable;
} rows[] = {
	{ "one readable", { { 5, 0, AT } }, 1, QUEUE_FINE, 5, 0 },
	{ "readable, then writable", { { 5, N, AT }, { 7, W, AT } }, 2, QUEUE_FINE, 5, 7 },
	{ "empty ones among them", { { 0, N, AT }, { 5, N, AT }, { 0, N | W, AT }, { 7, W, AT } }, 4, QUEUE_FINE, 5, 7 },
	{ "an empty one outside memory", { { 0, 0, UINT64_MAX } }, 1, QUEUE_FINE, 0, 0 },
	{ "writable before readable", { { 5, N | W, AT }, { 7, 0, AT } }, 2, QUEUE_FAULT_ORDER, 0, 0 },
	{ "outside memory", { { 5, 0, 2 * REGION } }, 1, QUEUE_FAULT_ADDRESS, 0, 0 },
	{ "past memory's end", { { 5, 0, 2 * REGION - 4 } }, 1, QUEUE_FAULT_ADDRESS, 0, 0 },
	{ "wrapping", { { 5, 0, UINT64_MAX - 3 } }, 1, QUEUE_FAULT_ADDRESS, 0, 0 },
	{ "indirect without the feature", { { 16, D_INDIRECT, AT } }, 1, QUEUE_FAULT_INDIRECT, 0, 0 },
};
/* clang-format on */

/* rule: PACKED-06 PACKED-13 PACKED-18 */
START_TEST(take_judges_a_list)
{
	struct chain c;
	enum take got;

	begin_packed(SIZE, false, false);
	for (uint16_t i = 0; i < rows[_i].count; i++)
		driver_packed_desc(&d, i, rows[_i].d[i].addr, rows[_i].d[i].len, 77,
				   (uint16_t)(marks() | rows[_i].d[i].flags));
	got = queue_take(q, &c);
	ck_assert_msg(queue_fault_of(q) == rows[_i].fault, "%s: %s", rows[_i].says,
		      queue_fault_name(queue_fault_of(q)));
	if (rows[_i].fault != QUEUE_FINE) {
		ck_assert_int_eq(got, TAKE_BROKEN);
		ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
		return;
	}
	ck_assert_int_eq(got, TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, rows[_i].readable);
	ck_assert_uint_eq(c.writable_bytes, rows[_i].writable);
	queue_rewind(q, &c);
}
END_TEST

/* rule: PACKED-12 */
START_TEST(a_list_longer_than_the_queue)
{
	struct chain c;

	begin_packed(SIZE, false, false);
	for (uint16_t i = 0; i < SIZE; i++)
		driver_packed_desc(&d, i, AT, 1, 0, marks() | N);
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_LOOP);
}
END_TEST

/* What is held counts: a driver that writes over it has no room for that many.
 * rule: PACKED-12 */
START_TEST(a_list_longer_than_what_is_left)
{
	struct chain c, more;

	begin_packed(SIZE, false, false);
	for (uint16_t i = 0; i < SIZE; i++)
		driver_packed_desc(&d, i, AT, 1, i, (uint16_t)(marks() | (i > 0 ? N : 0)));
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_int_eq(queue_take(q, &more), TAKE_BROKEN);
	ck_assert_int_eq(queue_fault_of(q), QUEUE_FAULT_LOOP);
	queue_push(q, &c, 0);
	publish();
}
END_TEST

/* The slot that is held comes round again, made available anew by a driver that must not. */
START_TEST(a_full_ring_has_nothing_more)
{
	struct chain c, more;

	begin_packed(1, false, false);
	driver_packed_desc(&d, 0, AT, 1, 5, marks());
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	driver_packed_desc(&d, 0, AT, 1, 6, driver_packed_marks(false));
	ck_assert_uint_eq(queue_available(q), 0);
	ck_assert_int_eq(queue_take(q, &more), TAKE_EMPTY);
	ck_assert(!queue_kick_enable(q));
	queue_push(q, &c, 0);
	publish();
	ck_assert_uint_eq(driver_packed_at(&d, 0).id, 5);
}
END_TEST

/* The driver shows a list before it is whole: it is taken as it stands.
 * rule: PACKED-05 PACKED-14 */
START_TEST(a_list_as_it_stands)
{
	struct chain c;

	begin_packed(SIZE, false, false);
	driver_packed_desc(&d, 1, AT, 9, 3, 0); /* not available, and yet the list's next */
	driver_packed_desc(&d, 0, AT, 5, 3, marks() | N);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 14);
	driver_packed_desc(&d, 0, 2 * REGION, 500, 99, marks() | W); /* too late */
	ck_assert_uint_eq(c.readable[0].iov_len, 5);
	queue_push(q, &c, 0);
	publish();
	ck_assert_uint_eq(driver_packed_at(&d, 0).id, 3);
}
END_TEST

/* ---- indirect ---- */

static void entry(uint16_t i, uint32_t len, uint16_t flags)
{
	/* addr, len, id, flags: the split layout's fields with id in the place of flags. */
	driver_desc_at(&m, TABLE, i, AT, len, 0x1234, flags);
}

/* Entries follow one another; of their flags WRITE alone counts, and of the table's descriptor
 * INDIRECT.
 * rule: PACKED-11 PACKED-17 */
START_TEST(indirect_entries_in_sequence)
{
	struct chain c;

	begin_packed(SIZE, false, true);
	entry(0, 5, 0);
	entry(1, 6, N | D_INDIRECT | D_AVAIL);
	entry(2, 7, W | D_USED);
	driver_packed_desc(&d, 0, TABLE, 48, 9, marks() | D_INDIRECT | W);
	driver_packed_desc(&d, 1, AT, 1, 10, marks());
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 11);
	ck_assert_uint_eq(c.writable_bytes, 7);
	ck_assert_uint_eq(c.descriptors, 1);
	ck_assert_uint_eq(c.id, 9);
	queue_push(q, &c, 7);
	publish();
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.id, 10);
	queue_rewind(q, &c);
}
END_TEST

/* clang-format off */
static const struct { const char *says; uint32_t len; uint16_t flags, before; enum queue_fault fault; } tables[] = {
	{ "of length 0", 0, D_INDIRECT, 0, QUEUE_FAULT_INDIRECT },
	{ "no multiple of 16", 24, D_INDIRECT, 0, QUEUE_FAULT_INDIRECT },
	{ "with NEXT", 16, D_INDIRECT | N, 0, QUEUE_FAULT_INDIRECT },
	{ "behind a list", 16, D_INDIRECT, N, QUEUE_FAULT_INDIRECT },
	{ "longer than we follow", 1025 * 16, D_INDIRECT, 0, QUEUE_FAULT_LOOP },
	{ "past memory", 2 * REGION, D_INDIRECT, 0, QUEUE_FAULT_ADDRESS },
};
/* clang-format on */

/* rule: PACKED-17 PACKED-18 */
START_TEST(indirect_tables_are_judged)
{
	uint16_t at = 0;
	struct chain c;

	begin_packed(SIZE, false, true);
	if (tables[_i].before != 0)
		driver_packed_desc(&d, at++, AT, 4, 0, (uint16_t)(marks() | tables[_i].before));
	driver_packed_desc(&d, at, tables[_i].len == 2 * REGION ? 2 * REGION - 8 : TABLE,
			   tables[_i].len == 2 * REGION ? 16 : tables[_i].len, 0,
			   (uint16_t)(marks() | tables[_i].flags));
	ck_assert_int_eq(queue_take(q, &c), TAKE_BROKEN);
	ck_assert_msg(queue_fault_of(q) == tables[_i].fault, "%s: %s", tables[_i].says,
		      queue_fault_name(queue_fault_of(q)));
}
END_TEST

/* A table across the two regions of memory is read entry by entry. */
START_TEST(an_indirect_table_across_regions)
{
	struct chain c;

	begin_packed(SIZE, false, true);
	for (uint16_t i = 0; i < 4; i++)
		driver_desc_at(&m, REGION - 32, i, AT, 10u + i, 0, 0);
	driver_packed_desc(&d, 0, REGION - 32, 64, 0, marks() | D_INDIRECT);
	ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
	ck_assert_uint_eq(c.readable_bytes, 10 + 11 + 12 + 13);
	queue_rewind(q, &c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/packed");
	TCase *tc = tcase_create("packed");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, chains_of_every_length_go_round, 0, 7);
	tcase_add_loop_test(tc, what_is_not_available_is_not_taken, 0, 4);
	tcase_add_loop_test(tc, take_judges_a_list, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, a_list_longer_than_the_queue);
	tcase_add_test(tc, a_list_longer_than_what_is_left);
	tcase_add_test(tc, a_full_ring_has_nothing_more);
	tcase_add_test(tc, a_list_as_it_stands);
	tcase_add_test(tc, indirect_entries_in_sequence);
	tcase_add_loop_test(tc, indirect_tables_are_judged, 0, (int)ARRAY_LEN(tables));
	tcase_add_test(tc, an_indirect_table_across_regions);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
