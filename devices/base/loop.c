/* devices/base/loop.c: the control loop.
 * Entries are found by descriptor in a list: there are a dozen of them. An entry that is removed
 * while a turn is under way is only marked, and freed when no turn can name it any more. */
#include "devices/base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 16 };

struct entry {
	struct entry *next;
	int fd; /* -1: removed */
	loop_fn fn;
	void *self;
};

struct loop {
	int epoll_fd;
	pthread_mutex_t mutex; /* entries and turning */
	struct entry *entries;
	bool turning;
};

struct err loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (loop == NULL || fd < 0) {
		int why = loop == NULL ? ENOMEM : errno;

		free(loop);
		if (fd >= 0)
			(void)close(fd);
		return err_make(ERR_SETUP, why, "make an epoll set");
	}
	loop->epoll_fd = fd;
	(void)pthread_mutex_init(&loop->mutex, NULL);
	*ret_loop = loop;
	return err_none();
}

/* With the mutex, and not while turning. */
static void sweep(struct loop *loop)
{
	struct entry **at = &loop->entries;

	while (*at != NULL) {
		struct entry *e = *at;

		if (e->fd >= 0) {
			at = &e->next;
		} else {
			*at = e->next;
			free(e);
		}
	}
}

void loop_destroy(struct loop *loop)
{
	if (loop == NULL)
		return;
	for (struct entry *e = loop->entries; e != NULL; e = e->next)
		e->fd = -1;
	sweep(loop);
	(void)close(loop->epoll_fd);
	(void)pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

struct err loop_add(struct loop *loop, int fd, uint32_t epoll_events, loop_fn fn, void *self)
{
	struct entry *e = calloc(1, sizeof(*e));
	struct epoll_event event = { .events = epoll_events, .data.ptr = e };
	int why = 0;

	if (e == NULL)
		return err_make(ERR_SETUP, ENOMEM, "watch descriptor %d", fd);
	*e = (struct entry){ .fd = fd, .fn = fn, .self = self };
	(void)pthread_mutex_lock(&loop->mutex);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) {
		e->next = loop->entries;
		loop->entries = e;
	} else {
		why = errno;
		free(e);
	}
	(void)pthread_mutex_unlock(&loop->mutex);
	return why == 0 ? err_none() : err_make(ERR_SETUP, why, "watch descriptor %d", fd);
}

void loop_remove(struct loop *loop, int fd)
{
	(void)pthread_mutex_lock(&loop->mutex);
	for (struct entry *e = loop->entries; e != NULL; e = e->next) {
		if (e->fd == fd) {
			(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
			e->fd = -1;
			break;
		}
	}
	if (!loop->turning)
		sweep(loop);
	(void)pthread_mutex_unlock(&loop->mutex);
}

/* The entry's function, unless it was removed after epoll_wait named it. */
static void call(struct loop *loop, struct entry *e, uint32_t epoll_events)
{
	bool live;

	(void)pthread_mutex_lock(&loop->mutex);
	live = e->fd >= 0;
	(void)pthread_mutex_unlock(&loop->mutex);
	if (live)
		e->fn(e->self, epoll_events);
}

struct err loop_once(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_A_TURN];
	int count;
	int why;

	(void)pthread_mutex_lock(&loop->mutex);
	loop->turning = true;
	(void)pthread_mutex_unlock(&loop->mutex);
	count = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, timeout_ms);
	why = count < 0 ? errno : 0;
	for (int i = 0; i < count; i++)
		call(loop, events[i].data.ptr, events[i].events);
	(void)pthread_mutex_lock(&loop->mutex);
	loop->turning = false;
	sweep(loop);
	(void)pthread_mutex_unlock(&loop->mutex);
	if (count < 0 && why != EINTR)
		return err_make(ERR_SETUP, why, "wait for events");
	return err_none();
}
