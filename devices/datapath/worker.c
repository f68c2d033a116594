/* devices/datapath/worker.c: one thread a queue pair. Start reading at serve.
 *
 * Four things allow progress: receive buffers, transmit chains, backend readable, backend
 * writable. Each is set by an edge and cleared only by "empty" after kicks were asked for again,
 * or by EAGAIN. While one direction may go on, nothing waits; and as it may go on for ever, the
 * other's edges are looked for all the while: chains to be sent in memory, the rest every few
 * turns. */
#include "devices/datapath/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "devices/base/clock.h"
#include "devices/base/thread.h"
#include "devices/datapath/wait.h"

enum {
	/* Looks at rings before kicks are asked for: about what a wake-up costs. */
	SPIN_NS = 10 * 1000,
	EVENTS_A_TURN = 4,
	/* A look costs as much as half a frame: every so many turns of up to a batch each way. */
	TURNS_A_LOOK = 4,
	POLL_NS = 1000 * 1000, /* between two looks at rings without a doorbell */
};

static_assert(COAL_NEVER == WAIT_FOREVER, "what net_signals says is how long to wait");
enum source { SOURCE_WAKE, SOURCE_KICK_RX, SOURCE_KICK_TX, SOURCE_BACKEND };

struct worker {
	struct thread thread;
	struct net_pair *pair; /* NULL: not attached yet */
	struct event_set events;

	/* The thread's own. */
	bool rx_chains, tx_chains, readable, writable;
	bool rx_later, tx_later; /* out of tokens: not before net_rate_wait is over */
	bool tx_armed;      /* kicks are asked for; receive asks as soon as it is out of chains */
	bool polled;        /* a ring has no doorbell: changed in a pause */
	unsigned turns;     /* since the last look at events */
	bool out_watched;   /* EPOLLOUT is in the set */
	uint64_t active_ns; /* when something was last done */
};

struct workers {
	unsigned count;
	struct worker worker[QUEUE_PAIRS_MAX];
};

/* ---- the data path ---- */

/* tun arms its writable wake-up only inside its own poll: the set must be modified after EAGAIN. */
static void watch_backend(struct worker *w, bool out)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLET | (out ? EPOLLOUT : 0u),
		.data.u32 = SOURCE_BACKEND,
	};

	if (out || w->out_watched)
		(void)epoll_ctl(w->events.epoll_fd, EPOLL_CTL_MOD, net_backend_fd(w->pair), &event);
	w->out_watched = out;
}

static void serve_tx(struct worker *w)
{
	switch (net_tx(w->pair)) {
	case RUN_MORE: break;
	case RUN_LATER: w->tx_later = true; break;
	case RUN_IDLE:
	case RUN_BROKEN:
		w->tx_chains = false;
		w->tx_armed = false;
		break;
	case RUN_BLOCKED:
		w->writable = false;
		watch_backend(w, true);
		break;
	}
	if (net_has_input(w->pair))
		w->readable = true;
}

static void serve_rx(struct worker *w)
{
	switch (net_rx(w->pair)) {
	case RUN_MORE: break;
	case RUN_LATER: w->rx_later = true; break;
	case RUN_IDLE: w->readable = false; break;
	case RUN_BLOCKED:
	case RUN_BROKEN: w->rx_chains = net_rx_wait(w->pair); break;
	}
}

static bool may_tx(const struct worker *w) { return w->tx_chains && w->writable && !w->tx_later; }
static bool may_rx(const struct worker *w) { return w->rx_chains && w->readable && !w->rx_later; }

/* One batch each way. false: neither may go on. */
static bool serve(struct worker *w)
{
	bool tx, rx;

	if (!w->tx_chains)
		w->tx_chains = net_tx_waiting(w->pair);
	tx = may_tx(w);
	rx = may_rx(w);
	if (tx)
		serve_tx(w);
	if (rx)
		serve_rx(w);
	return tx || rx;
}

/* Nothing to do: lets serve look on for a moment, then asks for kicks, and says whether to
 * sleep. The backend is left to its edge: its look costs a system call. */
static bool may_sleep(struct worker *w)
{
	uint64_t now = clock_now_ns(&clock_host);

	if (w->active_ns == 0)
		w->active_ns = now;
	if (now - w->active_ns < SPIN_NS)
		return false;
	if (!w->tx_chains && !w->tx_armed) {
		w->tx_armed = true;
		w->tx_chains = net_tx_wait(w->pair);
	}
	return !may_tx(w);
}

static void on_event(struct worker *w, const struct epoll_event *event)
{
	switch ((enum source)event->data.u32) {
	case SOURCE_WAKE: thread_woken(&w->thread); break;
	case SOURCE_KICK_RX:
		w->rx_chains = true;
		net_count_kick(w->pair, false);
		break;
	case SOURCE_KICK_TX:
		w->tx_chains = true;
		net_count_kick(w->pair, true);
		break;
	case SOURCE_BACKEND:
		if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			w->readable = true;
		if (event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
			w->writable = true;
			watch_backend(w, false);
		}
		break;
	}
}

static void take_events(struct worker *w, uint64_t wait_ns)
{
	struct epoll_event events[EVENTS_A_TURN];
	int count = wait_events(&w->events, events, EVENTS_A_TURN, wait_ns);

	w->turns = 0;
	for (int i = 0; i < count; i++)
		on_event(w, &events[i]);
}

/* WAIT_FOREVER: until something happens. Rings without a doorbell are looked at again and again. */
static void sleep_on(struct worker *w, uint64_t wait_ns)
{
	if (w->polled && wait_ns > POLL_NS)
		wait_ns = POLL_NS;
	take_events(w, wait_ns);
	w->rx_chains |= w->polled;
	w->tx_chains |= w->polled;
}

/* What was out of tokens may go on when they are there. ret: wait_ns, or how long until then. */
static uint64_t look_at_rates(struct worker *w, uint64_t wait_ns)
{
	uint64_t rx = w->rx_later ? net_rate_wait(w->pair, false) : WAIT_FOREVER;
	uint64_t tx = w->tx_later ? net_rate_wait(w->pair, true) : WAIT_FOREVER;

	w->rx_later = w->rx_later && rx > 0;
	w->tx_later = w->tx_later && tx > 0;
	if (rx < wait_ns)
		wait_ns = rx;
	return tx < wait_ns ? tx : wait_ns;
}

static void work_run(void *self)
{
	struct worker *w = self;

	/* As if kicked, and as if the backend were ready both ways. */
	w->rx_chains = w->tx_chains = w->readable = w->writable = true;
	w->rx_later = w->tx_later = w->tx_armed = false;
	w->active_ns = 0;
	while (thread_is_to_run(&w->thread)) {
		uint64_t wait_ns = net_signals(w->pair, false);

		if (w->rx_later || w->tx_later)
			wait_ns = look_at_rates(w, wait_ns);
		if (serve(w)) {
			w->active_ns = 0;
			if (++w->turns >= TURNS_A_LOOK)
				take_events(w, 0);
		} else if (may_sleep(w)) {
			sleep_on(w, wait_ns);
		}
	}
	/* A signal that is owed is given before the pause is acknowledged. */
	(void)net_signals(w->pair, true);
}

/* That a pair is to move frames is told by a pause and a resume. */
static bool work_active(void *self) { return net_pair_active(((struct worker *)self)->pair); }
static void work_paused(void *self) { net_pair_assert_paused(((struct worker *)self)->pair); }
static void work_stopped(void *self)
{
	struct worker *w = self;

	if (w->pair != NULL)
		net_pair_stop(w->pair);
}

static const struct thread_work work = {
	.run = work_run,
	.active = work_active,
	.paused = work_paused,
	.stopped = work_stopped,
};

/* ---- asked from outside ---- */

static void ask_all(void *self, enum thread_want want)
{
	struct workers *all = self;

	for (unsigned i = 0; i < all->count; i++)
		thread_ask(&all->worker[i].thread, want);
}

static bool watch(struct worker *w, int fd, uint32_t events, enum source source)
{
	struct epoll_event event = { .events = events, .data.u32 = source };

	return epoll_ctl(w->events.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The new one first: if it cannot be watched, the old one still is. */
static bool runner_move_kick(void *self, unsigned index, int old, int fd)
{
	struct workers *all = self;
	enum source source = index % 2 == 0 ? SOURCE_KICK_RX : SOURCE_KICK_TX;
	struct worker *w;
	int other;

	if (index / 2 >= all->count)
		return true;
	w = &all->worker[index / 2];
	if (old == fd)
		return true;
	if (fd >= 0 && !watch(w, fd, EPOLLIN | EPOLLET, source))
		return false;
	if (old >= 0)
		(void)epoll_ctl(w->events.epoll_fd, EPOLL_CTL_DEL, old, NULL);
	other = source == SOURCE_KICK_RX ? net_kick_fd_tx(w->pair) : net_kick_fd_rx(w->pair);
	w->polled = fd < 0 || other < 0;
	return true;
}

static void runner_run(void *self) { ask_all(self, THREAD_RUN); }
static void runner_pause(void *self) { ask_all(self, THREAD_PAUSE); }
static void runner_stop(void *self) { ask_all(self, THREAD_STOP); }

const struct runner_ops workers_runner = {
	.start = runner_run,
	.pause = runner_pause,
	.resume = runner_run,
	.stop = runner_stop,
	.move_kick = runner_move_kick,
};

/* ---- life ---- */

static struct err worker_init(struct worker *w)
{
	struct err e = thread_init(&w->thread, &work, w);

	w->events.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (err_is(e))
		return err_within(e, "a worker");
	if (w->events.epoll_fd < 0 || !watch(w, w->thread.wake_fd, EPOLLIN, SOURCE_WAKE))
		return err_make(ERR_SETUP, errno, "make a worker's events");
	return e;
}

static void worker_fini(struct worker *w)
{
	thread_fini(&w->thread);
	if (w->events.epoll_fd >= 0)
		(void)close(w->events.epoll_fd);
}

struct err workers_create(unsigned pairs, struct workers **ret_workers)
{
	struct workers *all = calloc(1, sizeof(*all));
	struct err e = err_none();

	if (all == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make workers");
	while (all->count < pairs && !err_is(e))
		e = worker_init(&all->worker[all->count++]);
	if (err_is(e)) {
		workers_destroy(all);
		return e;
	}
	*ret_workers = all;
	return e;
}

void workers_destroy(struct workers *all)
{
	if (all == NULL)
		return;
	for (unsigned i = 0; i < all->count; i++)
		worker_fini(&all->worker[i]);
	free(all);
}

struct err workers_attach(struct workers *all, struct net *n)
{
	for (unsigned i = 0; i < all->count; i++) {
		struct worker *w = &all->worker[i];

		w->pair = net_pair(n, i);
		if (!watch(w, net_kick_fd_rx(w->pair), EPOLLIN | EPOLLET, SOURCE_KICK_RX) ||
		    !watch(w, net_kick_fd_tx(w->pair), EPOLLIN | EPOLLET, SOURCE_KICK_TX) ||
		    !watch(w, net_backend_fd(w->pair), EPOLLIN | EPOLLET, SOURCE_BACKEND))
			return err_make(ERR_SETUP, errno, "watch the queues of a NIC");
	}
	return err_none();
}
