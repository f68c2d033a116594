/* What comes between a disk's thread and its requests: resets, queues that are stopped and set up
 * again, pauses, a doorbell that moves or is none, while the host takes its time. */
#include <sys/eventfd.h>

#include "tests/driver/suite.h"
#include "tests/unit/block/disk.h"

static void up(int row)
{
	disk_make(DISK_WRITTEN);
	single_up(&s, layouts[row], SIZE);
}

/* The disk's thread is at the host, which does not answer. */
static uint64_t post_and_wait_at_the_host(const struct ask *a)
{
	uint64_t at;

	host_shut(true);
	at = disk_post(a);
	single_kick(&s);
	host_await_waiting();
	return at;
}

static void *open_the_gate(void *arg)
{
	(void)arg;
	host_shut(false);
	return NULL;
}

static const struct ask a_read = { VIRTIO_BLK_T_IN, 1, NULL, 0, 513 };

enum { APART = 0x200000 }; /* where the next driver has nothing */

/* The write of 0 returns when the request in flight is done with memory; what was behind it is
 * never begun. _i: a reset of the device, or of the queue; each on both layouts. */
START_TEST(a_reset_waits_for_the_request_in_flight)
{
	for (unsigned life = 0; life < 50; life++) {
		uint8_t want[512 + 1];
		uint64_t at, behind;
		pthread_t opener;

		up(_i % 2);
		s.memory.next = APART;
		at = post_and_wait_at_the_host(&a_read);
		behind = disk_post(&a_read);
		single_kick(&s);
		ck_assert_int_eq(pthread_create(&opener, NULL, open_the_gate, NULL), 0);
		if (_i < 2)
			single_write(&s, VIRTIO_MMIO_STATUS, 0);
		else
			single_stop_queue(&s);
		memset(want, 0x55, sizeof(want));
		memset(driver_at(&s.memory, at + HEADER), 0x55, sizeof(want));
		ck_assert_int_eq(pthread_join(opener, NULL), 0);
		if (_i >= 2)
			single_set_queue(&s, SIZE);
		else
			single_up(&s, layouts[_i % 2], SIZE);
		ck_assert_uint_eq(disk_read(0, 512, NULL), VIRTIO_BLK_S_OK);
		ck_assert(memcmp(driver_at(&s.memory, at + HEADER), want, sizeof(want)) == 0);
		ck_assert_uint_eq(disk_stats().reads,
				  2 + (disk_status(behind, &a_read) != NO_STATUS));
		disk_end();
	}
}
END_TEST

/* Two requests, one in flight: the pause is there between the two, and nothing is lost by it. */
START_TEST(a_pause_between_two_requests)
{
	for (unsigned life = 0; life < 50; life++) {
		struct device *d;
		pthread_t opener;

		up(_i);
		d = blk_device(blk);
		(void)post_and_wait_at_the_host(&a_read);
		(void)disk_post(&a_read);
		ck_assert_int_eq(pthread_create(&opener, NULL, open_the_gate, NULL), 0);
		device_lock(d);
		device_pause(d);
		ck_assert_uint_eq(queue_held(device_queue(d, 0)), 0);
		ck_assert_uint_eq(driver_used_index(&s.queue), disk_stats().reads);
		(void)disk_post(&a_read);
		single_kick(&s);
		device_resume(d);
		device_unlock(d);
		ck_assert_int_eq(pthread_join(opener, NULL), 0);
		single_await_used(&s, 3);
		disk_end();
	}
}
END_TEST

/* What is posted before DRIVER_OK is served by it, without a kick; what comes before it is not. */
START_TEST(driver_ok_starts_it)
{
	uint64_t at;

	disk_make(DISK_WRITTEN);
	single_prepare(&s, layouts[_i], SIZE);
	at = disk_post(&a_read);
	single_kick(&s);
	ck_assert_uint_eq(driver_used_index(&s.queue), 0);
	single_go(&s);
	single_await_used(&s, 1);
	ck_assert_uint_eq(disk_status(at, &a_read), VIRTIO_BLK_S_OK);
	disk_end();
}
END_TEST

/* DRIVER_OK with a queue that is not there yet. */
START_TEST(a_queue_that_comes_later)
{
	up(_i);
	single_stop_queue(&s);
	single_kick(&s);
	single_set_queue(&s, SIZE);
	ck_assert_uint_eq(disk_read(3, 512, NULL), VIRTIO_BLK_S_OK);
	single_stop_queue(&s);
	single_write(&s, VIRTIO_MMIO_STATUS, 0);
	single_up(&s, layouts[_i], SIZE);
	ck_assert_uint_eq(disk_read(3, 512, NULL), VIRTIO_BLK_S_OK);
	disk_end();
}
END_TEST

/* Each ring of SIZE entries is full of requests of four descriptors, again and again: the driver
 * asks for no signal, and kicks as the device wishes. */
START_TEST(many_requests)
{
	up(_i);
	for (unsigned round = 0; round < 500; round++) {
		uint16_t old = s.queue.avail_index;
		uint64_t at[SIZE / 4];

		s.memory.next = APART;
		for (unsigned i = 0; i < ARRAY_LEN(at); i++)
			at[i] = disk_post(&a_read);
		if (driver_wants_kick(&s.queue, old))
			single_kick(&s);
		single_await_used(&s, s.queue.avail_index);
		for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
			struct driver_used used;

			ck_assert(driver_collect(&s.queue, &used));
			ck_assert_uint_eq(used.len, a_read.in);
			ck_assert_uint_eq(disk_status(at[i], &a_read), VIRTIO_BLK_S_OK);
			ck_assert(memcmp(disk_data(at[i], &a_read), original + 512, 512) == 0);
		}
	}
	disk_end();
}
END_TEST

/* A transport lends another doorbell, or none: then the ring is looked at again and again. */
START_TEST(the_doorbell_moves)
{
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const uint64_t one = 1;

	up(_i);
	ck_assert(device_queue_set_kick(blk_device(blk), 0, bell));
	(void)disk_post(&a_read);
	ck_assert_int_eq(write(bell, &one, sizeof(one)), sizeof(one));
	single_await_used(&s, 1);
	ck_assert_msg(!device_queue_set_kick(blk_device(blk), 0, disk_fd), "a file has no edges");
	(void)disk_post(&a_read);
	ck_assert_int_eq(write(bell, &one, sizeof(one)), sizeof(one));
	single_await_used(&s, 2);
	ck_assert(device_queue_set_kick(blk_device(blk), 0, DEVICE_FD_NONE));
	(void)disk_post(&a_read);
	single_await_used(&s, 3);
	ck_assert(device_queue_set_kick(blk_device(blk), 0, DEVICE_FD_OWN));
	while (s.queue.used_index != s.queue.avail_index)
		ck_assert(driver_collect(&s.queue, &(struct driver_used){ 0 }));
	ck_assert_uint_eq(disk_read(0, 512, NULL), VIRTIO_BLK_S_OK);
	disk_end();
	(void)close(bell);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("blk_life");
	TCase *tc = tcase_create("blk_life");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_reset_waits_for_the_request_in_flight, 0, 4);
	tcase_add_loop_test(tc, a_pause_between_two_requests, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, driver_ok_starts_it, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, a_queue_that_comes_later, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, many_requests, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, the_doorbell_moves, 0, ARRAY_LEN(layouts));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
