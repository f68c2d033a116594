/* The log of dirty pages: whatever a queue writes is marked, in its rings too, from its start on.
 */
#include <string.h>

#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

enum { PAGE = MEM_LOG_PAGE, BUFFER = 0x80000, BUFFER_BYTES = 3 * PAGE };

static uint8_t bits[2 * REGION / PAGE / 8], before[2 * REGION];

static void look_away(void)
{
	memset(bits, 0, sizeof(bits));
	memcpy(before, m.map[0], REGION);
	memcpy(before + REGION, m.map[1], REGION);
}

/* What changed since is marked. */
static void judge(const char *what)
{
	for (uint64_t at = 0; at < 2 * REGION; at += PAGE)
		ck_assert_msg(memcmp(before + at, driver_at(&m, at), PAGE) == 0 ||
				      (bits[at / PAGE / 8] >> at / PAGE % 8 & 1) != 0,
			      "%s: the page at %#llx", what, (unsigned long long)at);
	look_away();
}

/* The device's part of the rings lies across a page border: in a split ring its last word, which is
 * the event index, behind it. */
static struct queue_config lay_out(bool packed, bool event_idx)
{
	if (packed)
		driver_packed_init(&d, &m, SIZE, event_idx);
	else
		driver_queue_init(&d, &m, SIZE, event_idx);
	d.used = 0x40000 + PAGE - (4 + 8 * SIZE);
	memset(driver_at(&m, d.used), 0xaa, 6 + 8 * SIZE);
	return driver_config(&d, false);
}

/* rule: VHU-18 */
START_TEST(whatever_is_written_is_marked)
{
	const struct mem_log log = { .bits = bits, .bytes = sizeof(bits) };
	struct queue_config c = lay_out((_i & 1) != 0, (_i & 2) != 0);
	struct chain chain;

	guest_mem_set_log(m.mem, &log);
	look_away();
	ck_assert(queue_start(q, m.mem, &c, (struct queue_state){ 0 }));
	judge("start");
	for (unsigned round = 0; round < 3 * SIZE; round++) {
		queue_kick_disable(q);
		judge("no kicks");
		(void)driver_post(&d, BUFFER, BUFFER_BYTES, true);
		(void)driver_post(&d, BUFFER, BUFFER_BYTES, true);
		look_away();
		for (unsigned i = 0; i < 2; i++) {
			ck_assert_int_eq(queue_take(q, &chain), TAKE_CHAIN);
			memset(chain.writable[0].iov_base, (int)(2 * round + i), 2 * PAGE);
			queue_push(q, &chain, 2 * PAGE);
		}
		publish();
		judge("used");
		ck_assert(!queue_kick_enable(q));
		judge("kicks");
	}
	(void)queue_stop(q);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, whatever_is_written_is_marked, 0, 4);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
