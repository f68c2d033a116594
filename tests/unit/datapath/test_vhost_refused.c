/* A kernel with vhost-net that will not: at the driver's start or later, a worker moves the frames
 * and a line says why; a ring that it calls broken, or does not give back, is nobody's. */
#include <linux/virtio_net.h>

#include "tests/driver/suite.h"
#include "tests/unit/datapath/vhost_kernel.h"

static void setup(void) { make(1, RIG_HDR); }
static void setup_pairs(void) { make(PAIRS_MAX, RIG_HDR); }
static void teardown(void) { end(); }

/* Each call of the start fails once: a worker moves the frames, and nothing of the ring is the
 * kernel's. Calls whose failure would be a fault of our own are not told of. */
START_TEST(a_refusal_leaves_it_to_a_worker)
{
	rig_prepare(&r, RIG_ALL, SIZE);
	map_vectors();
	forget_calls();
	kernel.fail_at = (unsigned)_i + 1;
	rig_go(&r);
	if (strstr(started[_i], "kick") != NULL || strstr(started[_i], "call") != NULL ||
	    strstr(started[_i], "err") != NULL) {
		ck_assert_int_eq(path(), PATH_VHOST);
		return;
	}
	ck_assert_int_eq(path(), PATH_WORKER);
	ck_assert_msg(strstr(r.last_log, "t0: a worker moves its frames: vhost-net of pair 0: ") !=
			      NULL,
		      "got \"%s\"", r.last_log);
	for (unsigned place = 0; place < 2; place++) {
		ck_assert_int_eq(ring_of(0, place)->backend, -1);
		ck_assert_int_eq(ring_of(0, place)->kick, -1);
	}
	send_one();
	rig_await_used(&r, RIG_TX, 1);
	ck_assert_uint_eq(kernel.written, 1);
}
END_TEST

/* A pair that comes later: the frames go on, and a line says by whom. */
START_TEST(a_refusal_while_it_runs_is_told)
{
	up_by_messages();
	ck_assert_str_eq(r.last_log, "");
	forget_calls();
	kernel.fail_at = 25; /* of the second pair, once the first is the kernel's again */
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
	ck_assert_int_eq(path(), PATH_WORKER);
	ck_assert_msg(strstr(r.last_log, "t0: a worker moves its frames: vhost-net of pair ") !=
			      NULL,
		      "got \"%s\"", r.last_log);
	send_one();
	rig_await_used(&r, RIG_TX, 1);
	ck_assert_uint_eq(kernel.written, 1);
}
END_TEST

/* A limit while it runs is a worker's to keep; without one the kernel goes on. */
START_TEST(a_rate_brings_it_back_to_a_worker)
{
	static const struct net_rate limited = { .tx = { 1000000, RATE_BURST_MIN } }, free = { 0 };
	struct err e;

	up_by_messages();
	net_set_rate(r.net, &limited);
	ck_assert_int_eq(path(), PATH_WORKER);
	e = datapath_switch(r.datapath, PATH_VHOST);
	ck_assert_msg(err_is(e) && strstr(e.text, "rate has a limit") != NULL, "got \"%s\"",
		      e.text);
	net_set_rate(r.net, &free);
	ck_assert_int_eq(path(), PATH_VHOST);
}
END_TEST

START_TEST(not_for_a_driver_without_messages)
{
	struct err e;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(path(), PATH_WORKER);
	ck_assert_msg(strstr(r.last_log, "MSI-X") != NULL, "got \"%s\"", r.last_log);
	send_one();
	rig_await_used(&r, RIG_TX, 1);
	e = datapath_switch(r.datapath, PATH_VHOST);
	ck_assert_msg(err_is(e) && strstr(e.text, "MSI-X") != NULL, "got \"%s\"", e.text);
	map_vectors();
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
	ck_assert_int_eq(path(), PATH_VHOST);
}
END_TEST

START_TEST(an_old_kernels_is_refused)
{
	struct datapath_config config = { .pairs = 1,
					  .vhost_fds = vhost_fds,
					  .sys = &kernel_sys,
					  .mem = r.memory.mem,
					  .loop = r.loop,
					  .name = "t1" };
	struct datapath *none = NULL;
	struct err e;

	kernel.offered &= ~RIG_BIT(32);
	e = datapath_create(&config, &none);
	ck_assert_msg(err_is(e) && strstr(e.text, "too old") != NULL, "got \"%s\"", e.text);
	forget_calls();
	kernel.fail_at = 1;
	e = datapath_create(&config, &none);
	ck_assert_msg(err_is(e) && strstr(e.text, "become its owner: Cannot allocate") != NULL,
		      "got \"%s\"", e.text);
	ck_assert_ptr_null(none);
	ck_assert_uint_eq(kernel.opened, 2); /* its descriptors are still the caller's */
}
END_TEST

START_TEST(a_ring_that_it_calls_broken)
{
	up_by_messages();
	eventfd_poke(ring_of(0, 1)->error);
	rig_await_broken(&r);
	ck_assert_int_eq(ring_of(0, 0)->backend, -1);
	ck_assert_msg(strstr(r.last_log, "queue 1 is broken") != NULL &&
			      strstr(r.last_log, "kernel does not take") != NULL,
		      "got \"%s\"", r.last_log);
	up_by_messages();
	ck_assert_int_ne(ring_of(0, 0)->backend, -1);
}
END_TEST

/* Where it stopped is not known: nobody goes on with the ring, which would send frames again. _i:
 * who would be next. */
START_TEST(a_ring_whose_place_is_not_told)
{
	up_by_messages();
	send_one();
	ck_assert(kernel_use(0, 1, 0, 0));
	forget_calls();
	kernel.fail_at = 6; /* backend, kick and base of each ring */
	if (_i == PATH_WORKER)
		ck_assert(!err_is(datapath_switch(r.datapath, PATH_WORKER)));
	else
		net_set_link(r.net, true);
	ck_assert_str_eq(kernel.call[5], "0 get base 1");
	ck_assert_int_eq(ring_of(0, 1)->backend, -1);
	rig_await_broken(&r);
	ck_assert_int_eq(ring_of(0, 0)->backend, -1);
	ck_assert_uint_eq(kernel.written, 0);
	up_by_messages();
	ck_assert(!err_is(datapath_switch(r.datapath, PATH_VHOST)));
	ck_assert_int_ne(ring_of(0, 1)->backend, -1);
	ck_assert_uint_eq(ring_of(0, 1)->base, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datapath/vhost_refused");
	TCase *tc = tcase_create("one"), *pairs = tcase_create("pairs");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_refusal_leaves_it_to_a_worker, 0, (int)ARRAY_LEN(started));
	tcase_add_test(tc, a_rate_brings_it_back_to_a_worker);
	tcase_add_test(tc, not_for_a_driver_without_messages);
	tcase_add_test(tc, an_old_kernels_is_refused);
	tcase_add_test(tc, a_ring_that_it_calls_broken);
	tcase_add_loop_test(tc, a_ring_whose_place_is_not_told, PATH_WORKER, PATH_VHOST + 1);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(pairs, setup_pairs, teardown);
	tcase_add_test(pairs, a_refusal_while_it_runs_is_told);
	suite_add_tcase(s, pairs);
	return suite_run(s);
}
