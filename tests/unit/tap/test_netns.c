/* Network namespaces: private ones, named ones by path, and what an ordinary user may have. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

static void setup(void) { host_fresh(); }

static void done(struct err e) { ck_assert_msg(!err_is(e), "got \"%s\"", e.text); }

static ino_t here(void)
{
	struct stat s;

	ck_assert_int_eq(stat("/proc/thread-self/ns/net", &s), 0);
	return s.st_ino;
}

static ino_t of(int fd)
{
	struct stat s;

	ck_assert_int_eq(fstat(fd, &s), 0);
	return s.st_ino;
}

static unsigned open_files(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

START_TEST(a_private_one_is_new_and_we_are_back)
{
	ino_t before = here();
	unsigned files = open_files();
	int fd, again;

	done(netns_private(&fd));
	ck_assert_msg(here() == before, "not back");
	ck_assert_msg(of(fd) != before, "not a new one");
	ck_assert_msg((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "it outlives an exec");
	done(netns_private(&again));
	ck_assert_msg(of(fd) != of(again), "twice the same");
	ck_assert_uint_eq(open_files(), files + 2);
	done(netns_enter(fd));
	ck_assert(here() == of(fd));
	ck_assert_msg((host_info("lo").flags & IFF_UP) != 0, "loopback is down");
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(again), 0);
}
END_TEST

/* A veth between both tells when the other namespace has died: the near half goes too. */
START_TEST(a_private_one_goes_with_its_descriptor)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	struct link *l;
	int fd;

	done(netns_private(&fd));
	done(link_open(&l));
	done(link_add_veth(l, "nn1", "nn2", fd));
	link_close(l);
	ck_assert_msg(host_has("nn1") && !host_has("nn2"), "no veth into the other namespace");
	ck_assert_int_eq(close(fd), 0);
	while (host_has("nn1")) {
		ck_assert_msg(host_now_ms() < deadline, "the namespace is still there");
		(void)host_wait_readable(-1, 10);
	}
}
END_TEST

/* clang-format off */
static const struct { const char *name; int err; const char *word[2]; } opens[] = {
	{ "no-such-namespace-here", 0, { "does not exist", "ip netns add no-such-namespace-here" } },
	{ "/no/such/path", ENOENT, { "/no/such/path", "No such file" } },
	{ "/proc/self/comm", 0, { "/proc/self/comm is no network namespace", "'ip netns'" } },
	{ "/proc/self/ns/uts", 0, { "/proc/self/ns/uts is no network namespace", "/proc/PID/ns/net" } },
};
/* clang-format on */

START_TEST(one_that_is_not_there)
{
	int fd = 77;
	struct err e = netns_open(opens[_i].name, &fd);

	ck_assert_msg(err_is(e) && e.sys_errno == opens[_i].err, "got \"%s\" (%d)", e.text,
		      e.sys_errno);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_msg(strstr(e.text, opens[_i].word[i]) != NULL, "got \"%s\"", e.text);
	ck_assert_int_eq(fd, 77);
}
END_TEST

START_TEST(one_by_its_path)
{
	char path[64];
	int fd, by_path;

	done(netns_private(&fd));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	done(netns_open(path, &by_path));
	ck_assert(of(by_path) == of(fd));
	ck_assert_int_eq(close(fd), 0);
	done(netns_enter(by_path));
	ck_assert_int_eq(close(by_path), 0);
}
END_TEST

/* Nobody writes to it: to wait for that would be for ever. */
START_TEST(a_fifo_is_not_waited_for)
{
	char path[] = "/tmp/tapvm-netns-XXXXXX";
	struct err e;
	int fd = 77;

	ck_assert(mkdtemp(path) != NULL && rmdir(path) == 0 && mkfifo(path, 0600) == 0);
	e = netns_open(path, &fd);
	(void)unlink(path);
	ck_assert_msg(err_is(e) && strstr(e.text, "is no network namespace") != NULL, "got \"%s\"",
		      e.text);
}
END_TEST

/* A descriptor that is none: the words do not blame a missing right. */
START_TEST(what_is_none)
{
	ino_t before = here();
	int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	struct err e = netns_enter(fd);

	ck_assert_msg(err_is(e) && strstr(e.text, "CAP_SYS_ADMIN") == NULL &&
			      strstr(e.text, "no network namespace") != NULL,
		      "got \"%s\"", e.text);
	ck_assert(here() == before);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* ---- an ordinary user ---- */

static struct err try_private(void *self)
{
	int fd;

	(void)self;
	return netns_private(&fd);
}

static struct err try_enter(void *self)
{
	const int *fd = self;

	return netns_enter(*fd);
}

START_TEST(an_ordinary_user_may_not)
{
	struct err e = host_as(HOST_NOBODY, try_private, NULL);
	int fd;

	ck_assert_msg(err_is(e) && e.sys_errno == EPERM && strstr(e.text, "needs root") != NULL,
		      "got \"%s\"", e.text);
	done(netns_private(&fd));
	e = host_as(HOST_NOBODY, try_enter, &fd);
	ck_assert_msg(err_is(e) && e.sys_errno == EPERM && strstr(e.text, "CAP_SYS_ADMIN") != NULL,
		      "got \"%s\"", e.text);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Root of namespaces of its own; then private ones can be made, and lo is up. */
static struct err try_root(void *self)
{
	struct err e = netns_become_root();
	int fd;

	(void)self;
	if (err_is(e))
		return e;
	if (geteuid() != 0 || getegid() != 0)
		return err_make(ERR_SETUP, 0, "user %u, group %u", (unsigned)geteuid(),
				(unsigned)getegid());
	e = netns_private(&fd);
	return err_is(e) ? e : netns_enter(fd);
}

START_TEST(an_ordinary_user_becomes_root_of_its_own)
{
	/* The machine may forbid it: then the words say so. */
	struct err e = host_as(HOST_NOBODY, try_root, NULL);

	ck_assert_msg(!err_is(e) ||
			      strstr(e.text, "this system may not let ordinary users") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("netns");
	TCase *tc = tcase_create("netns");

	if (!host_ready("network namespaces"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_private_one_is_new_and_we_are_back);
	tcase_add_test(tc, a_private_one_goes_with_its_descriptor);
	tcase_add_loop_test(tc, one_that_is_not_there, 0, (int)ARRAY_LEN(opens));
	tcase_add_test(tc, one_by_its_path);
	tcase_add_test(tc, a_fifo_is_not_waited_for);
	tcase_add_test(tc, what_is_none);
	if (host_is_root()) {
		tcase_add_test(tc, an_ordinary_user_may_not);
		tcase_add_test(tc, an_ordinary_user_becomes_root_of_its_own);
	}
	suite_add_tcase(s, tc);
	return suite_run(s);
}
