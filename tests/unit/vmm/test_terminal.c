/* tests/unit/vmm/test_terminal.c: keys and the escape; a pseudo terminal raw and back again. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "vmm/keeper/keeper_priv.h"

static const struct {
	const char *says, *keys, *want;
	bool quit, escaped;
} keys[] = {
	{ "plain keys", "abc", "abc", false, false },
	{ "escape and x", "ab\001xcd", "ab", true, false },
	{ "escape twice is one", "a\001\001b", "a\001b", false, false },
	{ "escape twice, then x, is no quit", "\001\001x", "\001x", false, false },
	{ "escape and another key are both passed on", "\001b", "\001b", false, false },
	{ "an escape waits for what follows", "a\001", "a", false, true },
	{ "x alone", "x", "x", false, false },
	{ "Ctrl-C is the guest's", "\003", "\003", false, false },
};

START_TEST(keys_are_relayed)
{
	struct relay r;
	uint8_t got[RELAY_BYTES];
	size_t count;

	relay_init(&r);
	count = relay_keys(&r, (const uint8_t *)keys[_i].keys, strlen(keys[_i].keys), got);
	ck_assert_msg(count == strlen(keys[_i].want) && memcmp(got, keys[_i].want, count) == 0,
		      "%s: got %zu bytes, want \"%s\"", keys[_i].says, count, keys[_i].want);
	ck_assert_msg(r.quit == keys[_i].quit && r.escaped == keys[_i].escaped,
		      "%s: quit %d, escaped %d", keys[_i].says, r.quit, r.escaped);
}
END_TEST

START_TEST(keys_one_by_one_are_as_all_at_once)
{
	struct relay r;
	uint8_t got[8];
	size_t used = 0;

	relay_init(&r);
	for (const char *k = "a\001b\001\001"; *k != '\0'; k++)
		used += relay_keys(&r, (const uint8_t *)k, 1, got + used);
	ck_assert_msg(used == 4 && memcmp(got, "a\001b\001", 4) == 0, "got %zu bytes", used);
}
END_TEST

static int open_pty(int *ret_slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	*ret_slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(*ret_slave, 0);
	return master;
}

static bool is_same(int fd, const struct termios *want)
{
	struct termios now;

	return tcgetattr(fd, &now) == 0 && now.c_iflag == want->c_iflag &&
	       now.c_oflag == want->c_oflag && now.c_cflag == want->c_cflag &&
	       now.c_lflag == want->c_lflag && memcmp(now.c_cc, want->c_cc, sizeof(now.c_cc)) == 0;
}

/* In a session of its own with the slave as its terminal. ret: 0, or the step that failed. */
static int raw_and_back(int slave)
{
	struct termios odd;
	struct terminal t;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
		return 1;
	if (tcgetattr(slave, &odd) != 0)
		return 2;
	odd.c_lflag &= ~(tcflag_t)ECHO; /* unusual before: it must not come back as usual */
	odd.c_cc[VMIN] = 5;
	if (tcsetattr(slave, TCSANOW, &odd) != 0)
		return 3;
	terminal_open(&t, slave);
	if (t.fd < 0 || !is_same(slave, &odd))
		return 4;
	if (err_is(terminal_set_raw(&t)) || !is_same(slave, &t.raw))
		return 5;
	/* Our parent is not the keeper that t names: for us the keeper is gone. */
	terminal_restore_if_still_raw(&t);
	if (!is_same(slave, &odd))
		return 7;
	if (err_is(terminal_set_raw(&t)))
		return 8;
	odd.c_cc[VMIN] = 9;
	if (tcsetattr(slave, TCSANOW, &odd) != 0)
		return 9;
	terminal_restore_if_still_raw(&t);
	if (!is_same(slave, &odd)) /* somebody else's state by then */
		return 10;
	t.keeper = getppid();
	if (err_is(terminal_set_raw(&t)))
		return 11;
	terminal_restore_if_still_raw(&t);
	if (!is_same(slave, &t.raw)) /* the keeper lives: it is the keeper's to do */
		return 12;
	terminal_close(&t);
	odd.c_cc[VMIN] = 5;
	return is_same(slave, &odd) ? 0 : 13;
}

/* Two runs of one job: the second finds the terminal raw, and it is not the second's to make it
 * so again when the first has restored it. ret: 0, or the step that failed. */
static int raw_by_two(int slave)
{
	struct termios before;
	struct terminal first, second;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0 || tcgetattr(slave, &before) != 0)
		return 1;
	terminal_open(&first, slave);
	if (err_is(terminal_set_raw(&first)))
		return 2;
	terminal_open(&second, slave);
	if (err_is(terminal_set_raw(&second)) || !is_same(slave, &first.raw))
		return 3;
	terminal_close(&first);
	if (!is_same(slave, &before))
		return 4;
	terminal_close(&second);
	if (!is_same(slave, &before))
		return 5;
	terminal_open(&first, slave);
	if (err_is(terminal_set_raw(&first)))
		return 6;
	terminal_open(&second, slave);
	if (err_is(terminal_set_raw(&second)))
		return 7;
	terminal_close(&second);
	if (!is_same(slave, &first.raw))
		return 8;
	terminal_close(&first);
	return is_same(slave, &before) ? 0 : 9;
}

static int (*const in_a_session[])(int slave) = { raw_and_back, raw_by_two };

START_TEST(a_terminal_is_raw_and_back)
{
	int slave;
	int master = open_pty(&slave);
	int status = -1;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(in_a_session[_i](slave));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "step %d failed",
		      WEXITSTATUS(status));
	(void)close(slave);
	(void)close(master);
}
END_TEST

START_TEST(what_is_not_ours_is_left_alone)
{
	struct terminal t;
	int slave;
	int master = open_pty(&slave);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct termios before;

	ck_assert_int_eq(tcgetattr(slave, &before), 0);
	terminal_open(&t, null);
	ck_assert_msg(t.fd < 0, "/dev/null taken for a terminal");
	terminal_open(&t, slave); /* not our controlling terminal: we are not in its foreground */
	ck_assert_msg(t.fd < 0, "another's terminal taken");
	ck_assert_msg(!err_is(terminal_set_raw(&t)) && is_same(slave, &before),
		      "changed without leave");
	terminal_close(&t);
	(void)close(null);
	(void)close(slave);
	(void)close(master);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("terminal");
	TCase *tc = tcase_create("terminal");

	tcase_add_loop_test(tc, keys_are_relayed, 0, ARRAY_LEN(keys));
	tcase_add_test(tc, keys_one_by_one_are_as_all_at_once);
	tcase_add_loop_test(tc, a_terminal_is_raw_and_back, 0, ARRAY_LEN(in_a_session));
	tcase_add_test(tc, what_is_not_ours_is_left_alone);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
