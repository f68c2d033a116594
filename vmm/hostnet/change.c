/* vmm/hostnet/change.c: the kinds of changes: how each is made, taken back, and said. One table. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/hostnet/hostnet_priv.h"

/* ---- a port of a Linux bridge ---- */

static struct err set_master(const char *tap, const char *master)
{
	struct link *link;
	struct err e = link_open(&link);

	if (err_is(e))
		return e;
	e = link_set_master(link, tap, master);
	link_close(link);
	return e;
}

static struct err bridge_make(const struct change *c, const char *rules)
{
	struct err e = set_master(c->what, c->with);

	(void)rules;
	return err_is(e) ? err_within(e, "bridge=%s", c->with) : e;
}

/* A TAP that went with its descriptors is in no bridge either; one that somebody put into another
 * stays there. */
static struct err bridge_undo(const struct change *c, bool *ret_was)
{
	struct link_info tap, bridge;
	struct link *link;
	struct err e = link_open(&link);

	if (err_is(e))
		return e;
	*ret_was = !err_is(link_get(link, c->what, &tap)) &&
		   !err_is(link_get(link, c->with, &bridge)) && tap.master == bridge.index;
	if (*ret_was)
		e = link_set_master(link, c->what, NULL);
	link_close(link);
	return e;
}

/* ---- a port of an Open vSwitch bridge ---- */

static struct err run(const struct program *p)
{
	char words[PROGRAM_WORDS];
	int status;
	struct err e = program_run(p, &status, words);

	if (!err_is(e) && status != 0)
		return program_failed(p, status, words);
	return e;
}

static struct err ovs(const struct change *c, const char *if_not, const char *verb)
{
	char program[] = "ovs-vsctl", timeout[] = "--timeout=10", dashes[] = "--";
	char condition[16], command[16], bridge[IFNAMSIZ], tap[IFNAMSIZ], reason[32];
	char *const argv[] = { program, timeout, dashes, condition, command, bridge, tap, NULL };
	const struct program p = { .which = HOSTNET_OVS, .reason = reason, .argv = argv };

	(void)snprintf(condition, sizeof(condition), "%s", if_not);
	(void)snprintf(command, sizeof(command), "%s", verb);
	(void)snprintf(bridge, sizeof(bridge), "%.15s", c->with);
	(void)snprintf(tap, sizeof(tap), "%.15s", c->what);
	(void)snprintf(reason, sizeof(reason), "bridge=%s", bridge);
	return run(&p);
}

/* Of another bridge of its own: Open vSwitch will say so. */
static struct err ovs_is_port(const char *bridge, const char *tap, const char *reason, bool *ret_is)
{
	char program[] = "ovs-vsctl", timeout[] = "--timeout=10", verb[] = "iface-to-br";
	char name[IFNAMSIZ], words[PROGRAM_WORDS];
	char *const argv[] = { program, timeout, verb, name, NULL };
	const struct program p = { .which = HOSTNET_OVS, .reason = reason, .argv = argv };
	int status;
	struct err e;

	(void)snprintf(name, sizeof(name), "%s", tap);
	e = program_run(&p, &status, words);
	*ret_is = !err_is(e) && status == 0 && strcmp(words, bridge) == 0;
	return e;
}

struct err ovs_check(const char *bridge, bool exists, const char *tap, bool *ret_is_port)
{
	char program[] = "ovs-vsctl", timeout[] = "--timeout=10", verb[] = "br-exists";
	char name[IFNAMSIZ], reason[160], words[PROGRAM_WORDS];
	char *const argv[] = { program, timeout, verb, name, NULL };
	const struct program p = { .which = HOSTNET_OVS, .reason = reason, .argv = argv };
	int status;
	struct err e;

	(void)snprintf(name, sizeof(name), "%s", bridge);
	(void)snprintf(reason, sizeof(reason),
		       "bridge=%s is no bridge of Linux ('ip link add %s type bridge'), and one of "
		       "Open vSwitch",
		       name, name);
	e = program_run(&p, &status, words);
	if (err_is(e))
		return e;
	if (status == 0)
		return ovs_is_port(name, tap, reason, ret_is_port);
	if (exists)
		return err_make(ERR_SETUP, 0,
				"bridge=%s is an interface, but no bridge of Linux or of Open "
				"vSwitch; name another%s%s",
				name, words[0] == '\0' ? "" : ": ", words);
	return err_make(
		ERR_SETUP, 0,
		"bridge=%s is no bridge of Linux ('ip link add %s type bridge'), nor of Open "
		"vSwitch ('ovs-vsctl add-br %s')%s%s",
		name, name, name, words[0] == '\0' ? "" : ": ", words);
}

static struct err ovs_make(const struct change *c, const char *rules)
{
	(void)rules;
	return ovs(c, "--may-exist", "add-port");
}

static struct err ovs_undo(const struct change *c, bool *ret_was)
{
	*ret_was = true;
	return ovs(c, "--if-exists", "del-port");
}

/* ---- a sysctl that is 1 for a while ---- */

static int sysctl_open(const char *path, int flags)
{
	char whole[128];

	(void)snprintf(whole, sizeof(whole), "/proc/sys/%s", path);
	return open(whole, flags | O_CLOEXEC);
}

bool sysctl_read(const char *path, char ret_value[static SYSCTL_VALUE])
{
	int fd = sysctl_open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, ret_value, SYSCTL_VALUE - 1);

	if (fd >= 0)
		(void)close(fd);
	if (got < 0)
		return false;
	ret_value[got] = '\0';
	ret_value[strcspn(ret_value, "\n")] = '\0';
	return true;
}

static struct err sysctl_write(const char *path, const char *value)
{
	int fd = sysctl_open(path, O_WRONLY);
	ssize_t put = fd < 0 ? -1 : write(fd, value, strlen(value));
	int why = errno;

	if (fd >= 0)
		(void)close(fd);
	return put < 0 ? err_make(ERR_SETUP, why, "set /proc/sys/%s to %s", path, value)
		       : err_none();
}

static struct err sysctl_make(const struct change *c, const char *rules)
{
	(void)rules;
	return sysctl_write(c->what, "1");
}

/* An interface takes its sysctls with it, and what could not be set need not be set back. */
static struct err sysctl_undo(const struct change *c, bool *ret_was)
{
	char value[SYSCTL_VALUE];

	*ret_was = sysctl_read(c->what, value) && strcmp(value, c->with) != 0;
	return *ret_was ? sysctl_write(c->what, c->with) : err_none();
}

/* ---- a table of nft's ---- */

static struct err nft(const char *text)
{
	char program[] = "nft", option[] = "-f", input[] = "-";
	char *const argv[] = { program, option, input, NULL };
	const struct program p = { .which = HOSTNET_NFT, .argv = argv, .input = text };

	return run(&p);
}

static struct err table_make(const struct change *c, const char *rules)
{
	(void)c;
	return nft(rules);
}

/* A table must be there to be deleted; adding one that is there changes nothing. */
static struct err table_undo(const struct change *c, bool *ret_was)
{
	char text[256];

	*ret_was = true;
	(void)snprintf(text, sizeof(text), "table inet %s\ndelete table inet %s\n", c->what,
		       c->what);
	return nft(text);
}

/* ---- the table of the kinds ---- */

/* clang-format off */
static const struct {
	const char *word;
	struct err (*make)(const struct change *c, const char *rules);
	struct err (*undo)(const struct change *c, bool *ret_was);
	const char *says, *says_undone; /* @: what, #: with */
} kinds[CHANGE_KINDS] = {
	[CHANGE_BRIDGE] = { "bridge", bridge_make, bridge_undo,
		"make @ a port of bridge #", "took @ out of bridge #" },
	[CHANGE_OVS] = { "ovs", ovs_make, ovs_undo,
		"make @ a port of bridge #: ovs-vsctl add-port # @",
		"took @ out of bridge #: ovs-vsctl del-port # @" },
	[CHANGE_SYSCTL] = { "sysctl", sysctl_make, sysctl_undo,
		"set /proc/sys/@ to 1, which is #", "set /proc/sys/@ back to #" },
	[CHANGE_TABLE] = { "table", table_make, table_undo,
		"make table inet @: nft -f -", "removed table inet @" },
};
/* clang-format on */

const char *change_word(enum change_kind kind) { return kinds[kind].word; }

bool change_is_same(const struct change *a, const struct change *b)
{
	return a->kind == b->kind && strcmp(a->what, b->what) == 0;
}

/* A bridge that Open vSwitch was asked for has its program. */
struct err change_possible(const struct change *c)
{
	static const struct program p = { .which = HOSTNET_NFT };

	return c->kind == CHANGE_TABLE ? program_possible(&p) : err_none();
}

struct err change_make(const struct change *c, const char *rules)
{
	return kinds[c->kind].make(c, rules);
}

struct err change_undo(const struct change *c, bool *ret_was)
{
	return kinds[c->kind].undo(c, ret_was);
}

static void say(const char *words, const struct change *c, FILE *out)
{
	for (; *words != '\0'; words++) {
		if (*words == '@')
			(void)fputs(c->what, out);
		else if (*words == '#')
			(void)fputs(c->with, out);
		else
			(void)fputc(*words, out);
	}
	(void)fputc('\n', out);
}

void change_say(const struct change *c, const char *rules, const char *prefix, FILE *out)
{
	(void)fputs(prefix, out);
	say(kinds[c->kind].says, c, out);
	if (c->kind != CHANGE_TABLE)
		return;
	while (*rules != '\0') {
		int length = (int)strcspn(rules, "\n");

		(void)fprintf(out, "%s  %.*s\n", prefix, length, rules);
		rules += length + (rules[length] == '\n');
	}
}

void change_say_undone(const struct change *c, FILE *out)
{
	say(kinds[c->kind].says_undone, c, out);
}
