/* The control loop: what is called, and what is not called any more, when functions take
 * descriptors in and out while a turn is under way. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "devices/base/clock.h"
#include "devices/base/loop.h"
#include "tests/driver/suite.h"

enum { SPOTS = 40, WAIT_MS = 10000 };

/* One watched descriptor, and what its function does on top of counting. */
struct spot {
	struct loop *loop;
	int fd;
	unsigned calls;
	uint32_t events;
	void (*then)(struct spot *self);
	struct spot *other, *fresh;
};

static void on_spot(void *self, uint32_t epoll_events)
{
	struct spot *s = self;

	s->calls++;
	s->events = epoll_events;
	if (s->then != NULL)
		s->then(s);
}

static int ready_fd(void)
{
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void watch(struct spot *s)
{
	struct err e = loop_add(s->loop, s->fd, EPOLLIN, on_spot, s);

	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
}

static struct spot spot_on(struct loop *loop, void (*then)(struct spot *self))
{
	return (struct spot){ .loop = loop, .fd = ready_fd(), .then = then };
}

static void turn(struct loop *loop, int timeout_ms)
{
	struct err e = loop_once(loop, timeout_ms);

	ck_assert_msg(!err_is(e), "got \"%s\", want success", e.text);
}

static struct loop *new_loop(void)
{
	struct loop *loop;

	ck_assert(!err_is(loop_create(&loop)));
	return loop;
}

START_TEST(calls_what_is_due)
{
	struct loop *loop = new_loop();
	struct spot due = spot_on(loop, NULL), quiet = spot_on(loop, NULL);
	uint64_t value;

	ck_assert_int_eq(read(quiet.fd, &value, sizeof(value)), sizeof(value));
	watch(&due);
	watch(&quiet);
	turn(loop, 0);
	turn(loop, WAIT_MS);
	ck_assert_msg(due.calls == 2 && quiet.calls == 0, "got %u and %u calls, want 2 and 0",
		      due.calls, quiet.calls);
	ck_assert_msg(due.events == EPOLLIN, "got events %#x, want %#x", due.events,
		      (unsigned)EPOLLIN);
	loop_remove(loop, due.fd);
	turn(loop, 0);
	ck_assert_msg(due.calls == 2, "got %u calls, want none after the removal", due.calls);
	(void)close(due.fd);
	(void)close(quiet.fd);
	loop_destroy(loop);
}
END_TEST

/* More than one turn names at once: the others come in the turns after. */
START_TEST(many_at_once_all_have_their_turn)
{
	struct loop *loop = new_loop();
	struct spot s[SPOTS];

	for (unsigned i = 0; i < SPOTS; i++) {
		s[i] = spot_on(loop, NULL);
		watch(&s[i]);
	}
	for (unsigned i = 0; i < SPOTS; i++)
		turn(loop, 0);
	for (unsigned i = 0; i < SPOTS; i++) {
		ck_assert_msg(s[i].calls > 0, "descriptor %u of %d was never called", i, SPOTS);
		(void)close(s[i].fd);
	}
	loop_destroy(loop);
}
END_TEST

/* ---- changes while a turn is under way ---- */

static void remove_self(struct spot *s) { loop_remove(s->loop, s->fd); }
static void remove_other(struct spot *s) { loop_remove(s->loop, s->other->fd); }

START_TEST(one_that_removes_itself_is_called_once)
{
	struct loop *loop = new_loop();
	struct spot s = spot_on(loop, remove_self), stays = spot_on(loop, NULL);

	watch(&s);
	watch(&stays);
	turn(loop, 0);
	turn(loop, 0);
	ck_assert_msg(s.calls == 1 && stays.calls == 2, "got %u and %u calls, want 1 and 2",
		      s.calls, stays.calls);
	(void)close(s.fd);
	(void)close(stays.fd);
	loop_destroy(loop);
}
END_TEST

/* Both are due in one turn and each removes the other: whichever is first is the only one. */
START_TEST(one_removed_in_its_own_turn_is_not_called)
{
	struct loop *loop = new_loop();
	struct spot a = spot_on(loop, remove_other), b = spot_on(loop, remove_other);

	a.other = &b;
	b.other = &a;
	watch(&a);
	watch(&b);
	turn(loop, 0);
	ck_assert_msg(a.calls + b.calls == 1, "got %u and %u calls, want one in all", a.calls,
		      b.calls);
	turn(loop, 0);
	ck_assert_msg(a.calls + b.calls == 2, "got %u and %u calls, want another one", a.calls,
		      b.calls);
	(void)close(a.fd);
	(void)close(b.fd);
	loop_destroy(loop);
}
END_TEST

/* The other's descriptor is closed, its number given to a fresh one, and that one watched. */
static void replace_other(struct spot *s)
{
	int fd = s->other->fd;

	s->then = NULL;
	loop_remove(s->loop, fd);
	(void)close(fd);
	s->fresh->fd = ready_fd();
	ck_assert_msg(s->fresh->fd == fd, "got descriptor %d, want %d again", s->fresh->fd, fd);
	watch(s->fresh);
}

START_TEST(the_same_number_is_another_descriptor)
{
	struct loop *loop = new_loop();
	struct spot a = spot_on(loop, replace_other), b = spot_on(loop, replace_other);
	struct spot fresh = { .loop = loop };

	a.other = &b;
	b.other = &a;
	a.fresh = b.fresh = &fresh;
	watch(&a);
	watch(&b);
	turn(loop, 0);
	ck_assert_msg(a.calls + b.calls == 1, "got %u and %u calls, want one in all", a.calls,
		      b.calls);
	ck_assert_msg(fresh.calls == 0, "got %u calls of the fresh one for the old one's event",
		      fresh.calls);
	turn(loop, 0);
	ck_assert_msg(a.calls + b.calls == 2, "got %u and %u calls, want one more", a.calls,
		      b.calls);
	ck_assert_msg(fresh.calls == 1, "got %u calls of the fresh one, want 1", fresh.calls);
	(void)close(a.fd);
	(void)close(b.fd); /* one of the two is the fresh one's */
	loop_destroy(loop);
}
END_TEST

static void read_again(struct spot *s)
{
	loop_remove(s->loop, s->fd);
	watch(s);
}

START_TEST(one_may_take_itself_out_and_in)
{
	struct loop *loop = new_loop();
	struct spot s = spot_on(loop, read_again);

	watch(&s);
	for (unsigned i = 1; i <= 5; i++) {
		turn(loop, 0);
		ck_assert_msg(s.calls == i, "turn %u: got %u calls", i, s.calls);
	}
	(void)close(s.fd);
	loop_destroy(loop);
}
END_TEST

static void add_other(struct spot *s)
{
	s->then = NULL;
	watch(s->other);
}

START_TEST(one_added_in_a_turn_is_called_in_the_next)
{
	struct loop *loop = new_loop();
	struct spot s = spot_on(loop, add_other), late = spot_on(loop, NULL);

	s.other = &late;
	watch(&s);
	turn(loop, 0);
	ck_assert_msg(late.calls == 0, "got %u calls, want 0 in the turn that added it",
		      late.calls);
	turn(loop, 0);
	ck_assert_msg(late.calls == 1, "got %u calls, want 1", late.calls);
	(void)close(s.fd);
	(void)close(late.fd);
	loop_destroy(loop);
}
END_TEST

/* ---- refusals, and what has no effect ---- */

START_TEST(what_cannot_be_watched_is_told)
{
	struct loop *loop = new_loop();
	struct spot s = spot_on(loop, NULL);
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct {
		const char *says;
		int fd, why;
	} bad[] = {
		{ "a descriptor twice", s.fd, EEXIST },
		{ "a number that is not open", 1023, EBADF },
		{ "no descriptor", -1, EBADF },
		{ "one that epoll does not take", file, EPERM },
	};

	watch(&s);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = loop_add(loop, bad[i].fd, EPOLLIN, on_spot, NULL);

		ck_assert_msg(err_is(e) && e.sys_errno == bad[i].why, "%s: got \"%s\", want \"%s\"",
			      bad[i].says, e.text, strerror(bad[i].why));
	}
	turn(loop, 0);
	ck_assert_msg(s.calls == 1, "got %u calls, want 1", s.calls);
	(void)close(file);
	(void)close(s.fd);
	loop_destroy(loop);
}
END_TEST

START_TEST(what_is_not_there_is_removed_without_effect)
{
	struct loop *loop = new_loop();
	struct spot s = spot_on(loop, NULL);

	watch(&s);
	loop_remove(loop, 1023);
	loop_remove(loop, -1);
	turn(loop, 0);
	ck_assert_msg(s.calls == 1, "got %u calls, want 1", s.calls);
	loop_remove(loop, s.fd);
	loop_remove(loop, s.fd);
	(void)close(s.fd);
	loop_destroy(loop);
	loop_destroy(NULL);
}
END_TEST

/* ---- time ---- */

START_TEST(waits_as_long_as_it_is_told)
{
	struct loop *loop = new_loop();
	uint64_t before = clock_now_ns(&clock_host), after;

	turn(loop, 30);
	after = clock_now_ns(&clock_host);
	ck_assert_msg(after - before >= 25000000, "got back after %llu ns, want 30 ms",
		      (unsigned long long)(after - before));
	loop_destroy(loop);
}
END_TEST

static void on_alarm(int number) { (void)number; }

START_TEST(a_signal_ends_the_wait_without_an_error)
{
	struct loop *loop = new_loop();
	struct sigaction action = { .sa_handler = on_alarm };
	/* Again and again: one that comes before the wait begins must not be the last. */
	struct itimerval often = { .it_value.tv_usec = 10000, .it_interval.tv_usec = 10000 };

	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	turn(loop, -1);
	loop_destroy(loop);
}
END_TEST

static void *add_from_outside(void *arg)
{
	watch(arg);
	return NULL;
}

START_TEST(another_thread_may_add_while_the_loop_waits)
{
	struct loop *loop = new_loop();
	struct spot s = spot_on(loop, NULL);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, add_from_outside, &s), 0);
	turn(loop, WAIT_MS);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_msg(s.calls == 1, "got %u calls, want 1", s.calls);
	(void)close(s.fd);
	loop_destroy(loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/loop");
	TCase *tc = tcase_create("loop");

	tcase_add_test(tc, calls_what_is_due);
	tcase_add_test(tc, many_at_once_all_have_their_turn);
	tcase_add_test(tc, one_that_removes_itself_is_called_once);
	tcase_add_test(tc, one_removed_in_its_own_turn_is_not_called);
	tcase_add_test(tc, the_same_number_is_another_descriptor);
	tcase_add_test(tc, one_may_take_itself_out_and_in);
	tcase_add_test(tc, one_added_in_a_turn_is_called_in_the_next);
	tcase_add_test(tc, what_cannot_be_watched_is_told);
	tcase_add_test(tc, what_is_not_there_is_removed_without_effect);
	tcase_add_test(tc, waits_as_long_as_it_is_told);
	tcase_add_test(tc, a_signal_ends_the_wait_without_an_error);
	tcase_add_test(tc, another_thread_may_add_while_the_loop_waits);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
