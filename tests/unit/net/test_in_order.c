/* IN_ORDER: what was made available first is used first, whatever became of it, on both layouts;
 * and every chain has a used element of its own. */
#include <check.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, CHAINS = 40, LEN = 60, BAD = 5 };

static struct rig r;
static uint8_t frame[LEN], sent[LEN];

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static uint64_t layout(int i) { return i == 0 ? RIG_ALL : RIG_PACKED; }

/* Chains of one to three parts; every third is no frame. Returns the id. */
static uint16_t post(unsigned number)
{
	uint64_t at = driver_alloc(&r.memory, RIG_HDR + LEN, 16);
	uint32_t all = number % 3 == 0 ? BAD : RIG_HDR + LEN;
	const struct driver_buffer parts[] = { { at, 2, false },
					       { at + 2, 1, false },
					       { at + 3, all - 3, false } };

	memset(driver_at(&r.memory, at), 0, RIG_HDR);
	rig_fill(driver_at(&r.memory, at + RIG_HDR), LEN, number);
	if (number % 2 == 0)
		return driver_post_chain(&r.queue[RIG_TX], parts, 3);
	return driver_post(&r.queue[RIG_TX], at, all, false);
}

/* Those that are dropped do not overtake those that wait for the backend. */
/* rule: CORE-19 SPLIT-28 PACKED-07 PACKED-23 */
START_TEST(each_chain_in_its_turn)
{
	uint16_t id[CHAINS], used = 0;
	struct driver_used u;

	rig_up(&r, layout(_i), 256);
	ck_assert(rig_has(&r, VIRTIO_F_IN_ORDER));
	loopback_set_room(r.backend, 3);
	for (unsigned i = 0; i < CHAINS; i++)
		id[i] = post(i);
	rig_kick(&r, RIG_TX);
	for (uint32_t room = 1; used < CHAINS; room++) {
		while (driver_collect(&r.queue[RIG_TX], &u)) {
			ck_assert_msg(used < CHAINS && u.id == id[used], "%u is id %u", used, u.id);
			ck_assert_uint_eq(u.len, 0);
			used++;
		}
		loopback_set_room(r.backend, room);
		ck_assert(!err_is(loop_once(r.loop, 1)));
	}
	for (unsigned i = 0; i < CHAINS; i++) {
		struct vnet_hdr h;

		if (i % 3 == 0)
			continue;
		rig_fill(frame, LEN, i);
		ck_assert_int_eq(rig_await_sent(&r, &h, sent, sizeof(sent)), LEN);
		ck_assert_msg(memcmp(frame, sent, LEN) == 0, "frame %u is another", i);
	}
}
END_TEST

/* A driver that promised descriptors in sequence, and does not keep it: its next is followed. */
/* rule: SPLIT-12 */
START_TEST(descriptors_out_of_sequence)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	struct driver_used u;
	struct vnet_hdr h;
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert(rig_has(&r, VIRTIO_F_IN_ORDER));
	at = driver_alloc(&r.memory, RIG_HDR + LEN, 16);
	memset(driver_at(&r.memory, at), 0, RIG_HDR);
	rig_fill(frame, LEN, 1);
	memcpy(driver_at(&r.memory, at + RIG_HDR), frame, LEN);
	driver_desc(q, 9, at, 5, D_NEXT, 2);
	driver_desc(q, 2, at + 5, 30, D_NEXT, 40);
	driver_desc(q, 40, at + 35, RIG_HDR + LEN - 35, 0, 0);
	driver_offer(q, 9);
	driver_show(q);
	rig_kick(&r, RIG_TX);
	ck_assert_int_eq(rig_await_sent(&r, &h, sent, sizeof(sent)), LEN);
	ck_assert(memcmp(frame, sent, LEN) == 0);
	rig_await_used(&r, RIG_TX, 1);
	ck_assert(driver_collect(q, &u) && u.id == 9);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("in_order");
	TCase *tc = tcase_create("in_order");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_chain_in_its_turn, 0, 2);
	tcase_add_test(tc, descriptors_out_of_sequence);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
