/* errno in words, with the real kernel in namespaces of our own: who holds it, what else it is,
 * whose it is. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { PLAIN = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

static void setup(void) { host_fresh(); }

static void setup_nodes(void)
{
	host_fresh();
	host_empty_dev_net();
}

static struct tap_request request(const char *name)
{
	return (struct tap_request){
		.name = name, .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
}

static struct err try_open(void *self)
{
	const struct tap_request *r = self;
	struct tap tap;
	struct err e = tap_open(&sys_host, r, &tap);

	if (!err_is(e))
		tap_close(&sys_host, &tap);
	return e;
}

static void assert_words(struct err e, const char *const word[], unsigned count)
{
	ck_assert_msg(err_is(e), "it was taken");
	for (unsigned i = 0; i < count && word[i] != NULL; i++)
		ck_assert_msg(strstr(e.text, word[i]) != NULL, "got \"%s\", want \"%s\" in it",
			      e.text, word[i]);
	ck_assert_msg(strchr(e.text, '\n') == NULL && strlen(e.text) + 1 < sizeof(e.text),
		      "got \"%s\"", e.text);
}

#define ASSERT_WORDS(e, ...)                                                                       \
	assert_words(e, (const char *const[]){ __VA_ARGS__ },                                      \
		     sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

static void make_persistent(const char *name, int flags, int owner)
{
	int fd = host_tun(name, flags);

	ck_assert_msg(fd >= 0, "%s: %s", name, strerrordesc_np(errno));
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1), 0);
	if (owner >= 0)
		ck_assert_int_eq(ioctl(fd, TUNSETOWNER, owner), 0);
	ck_assert_int_eq(close(fd), 0);
}

/* ---- who holds it ---- */

struct held {
	const char *name;
	bool elsewhere;
	int more; /* IFF_* beside the usual */
};

static int hold(void *self)
{
	const struct held *h = self;

	if (h->elsewhere)
		host_fresh();
	return host_tun(h->name, PLAIN | h->more);
}

START_TEST(busy_names_the_holder)
{
	struct tap_request r = request("ex0");
	struct held h = { .name = r.name };
	pid_t child = host_hold("a_holder", hold, &h);
	char who[64];

	(void)snprintf(who, sizeof(who), "process %d (a_holder)", (int)child);
	ASSERT_WORDS(try_open(&r), "TAP ex0", who, "end that");
	host_release(child);
}
END_TEST

/* Others hold a TAP of that name in namespaces of their own, before and after. */
START_TEST(a_holder_elsewhere_is_not_accused)
{
	struct tap_request r = request("ex0");
	struct held here = { .name = r.name }, there = { .name = r.name, .elsewhere = true };
	pid_t child[3];
	char who[64];

	child[0] = host_hold("elsewhere", hold, &there);
	child[1] = host_hold("a_holder", hold, &here);
	child[2] = host_hold("elsewhere", hold, &there);
	(void)snprintf(who, sizeof(who), "process %d (a_holder)", (int)child[1]);
	ASSERT_WORDS(try_open(&r), "TAP ex0", who);
	for (unsigned i = 0; i < 3; i++)
		host_release(child[i]);
}
END_TEST

/* The kernel lets anybody attach to one of several queues, made by us or not. */
START_TEST(queues_of_somebody_else_are_told)
{
	struct tap_request r = request("ex0");
	struct held h = { .name = r.name, .more = IFF_MULTI_QUEUE };
	pid_t child = host_hold("a_holder", hold, &h);
	char who[64];

	r.queues = 2;
	(void)snprintf(who, sizeof(who), "process %d (a_holder)", (int)child);
	ASSERT_WORDS(try_open(&r), "TAP ex0", who, "end that");
	ck_assert_msg(host_info("ex0").tun_queues == 1, "some of ours are left");
	host_release(child);
}
END_TEST

START_TEST(a_persistent_tap_of_several_queues_is_taken)
{
	struct tap_request r = request("ex4");

	make_persistent("ex4", PLAIN | IFF_MULTI_QUEUE, -1);
	for (unsigned life = 0; life < 2; life++) {
		r.queues = 2 + life;
		ck_assert_msg(!err_is(try_open(&r)), "life %u", life);
		ck_assert_uint_eq(host_info("ex4").tun_queues, 0);
	}
}
END_TEST

/* ---- what else it is ---- */

/* clang-format off */
static const struct { const char *says; int flags; unsigned queues; const char *word[4]; } others[] = {
	{ "a TUN", IFF_TUN | IFF_NO_PI, 1, { "attach to ex1", "made as a TUN", "ip tuntap del ex1 mode tun" } },
	{ "with multi_queue", PLAIN | IFF_MULTI_QUEUE, 1, { "TAP ex1", "made with multi_queue",
	  "ip link del ex1; ip tuntap add ex1 mode tap vnet_hdr'", "or give queues=2" } },
	{ "without multi_queue", PLAIN, 2, { "TAP ex1", "made without multi_queue",
	  "ip link del ex1; ip tuntap add ex1 mode tap vnet_hdr multi_queue'", "or leave queues= out" } },
};
/* clang-format on */

START_TEST(another_kind_of_tun_is_told)
{
	struct tap_request r = request("ex1");

	make_persistent("ex1", others[_i].flags, -1);
	r.queues = others[_i].queues;
	assert_words(try_open(&r), others[_i].word, 4);
	ck_assert_msg(host_has("ex1"), "it is gone");
}
END_TEST

START_TEST(another_kind_of_interface_is_told)
{
	static const char *const names[] = { "lo", "ex2", "ex3", "exbr" };
	static const char *const kinds[] = { "kind 'device'", "kind 'veth'", "kind 'veth'",
					     "kind 'bridge'" };
	struct tap_request r = request(names[_i]);
	struct link *l;

	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_add_veth(l, "ex2", "ex3", -1)));
	link_close(l);
	ck_assert_int_eq(host_add_bridge("exbr"), 0);
	ASSERT_WORDS(try_open(&r), names[_i], kinds[_i], "choose another name");
}
END_TEST

/* ---- whose it is, and whose the node is. Needs nodes of our own ---- */

START_TEST(a_node_is_made_whatever_the_umask)
{
	struct stat s;

	(void)umask(0177);
	ck_assert(!err_is(tap_node(&sys_host)));
	ck_assert_int_eq(stat("/dev/net/tun", &s), 0);
	ck_assert_msg(S_ISCHR(s.st_mode) && s.st_rdev == makedev(10, 200) &&
			      (s.st_mode & 0777) == 0666,
		      "got mode %o, device %u:%u", s.st_mode, major(s.st_rdev), minor(s.st_rdev));
	ck_assert(!err_is(tap_node(&sys_host)));
}
END_TEST

/* clang-format off */
static const struct { const char *says; mode_t mode; dev_t device; const char *word[3]; } nodes[] = {
	{ "missing", 0, 0, { "/dev/net/tun", "needs root", "mknod /dev/net/tun c 10 200" } },
	{ "of mode 0600", 0600, 10 << 8 | 200, { "/dev/net/tun", "file mode", "chmod 666 /dev/net/tun" } },
	{ "of a minor that nobody has", 0666, 10 << 8 | 199, { "/dev/net/tun", "modprobe tun" } },
	{ "of a major that nobody has", 0666, 0xe9 << 8 | 1, { "/dev/net/tun", "modprobe tun" } },
	{ "null", 0666, 1 << 8 | 3, { "/dev/net/tun", "another device" } },
};
/* clang-format on */

START_TEST(a_node_that_an_ordinary_user_cannot_use)
{
	struct tap_request r = request("ex4");

	if (nodes[_i].mode != 0) {
		ck_assert_int_eq(mknod("/dev/net/tun", S_IFCHR | nodes[_i].mode, nodes[_i].device),
				 0);
		ck_assert_int_eq(chmod("/dev/net/tun", nodes[_i].mode), 0);
	}
	assert_words(host_as(HOST_NOBODY, try_open, &r), nodes[_i].word, 3);
}
END_TEST

/* owner, group: of the TAP, -1: there is none, or it has none. */
/* clang-format off */
static const struct { const char *says; bool there; int owner, group; const char *word[4]; } rights[] = {
	{ "no TAP", false, -1, -1, { "make TAP 'ex5'", "CAP_NET_ADMIN", "ip tuntap add ex5 mode tap vnet_hdr user 65534",
				     "netns=private" } },
	{ "root's", true, 0, -1, { "TAP ex5", "belongs to user 0, you are 65534", "ip tuntap del ex5" } },
	{ "another group's", true, -1, 4242, { "TAP ex5", "belongs to group 4242", "as root" } },
	{ "another group's, but own", true, HOST_NOBODY, 4242, { "TAP ex5", "belongs to group 4242", "both" } },
	{ "own", true, HOST_NOBODY, -1, { NULL } },
	{ "nobody's", true, -1, -1, { NULL } },
};
/* clang-format on */

static void make_rights(int i)
{
	int fd;

	ck_assert(!err_is(tap_node(&sys_host)));
	if (!rights[i].there)
		return;
	make_persistent("ex5", PLAIN, rights[i].owner);
	fd = host_tun("ex5", PLAIN);
	if (rights[i].group >= 0)
		ck_assert_int_eq(ioctl(fd, TUNSETGROUP, rights[i].group), 0);
	ck_assert_int_eq(close(fd), 0);
}

static void assert_rights(int i, struct err e)
{
	if (rights[i].word[0] == NULL)
		ck_assert_msg(!err_is(e), "%s: got \"%s\"", rights[i].says, e.text);
	else
		assert_words(e, rights[i].word, 4);
}

START_TEST(a_tap_of_somebody)
{
	struct tap_request r = request("ex5");

	make_rights(_i);
	assert_rights(_i, host_as(HOST_NOBODY, try_open, &r));
}
END_TEST

/* What an ordinary user meets who names none. */
START_TEST(a_tap_of_an_automatic_name)
{
	static const char *const words[] = { "make a TAP: needs CAP_NET_ADMIN", "netns=private",
					     "ip tuntap add tap0 mode tap vnet_hdr user 65534" };
	struct tap_request r = request(NULL);

	ck_assert(!err_is(tap_node(&sys_host)));
	assert_words(host_as(HOST_NOBODY, try_open, &r), words, ARRAY_LEN(words));
}
END_TEST

static struct err try_effective(void *self)
{
	if (seteuid(HOST_NOBODY) < 0)
		return err_none();
	return try_open(self);
}

/* A program that root gave away in part: the kernel goes by the effective user, so do the words. */
START_TEST(the_effective_user_counts)
{
	struct tap_request r = request("ex5");

	make_rights(_i);
	assert_rights(_i, host_as(-1, try_effective, &r));
}
END_TEST

static void add_tests(Suite *s)
{
	TCase *tc = tcase_create("explain"), *nodes_tc = tcase_create("nodes of our own");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, busy_names_the_holder);
	tcase_add_test(tc, a_holder_elsewhere_is_not_accused);
	tcase_add_test(tc, queues_of_somebody_else_are_told);
	tcase_add_test(tc, a_persistent_tap_of_several_queues_is_taken);
	tcase_add_loop_test(tc, another_kind_of_tun_is_told, 0, (int)ARRAY_LEN(others));
	tcase_add_loop_test(tc, another_kind_of_interface_is_told, 0, 4);
	suite_add_tcase(s, tc);
	if (!host_is_root()) {
		(void)printf("skip: nodes of our own: only root can make them\n");
		return;
	}
	tcase_set_timeout(nodes_tc, 60);
	tcase_add_checked_fixture(nodes_tc, setup_nodes, NULL);
	tcase_add_test(nodes_tc, a_node_is_made_whatever_the_umask);
	tcase_add_loop_test(nodes_tc, a_node_that_an_ordinary_user_cannot_use, 0,
			    (int)ARRAY_LEN(nodes));
	tcase_add_loop_test(nodes_tc, a_tap_of_somebody, 0, (int)ARRAY_LEN(rights));
	tcase_add_test(nodes_tc, a_tap_of_an_automatic_name);
	tcase_add_loop_test(nodes_tc, the_effective_user_counts, 0, (int)ARRAY_LEN(rights));
	suite_add_tcase(s, nodes_tc);
}

int main(void)
{
	Suite *s = suite_create("explain");

	if (!host_ready("errno in words"))
		return 77;
	add_tests(s);
	return suite_run(s);
}
