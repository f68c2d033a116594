/* Waiting for events: what is there is told at once, and no wait ends before its time. */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices/base/clock.h"
#include "devices/datapath/wait.h"
#include "tests/driver/suite.h"

static struct event_set set;
static int fd;

static void setup(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = 7 };

	set = (struct event_set){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert(set.epoll_fd >= 0 && fd >= 0);
	ck_assert_int_eq(epoll_ctl(set.epoll_fd, EPOLL_CTL_ADD, fd, &e), 0);
}

static void teardown(void)
{
	(void)close(fd);
	(void)close(set.epoll_fd);
}

/* With the kernel's own call, and with what stands in for it. */
START_TEST(what_is_there_is_told)
{
	const uint64_t waits[] = { 0, 1, WAIT_FOREVER };
	struct epoll_event e;

	set.coarse = _i == 1;
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	for (unsigned i = 0; i < 3; i++) {
		e.data.u32 = 0;
		ck_assert_int_eq(wait_events(&set, &e, 1, waits[i]), 1);
		ck_assert_uint_eq(e.data.u32, 7);
	}
}
END_TEST

START_TEST(no_wait_ends_before_its_time)
{
	const uint64_t waits[] = { 0, 1, 999999, 1000000, 1500000, 2000001 };
	struct epoll_event e;

	for (unsigned i = 0; i < 6; i++) {
		uint64_t from = clock_now_ns(&clock_host), took;

		set.coarse = _i == 1;
		ck_assert_int_eq(wait_events(&set, &e, 1, waits[i]), 0);
		took = clock_now_ns(&clock_host) - from;
		ck_assert_msg(took >= waits[i], "a wait of %llu ns took %llu",
			      (unsigned long long)waits[i], (unsigned long long)took);
	}
}
END_TEST

/* From here on this process's epoll_pwait2 is answered so. */
static void refuse_by(uint32_t why)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | why),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* A kernel that does not have it, and a container whose filter is older than it. */
START_TEST(without_the_kernels_own_call)
{
	struct epoll_event e;

	refuse_by(_i == 0 ? ENOSYS : EPERM);
	ck_assert_int_eq(eventfd_write(fd, 1), 0);
	ck_assert_int_eq(wait_events(&set, &e, 1, WAIT_FOREVER), 1);
	ck_assert(set.coarse);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datapath/wait");
	TCase *tc = tcase_create("wait");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_is_there_is_told, 0, 2);
	tcase_add_loop_test(tc, no_wait_ends_before_its_time, 0, 2);
	if (prctl(PR_GET_SECCOMP) >= 0)
		tcase_add_loop_test(tc, without_the_kernels_own_call, 0, 2);
	else
		(void)printf("skip: wait: no filters of system calls (user-mode emulation)\n");
	suite_add_tcase(s, tc);
	return suite_run(s);
}
