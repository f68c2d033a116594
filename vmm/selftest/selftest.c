/* vmm/selftest/selftest.c: puts world, machine and server together. */
#include "vmm/selftest/selftest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/checks/check.h"
#include "vmm/machine/kvm_report.h"
#include "vmm/selftest/hosted.h"
#include "vmm/selftest/qemu.h"
#include "vmm/selftest/selftest_priv.h"

enum { MESSAGE_BYTES = 32768, MEMORY_BYTES = 64 << 20, STOP_MS = 5000 };

const char *selftest_check(unsigned index)
{
	const struct check *c = check_at(index);

	return c == NULL ? NULL : c->name;
}

/* "end KIND VALUE TEXT", and everything else that the machine says. */
static void on_message(struct server *s, char *text)
{
	int kind, value, at = 0;

	if (strncmp(text, "stats\n", 6) == 0) {
		(void)fprintf(stderr, "bus=%s\n%s", s->table->bus[s->bus], text + 6);
	} else if (sscanf(text, "end %d %d %n", &kind, &value, &at) == 2) {
		s->over = true;
		if (kind != MACHINE_END_VERDICT || value > 1)
			(void)snprintf(s->end_text, sizeof(s->end_text),
				       "the machine ended (%d, %d) %.200s", kind, value, text + at);
	} else if (strncmp(text, "error ", 6) == 0) {
		s->error = err_make(ERR_SETUP, 0, "selftest: %s", text + strlen("error 2 "));
	} else if (s->options->verbose) {
		(void)printf("  %s\n", text);
	}
}

static void on_machine(struct server *s)
{
	static char text[MESSAGE_BYTES];
	ssize_t got = recv(s->process_fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		s->over = true;
		if (!s->counted)
			(void)snprintf(s->end_text, sizeof(s->end_text),
				       "the machine process was killed");
		return;
	}
	text[got] = '\0';
	on_message(s, text);
}

static void tell_machine(struct server *s, bool up)
{
	const char *text = up ? "link 0 up" : "link 0 down";

	(void)send(s->process_fd, text, strlen(text), MSG_NOSIGNAL);
}

/* The machine has the TAP, the serial line's other end and KVM from here on. */
static struct err start_machine(struct server *s, int serial, struct machine_process *ret_process)
{
	bool hosted = s->options->no_kvm;
	const char *only = s->options->only;
	char append[64] = "";
	struct machine_config c = {
		.kvm_fd = -1,
		.kernel = selftest_image,
		.kernel_bytes = (uint64_t)(selftest_image_end - selftest_image),
		.kernel_name = "guest.elf",
		.append = append,
		.memory_bytes = MEMORY_BYTES,
		.cpus = 1,
		.nic[0] = s->world->nic,
		.nic_count = 1,
		.serial_in = serial,
		.serial_out = serial,
		.started_ns = s->options->started_ns,
		.stats = s->options->stats,
	};
	struct err e = hosted ? err_none() : kvm_open(&c.kvm_fd);

	if (err_is(e))
		return err_make(
			e.kind, 0,
			"selftest: %s; or run tapvm selftest --no-kvm: the same checks without a "
			"virtual machine",
			e.text);
	if (only != NULL)
		(void)snprintf(append, sizeof(append), "%s%.40s", hosted ? "" : "only=", only);
	e = keeper_start(&c, hosted ? hosted_run : machine_run, ret_process);
	if (c.kvm_fd >= 0)
		(void)close(c.kvm_fd);
	return e;
}

static struct err run_machine(struct server *s, int serial)
{
	struct machine_process p;
	struct err e = start_machine(s, serial, &p);
	int64_t deadline;

	(void)close(serial);
	for (unsigned i = 0; i < s->world->nic.tap.queues; i++)
		(void)close(s->world->nic.tap.fd[i]);
	if (s->world->nic.capture_fd >= 0)
		(void)close(s->world->nic.capture_fd);
	if (err_is(e))
		return e;
	s->process_fd = p.fd;
	s->on_process = on_machine;
	s->set_link = tell_machine;
	server_run(s);
	/* Statistics and the end come after the last line. */
	(void)send(p.fd, "stop", 4, MSG_NOSIGNAL);
	deadline = now_ms() + STOP_MS;
	while (!s->over && server_pump(s, -1, deadline))
		;
	if (!s->over)
		(void)kill(p.pid, SIGKILL);
	(void)waitpid(p.pid, NULL, 0);
	(void)close(p.fd);
	(void)close(p.pidfd);
	return s->error;
}

/* A serial line between the guest and us, and whoever runs the guest. */
static struct err run_guest(struct server *s)
{
	int line[2];
	struct err e;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0)
		return err_make(ERR_SETUP, errno, "make a serial line");
	s->serial = line[0];
	e = s->options->with != NULL ? qemu_run(s, line[1]) : run_machine(s, line[1]);
	(void)close(line[0]);
	return e;
}

/* One guest, in a world of its own. *ret_finished: it came to its end. */
static struct err run_once(const struct selftest_options *o, struct table *table, unsigned bus,
			   enum nic_bus kind, bool *ret_finished)
{
	struct world w;
	struct server s = { .options = o,
			    .world = &w,
			    .serial = -1,
			    .process_fd = -1,
			    .table = table,
			    .bus = bus,
			    .judge_fd = -1,
			    .raw_fd = -1 };
	struct err e;

	for (unsigned i = 0; i < BACKGROUND_MAX; i++)
		s.background[i].fd = -1;
	e = world_make(&w, o);
	if (err_is(e))
		return e;
	w.nic.bus = kind;
	e = link_watch_open(&s.watch);
	if (!err_is(e))
		e = run_guest(&s);
	link_watch_close(s.watch);
	server_drop_background(&s);
	world_end(&w);
	*ret_finished = s.counted;
	if (err_is(e) || s.counted)
		return e;
	table_end(table);
	(void)printf("FAIL table the guest did not finish on %s: %s\n", table->bus[bus],
		     s.end_text);
	table->failed++;
	return err_none();
}

struct err selftest_run(const struct selftest_options *o, unsigned *ret_failed)
{
	static const struct {
		enum nic_bus kind;
		const char *name;
	} buses[TABLE_BUSES] = { { NIC_BUS_MMIO, "mmio" }, { NIC_BUS_PCI, "pci" } };
	enum nic_bus kind[TABLE_BUSES];
	static struct table table;
	struct err e = err_none();
	bool finished = true;

	table.out = stdout;
	for (unsigned i = 0; i < TABLE_BUSES; i++) {
		if (o->bus != NIC_BUS_AUTO && o->bus != buses[i].kind)
			continue;
		kind[table.buses] = buses[i].kind;
		table.bus[table.buses++] = buses[i].name;
	}
	for (unsigned i = 0; i < table.buses && finished && !err_is(e); i++)
		e = run_once(o, &table, i, kind[i], &finished);
	if (err_is(e))
		return e;
	table_end(&table);
	(void)printf("%u passed, %u failed, %u skipped\n", table.passed, table.failed,
		     table.skipped);
	*ret_failed = table.failed;
	return err_none();
}
