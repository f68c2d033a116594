/* What changes on the interfaces of a namespace: each event once, in order, and nothing that did
 * not happen. */
#include <check.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { PLAIN = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

static struct link *l;
static struct link_watch *w;
static int tap_fd;

static void done(struct err e) { ck_assert_msg(!err_is(e), "got \"%s\"", e.text); }

static void setup(void)
{
	host_fresh();
	tap_fd = host_tun("lw0", PLAIN);
	ck_assert_int_ge(tap_fd, 0);
	done(link_open(&l));
	done(link_watch_open(&w));
}

static void teardown(void)
{
	link_watch_close(w);
	link_close(l);
	if (tap_fd >= 0)
		ck_assert_int_eq(close(tap_fd), 0);
}

/* The next event of that interface, waited for. */
static struct link_event next(unsigned index)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	struct link_event event;
	bool lost;

	for (;;) {
		if (link_watch_next(w, &event, &lost)) {
			if (event.index == index)
				return event;
			continue;
		}
		ck_assert_msg(!lost, "events were lost");
		ck_assert_msg(host_now_ms() < deadline, "no event of interface %u", index);
		(void)host_wait_readable(link_watch_fd(w), 100);
	}
}

/* Waits for an event of that kind. */
static void await(unsigned index, const char *name, bool up, bool deleted)
{
	struct link_event e;

	do
		e = next(index);
	while (e.up != up || e.deleted != deleted || strcmp(e.name, name) != 0);
}

START_TEST(nothing_happened)
{
	struct link_event event;
	bool lost = true;

	ck_assert(!link_watch_next(w, &event, &lost));
	ck_assert(!lost);
}
END_TEST

START_TEST(up_down_and_carrier)
{
	unsigned index = host_info("lw0").index;
	struct link_event e;

	done(link_set_up(l, "lw0", true));
	e = next(index);
	ck_assert_msg(e.up && !e.deleted && strcmp(e.name, "lw0") == 0, "up %d, deleted %d, '%s'",
		      e.up, e.deleted, e.name);
	ck_assert_int_eq(ioctl(tap_fd, TUNSETCARRIER, &(int){ 0 }), 0);
	do
		e = next(index);
	while (e.carrier);
	ck_assert(e.up);
	ck_assert_int_eq(ioctl(tap_fd, TUNSETCARRIER, &(int){ 1 }), 0);
	do
		e = next(index);
	while (!e.carrier);
	done(link_set_up(l, "lw0", false));
	await(index, "lw0", false, false);
}
END_TEST

START_TEST(renamed_and_deleted)
{
	unsigned index = host_info("lw0").index;

	ck_assert_int_eq(host_rename("lw0", "lw9"), 0);
	await(index, "lw9", false, false);
	if (_i == 0) { /* by ip link del, or by its last descriptor */
		done(link_del(l, "lw9"));
	} else {
		ck_assert_int_eq(close(tap_fd), 0);
		tap_fd = -1;
	}
	await(index, "lw9", false, true);
}
END_TEST

/* A bridge tells of its ports by RTM_DELLINK as well: the interface is still there. */
START_TEST(out_of_a_bridge_is_not_deleted)
{
	unsigned index = host_info("lw0").index;
	struct link_event e;

	ck_assert_int_eq(host_add_bridge("lwbr"), 0);
	ck_assert_int_eq(host_set_master("lw0", "lwbr"), 0);
	ck_assert_int_eq(host_set_master("lw0", NULL), 0);
	done(link_set_mtu(l, "lw0", 1400));
	done(link_set_up(l, "lw0", true));
	do {
		e = next(index);
		ck_assert_msg(!e.deleted, "it is said to be deleted");
		ck_assert_str_eq(e.name, "lw0");
	} while (!e.up);
	ck_assert(host_has("lw0"));
}
END_TEST

/* More than the kernel's buffer holds: said once, and what comes after is heard again. */
START_TEST(an_overflow_is_told)
{
	unsigned index = host_info("lw0").index;
	struct link_event event;
	bool lost = false, ever = false;

	for (unsigned i = 0; i < 2000; i++)
		done(link_set_mtu(l, "lw0", 1000 + i % 2));
	for (unsigned i = 0; i < 4000 && (link_watch_next(w, &event, &lost) || !ever); i++)
		ever = ever || lost;
	ck_assert_msg(ever, "2000 changes were all kept, or were lost in silence");
	done(link_set_up(l, "lw0", true));
	await(index, "lw0", true, false);
}
END_TEST

START_TEST(only_its_own_namespace)
{
	struct link_event event;
	bool lost;
	int fd;

	host_fresh();
	fd = host_tun("lw1", PLAIN);
	ck_assert_int_ge(fd, 0);
	host_up("lw1");
	ck_assert_int_eq(close(fd), 0);
	ck_assert(!link_watch_next(w, &event, &lost));
	/* The sockets stay where they were opened. */
	done(link_set_up(l, "lw0", true));
	ck_assert(host_wait_readable(link_watch_fd(w), HOST_WAIT_MS));
	ck_assert(link_watch_next(w, &event, &lost));
	ck_assert_str_eq(event.name, "lw0");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link watch");
	TCase *tc = tcase_create("link watch");

	if (!host_ready("changes of interfaces"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_happened);
	tcase_add_test(tc, up_down_and_carrier);
	tcase_add_loop_test(tc, renamed_and_deleted, 0, 2);
	tcase_add_test(tc, out_of_a_bridge_is_not_deleted);
	tcase_add_test(tc, an_overflow_is_told);
	tcase_add_test(tc, only_its_own_namespace);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
