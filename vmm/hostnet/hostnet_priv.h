/* vmm/hostnet/hostnet_priv.h: the parts, for one another and for tests. */
#ifndef TAPVM_HOSTNET_HOSTNET_PRIV_H
#define TAPVM_HOSTNET_HOSTNET_PRIV_H

#include "vmm/hostnet/hostnet.h"

/* ---- change.c: one change of the host, of the kinds that there are ---- */
enum change_kind { CHANGE_BRIDGE, CHANGE_OVS, CHANGE_SYSCTL, CHANGE_TABLE };
enum { CHANGE_KINDS = CHANGE_TABLE + 1 };
struct change {
	enum change_kind kind;
	char what[64]; /* the TAP; of a sysctl "net/ipv4/conf/eth0/forwarding"; the table's name */
	char with[16]; /* the bridge; of a sysctl what it was before; of a table "-" */
};
const char *change_word(enum change_kind kind);                      /* in notes: "bridge" */
bool change_is_same(const struct change *a, const struct change *b); /* of the same thing */
/* Whether the program that it takes is there: without it, it could not be taken back either. */
struct err change_possible(const struct change *c) MUST_USE;
/* rules: of a table. */
struct err change_make(const struct change *c, const char *rules) MUST_USE;
/* *ret_was: false if it was gone by itself, with its interface. */
struct err change_undo(const struct change *c, bool *ret_was) MUST_USE;
/* A line each, and the rules behind the line of a table. */
void change_say(const struct change *c, const char *rules, const char *prefix, FILE *out);
void change_say_undone(const struct change *c, FILE *out);

/* Whether Open vSwitch has a bridge of that name; exists: there is an interface of that name.
 * *ret_is_port: the TAP is a port of it already. */
struct err ovs_check(const char *bridge, bool exists, const char *tap, bool *ret_is_port) MUST_USE;

enum { SYSCTL_VALUE = 16 };
/* False: there is no such file. A long value is cut. */
bool sysctl_read(const char *path, char ret_value[static SYSCTL_VALUE]);

/* ---- notes.c: who changed what; a file's text. Pure ---- */
struct user {
	int pid;
	unsigned long long started; /* since boot, in clock ticks: pids are used again */
	char tap[IFNAMSIZ];
};
struct note {
	struct user user;
	struct change change;
};
enum { NOTES_MAX = 512, NOTE_BYTES = 160 };
struct notes {
	struct note list[NOTES_MAX];
	unsigned count;
};
/* A line a note: PID STARTED TAP KIND WHAT WITH. The error says which line. */
struct err notes_parse(const char *text, struct notes *ret) MUST_USE;
void notes_print(const struct notes *n, char *ret_text, size_t size);
struct err notes_add(struct notes *n, const struct user *user, const struct change *c) MUST_USE;
void notes_remove(struct notes *n, unsigned index);
/* What somebody noted of the same thing, or NULL. */
const struct change *notes_find(const struct notes *n, const struct change *c);
bool notes_shared(const struct notes *n, unsigned index); /* another note is of the same thing */

/* ---- store.c: the notes of a network namespace, under a lock ---- */
enum { STORE_NAME = 32, STORES_MAX = 256 };
struct store {
	int dir;               /* of /run/tapvm, locked; -1: not open */
	char name[STORE_NAME]; /* of the file: "net-" and the namespace's cookie, which no other
				  ever has */
	struct notes *notes;
};
/* Which network namespace the calling thread is in. */
struct err store_cookie(uint64_t *ret_cookie) MUST_USE;
/* *ret_there: false, and nothing is open, where there is no file; true in any case with make. */
struct err store_open(struct store *s, uint64_t cookie, bool make, bool *ret_there) MUST_USE;
/* Replaces the file at once, or removes it with its last note. */
struct err store_save(struct store *s) MUST_USE;
void store_close(struct store *s);
/* The namespaces of which there are files. */
struct err store_list(uint64_t ret_cookies[static STORES_MAX], unsigned *ret_count) MUST_USE;

/* ---- sweep.c: taking back ---- */
struct user user_self(const char *tap);
bool user_is_gone(const struct user *u);
/* Takes back the changes of this user (NULL: of all that are gone) which no other has too, from the
 * last on, and says each on out if that is not NULL. A change that does not go back stays noted,
 * and the first such is the error. */
struct err store_sweep(struct store *s, const struct user *user, FILE *out) MUST_USE;
/* In the calling thread's namespace, from its file and back to it: this user's, and then those of
 * all that are gone, which may be what keeps a change of his. */
struct err sweep_here(const struct user *user, FILE *out) MUST_USE;

/* ---- plan.c: what a NIC's wishes come to ---- */
enum { PLAN_CHANGES = 12, PLAN_RULES = 8192 };
struct plan {
	struct change change[PLAN_CHANGES];
	unsigned count;
	char rules[PLAN_RULES];
	char uplink[2][IFNAMSIZ]; /* for IPv4, for IPv6; "": the TAP has no such address */
};
/* What a plan asks of the host. */
struct plan_host {
	void *self;
	/* A sysctl as it was before we and ours touched it. False: this kernel has none such. */
	bool (*value)(void *self, const struct change *sysctl, char ret_value[static SYSCTL_VALUE]);
	struct err (*uplink)(void *self, int family, char ret_name[static IFNAMSIZ]);
	/* *ret_is_port: the TAP is a port of it already. An error if it is one of another. */
	struct err (*bridge)(void *self, const char *tap, const char *name,
			     enum change_kind *ret_kind, bool *ret_is_port);
};
/* Whether the programs that the wishes take read these names as names. */
struct err hostnet_names(const struct hostnet_nic *nic) MUST_USE;
struct err hostnet_plan(const struct hostnet_nic *nic, const struct plan_host *host,
			struct plan *ret) MUST_USE;

/* ---- rules.c: the table of a NIC for nft. Pure ---- */
struct rules_leg {
	const struct ip_prefix *address;
	const char *uplink;
	bool opened; /* the uplink did not forward before */
};
struct err rules_print(const char *tap, const struct rules_leg *legs, unsigned count,
		       char *ret_text, size_t size) MUST_USE;
void rules_table_name(const char *tap, char *ret_text, size_t size);

/* ---- dhcp.c: dnsmasq for one guest ---- */
enum { DHCP_ARGS = 32, DHCP_TEXT = 2048 };
struct dhcp_words {
	char *argv[DHCP_ARGS]; /* up to a NULL */
	char text[DHCP_TEXT];  /* where they lie */
};
void dhcp_print(const struct hostnet_nic *nic, struct dhcp_words *ret);
/* Returns when it serves. */
struct err dhcp_start(const struct hostnet_nic *nic, int *ret_pid) MUST_USE;

/* ---- program.c: other people's programs as children ---- */
struct program {
	unsigned which; /* of hostnet_programs */
	const char
		*reason; /* what it is needed for, if that is more than its wish; NULL: no more */
	char *const *argv;
	const char *input; /* on its standard input; NULL: none */
};
/* An error in words if it is not there. */
struct err program_possible(const struct program *p) MUST_USE;
/* That it ended with that status, and said that. */
struct err program_failed(const struct program *p, int status, const char *words) MUST_USE;
/* To its end. *ret_status: the exit status; *ret_words: the first line that it said, which tells
 * why it failed. */
enum { PROGRAM_WORDS = 256 };
struct err program_run(const struct program *p, int *ret_status,
		       char ret_words[static PROGRAM_WORDS]) MUST_USE;
/* Runs on, as nobody, with the privilege to serve on an interface, and ends with the calling thread
 * whatever ends that. Returns when it said a line with this word in it; an end before is an error.
 */
struct err program_start(const struct program *p, const char *ready, int *ret_pid) MUST_USE;
void program_end(int pid);

#endif
