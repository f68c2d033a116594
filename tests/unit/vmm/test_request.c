/* tests/unit/vmm/test_request.c: what the keeper asks of a machine that runs: a NIC on a loopback,
 * and the messages by a socket pair as the machine's control loop takes them. */
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "vmm/machine/parts.h"

static struct rig r;
static struct nic nic;
static struct ram ram;
static struct machine_config config;
static struct running running;
static int keeper;

static void setup(void)
{
	struct err e;
	int ends[2];

	rig_make(&r);
	rig_up(&r, RIG_ALL, 8);
	nic = (struct nic){ .name = "vm0", .net = r.net, .datapath = r.datapath };
	e = ram_init(&ram, 4 << 20);
	ck_assert_msg(!err_is(e), "%s", e.text);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	keeper = ends[0];
	config = (struct machine_config){ .nic_count = 1, .keeper_fd = ends[1] };
	running = (struct running){ .nic = &nic, .nic_count = 1, .ram = &ram };
}

static void teardown(void)
{
	(void)close(keeper);
	(void)close(config.keeper_fd);
	ram_fini(&ram);
	rig_end(&r);
}

static bool guest_link(void)
{
	return (rig_read(&r, 0x100 + 4) >> 16 & 1) != 0; /* config: a MAC, then status */
}

/* ret: the answer, "" if there is none. */
static const char *tell(const char *message, bool *ret_goes_on)
{
	static char text[65536];
	ssize_t got;

	ck_assert_int_eq(send(keeper, message, strlen(message), 0), (ssize_t)strlen(message));
	*ret_goes_on = words_take(&config, &running);
	got = recv(keeper, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static const struct {
	const char *says, *message, *answer;
	bool link, goes_on;
} cases[] = {
	{ "a link down", "link 0 down", "", false, true },
	{ "a link that is up already", "link 0 up", "", true, true },
	{ "the same with an answer", "ask 1 link 0 down", "answer 1 ok ", false, true },
	{ "a link that is neither", "ask 2 link 0 off", "answer 2 no 'off' is neither up nor down",
	  true, true },
	{ "a link of no NIC", "ask 3 link 1 down", "answer 3 no there is no NIC '1'", true, true },
	{ "a link of a NIC below 0", "ask 3 link / down", "answer 3 no there is no NIC '/'", true,
	  true },
	{ "a link of a NIC of two digits", "ask 3 link 00 down", "answer 3 no there is no NIC '00'",
	  true, true },
	{ "a link of no word", "ask 3 link  down", "answer 3 no there is no NIC ''", true, true },
	{ "a word too many", "ask 4 link 0 down now", "answer 4 no 'link 0 down now' is no request",
	  true, true },
	{ "a word too few", "ask 4 link 0", "answer 4 no 'link 0' is no request", true, true },
	{ "an unknown word", "ask 999999999 frob", "answer 999999999 no 'frob' is no request", true,
	  true },
	{ "nothing", "ask 5 ", "answer 5 no '' is no request", true, true },
	{ "what has no number", "ask link 0 down", "", true, true },
	{ "a number past all", "ask 99999999999999999999 link 0 down", "", true, true },
	{ "a number and no more", "ask 6", "", true, true },
	{ "statistics that nobody waits for", "stats", "", true, true },
	{ "a limit", "ask 7 rate 0 rx:1G", "answer 7 ok ", true, true },
	{ "a limit that is none", "ask 7 rate 0 0",
	  "answer 7 no 0 is out of range; a rate is 8K to 100G bits a second, or off", true, true },
	{ "a data path that it has", "ask 7 vhost 0 off", "answer 7 ok ", true, true },
	{ "a data path that it has not", "ask 8 vhost 0 on",
	  "answer 8 no t0 has no vhost-net; start it with vhost=on", true, true },
	{ "a data path that is neither", "ask 8 vhost 0 yes",
	  "answer 8 no 'yes' is neither on nor off", true, true },
	{ "the end", "stop", "", true, false },
	{ "no end with an answer", "ask 9 stop", "answer 9 no 'stop' is no request", true, true },
	{ "a word that begins like the end", "stopp", "", true, true },
};

START_TEST(a_request_is_done_or_refused_in_words)
{
	bool goes_on;
	const char *answer = tell(cases[_i].message, &goes_on);

	ck_assert_msg(strcmp(answer, cases[_i].answer) == 0, "%s: got \"%s\"", cases[_i].says,
		      answer);
	ck_assert_msg(guest_link() == cases[_i].link, "%s: the link is %s", cases[_i].says,
		      guest_link() ? "up" : "down");
	ck_assert_msg(goes_on == cases[_i].goes_on, "%s: the machine goes on: %d", cases[_i].says,
		      goes_on);
}
END_TEST

/* What --stats has, in one line. */
START_TEST(statistics_are_words)
{
	bool goes_on;
	const char *answer = tell("ask 12 stats", &goes_on);

	ck_assert_msg(strncmp(answer, "answer 12 ok net.count=1 net.0.name=vm0 net.0.path=worker ",
			      58) == 0,
		      "got \"%s\"", answer);
	ck_assert_ptr_nonnull(strstr(answer, " net.0.unaccounted=0 "));
	ck_assert_msg(strchr(answer, '\n') == NULL && answer[strlen(answer) - 1] != ' ',
		      "got \"%s\"", answer);
	ck_assert(goes_on);
}
END_TEST

/* What is named changes, the other way's stays; the statistics have what is in force. */
START_TEST(limits_are_set_each_way)
{
	bool goes_on;
	const char *answer;

	ck_assert_str_eq(tell("rate 0 100M/64K", &goes_on), "");
	ck_assert_str_eq(tell("rate 0 tx:off", &goes_on), "");
	ck_assert_uint_eq(net_rate(r.net)->rx.bytes_a_second, 12500000);
	ck_assert_uint_eq(net_rate(r.net)->rx.burst_bytes, 65536);
	ck_assert_uint_eq(net_rate(r.net)->tx.bytes_a_second, 0);
	answer = tell("ask 1 stats", &goes_on);
	ck_assert_ptr_nonnull(strstr(answer, " net.0.rate.rx=100000000 net.0.rate.rx_waits=0 "));
	ck_assert_ptr_null(strstr(answer, "net.0.rate.tx"));
}
END_TEST

/* A datagram longer than any request is cut by the kernel, and is none. */
START_TEST(a_long_message_is_no_request)
{
	char message[1000] = "ask 1 link 0 down";
	bool goes_on;

	memset(message + strlen(message), ' ', sizeof(message) - 1 - strlen(message));
	ck_assert_ptr_nonnull(strstr(tell(message, &goes_on), "answer 1 no "));
	ck_assert(goes_on && guest_link());
}
END_TEST

START_TEST(a_keeper_that_is_gone_is_the_end)
{
	ck_assert(words_take(&config, &running));
	ck_assert_int_eq(shutdown(keeper, SHUT_WR), 0);
	ck_assert(!words_take(&config, &running));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("request");
	TCase *tc = tcase_create("request");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_request_is_done_or_refused_in_words, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, statistics_are_words);
	tcase_add_test(tc, limits_are_set_each_way);
	tcase_add_test(tc, a_long_message_is_no_request);
	tcase_add_test(tc, a_keeper_that_is_gone_is_the_end);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
