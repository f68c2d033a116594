/* The life of a device behind virtio-mmio: started, signalled, stopped, broken and reset. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/transport/mmio.h"

/* rule: CORE-07 */
START_TEST(failed_parks_until_reset)
{
	live();
	wr(0x070, 0x8f);
	ck_assert(!w.running);
	ck_assert_uint_eq(w.stops, 1);
	wr(0x070, 0);
	ck_assert_uint_eq(rd(0x070), 0);
	wr(0x070, 1);
	wr(0x070, 0x81);
	wr(0x070, 0x83);
	ck_assert_msg(rd(0x070) == 0x81, "went on after FAILED: %#x", rd(0x070));
	wr(0x070, 0);
	live();
	ck_assert(w.running);
}
END_TEST

/* rule: MMIO-11 */
START_TEST(queue_ready_zero_stops_that_queue)
{
	live();
	wr(0x030, 1);
	wr(0x044, 0);
	ck_assert_uint_eq(rd(0x044), 0);
	ck_assert_uint_eq(w.pauses, 1);
	ck_assert_uint_eq(w.resumes, 1);
	ck_assert_uint_eq(w.stopped, 2);
	ck_assert_msg(!w.touched_while_stopped, "told outside the pause");
	ck_assert(!queue_running(device_queue(w.device, 1)));
	ck_assert(queue_running(device_queue(w.device, 0)));
	set_queue(1, 32, 0x50000, 0x54000, 0x58000);
	ck_assert(queue_running(device_queue(w.device, 1)));
}
END_TEST

/* Pauses nest, and hold whatever becomes of the runner meanwhile. */
static void hold(void)
{
	device_lock(w.device);
	device_pause(w.device);
	device_unlock(w.device);
}
static void let_go(void)
{
	device_lock(w.device);
	device_resume(w.device);
	device_unlock(w.device);
}

START_TEST(pauses_nest_and_outlive_the_runner)
{
	hold();
	live();
	ck_assert_msg(!w.running, "started in a pause");
	hold();
	let_go();
	ck_assert_msg(!w.running, "resumed by the inner one of two");
	let_go();
	ck_assert(w.running);
	ck_assert_uint_eq(w.starts, 1);
	hold();
	ck_assert_msg(!w.running, "the pauses before left a count");
	wr(0x070, 0);
	live();
	ck_assert_msg(!w.running, "a reset ended a pause");
	let_go();
	ck_assert(w.running);
	hold();
	ck_assert(!w.running);
	wr(0x070, 0);
	let_go();
	ck_assert_msg(!w.running, "resumed after a reset");
	live();
	hold();
	ck_assert(!w.running);
	let_go();
	ck_assert(w.running);
}
END_TEST

/* rule: CORE-01 CORE-22 MMIO-15 */
START_TEST(reset_is_power_on)
{
	unsigned before;

	live();
	before = w.resets;
	device_signal_queue(w.device, 0);
	ck_assert_uint_eq(rd(0x060), 1);
	wr(0x070, 0);
	ck_assert_uint_eq(w.stops, 1);
	ck_assert_uint_eq(w.resets, before + 1);
	ck_assert_msg(!w.touched_while_stopped, "reset was called while the runner ran");
	ck_assert_uint_eq(rd(0x070), 0);
	ck_assert_uint_eq(rd(0x060), 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		wr(0x030, i);
		ck_assert_uint_eq(rd(0x044), 0);
		ck_assert(!queue_running(device_queue(w.device, i)));
	}
	live();
}
END_TEST

static bool called(void)
{
	struct pollfd p = { .fd = device_call_fd(w.device), .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, 0) == 1 && read(p.fd, &count, sizeof(count)) == sizeof(count);
}

/* An edge for each event, and one more when something is left. */
/* rule: MMIO-12 MMIO-13 MMIO-14 */
START_TEST(interrupts)
{
	struct device_counters before, after;

	live();
	device_counters(w.device, &before);
	(void)called();
	device_signal_queue(w.device, 0);
	ck_assert(called());
	device_lock(w.device);
	device_config_begin(w.device);
	device_config_end(w.device, true);
	device_unlock(w.device);
	ck_assert(called());
	ck_assert_uint_eq(rd(0x060), 3);
	wr(0x064, 1);
	ck_assert_uint_eq(rd(0x060), 2);
	ck_assert_msg(called(), "what is left after an acknowledge must pulse again");
	wr(0x064, 0xfffffffc);
	ck_assert_uint_eq(rd(0x060), 2);
	(void)called();
	wr(0x064, 2);
	ck_assert_uint_eq(rd(0x060), 0);
	ck_assert(!called());
	device_counters(w.device, &after);
	ck_assert_msg(after.signals == before.signals + 4,
		      "two events, and two pulses for what was left");
}
END_TEST

/* Two sources of events; each goes on when the driver has seen its last one. */
enum { EVENTS = 5000 };
static atomic_uint happened[2], seen[2];
static atomic_bool lost;

static void *source(void *arg)
{
	unsigned bit = arg == &happened[1];

	for (unsigned i = 1; i <= EVENTS && !atomic_load(&lost); i++) {
		atomic_store(&happened[bit], i);
		if (bit == 0) {
			device_signal_queue(w.device, 0);
		} else {
			device_lock(w.device);
			device_config_begin(w.device);
			device_config_end(w.device, true);
			device_unlock(w.device);
		}
		while (atomic_load(&seen[bit]) != i && !atomic_load(&lost))
			(void)sched_yield();
	}
	return NULL;
}

/* An event between read and acknowledge is not lost. */
/* rule: MMIO-13 */
START_TEST(no_interrupt_is_lost)
{
	struct pollfd p = { .fd = device_call_fd(w.device), .events = POLLIN };
	pthread_t thread[2];

	live();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, source, &happened[i]), 0);
	while (!atomic_load(&lost) &&
	       (atomic_load(&seen[0]) != EVENTS || atomic_load(&seen[1]) != EVENTS)) {
		uint32_t status;

		atomic_store(&lost, poll(&p, 1, 10000) != 1);
		(void)called();
		status = rd(0x060);
		wr(0x064, status);
		for (unsigned i = 0; i < 2; i++)
			if ((status >> i & 1) != 0)
				atomic_store(&seen[i], atomic_load(&happened[i]));
	}
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_msg(!atomic_load(&lost), "seen %u and %u of %u", atomic_load(&seen[0]),
		      atomic_load(&seen[1]), EVENTS);
}
END_TEST

/* The generation moves around a change. */
/* rule: CORE-02 CORE-24 */
START_TEST(generation_moves)
{
	uint32_t before = rd(0x0fc);

	device_lock(w.device);
	device_config_begin(w.device);
	device_config_end(w.device, true);
	device_unlock(w.device);
	ck_assert_uint_ne(rd(0x0fc), before);
	ck_assert_msg(rd(0x060) == 0, "no notification before DRIVER_OK (CORE-02)");
}
END_TEST

/* Doorbells that name nothing. */
/* rule: CORE-10 MMIO-16 */
START_TEST(doorbells_of_no_queue)
{
	static const uint32_t values[] = { QUEUES, 0xffff, 0x10000, 0x80000000, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_LEN(values); i++)
		wr(0x050, values[i]);
	wr(0x050, 2);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_msg(w.controls == 0, "a doorbell before DRIVER_OK reached the control queue");
	live();
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 1);
	for (unsigned i = 0; i < ARRAY_LEN(values); i++)
		wr(0x050, values[i]);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_msg(w.controls == 1, "a doorbell of no queue reached the control queue");
}
END_TEST

/* The control queue is looked at without waiting for a kick, then at each kick, which is
 * counted by whoever takes it, once. */
/* rule: CORE-03 */
START_TEST(control_queue_runs_on_the_loop)
{
	struct device_counters c;

	live();
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 1);
	wr(0x050, 2);
	wr(0x050, 1);
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 2);
	device_counters(w.device, &c);
	ck_assert_msg(c.kicks == 1, "the look without one is counted, or a kick is not");
}
END_TEST

/* A broken queue shows, signals once, stops everything, and reset mends it. */
/* rule: CORE-04 */
START_TEST(broken_queue_needs_reset)
{
	live();
	(void)called();
	device_report_broken(w.device, 0);
	device_report_broken(w.device, 1);
	for (int i = 0; i < 3; i++)
		ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_uint_eq(rd(0x070), 0x4f);
	ck_assert_uint_eq(rd(0x060), 2);
	ck_assert_uint_eq(w.stops, 1);
	ck_assert_uint_eq(faults(DEVICE_FAULT_BROKEN), 1);
	wr(0x070, 0);
	live();
	ck_assert_uint_eq(rd(0x070), 0xf);
}
END_TEST

/* The driver can neither take the bit away nor go on; it can give up, and it can
 * reset. */
/* rule: CORE-05 CORE-06 CORE-07 */
START_TEST(status_writes_when_broken)
{
	static const struct {
		uint32_t write, want;
	} writes[] = {
		{ 0x0f, 0x4f }, { 0x4f, 0x4f }, { 0x0b, 0x4f }, { 0x40, 0x4f },
		{ 0x8f, 0xcf }, { 0xcf, 0xcf }, { 0x0f, 0xcf }, { 0x00, 0x00 },
	};

	live();
	device_report_broken(w.device, 0);
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	while (rd(0x070) == 0xf)
		ck_assert(!err_is(loop_once(w.loop, 1000)));
	for (unsigned i = 0; i < ARRAY_LEN(writes); i++) {
		wr(0x070, writes[i].write);
		ck_assert_msg(rd(0x070) == writes[i].want, "%#x: got %#x, want %#x",
			      writes[i].write, rd(0x070), writes[i].want);
		ck_assert(!w.running);
	}
	ck_assert_uint_eq(w.stops, 1);
}
END_TEST

/* A queue that is set up while the device is broken waits for the reset as well. */
START_TEST(queues_of_a_broken_device)
{
	live();
	device_report_broken(w.device, 0);
	while (rd(0x070) == 0xf)
		ck_assert(!err_is(loop_once(w.loop, 1000)));
	wr(0x030, 0);
	wr(0x044, 0);
	ck_assert_uint_eq(rd(0x044), 0);
	set_queue(0, 64, 0x10000, 0x14000, 0x18000);
	ck_assert_uint_eq(rd(0x044), 1);
	ck_assert(!queue_running(device_queue(w.device, 0)));
	ck_assert(!w.running);
	wr(0x070, 0);
	live();
	ck_assert(w.running);
}
END_TEST

START_TEST(report_of_an_old_life_is_dropped)
{
	live();
	device_report_broken(w.device, 0);
	wr(0x070, 0);
	live();
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_uint_eq(rd(0x070), 0xf);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/mmio_life");
	TCase *tc = tcase_create("mmio_life");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, failed_parks_until_reset);
	tcase_add_test(tc, queue_ready_zero_stops_that_queue);
	tcase_add_test(tc, pauses_nest_and_outlive_the_runner);
	tcase_add_test(tc, reset_is_power_on);
	tcase_add_test(tc, interrupts);
	tcase_add_test(tc, no_interrupt_is_lost);
	tcase_add_test(tc, generation_moves);
	tcase_add_test(tc, doorbells_of_no_queue);
	tcase_add_test(tc, control_queue_runs_on_the_loop);
	tcase_add_test(tc, broken_queue_needs_reset);
	tcase_add_test(tc, status_writes_when_broken);
	tcase_add_test(tc, queues_of_a_broken_device);
	tcase_add_test(tc, report_of_an_old_life_is_dropped);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
