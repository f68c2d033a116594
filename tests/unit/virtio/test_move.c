/* A running queue that another data path moved on meanwhile: where it was, and from where it goes
 * on. */
#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

static uint16_t post(void) { return driver_post(&d, 0x8000, 16, false); }

/* As another data path would: without a word to the queue. */
static void use_elsewhere(uint16_t head)
{
	uint16_t *used = driver_at(&m, d.used);
	uint32_t *element = (uint32_t *)(void *)(used + 2) + 2 * (used[1] % SIZE);

	element[0] = head;
	element[1] = 0;
	used[1] = (uint16_t)(used[1] + 1);
}

START_TEST(rings_are_where_this_process_has_them)
{
	struct queue_rings at;

	begin(true, true);
	at = queue_rings(q);
	ck_assert_uint_eq(at.size, SIZE);
	ck_assert_ptr_eq(at.desc, driver_at(&m, d.desc));
	ck_assert_ptr_eq(at.driver, driver_at(&m, d.avail));
	ck_assert_ptr_eq(at.device, driver_at(&m, d.used));
}
END_TEST

/* With and without event index; round and round, so that indices wrap. */
START_TEST(it_goes_on_where_it_was_moved_to)
{
	enum { ROUNDS = 70000 / SIZE };
	struct driver_used used;
	struct chain c;
	uint16_t index = 0;

	begin(_i == 1, true);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < SIZE / 2; i++, index++)
			use_elsewhere(post());
		queue_move(q, index);
		ck_assert_uint_eq(queue_available(q), 0);
		for (unsigned i = 0; i < SIZE / 2; i++, index++) {
			uint16_t head = post();

			ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
			ck_assert_uint_eq(c.id, head);
			queue_push(q, &c, 0);
		}
		ck_assert_msg(queue_publish(q), "the first publish behind a move signals");
		ck_assert_uint_eq(queue_save(q).index, index);
		for (unsigned i = 0; i < SIZE; i++)
			ck_assert(driver_collect(&d, &used));
		ck_assert(!driver_collect(&d, &used));
	}
}
END_TEST

/* The other one may have left word that it wants none. */
START_TEST(kicks_are_asked_for_again)
{
	uint16_t *used;

	begin(_i == 1, true);
	used = driver_at(&m, d.used);
	for (unsigned i = 0; i < 3; i++)
		use_elsewhere(post());
	used[0] = 1; /* VRING_USED_F_NO_NOTIFY */
	queue_move(q, 3);
	(void)post();
	ck_assert(driver_wants_kick(&d, 3));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/move");
	TCase *tc = tcase_create("move");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, rings_are_where_this_process_has_them);
	tcase_add_loop_test(tc, it_goes_on_where_it_was_moved_to, 0, 2);
	tcase_add_loop_test(tc, kicks_are_asked_for_again, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
