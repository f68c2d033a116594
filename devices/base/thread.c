/* devices/base/thread.c: asked from outside, acknowledged by the thread. */
#include "devices/base/thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/base/eventfd.h"

enum { STACK_BYTES = 128 * 1024 };

/* One that has nothing to run for sleeps here, whatever its descriptors say. */
static bool has_work(struct thread *t, enum thread_want want)
{
	return want != t->is || (want == THREAD_RUN && t->work->active(t->self));
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	enum thread_want want;

	(void)pthread_mutex_lock(&t->mutex);
	for (;;) {
		while (!has_work(t, want = atomic_load(&t->want)))
			(void)pthread_cond_wait(&t->asked, &t->mutex);
		if (want == THREAD_STOP)
			t->work->stopped(t->self);
		if (want == THREAD_PAUSE)
			t->work->paused(t->self);
		t->is = want;
		(void)pthread_cond_broadcast(&t->done);
		if (want == THREAD_END)
			break;
		if (want != THREAD_RUN || !t->work->active(t->self))
			continue;
		(void)pthread_mutex_unlock(&t->mutex);
		t->work->run(t->self);
		(void)pthread_mutex_lock(&t->mutex);
	}
	(void)pthread_mutex_unlock(&t->mutex);
	return NULL;
}

void thread_ask(struct thread *t, enum thread_want want)
{
	(void)pthread_mutex_lock(&t->mutex);
	atomic_store(&t->want, want);
	(void)pthread_cond_signal(&t->asked);
	eventfd_poke(t->wake_fd);
	while (t->is != want)
		(void)pthread_cond_wait(&t->done, &t->mutex);
	(void)pthread_mutex_unlock(&t->mutex);
}

void thread_woken(struct thread *t)
{
	uint64_t count;
	ssize_t got = read(t->wake_fd, &count, sizeof(count));

	(void)got; /* EAGAIN: the read before took this one's count too */
}

static int start(struct thread *t)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int why;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGBUS);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	why = pthread_create(&t->thread, &attr, thread_main, t);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	t->started = why == 0;
	return why;
}

struct err thread_init(struct thread *t, const struct thread_work *work, void *self)
{
	int why;

	*t = (struct thread){ .work = work, .self = self };
	(void)pthread_mutex_init(&t->mutex, NULL);
	(void)pthread_cond_init(&t->asked, NULL);
	(void)pthread_cond_init(&t->done, NULL);
	t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (t->wake_fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd for a thread");
	why = start(t);
	return why == 0 ? err_none() : err_make(ERR_SETUP, why, "start a thread");
}

void thread_fini(struct thread *t)
{
	if (t->started) {
		thread_ask(t, THREAD_END);
		(void)pthread_join(t->thread, NULL);
	}
	if (t->wake_fd >= 0)
		(void)close(t->wake_fd);
	(void)pthread_cond_destroy(&t->asked);
	(void)pthread_cond_destroy(&t->done);
	(void)pthread_mutex_destroy(&t->mutex);
}
