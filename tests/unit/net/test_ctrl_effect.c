/* What commands leave behind: their answer, what a reset takes back, and tables that are too long.
 */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/frame/filter.h"
#include "tests/driver/suite.h"
#include "tests/unit/net/addressed.h"

enum { SIZE = 64 };

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

/* One byte of the room for it, whatever room there is; and it is counted. */
/* rule: CTRL-01 */
START_TEST(the_answer_is_one_byte)
{
	struct driver_queue *q = &r.queue[RIG_CTRL];
	struct driver_used u;
	uint8_t *bytes;
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	at = driver_alloc(&r.memory, 64, 16);
	bytes = driver_at(&r.memory, at);
	memset(bytes, 0xaa, 64);
	memcpy(bytes, (uint8_t[]){ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1 }, 3);
	driver_desc(q, 5, at, 3, D_NEXT, 6);
	driver_desc(q, 6, at + 3, 0, D_WRITE | D_NEXT, 7);
	driver_desc(q, 7, at + 3, 20, D_WRITE, 0);
	driver_offer(q, 5);
	driver_show(q);
	rig_kick(&r, RIG_CTRL);
	rig_await_used(&r, RIG_CTRL, 1);
	ck_assert(driver_collect(q, &u));
	ck_assert_uint_eq(u.id, 5);
	ck_assert_uint_eq(u.len, 1);
	ck_assert_uint_eq(bytes[3], VIRTIO_NET_OK);
	for (unsigned i = 4; i < 64; i++)
		ck_assert_msg(bytes[i] == 0xaa, "byte %u was written", i);
}
END_TEST

static const uint8_t off = 0;

/* A table of another life lets nobody in. */
/* rule: CTRL-08 */
START_TEST(tables_are_empty_after_a_reset)
{
	static const uint8_t tables[20] = { 1, 0, 0, 0, 2, 0, 0,    0, 0, 9,
					    1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 7 };

	for (unsigned life = 0; life < 2; life++) {
		rig_up(&r, RIG_ALL, SIZE);
		(void)rig_post(&r, SIZE, 128);
		ck_assert_int_eq(rig_control(&r, 0, 0, &off, 1), VIRTIO_NET_OK);
		ck_assert(!comes(other) && !comes(group));
		ck_assert_int_eq(rig_control(&r, 1, 0, tables, sizeof(tables)), VIRTIO_NET_OK);
		ck_assert(comes(other) && comes(group));
	}
}
END_TEST

/* More than we hold of one kind: all of that kind, none of the other. */
/* rule: CTRL-12 */
START_TEST(a_table_that_is_too_long)
{
	enum { ENTRIES = FILTER_TABLE_MAX + 1 };
	static uint8_t tables[8 + 6 * ENTRIES];
	bool multicast = _i == 1;

	memset(tables, 0, sizeof(tables));
	tables[multicast ? 4 : 0] = ENTRIES;
	for (unsigned i = 0; i < ENTRIES; i++)
		tables[(multicast ? 8 : 4) + 6 * i] = multicast ? 3 : 2;
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert_int_eq(rig_control(&r, 1, 0, tables, sizeof(tables)), VIRTIO_NET_OK);
	ck_assert(comes(us));
	ck_assert(comes(other) == !multicast);
	ck_assert(comes(group) == multicast);
}
END_TEST

/* By a new generation, so that nobody sees half of it; without an interrupt, for the driver
 * knows. */
/* rule: CORE-24 CORE-25 CTRL-09 */
START_TEST(an_address_shows_in_the_configuration)
{
	uint32_t generation;

	rig_up(&r, RIG_ALL, SIZE);
	generation = rig_read(&r, 0x0fc);
	ck_assert_int_eq(rig_control(&r, 1, 1, other, 6), VIRTIO_NET_OK);
	ck_assert_uint_eq(rig_read(&r, 0x100), 0x00000002);
	ck_assert_uint_eq(rig_read(&r, 0x104) & 0xffff, 0x0900);
	ck_assert_uint_ne(rig_read(&r, 0x0fc), generation);
	ck_assert_uint_eq(rig_read(&r, 0x060) & DEVICE_INT_CONFIG, 0);
	/* So does a reset, which takes it back. */
	generation = rig_read(&r, 0x0fc);
	rig_write(&r, 0x070, 0);
	ck_assert_uint_eq(rig_read(&r, 0x104) & 0xffff, 0x0100);
	ck_assert_uint_ne(rig_read(&r, 0x0fc), generation);
}
END_TEST

/* rule: CTRL-26 */
START_TEST(an_offload_that_was_not_agreed_on)
{
	static const uint8_t csum[8] = { 0x02 }, with_tso4[8] = { 0x82 };

	rig_up(&r, ~RIG_BIT(VIRTIO_NET_F_GUEST_TSO4) & ~RIG_BIT(VIRTIO_NET_F_GUEST_ECN), SIZE);
	ck_assert_int_eq(rig_control(&r, 5, 0, csum, 8), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 5, 0, with_tso4, 8), VIRTIO_NET_ERR);
	ck_assert(loopback_offloads(r.backend).csum && !loopback_offloads(r.backend).tso4);
}
END_TEST

/* Commands of features that have no switch, whatever was agreed on. */
/* rule: CTRL-24 */
START_TEST(rss_contexts_are_not_offered)
{
	static const uint8_t data[8] = { 1 };

	rig_up(&r, RIG_ALL, SIZE);
	for (uint8_t command = 0; command < 4; command++)
		ck_assert_int_eq(rig_control(&r, 9, command, data, sizeof(data)), VIRTIO_NET_ERR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_effect");
	TCase *tc = tcase_create("ctrl_effect");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_answer_is_one_byte);
	tcase_add_test(tc, tables_are_empty_after_a_reset);
	tcase_add_loop_test(tc, a_table_that_is_too_long, 0, 2);
	tcase_add_test(tc, an_address_shows_in_the_configuration);
	tcase_add_test(tc, an_offload_that_was_not_agreed_on);
	tcase_add_test(tc, rss_contexts_are_not_offered);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
