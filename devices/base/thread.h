/* devices/base/thread.h: a thread that runs, pauses and stops when it is asked to: what a runner of
 * virtio/device.h needs of one.
 *
 * Signals are blocked in it, but for SIGBUS: guest memory may be a file that somebody cuts short,
 * and blocked that would end us.
 * Threads: thread_ask by one at a time; thread_is_to_run and thread_woken by the thread itself. */
#ifndef TAPVM_BASE_THREAD_H
#define TAPVM_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "devices/base/err.h"

enum thread_want { THREAD_STOP, THREAD_RUN, THREAD_PAUSE, THREAD_END };

/* What it does; each on the thread. */
struct thread_work {
	/* Works until it is to do something else: returns soon after thread_is_to_run says no, for
	 * which wake_fd becomes readable. */
	void (*run)(void *self);
	/* false: there is nothing to run for, it sleeps. It is another only after a pause. */
	bool (*active)(void *self);
	/* Before a pause, or a stop, is acknowledged. */
	void (*paused)(void *self);
	void (*stopped)(void *self);
};

struct thread {
	int wake_fd; /* eventfd, for the thread to wait on beside its own descriptors */
	pthread_t thread;
	bool started;
	const struct thread_work *work;
	void *self;
	pthread_mutex_t mutex;
	pthread_cond_t asked, done;
	_Atomic enum thread_want want;
	enum thread_want is; /* with the mutex */
};

/* Starts it, stopped. thread_fini also where this has failed. */
struct err thread_init(struct thread *t, const struct thread_work *work, void *self) MUST_USE;
void thread_fini(struct thread *t); /* returns when it has ended */
/* Returns when it does so. */
void thread_ask(struct thread *t, enum thread_want want);

static inline bool thread_is_to_run(const struct thread *t)
{
	return atomic_load_explicit(&t->want, memory_order_acquire) == THREAD_RUN;
}
void thread_woken(struct thread *t); /* wake_fd is readable no more */

#endif
