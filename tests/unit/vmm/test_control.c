/* tests/unit/vmm/test_control.c: the socket of --control and its clients, of whom any may be
 * anybody: what is passed on, who hears which answer, and that no client holds up another. */
#include "tests/unit/vmm/control.h"

static const struct {
	const char *says, *line, *told, *heard;
} lines[] = {
	{ "statistics", "stats\n", "ask 1 stats", "" },
	{ "a link by the NIC's number", "link 1 down\n", "ask 1 link 1 down", "" },
	{ "a link by the TAP's name", "link vm0 down\n", "ask 1 link 0 down", "" },
	{ "a TAP whose name is another's number", "link 0 down\n", "ask 1 link 0 down", "" },
	{ "more blanks than one", "  link   vm0  down \n", "ask 1 link 0 down", "" },
	{ "a limit, which is the machine's to judge", "rate vm0 rx:1G/64K\n",
	  "ask 1 rate 0 rx:1G/64K", "" },
	{ "a data path", "vhost 0 on\n", "ask 1 vhost 0 on", "" },
	{ "a word without its newline", "stats", "", "" },
	{ "an empty line", "\n", "",
	  "no unknown request ''; it is stats, link, rate, vhost or stop\n" },
	{ "blanks", "   \n", "",
	  "no unknown request ''; it is stats, link, rate, vhost or stop\n" },
	{ "an unknown word", "halt\n", "",
	  "no unknown request 'halt'; it is stats, link, rate, vhost or stop\n" },
	{ "a word that begins like another", "statss\n", "",
	  "no unknown request 'statss'; it is stats, link, rate, vhost or stop\n" },
	{ "a word too many", "stats 0\n", "", "no stats takes other words; write it like stats\n" },
	{ "words far too many", "link 0 up and down again\n", "",
	  "no link takes other words; write it like link NIC up|down\n" },
	{ "a word too few", "link 0\n", "",
	  "no link takes other words; write it like link NIC up|down\n" },
	{ "a link that is neither", "link 0 sideways\n", "",
	  "no link: 'sideways' is neither up nor down\n" },
	{ "a NIC that is not there", "link 2 up\n", "",
	  "no there is no NIC '2'; it is a number below 2, or the name of a TAP\n" },
	{ "a NIC of two digits", "link 00 up\n", "",
	  "no there is no NIC '00'; it is a number below 2, or the name of a TAP\n" },
	{ "a message of the keeper's", "ask 1 stats\n", "",
	  "no unknown request 'ask'; it is stats, link, rate, vhost or stop\n" },
	{ "a carriage return", "stats\r\n", "",
	  "no control characters in '?'; a request is words with blanks between them\n" },
	{ "an escape sequence", "\033[2J\n", "",
	  "no control characters in '?[2J'; a request is words with blanks between them\n" },
};

START_TEST(a_line_is_passed_on_or_refused_in_words)
{
	int fd = come();
	const char *got;

	say(fd, lines[_i].line);
	got = told();
	ck_assert_msg(strcmp(got, lines[_i].told) == 0, "%s: the machine is told \"%s\"",
		      lines[_i].says, got);
	got = heard(fd);
	ck_assert_msg(strcmp(got, lines[_i].heard) == 0, "%s: the client hears \"%s\"",
		      lines[_i].says, got);
	ck_assert_str_eq(told(), "");
	(void)close(fd);
}
END_TEST

START_TEST(a_number_is_a_number_whatever_taps_are_called)
{
	(void)strcpy(config.nic[0].tap.name, "1");
	say(come(), "link 1 down\n");
	ck_assert_str_eq(told(), "ask 1 link 1 down");
}
END_TEST

START_TEST(a_zero_byte_hides_nothing)
{
	int fd = come();

	say_bytes(fd, "stats\0 and more\n", 16);
	ck_assert_str_eq(told(), "");
	ck_assert_str_eq(heard(fd),
			 "no unknown request 'stats?'; it is stats, link, rate, vhost or stop\n");
	(void)close(fd);
}
END_TEST

START_TEST(requests_of_a_client_are_answered_one_by_one)
{
	int fd = come();

	say(fd, "stats\nfrob\nlink 0 down\n");
	ck_assert_str_eq(told(), "ask 1 stats");
	ck_assert_str_eq(told(), "");
	ck_assert_str_eq(heard(fd), "");
	control_answer(&control, 1, true, "a=1 b=2");
	ck_assert_str_eq(heard(fd),
			 "ok a=1 b=2\nno unknown request 'frob'; it is stats, link, rate, "
			 "vhost or stop\n");
	ck_assert_str_eq(told(), "ask 2 link 0 down");
	control_answer(&control, 2, false, "it will not");
	ck_assert_str_eq(heard(fd), "no it will not\n");
	say(fd, "stats\n");
	ck_assert_str_eq(told(), "ask 3 stats");
	control_answer(&control, 3, true, "");
	ck_assert_str_eq(heard(fd), "ok\n");
	(void)close(fd);
}
END_TEST

START_TEST(an_answer_goes_to_who_asked)
{
	int one = come(), other = come();

	say(one, "stats\n");
	say(other, "vhost 1 off\n");
	ck_assert_str_eq(told(), "ask 1 stats");
	ck_assert_str_eq(told(), "ask 2 vhost 1 off");
	control_answer(&control, 2, true, "two");
	control_answer(&control, 3, true, "nobody's");
	control_answer(&control, 0, true, "nobody's");
	ck_assert_str_eq(heard(one), "");
	ck_assert_str_eq(heard(other), "ok two\n");
	(void)close(one);
	turn();
	/* Whoever comes in its place has asked nothing. */
	one = come();
	control_answer(&control, 1, true, "too late");
	ck_assert_str_eq(heard(one), "");
	(void)close(one);
	(void)close(other);
}
END_TEST

START_TEST(who_has_sent_all_still_hears_the_answer)
{
	int fd = come();

	say(fd, "stats\n");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	turn();
	control_answer(&control, 1, true, "a=1");
	ck_assert_str_eq(heard(fd), "ok a=1\n");
	ck_assert_str_eq(heard(fd), "(end)");
	(void)close(fd);
}
END_TEST

START_TEST(a_line_without_end_is_cut_off)
{
	char much[4096];
	int fd = come(), other = come();
	size_t sent = 0;
	ssize_t part = 0;

	memset(much, 'x', sizeof(much));
	while (sent < 1 << 20 && part >= 0) {
		part = send(fd, much, sizeof(much), MSG_NOSIGNAL);
		sent += part > 0 ? (size_t)part : 0;
		turn();
	}
	ck_assert_msg(part < 0 && errno == EPIPE, "%zu bytes were taken", sent);
	ck_assert_str_eq(heard(fd), "no a line has up to 255 characters\n");
	ck_assert_str_eq(heard(fd), "(end)");
	say(other, "stats\n");
	ck_assert_str_eq(told(), "ask 1 stats");
	(void)close(fd);
	(void)close(other);
}
END_TEST

START_TEST(a_line_may_have_255_characters)
{
	char line[257];
	int fd = come();

	memset(line, ' ', sizeof(line));
	memcpy(line, "stats", 5);
	line[255] = '\n';
	say_bytes(fd, line, 256);
	ck_assert_str_eq(told(), "ask 1 stats");
	control_answer(&control, 1, true, "");
	ck_assert_str_eq(heard(fd), "ok\n");
	line[255] = ' ';
	line[256] = '\n';
	say_bytes(fd, line, 257);
	ck_assert_str_eq(told(), "");
	ck_assert_str_eq(heard(fd), "no a line has up to 255 characters\n");
	(void)close(fd);
}
END_TEST

/* The machine is asked no more than a client can hear: its answers fill one socket, no memory. */
START_TEST(who_does_not_read_is_cut_off)
{
	static char answer[16 * 1024];
	int fd = come(), other = come();
	unsigned asked = 0;
	int why = 0;

	memset(answer, 'a', sizeof(answer) - 1);
	for (bool more = true; more; asked++) {
		more = send(fd, "stats\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT) == 6;
		why = errno;
		turn();
		if (strcmp(told(), "") != 0)
			control_answer(&control, control.last, true, answer);
		ck_assert_msg(asked < 1000, "%u answers and no end", asked);
	}
	ck_assert_int_eq(why, EPIPE);
	ck_assert_uint_gt(asked, 2);
	say(other, "stats\n");
	ck_assert_str_ne(told(), "");
	control_answer(&control, control.last, true, "b");
	ck_assert_str_eq(heard(other), "ok b\n");
	(void)close(fd);
	(void)close(other);
}
END_TEST

START_TEST(the_ninth_client_is_told_so)
{
	int fd[CONTROL_CLIENTS], ninth;

	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		fd[i] = come();
	turn();
	ninth = come();
	ck_assert_str_eq(heard(ninth), "no 8 clients are here already; end one of them\n");
	ck_assert_str_eq(heard(ninth), "(end)");
	(void)close(ninth);
	(void)close(fd[3]);
	turn();
	fd[3] = come();
	say(fd[3], "stats\n");
	ck_assert_str_eq(told(), "ask 1 stats");
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		(void)close(fd[i]);
}
END_TEST

START_TEST(a_machine_that_does_not_listen_is_said_to)
{
	int fd = come();

	while (send(machine.fd, "x", 1, MSG_DONTWAIT) == 1)
		continue;
	say(fd, "link 0 down\n");
	ck_assert_str_eq(heard(fd), "no the machine takes no messages now; ask again\n");
	ck_assert_msg(watch_guest_link(&watch[0]), "the link is down all the same");
	(void)close(fd);
}
END_TEST

START_TEST(the_guests_link_is_the_hosts_and_ours)
{
	int fd = come();

	say(fd, "link 0 down\n");
	ck_assert_str_eq(told(), "ask 1 link 0 down");
	ck_assert(!watch_guest_link(&watch[0]) && watch_guest_link(&watch[1]));
	ck_assert_msg(!watch[0].told, "the machine would be told twice");
	control_answer(&control, 1, true, "");
	/* The host's comes and goes: ours holds it down. */
	watch[0].up = false;
	ck_assert(!watch_guest_link(&watch[0]));
	watch[0].up = true;
	ck_assert(!watch_guest_link(&watch[0]));
	watch[0].up = false;
	say(fd, "link 0 up\n");
	ck_assert_str_eq(told(), "ask 2 link 0 down");
	control_answer(&control, 2, true, "");
	watch[0].up = true;
	ck_assert(watch_guest_link(&watch[0]));
	ck_assert_str_eq(heard(fd), "ok\nok\n");
	(void)close(fd);
}
END_TEST

START_TEST(stop_is_answered_when_it_is_over)
{
	int fd = come(), other = come(), idle = come();

	say(other, "stats\n");
	say(fd, "stop\nstats\n");
	ck_assert(control.stop);
	ck_assert_str_eq(told(), "ask 1 stats");
	ck_assert_str_eq(told(), ""); /* the keeper's to tell */
	control_answer(&control, 1000000000, true, "a machine's that lies");
	ck_assert_str_eq(heard(fd), "");
	control_close(&control);
	ck_assert_str_eq(heard(fd), "ok\n");
	ck_assert_str_eq(heard(fd), "(end)");
	ck_assert_str_eq(heard(other), "no the run has ended\n");
	ck_assert_str_eq(heard(idle), "(end)");
	(void)close(fd);
	(void)close(other);
	(void)close(idle);
}
END_TEST

/* ---- the socket's file ---- */

START_TEST(the_socket_is_its_owners_alone)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0600);
}
END_TEST

static void refused(const char *at, const char *words)
{
	struct control second;
	struct err e;

	control_init(&second);
	e = control_open(&second, at);
	ck_assert_msg(err_is(e) && strstr(e.text, words) != NULL, "%s: got \"%s\"", at, e.text);
	control_close(&second);
}

START_TEST(a_path_in_use_is_refused)
{
	char other[80], lengthy[200];
	int fd;

	refused(path, "another program listens at");
	(void)snprintf(other, sizeof(other), "%s/file", folder);
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	refused(other, "is no socket; remove it");
	ck_assert_msg(unlink(other) == 0, "it went with the refusal");
	(void)close(fd);
	(void)snprintf(other, sizeof(other), "%s/no/s", folder);
	refused(other, "make the socket");
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	refused(lengthy, "--control: 199 characters; a socket's path has up to 107");
	/* None of that took ours away. */
	say(come(), "stats\n");
	ck_assert_str_eq(told(), "ask 1 stats");
}
END_TEST

START_TEST(what_a_dead_one_left_is_replaced)
{
	int fd;

	/* As kill -9 leaves it: closed, and still there. */
	loop_remove(loop, control.socket.fd);
	(void)close(control.socket.fd);
	control_init(&control);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_lt(unix_socket_connect(path), 0);
	open_control();
	fd = come();
	say(fd, "stats\n");
	ck_assert_str_eq(told(), "ask 1 stats");
	(void)close(fd);
}
END_TEST

START_TEST(another_ones_socket_is_not_removed)
{
	struct control second;

	ck_assert_int_eq(unlink(path), 0);
	control_init(&second);
	ck_assert(!err_is(control_open(&second, path)));
	control_close(&control);
	ck_assert_int_eq(access(path, F_OK), 0);
	control_close(&second);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control");
	TCase *tc = tcase_create("control");
	int failed;

	make_folder();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_line_is_passed_on_or_refused_in_words, 0, ARRAY_LEN(lines));
	tcase_add_test(tc, a_number_is_a_number_whatever_taps_are_called);
	tcase_add_test(tc, a_zero_byte_hides_nothing);
	tcase_add_test(tc, requests_of_a_client_are_answered_one_by_one);
	tcase_add_test(tc, an_answer_goes_to_who_asked);
	tcase_add_test(tc, who_has_sent_all_still_hears_the_answer);
	tcase_add_test(tc, a_line_without_end_is_cut_off);
	tcase_add_test(tc, a_line_may_have_255_characters);
	tcase_add_test(tc, who_does_not_read_is_cut_off);
	tcase_add_test(tc, the_ninth_client_is_told_so);
	tcase_add_test(tc, a_machine_that_does_not_listen_is_said_to);
	tcase_add_test(tc, the_guests_link_is_the_hosts_and_ours);
	tcase_add_test(tc, stop_is_answered_when_it_is_over);
	tcase_add_test(tc, the_socket_is_its_owners_alone);
	tcase_add_test(tc, a_path_in_use_is_refused);
	tcase_add_test(tc, what_a_dead_one_left_is_replaced);
	tcase_add_test(tc, another_ones_socket_is_not_removed);
	suite_add_tcase(s, tc);
	failed = suite_run(s);
	remove_folder();
	return failed;
}
