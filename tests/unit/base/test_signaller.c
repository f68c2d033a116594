/* Signals to eventfds that somebody else may fill, and make wait. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "devices/base/signaller.h"
#include "tests/driver/suite.h"

enum { THREADS = 3, SIGNALS = 20000 };

static struct signaller *s;
static int fd;

static void setup(void)
{
	ck_assert(!err_is(signaller_create(&s)));
	fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
}

/* As where the kernel has no asynchronous reads: there is no file that could be read so. */
static void setup_without_reads(void)
{
	struct rlimit before, none;

	fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert(!err_is(signaller_create(&s)));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void teardown(void)
{
	signaller_destroy(s);
	ck_assert_int_eq(close(fd), 0);
}

static uint64_t count_of(int eventfd_fd)
{
	uint64_t count;

	ck_assert_int_eq(read(eventfd_fd, &count, sizeof(count)), sizeof(count));
	return count;
}

START_TEST(each_signal_counts)
{
	signaller_signal(s, fd);
	ck_assert_uint_eq(count_of(fd), 1);
	for (unsigned i = 0; i < SIGNALS; i++)
		signaller_signal(s, fd);
	ck_assert_uint_eq(count_of(fd), SIGNALS);
}
END_TEST

static void *signal_often(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < SIGNALS; i++)
		signaller_signal(s, fd);
	return NULL;
}

START_TEST(of_many_threads)
{
	pthread_t thread[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, signal_often, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(count_of(fd), THREADS * SIGNALS);
}
END_TEST

/* A write to it would wait until somebody reads. */
START_TEST(a_full_one_is_not_waited_for)
{
	const uint64_t most = UINT64_MAX - 1;

	ck_assert_int_eq(write(fd, &most, sizeof(most)), sizeof(most));
	for (unsigned i = 0; i < 3; i++)
		signaller_signal(s, fd);
	ck_assert_uint_ge(count_of(fd), most);
	signaller_signal(s, fd);
	ck_assert_uint_eq(count_of(fd), 1);
}
END_TEST

START_TEST(what_is_no_eventfd)
{
	int file = memfd_create("none", MFD_CLOEXEC);

	signaller_signal(s, -1);
	signaller_signal(s, file);
	signaller_signal(s, fd);
	ck_assert_uint_eq(count_of(fd), 1);
	ck_assert_int_eq(close(file), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base/signaller");
	TCase *tc = tcase_create("signaller"), *without = tcase_create("without reads");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_signal_counts);
	tcase_add_test(tc, of_many_threads);
	tcase_add_test(tc, a_full_one_is_not_waited_for);
	tcase_add_test(tc, what_is_no_eventfd);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(without, 30);
	tcase_add_checked_fixture(without, setup_without_reads, teardown);
	tcase_add_test(without, each_signal_counts);
	tcase_add_test(without, of_many_threads);
	tcase_add_test(without, a_full_one_is_not_waited_for);
	suite_add_tcase(suite, without);
	return suite_run(suite);
}
