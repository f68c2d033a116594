/* tests/unit/vmm/test_message.c: messages of the machine, which may be anybody's by then. */
#include <check.h>
#include <string.h>

#include "tests/driver/suite.h"
#include "vmm/keeper/keeper_priv.h"

static const struct {
	const char *says, *bytes;
	enum message_kind kind;
	unsigned number, value; /* number: err_kind, machine_end, or whether it is ok */
	const char *text;
} cases[] = {
	{ "set up", "running", MESSAGE_RUNNING, 0, 0, "" },
	{ "a log line", "log net 0: queue broken", MESSAGE_LOG, 0, 0, "net 0: queue broken" },
	{ "a log line with an escape sequence", "log a\033[2Jb\nc\x9b", MESSAGE_LOG, 0, 0,
	  "a?[2Jb?c?" },
	{ "a log line of nothing", "log", MESSAGE_LOG, 0, 0, "" },
	{ "a set-up error", "error 2 no PVH entry", MESSAGE_ERROR, ERR_SETUP, 0, "no PVH entry" },
	{ "a usage error", "error 1 too long", MESSAGE_ERROR, ERR_USAGE, 0, "too long" },
	{ "an error that is none", "error 0 well", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an error of no kind", "error x", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an error of a kind past all", "error 99999999999999 x", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "statistics keep their lines", "stats\na=1\nb=\t2", MESSAGE_STATS, 0, 0, "a=1\nb=?2" },
	{ "a verdict", "end 0 5 ", MESSAGE_END, MACHINE_END_VERDICT, 5, "" },
	{ "a verdict without text", "end 0 63", MESSAGE_END, MACHINE_END_VERDICT, 63, "" },
	{ "a verdict past 63", "end 0 64 ", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "a crash", "end 2 0 triple fault at rip 0x10", MESSAGE_END, MACHINE_END_CRASH, 0,
	  "triple fault at rip 0x10" },
	{ "an end past all", "end 6 0 x", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an end without a value", "end 1", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an end below zero", "end -1 0", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an answer", "answer 7 ok a=1 b=2", MESSAGE_ANSWER, true, 7, "a=1 b=2" },
	{ "an answer that is a no", "answer 0 no it\n will not", MESSAGE_ANSWER, false, 0,
	  "it? will not" },
	{ "an answer of one word", "answer 999999999 ok", MESSAGE_ANSWER, true, 999999999, "" },
	{ "an answer to no number", "answer ok a=1", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an answer to a number past all", "answer 1000000000 ok", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an answer to a number past 64 bits", "answer 18446744073709551617 ok", MESSAGE_UNKNOWN,
	  0, 0, "" },
	{ "an answer below zero", "answer -1 ok", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an answer that is neither", "answer 1 okay", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "an answer without a word", "answer 1", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "a word that begins like another", "logs x", MESSAGE_UNKNOWN, 0, 0, "" },
	{ "nothing", "", MESSAGE_UNKNOWN, 0, 0, "" },
};

START_TEST(messages_are_read)
{
	char bytes[128];
	struct message m;

	/* Garbage behind it: a message has no zero at its end. */
	memset(bytes, '7', sizeof(bytes));
	memcpy(bytes, cases[_i].bytes, strlen(cases[_i].bytes));
	m = message_parse(bytes, strlen(cases[_i].bytes));
	ck_assert_msg(m.kind == cases[_i].kind, "%s: got kind %d, want %d", cases[_i].says,
		      (int)m.kind, (int)cases[_i].kind);
	ck_assert_msg(strcmp(m.text, cases[_i].text) == 0, "%s: got \"%s\", want \"%s\"",
		      cases[_i].says, m.text, cases[_i].text);
	ck_assert_msg(m.kind != MESSAGE_ERROR || m.err_kind == cases[_i].number, "%s: got kind %d",
		      cases[_i].says, (int)m.err_kind);
	ck_assert_msg(m.kind != MESSAGE_END ||
			      (m.end == cases[_i].number && m.value == cases[_i].value),
		      "%s: got end %d of %u", cases[_i].says, (int)m.end, m.value);
	ck_assert_msg(m.kind != MESSAGE_ANSWER ||
			      (m.ok == (cases[_i].number != 0) && m.value == cases[_i].value),
		      "%s: got %s to %u", cases[_i].says, m.ok ? "ok" : "no", m.value);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("message");
	TCase *tc = tcase_create("message");

	tcase_add_loop_test(tc, messages_are_read, 0, ARRAY_LEN(cases));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
