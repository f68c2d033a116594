/* A thread that is asked: it does what it was asked for when the call returns, whatever came
 * before, and sleeps while there is nothing to run for. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/base/thread.h"
#include "tests/driver/suite.h"

static struct worker {
	struct thread thread;
	atomic_bool active, runs;
	atomic_uint runs_begun, pauses, stops;
	atomic_bool signals_come;
} w;

static void run(void *self)
{
	struct worker *me = self;
	struct pollfd wake = { .fd = me->thread.wake_fd, .events = POLLIN };
	sigset_t mask;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	atomic_store(&me->signals_come,
		     sigismember(&mask, SIGINT) == 0 || sigismember(&mask, SIGBUS) == 1);
	atomic_store(&me->runs, true);
	atomic_fetch_add(&me->runs_begun, 1);
	while (thread_is_to_run(&me->thread))
		if (poll(&wake, 1, -1) == 1)
			thread_woken(&me->thread);
	atomic_store(&me->runs, false);
}
static bool active(void *self) { return atomic_load(&((struct worker *)self)->active); }
static void paused(void *self) { atomic_fetch_add(&((struct worker *)self)->pauses, 1); }
static void stopped(void *self) { atomic_fetch_add(&((struct worker *)self)->stops, 1); }
static const struct thread_work work = { run, active, paused, stopped };

static void setup(void)
{
	w = (struct worker){ .active = true };
	ck_assert(!err_is(thread_init(&w.thread, &work, &w)));
}
static void teardown(void) { thread_fini(&w.thread); }

START_TEST(each_change_is_done_when_the_call_returns)
{
	static const enum thread_want asked[] = { THREAD_RUN,  THREAD_PAUSE, THREAD_STOP,
						  THREAD_STOP, THREAD_RUN,   THREAD_RUN,
						  THREAD_STOP, THREAD_PAUSE };
	unsigned pauses = 0, stops = 0, last = THREAD_STOP;

	for (unsigned i = 0; i < 10000; i++) {
		enum thread_want want = asked[(unsigned)rand() % ARRAY_LEN(asked)];

		thread_ask(&w.thread, want);
		pauses += want == THREAD_PAUSE && want != last;
		stops += want == THREAD_STOP && want != last;
		last = want;
		ck_assert_msg(want == THREAD_RUN || !atomic_load(&w.runs), "it still runs");
		ck_assert_uint_eq(atomic_load(&w.pauses), pauses);
		ck_assert_uint_eq(atomic_load(&w.stops), stops);
	}
}
END_TEST

START_TEST(it_runs_when_asked)
{
	thread_ask(&w.thread, THREAD_RUN);
	while (!atomic_load(&w.runs))
		(void)sched_yield();
	ck_assert_msg(!atomic_load(&w.signals_come), "signals reach it, or SIGBUS does not");
}
END_TEST

START_TEST(it_sleeps_while_there_is_nothing_to_run_for)
{
	atomic_store(&w.active, false);
	thread_ask(&w.thread, THREAD_RUN);
	thread_ask(&w.thread, THREAD_PAUSE);
	ck_assert_uint_eq(atomic_load(&w.runs_begun), 0);
	atomic_store(&w.active, true);
	thread_ask(&w.thread, THREAD_RUN);
	while (atomic_load(&w.runs_begun) == 0)
		(void)sched_yield();
}
END_TEST

START_TEST(it_ends_while_it_runs)
{
	thread_ask(&w.thread, THREAD_RUN);
	while (!atomic_load(&w.runs))
		(void)sched_yield();
	thread_fini(&w.thread);
	ck_assert(!atomic_load(&w.runs));
	setup();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("thread");
	TCase *tc = tcase_create("thread");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_change_is_done_when_the_call_returns);
	tcase_add_test(tc, it_runs_when_asked);
	tcase_add_test(tc, it_sleeps_while_there_is_nothing_to_run_for);
	tcase_add_test(tc, it_ends_while_it_runs);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
