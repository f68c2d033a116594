/* devices/backend/loopback.c: a backend of memory. Its poll_fd is an eventfd: a count above 0 is
 * readable, and the largest count is not writable: so "would block" is seen by epoll as of a
 * TAP. */
#include "devices/backend/loopback.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { QUEUES_MAX = 256, FRAMES_MAX = 4096, REST_MAX = 128 };
#define COUNT_FULL (UINT64_MAX - 1)

struct kept_frame {
	struct kept_frame *next;
	struct vnet_hdr hdr;
	uint32_t len;
	uint8_t bytes[];
};

struct list {
	struct kept_frame *first, **last;
	unsigned count;
};

struct loop_queue {
	int fd;
	bool blocked;        /* a send was kept, and no room was given since */
	struct list in, out; /* to be received, and sent */
	struct backend_counters counters;
};

struct loopback {
	struct backend backend;
	pthread_mutex_t mutex; /* everything below */
	bool echo, carrier, gone;
	uint32_t room; /* UINT32_MAX: no limit */
	uint32_t fail_count;
	enum drop_reason fail_why;
	struct backend_offloads offloads;
	unsigned queue_count;
	struct loop_queue queue[];
};

static struct loopback *of(struct backend *be) { return (struct loopback *)(void *)be; }
static struct loopback *lock(struct backend *be)
{
	struct loopback *l = of(be);

	(void)pthread_mutex_lock(&l->mutex);
	return l;
}
static void unlock(struct loopback *l) { (void)pthread_mutex_unlock(&l->mutex); }

/* ---- lists ---- */

static bool append(struct list *list, struct vnet_hdr hdr, const struct iovec *iov, int iov_count)
{
	struct kept_frame *f;
	size_t len = 0;

	for (int i = 0; i < iov_count; i++)
		len += iov[i].iov_len;
	if (list->count == FRAMES_MAX || len > FRAME_MAX)
		return false;
	f = malloc(sizeof(*f) + len);
	if (f == NULL)
		return false;
	*f = (struct kept_frame){ .hdr = hdr };
	for (int i = 0; i < iov_count; i++) {
		memcpy(f->bytes + f->len, iov[i].iov_base, iov[i].iov_len);
		f->len += (uint32_t)iov[i].iov_len;
	}
	*list->last = f;
	list->last = &f->next;
	list->count++;
	return true;
}

static struct kept_frame *take_first(struct list *list)
{
	struct kept_frame *f = list->first;

	if (f == NULL)
		return NULL;
	list->first = f->next;
	if (list->first == NULL)
		list->last = &list->first;
	list->count--;
	return f;
}

/* An edge for whoever polls: the count that says what is so now, written anew. */
static void show_edge(struct loop_queue *q)
{
	uint64_t value = q->blocked ? COUNT_FULL : 1, before;
	ssize_t done = read(q->fd, &before, sizeof(before));

	done = write(q->fd, &value, sizeof(value));
	(void)done;
}

/* ---- the backend ---- */

static void send_one(struct loopback *l, struct loop_queue *q, struct frame *f)
{
	struct iovec iov[1 + REST_MAX];

	if (l->gone) {
		frame_drop(f, DROP_TX_GONE);
		return;
	}
	if (f->len < FRAME_MIN || f->rest_count > REST_MAX) {
		frame_drop(f, DROP_TX_REFUSED);
		return;
	}
	if (l->fail_count > 0) {
		l->fail_count--;
		l->gone = l->gone || l->fail_why == DROP_TX_GONE;
		frame_drop(f, l->fail_why);
		return;
	}
	if (l->room == 0) {
		q->counters.again++;
		q->blocked = true;
		f->fate = FATE_KEPT;
		show_edge(q);
		return;
	}
	iov[0] = (struct iovec){ f->bytes, f->local };
	for (int i = 0; i < f->rest_count; i++)
		iov[1 + i] = f->rest[i];
	if (!append(l->echo ? &q->in : &q->out, f->hdr, iov, 1 + f->rest_count)) {
		frame_drop(f, DROP_TX_NO_MEMORY);
		return;
	}
	if (l->room != UINT32_MAX)
		l->room--;
	f->fate = FATE_SENT;
}

static void loopback_send(struct backend *be, unsigned queue, struct batch *batch)
{
	struct loopback *l = lock(be);
	struct loop_queue *q = &l->queue[queue];
	bool kept = false;

	for (unsigned i = 0; i < batch->count; i++) {
		struct frame *f = &batch->frame[i];

		if (f->fate != FATE_OPEN)
			continue;
		if (kept) {
			f->fate = FATE_KEPT;
			continue;
		}
		q->counters.syscalls++;
		send_one(l, q, f);
		kept = f->fate == FATE_KEPT;
	}
	if (l->echo)
		show_edge(q);
	unlock(l);
}

static void loopback_recv(struct backend *be, unsigned queue, struct batch *batch, unsigned max,
			  bool *ret_more)
{
	struct loopback *l = lock(be);
	struct loop_queue *q = &l->queue[queue];
	uint32_t bytes = 0;

	batch->count = 0;
	*ret_more = true;
	while (batch->count < max && bytes < BATCH_BYTES_MAX) {
		struct frame *f = &batch->frame[batch->count];
		struct kept_frame *k = take_first(&q->in);

		q->counters.syscalls++;
		if (k == NULL) {
			q->counters.again++;
			*ret_more = false;
			break;
		}
		*f = (struct frame){
			.bytes = f->bytes, .hdr = k->hdr, .len = k->len, .local = k->len
		};
		memcpy(f->bytes, k->bytes, k->len);
		if (k->len < FRAME_MIN)
			frame_drop(f, DROP_RX_RUNT);
		bytes += k->len;
		batch->count++;
		free(k);
	}
	unlock(l);
}

static int loopback_poll_fd(struct backend *be, unsigned queue) { return of(be)->queue[queue].fd; }

static struct err loopback_set_offloads(struct backend *be, struct backend_offloads wanted)
{
	struct loopback *l = lock(be);

	l->offloads = wanted;
	unlock(l);
	return err_none();
}

static struct err loopback_set_carrier(struct backend *be, bool on)
{
	struct loopback *l = lock(be);

	l->carrier = on;
	unlock(l);
	return err_none();
}

static bool loopback_gone(const struct backend *be)
{
	struct loopback *l = lock((struct backend *)(uintptr_t)be);
	bool gone = l->gone;

	unlock(l);
	return gone;
}

static void loopback_counters(const struct backend *be, unsigned queue,
			      struct backend_counters *ret)
{
	struct loopback *l = lock((struct backend *)(uintptr_t)be);

	*ret = l->queue[queue].counters;
	unlock(l);
}

static void drop_list(struct list *list)
{
	for (struct kept_frame *f = take_first(list); f != NULL; f = take_first(list))
		free(f);
}

static void loopback_destroy(struct backend *be)
{
	struct loopback *l = of(be);

	for (unsigned i = 0; i < l->queue_count; i++) {
		drop_list(&l->queue[i].in);
		drop_list(&l->queue[i].out);
		(void)close(l->queue[i].fd);
	}
	(void)pthread_mutex_destroy(&l->mutex);
	free(l);
}

static const struct backend_ops loopback_ops = {
	.send = loopback_send,
	.recv = loopback_recv,
	.poll_fd = loopback_poll_fd,
	.set_offloads = loopback_set_offloads,
	.set_carrier = loopback_set_carrier,
	.gone = loopback_gone,
	.counters = loopback_counters,
	.destroy = loopback_destroy,
};

struct err loopback_create(unsigned queues, struct backend **ret_backend)
{
	struct loopback *l;

	if (queues == 0 || queues > QUEUES_MAX)
		return err_make(ERR_SETUP, 0, "a loopback of %u queues: it has 1 to %d", queues,
				QUEUES_MAX);
	l = calloc(1, sizeof(*l) + queues * sizeof(l->queue[0]));
	if (l == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make a loopback");
	l->backend = (struct backend){
		.ops = &loopback_ops,
		.caps = { .offloads = { true, true, true, true, true },
			  .queues = queues,
			  .carrier = true },
	};
	(void)pthread_mutex_init(&l->mutex, NULL);
	l->room = UINT32_MAX;
	for (; l->queue_count < queues; l->queue_count++) {
		struct loop_queue *q = &l->queue[l->queue_count];

		q->in.last = &q->in.first;
		q->out.last = &q->out.first;
		q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (q->fd < 0) {
			struct err e = err_make(ERR_SETUP, errno, "make a loopback");

			loopback_destroy(&l->backend);
			return e;
		}
	}
	*ret_backend = &l->backend;
	return err_none();
}

/* ---- for tests ---- */

bool loopback_give(struct backend *be, unsigned queue, struct vnet_hdr hdr, const void *bytes,
		   uint32_t len)
{
	struct loopback *l = lock(be);
	const struct iovec iov = { (void *)(uintptr_t)bytes, len };
	bool taken = !l->gone && append(&l->queue[queue].in, hdr, &iov, 1);

	if (taken)
		show_edge(&l->queue[queue]);
	unlock(l);
	return taken;
}

int loopback_taken(struct backend *be, unsigned queue, struct vnet_hdr *ret_hdr, void *ret_bytes,
		   uint32_t max)
{
	struct loopback *l = lock(be);
	struct kept_frame *f = take_first(&l->queue[queue].out);
	int len = -1;

	unlock(l);
	if (f == NULL)
		return len;
	len = (int)f->len;
	*ret_hdr = f->hdr;
	memcpy(ret_bytes, f->bytes, f->len < max ? f->len : max);
	free(f);
	return len;
}

void loopback_set_echo(struct backend *be, bool on)
{
	struct loopback *l = lock(be);

	l->echo = on;
	unlock(l);
}

void loopback_set_room(struct backend *be, uint32_t room)
{
	struct loopback *l = lock(be);

	l->room = room;
	for (unsigned i = 0; i < l->queue_count && room > 0; i++) {
		l->queue[i].blocked = false;
		show_edge(&l->queue[i]);
	}
	unlock(l);
}

void loopback_fail(struct backend *be, enum drop_reason why, uint32_t count)
{
	struct loopback *l = lock(be);

	l->fail_why = why;
	l->fail_count = count;
	unlock(l);
}

void loopback_end(struct backend *be)
{
	struct loopback *l = lock(be);

	l->gone = true;
	for (unsigned i = 0; i < l->queue_count; i++) {
		drop_list(&l->queue[i].in);
		l->queue[i].blocked = false;
		show_edge(&l->queue[i]);
	}
	unlock(l);
}

struct backend_offloads loopback_offloads(struct backend *be)
{
	struct loopback *l = lock(be);
	struct backend_offloads offloads = l->offloads;

	unlock(l);
	return offloads;
}

bool loopback_carrier(struct backend *be)
{
	struct loopback *l = lock(be);
	bool carrier = l->carrier;

	unlock(l);
	return carrier;
}
