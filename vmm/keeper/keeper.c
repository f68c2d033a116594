/* vmm/keeper/keeper.c: a run from end to end. Read keeper_run first: everything is opened in order,
 * the machine runs while keep_house waits, everything is closed in the other order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/base/clock.h"
#include "vmm/keeper/control.h"
#include "vmm/keeper/keeper_priv.h"
#include "vmm/machine/kvm_report.h"

enum {
	MESSAGE_BYTES = 64 * 1024,
	LINE_BYTES = 512,
	STOP_MS = 2000, /* from "stop" to SIGKILL */
	END_MS = 2000,  /* from the last message to SIGKILL */
	RETRY_MS = 20,  /* a message that found the socket full */
};
static const uint64_t MS_NS = 1000000;
static const uint64_t SECOND_NS = 1000000000;

enum stop_reason { STOP_NONE, STOP_SIGNAL, STOP_TIMEOUT, STOP_ESCAPE, STOP_CONTROL };

struct keeper {
	const struct keeper_options *options;
	struct loop *loop;
	struct signals signals;
	struct terminal terminal;
	struct relay relay;
	struct control control;
	struct image_file kernel, initrd;
	struct net_home home;
	struct machine_config config;
	struct nic_watch watch[NICS_MAX];
	char line[NICS_MAX][LINE_BYTES];
	char cmdline[CMDLINE_BYTES];
	unsigned nics_open;
	int serial_file; /* -1: none */
	struct machine_process process;
	bool announced; /* the lines at start are out */
	bool gone;      /* the machine closed its end */
	enum stop_reason stop;
	unsigned signal;
	uint64_t timeout_ns, kill_ns; /* CLOCK_MONOTONIC; 0: none */
	struct err error;             /* of the machine */
	bool ended;
	struct keeper_end end;
};

static void announce(struct keeper *k)
{
	if (!k->announced && !k->options->quiet)
		for (unsigned i = 0; i < k->nics_open; i++)
			terminal_say("tapvm: ", k->line[i]);
	k->announced = true;
}

/* ---- set-up ---- */

static struct err serial_stdio(struct keeper *k)
{
	bool is_terminal = isatty(STDIN_FILENO);
	struct err e;

	k->config.serial_out = STDOUT_FILENO;
	k->config.serial_name = "stdout";
	k->config.serial_in = is_terminal ? -1 : STDIN_FILENO;
	terminal_open(&k->terminal, STDIN_FILENO);
	if (k->terminal.fd < 0)
		return err_none();
	e = relay_open(&k->relay, k->loop, k->terminal.fd);
	if (!err_is(e))
		k->config.serial_in = k->relay.pipe_in;
	return e;
}

static struct err serial_ready(struct keeper *k)
{
	struct err e = err_none();

	k->config.serial_in = -1;
	k->config.serial_out = -1;
	switch (k->options->serial) {
	case SERIAL_STDIO: return serial_stdio(k);
	case SERIAL_FILE:
		e = serial_file_open(k->options->serial_path, &k->serial_file);
		k->config.serial_out = k->serial_file;
		k->config.serial_name = k->options->serial_path;
		break;
	case SERIAL_NONE: break;
	case SERIAL_FDS:
		k->config.serial_in = k->options->serial_in;
		k->config.serial_out = k->options->serial_out;
		break;
	}
	return e;
}

static struct err nics_ready(struct keeper *k)
{
	const struct keeper_options *o = k->options;
	bool all_private = true;

	for (unsigned i = 0; i < o->nic_count; i++)
		all_private = all_private && o->nic[i].netns != NULL &&
			      strcmp(o->nic[i].netns, "private") == 0;
	for (unsigned i = 0; i < o->nic_count; i++) {
		struct err e = net_open(&k->home, &o->nic[i], i, all_private, &k->config.nic[i],
					&k->watch[i], k->line[i], LINE_BYTES);

		if (err_is(e))
			return e;
		k->nics_open++;
	}
	k->config.nic_count = o->nic_count;
	return err_none();
}

/* ---- while it runs ---- */

static void on_message(struct keeper *k, char *bytes, size_t length)
{
	struct message m = message_parse(bytes, length);

	if (m.kind != MESSAGE_ERROR && !(m.kind == MESSAGE_END && m.end == MACHINE_END_ERROR))
		announce(k);
	switch (m.kind) {
	case MESSAGE_RUNNING:
	case MESSAGE_UNKNOWN: break;
	case MESSAGE_ANSWER: control_answer(&k->control, m.value, m.ok, m.text); break;
	case MESSAGE_LOG: terminal_say("tapvm: ", m.text); break;
	case MESSAGE_ERROR: k->error = err_make(m.err_kind, 0, "%s", m.text); break;
	case MESSAGE_STATS:
		if (k->options->stats)
			terminal_say("", m.text);
		break;
	case MESSAGE_END:
		k->ended = true;
		k->end = (struct keeper_end){ .kind = KEEPER_MACHINE,
					      .machine = m.end,
					      .value = m.value };
		(void)snprintf(k->end.text, sizeof(k->end.text), "%s", m.text);
		break;
	}
}

static void on_socket(void *self, uint32_t epoll_events)
{
	struct keeper *k = self;
	char bytes[MESSAGE_BYTES + 1];

	(void)epoll_events;
	while (!k->gone) {
		ssize_t got = recv(k->process.fd, bytes, MESSAGE_BYTES, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (got <= 0)
			k->gone = true;
		else
			on_message(k, bytes, (size_t)got);
	}
}

/* Asked twice, the machine has no more time. A signal is raised again whatever came before it. */
static void stop(struct keeper *k, enum stop_reason why)
{
	uint64_t now = clock_now_ns(&clock_host);
	bool again = k->stop != STOP_NONE;

	if (!again || why == STOP_SIGNAL)
		k->stop = why;
	if (again) {
		k->kill_ns = now;
		return;
	}
	k->kill_ns = now + (uint64_t)STOP_MS * MS_NS;
	/* A machine that does not read its messages sees the end of them. */
	if (!child_tell(&k->process, "stop"))
		(void)shutdown(k->process.fd, SHUT_WR);
}

static void on_signal(void *self, uint32_t epoll_events)
{
	struct keeper *k = self;
	unsigned number;

	(void)epoll_events;
	while ((number = signals_next(&k->signals)) != 0) {
		k->signal = number;
		stop(k, STOP_SIGNAL);
	}
}

static void on_link(void *self, uint32_t epoll_events)
{
	(void)epoll_events;
	watch_read(self);
}

/* ret: whether all is told. */
static bool tell_links(struct keeper *k)
{
	bool all = true;

	for (unsigned i = 0; i < k->nics_open; i++) {
		struct nic_watch *w = &k->watch[i];
		bool up = watch_guest_link(w);
		char text[32];

		if (up == w->told)
			continue;
		(void)snprintf(text, sizeof(text), "link %u %s", i, up ? "up" : "down");
		if (child_tell(&k->process, text))
			w->told = up;
		else
			all = false;
	}
	return all;
}

static int wait_ms(const struct keeper *k, bool all_told)
{
	uint64_t now = clock_now_ns(&clock_host);
	uint64_t until = k->kill_ns != 0 ? k->kill_ns : k->timeout_ns;
	uint64_t ms;

	if (until == 0)
		return all_told ? -1 : RETRY_MS;
	ms = until <= now ? 0 : (until - now + MS_NS - 1) / MS_NS;
	if (!all_told && ms > RETRY_MS)
		ms = RETRY_MS;
	return ms > 1000000 ? 1000000 : (int)ms;
}

static void check_time(struct keeper *k)
{
	uint64_t now = clock_now_ns(&clock_host);

	if (k->kill_ns != 0 && now >= k->kill_ns) {
		(void)kill(k->process.pid, SIGKILL);
		k->kill_ns = now + SECOND_NS;
	} else if (k->stop == STOP_NONE && k->timeout_ns != 0 && now >= k->timeout_ns) {
		stop(k, STOP_TIMEOUT);
	}
}

static struct err keep_house(struct keeper *k)
{
	struct err e = loop_add(k->loop, k->process.fd, EPOLLIN, on_socket, k);

	if (!err_is(e))
		e = loop_add(k->loop, k->signals.fd, EPOLLIN, on_signal, k);
	for (unsigned i = 0; i < k->nics_open && !err_is(e); i++)
		if (k->watch[i].watch != NULL)
			e = loop_add(k->loop, link_watch_fd(k->watch[i].watch), EPOLLIN, on_link,
				     &k->watch[i]);
	if (!err_is(e) && k->options->control != NULL)
		e = control_watch(&k->control, k->loop, &k->config, k->watch, &k->process);
	while (!err_is(e) && !k->gone) {
		e = loop_once(k->loop, wait_ms(k, tell_links(k)));
		if (k->relay.quit && k->stop == STOP_NONE)
			stop(k, STOP_ESCAPE);
		if (k->control.stop && k->stop == STOP_NONE)
			stop(k, STOP_CONTROL);
		check_time(k);
	}
	return e;
}

/* ---- how it ended ---- */

static struct err judge(struct keeper *k, int status, struct keeper_end *ret_end)
{
	if (k->stop == STOP_SIGNAL) {
		*ret_end = (struct keeper_end){ .kind = KEEPER_SIGNAL, .value = k->signal };
		return err_none();
	}
	if (k->stop == STOP_TIMEOUT && (!k->ended || k->end.machine == MACHINE_END_STOPPED)) {
		*ret_end = (struct keeper_end){ .kind = KEEPER_TIMEOUT };
		return err_none();
	}
	if (k->stop == STOP_CONTROL && (!k->ended || k->end.machine == MACHINE_END_STOPPED)) {
		*ret_end = (struct keeper_end){ .kind = KEEPER_CONTROL };
		return err_none();
	}
	if (err_is(k->error))
		return k->error;
	if (k->ended && k->end.machine == MACHINE_END_ERROR)
		return err_make(ERR_SETUP, 0, "the machine could not be set up: %s", k->end.text);
	/* It did not obey and was killed: what was asked for all the same. */
	if (k->stop == STOP_ESCAPE && !k->ended) {
		*ret_end = (struct keeper_end){ .kind = KEEPER_MACHINE,
						.machine = MACHINE_END_STOPPED };
		return err_none();
	}
	if (!k->ended)
		return child_died(status);
	*ret_end = k->end;
	return err_none();
}

static struct err run_machine(struct keeper *k, struct keeper_end *ret_end)
{
	struct err e = child_start(&k->config, machine_run, &k->terminal, &k->process);
	int status;

	if (err_is(e))
		return e;
	if (k->options->timeout_seconds != 0)
		k->timeout_ns = clock_now_ns(&clock_host) + k->options->timeout_seconds * SECOND_NS;
	/* After the fork: from here on there is somebody to restore it when we are killed. */
	e = terminal_set_raw(&k->terminal);
	if (!err_is(e))
		e = keep_house(k);
	loop_remove(k->loop, k->process.fd);
	status = child_end(&k->process, k->gone ? END_MS : 0);
	return err_is(e) ? e : judge(k, status, ret_end);
}

static struct err prepare(struct keeper *k)
{
	struct err e = net_inherited_check(k->options->nic, k->options->nic_count);

	if (!err_is(e))
		e = signals_open(&k->signals);
	if (!err_is(e))
		e = loop_create(&k->loop);
	if (!err_is(e))
		e = memory_check(k->options->memory_bytes);
	if (!err_is(e) && k->options->control != NULL)
		e = control_open(&k->control, k->options->control);
	if (!err_is(e))
		e = images_open(k->options, &k->config, &k->kernel, &k->initrd);
	if (!err_is(e))
		e = cmdline_ready(k->options, &k->config, k->cmdline);
	if (!err_is(e))
		e = disks_open(k->options, &k->config);
	if (!err_is(e))
		e = kvm_open(&k->config.kvm_fd);
	if (!err_is(e))
		e = serial_ready(k);
	if (!err_is(e))
		e = nics_ready(k);
	return e;
}

/* The signals last: one that came meanwhile ends us when nothing is left. */
static void close_all(struct keeper *k, bool failed)
{
	terminal_close(&k->terminal);
	for (unsigned i = k->nics_open; i-- > 0;)
		net_close(&k->options->nic[i], &k->config.nic[i], &k->watch[i], failed);
	net_home_close(&k->home);
	control_close(&k->control);
	relay_close(&k->relay);
	if (k->serial_file >= 0)
		(void)close(k->serial_file);
	if (k->config.kvm_fd >= 0)
		(void)close(k->config.kvm_fd);
	disks_close(&k->config);
	image_close(&k->kernel);
	image_close(&k->initrd);
	loop_destroy(k->loop);
	signals_close(&k->signals);
}

struct err keeper_run(const struct keeper_options *options, struct keeper_end *ret_end)
{
	struct keeper k = {
		.options = options,
		.serial_file = -1,
		.home = { .home = -1, .private = -1 },
		.terminal = { .fd = -1 },
		.process = { .pid = -1, .pidfd = -1, .fd = -1 },
		.config = {
			.kvm_fd = -1, .keeper_fd = -1, .serial_in = -1, .serial_out = -1,
			.append = options->append, .memory_bytes = options->memory_bytes,
			.cpus = options->cpus,
			.started_ns = options->started_ns, .stats = options->stats,
		},
	};
	struct err e;

	signals_init(&k.signals);
	relay_init(&k.relay);
	control_init(&k.control);
	e = prepare(&k);
	if (!err_is(e))
		e = run_machine(&k, ret_end);
	close_all(&k, err_is(e));
	return e;
}
