/* vmm/selftest/selftest_priv.h: the parts of the self test's host side. Single-threaded. */
#ifndef TAPVM_SELFTEST_SELFTEST_PRIV_H
#define TAPVM_SELFTEST_SELFTEST_PRIV_H

#include <stddef.h>

#include "devices/tap/link.h"
#include "vmm/keeper/keeper.h"
#include "vmm/selftest/selftest.h"
#include "vmm/selftest/table.h"

#define TAP_NAME "tapvm0"

/* ---- world.c: two private namespaces; this process lives in H ---- */
struct world {
	int home_ns, host_ns, judge_ns;
	struct link *link;      /* of H */
	struct machine_nic nic; /* the TAP, or TUN */
	char line[256];         /* what keeper_nic says of it */
};
struct err world_make(struct world *w, const struct selftest_options *o) MUST_USE;
void world_end(struct world *w);

/* ---- server.c: the guest's lines, and what goes on in the background ---- */
enum { LINE_BYTES = 512, BACKGROUND_MAX = 4 };
struct server;
struct background {
	int fd; /* -1: free */
	void (*ready)(struct server *s, struct background *b);
	uint64_t count, bad; /* bad: the sink's, out of order */
	bool lasting;        /* not a step's: server_drop_background leaves it */
};
struct server {
	const struct selftest_options *options;
	struct world *world;
	int serial;     /* both ways */
	int process_fd; /* readable (EOF or a message): see on_process; -1: none */
	void (*on_process)(struct server *s);
	struct link_watch *watch; /* of H: the TAP's state goes to the device */
	void (*set_link)(struct server *s, bool up);
	bool over; /* the guest's side has ended */
	char line[LINE_BYTES];
	size_t line_len;
	struct background background[BACKGROUND_MAX];
	struct table *table;
	unsigned bus;       /* the guest's, of the table's */
	bool counted;       /* the guest's last line came */
	char end_text[256]; /* how the machine ended, if not well */
	struct err error;   /* the machine could not be set up */
	int judge_fd;       /* AF_PACKET in J, -1 */
	unsigned judge_port;
	bool judge_v6, judge_tcp;
	int raw_fd; /* AF_PACKET on the TAP, -1 */
};
/* Serves until fd (or, with -1, anything) is readable. false: the time is up or the guest has
 * ended. */
bool server_pump(struct server *s, int fd, int64_t deadline_ms);
int64_t now_ms(void);
/* Serves lines until the guest has ended. */
void server_run(struct server *s);
struct background *server_background(struct server *s, int fd,
				     void (*ready)(struct server *, struct background *));
void server_drop_background(struct server *s);

/* ---- steps.c ---- */
/* Acts on a step ("ping4 100 64") and fills the answer. */
void step_run(struct server *s, char *step, char *ret_answer, size_t size);
uint8_t pattern_byte(unsigned n, size_t i);

extern const uint8_t selftest_image[], selftest_image_end[];

#endif
