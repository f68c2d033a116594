/* vmm/server/server.c: a server from end to end. Read vhost_user_serve first. */
#include "vmm/server/server.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/transport/vhost_user.h"
#include "vmm/keeper/signals.h"
#include "vmm/nic/nic.h"
#include "vmm/nic/stats.h"
#include "vmm/server/listen.h"

enum { LINE_BYTES = 600, STATS_BYTES = 8192 };

struct server {
	struct loop *loop;
	struct signaller *signaller;
	struct signals signals;
	struct listen listen;
	struct net_home home;
	struct machine_nic config;
	struct nic_watch watch;
	bool tap_open;
	struct guest_mem *mem;
	struct nic nic;
	struct vhost_user *vhost_user; /* NULL: nobody is connected */
	struct log_limit limit;        /* of what is said about front-ends */
	bool inband, over;
	int fault_fd;
	char line[LINE_BYTES];
};

static void log_line(void *self, const char *text)
{
	(void)self;
	(void)fprintf(stderr, SERVER_NAME ": %s\n", text);
}

/* ---- a front-end ---- */

static void next(struct server *s)
{
	if (!listen_next(&s->listen))
		s->over = true;
}

static void on_ended(void *self)
{
	struct server *s = self;

	vhost_user_destroy(s->vhost_user);
	s->vhost_user = NULL;
	next(s);
}

static void on_come(void *self, int fd)
{
	struct server *s = self;
	const struct vhost_user_config c = { .device = net_device(s->nic.net),
					     .mem = s->mem,
					     .loop = s->loop,
					     .log = { .line = log_line },
					     .limit = &s->limit,
					     .name = s->nic.name,
					     .rings = 2 * net_pairs(s->nic.net) + 1,
					     .queue_num = net_pairs(s->nic.net),
					     .inband = s->inband,
					     .signaller = s->signaller,
					     .trim = net_features_trim,
					     .ended = on_ended,
					     .self = s };
	struct err e = vhost_user_create(&c, fd, &s->vhost_user);

	if (err_is(e)) {
		log_line(s, e.text);
		next(s);
	}
}

/* ---- a front-end's file that was cut short under its mapping ---- */

/* What a signal handler can reach. One server a process. */
static struct {
	struct guest_mem *mem;
	int fd;
} fault;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	const uint64_t one = 1;
	int before = errno;

	(void)context;
	if (!mem_fault_fix(fault.mem, info->si_addr)) {
		(void)signal(number, SIG_DFL); /* it comes again, and ends us as it should */
	} else if (write(fault.fd, &one, sizeof(one)) < 0) {
		_exit(1);
	}
	errno = before;
}

static void on_fault(void *self, uint32_t epoll_events)
{
	struct server *s = self;
	uint64_t count;

	(void)epoll_events;
	if (read(s->fault_fd, &count, sizeof(count)) > 0 && s->vhost_user != NULL)
		vhost_user_fault(s->vhost_user);
}

static struct err watch_faults(struct server *s)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	s->fault_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fault_fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd");
	fault.mem = s->mem;
	fault.fd = s->fault_fd;
	(void)sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL) < 0)
		return err_make(ERR_SETUP, errno, "handle SIGBUS");
	return loop_add(s->loop, s->fault_fd, EPOLLIN, on_fault, s);
}

/* ---- life ---- */

static void on_signal(void *self, uint32_t epoll_events)
{
	struct server *s = self;

	(void)epoll_events;
	while (signals_next(&s->signals) != 0)
		s->over = true;
}

static void on_link(void *self, uint32_t epoll_events)
{
	struct server *s = self;

	(void)epoll_events;
	watch_read(&s->watch);
	if (s->watch.up != s->watch.told)
		net_set_link(s->nic.net, s->watch.up);
	s->watch.told = s->watch.up;
}

/* Front-ends choose the size of their rings: any, unless one was asked for. Of a driver's reset of
 * a single queue QEMU (7.2 to 11.1 at least) does not tell its back-end, and passes the feature on
 * all the same. */
static void suit_front_ends(struct machine_nic *config, const struct server_options *o)
{
	struct net_switches *s = &config->switches;

	if (o->nic.queue_size == 0)
		config->queue_size = QUEUE_SIZE_MAX;
	if (!features_has(&s->on, VIRTIO_F_RING_RESET))
		features_set(&s->off, VIRTIO_F_RING_RESET, true);
}

static struct err open_nic(struct server *s, const struct server_options *o)
{
	struct err e = net_open(&s->home, &o->nic, 0, true, &s->config, &s->watch, s->line,
				sizeof(s->line));

	if (err_is(e))
		return e;
	s->tap_open = true;
	suit_front_ends(&s->config, o);
	s->mem = guest_mem_create();
	if (s->mem == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make a table of memory");
	return nic_init(&s->nic, &s->config, 0, s->mem, s->loop, (struct log){ .line = log_line });
}

static struct err set_up(struct server *s, const struct server_options *o, int passed_fd)
{
	struct err e = net_inherited_check(&o->nic, 1);

	if (!err_is(e))
		e = loop_create(&s->loop);
	s->listen.loop = s->loop;
	if (!err_is(e))
		e = signals_open(&s->signals);
	if (!err_is(e))
		e = loop_add(s->loop, s->signals.fd, EPOLLIN, on_signal, s);
	if (!err_is(e))
		e = signaller_create(&s->signaller);
	if (!err_is(e))
		e = listen_open(&s->listen, o, passed_fd);
	if (!err_is(e))
		e = open_nic(s, o);
	if (!err_is(e) && s->watch.watch != NULL)
		e = loop_add(s->loop, link_watch_fd(s->watch.watch), EPOLLIN, on_link, s);
	if (!err_is(e))
		e = watch_faults(s);
	return e;
}

static void print_stats(const struct nic *nic)
{
	char lines[STATS_BYTES];
	struct text t = { lines, sizeof(lines) };

	nic_stats(&t, nic, 0);
	(void)fputs(lines, stderr);
}

static void tear_down(struct server *s, const struct server_options *o, bool failed)
{
	const struct capture_wait wait = nic_end_wait(-1);

	vhost_user_destroy(s->vhost_user);
	listen_close(&s->listen);
	if (s->nic.net != NULL) {
		nic_fini(&s->nic, &wait);
		/* Its descriptors are closed with it. */
		s->config.tap.queues = 0;
		s->config.tap.steers = false;
		s->config.capture_fd = -1;
	}
	if (s->tap_open)
		net_close(&o->nic, &s->config, &s->watch, failed);
	net_home_close(&s->home);
	guest_mem_destroy(s->mem);
	signaller_destroy(s->signaller);
	if (s->fault_fd >= 0)
		(void)close(s->fault_fd);
	signals_close(&s->signals);
	loop_destroy(s->loop);
}

struct err vhost_user_serve(const struct server_options *o, int passed_fd)
{
	struct server s = { .listen = { .socket.fd = -1, .timer_fd = -1, .come = on_come },
			    .home = { .home = -1, .private = -1 },
			    .inband = o->inband,
			    .fault_fd = -1 };
	struct err e;

	s.listen.self = &s;
	signals_init(&s.signals);
	e = set_up(&s, o, passed_fd);
	if (!err_is(e)) {
		if (!o->quiet)
			log_line(&s, s.line);
		next(&s);
	}
	if (err_is(e)) {
		tear_down(&s, o, true);
		return e;
	}
	while (!s.over && !err_is(e))
		e = loop_once(s.loop, -1);
	if (o->stats)
		print_stats(&s.nic);
	tear_down(&s, o, false);
	return e;
}
