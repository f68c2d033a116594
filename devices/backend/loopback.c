/* devices/backend/loopback.c: a backend of memory. Its poll_fd is an eventfd: a count above 0 is
 * readable, and the largest count is not writable: so "would block" is seen by epoll as of a
 * TAP. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/backend/loopback_priv.h"

enum { QUEUES_MAX = 256, FRAMES_MAX = 4096, REST_MAX = 128 };

/* ---- lists ---- */

bool list_append(struct list *list, struct vnet_hdr hdr, const struct iovec *iov, int iov_count)
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

struct kept_frame *list_take(struct list *list)
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

void list_drop(struct list *list)
{
	for (struct kept_frame *f = list_take(list); f != NULL; f = list_take(list))
		free(f);
}

void show_edge(struct loop_queue *q)
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
	if (!list_append(l->echo && !q->off ? &q->in : &q->out, f->hdr, iov, 1 + f->rest_count)) {
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
		struct kept_frame *k = list_take(&q->in);

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

static struct err loopback_set_queue(struct backend *be, unsigned queue, bool on)
{
	struct loopback *l = lock(be);
	struct loop_queue *q = &l->queue[queue];

	q->off = !on;
	if (!on)
		list_drop(&q->in);
	unlock(l);
	return err_none();
}

static struct err loopback_set_steering(struct backend *be, const struct backend_steering *s)
{
	struct loopback *l = lock(be);

	l->hashes = s != NULL;
	if (s != NULL)
		l->steering = *s;
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

static void loopback_destroy(struct backend *be)
{
	struct loopback *l = of(be);

	for (unsigned i = 0; i < l->queue_count; i++) {
		list_drop(&l->queue[i].in);
		list_drop(&l->queue[i].out);
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
	.set_queue = loopback_set_queue,
	.set_steering = loopback_set_steering,
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
		.caps = { .offloads = { .csum = true,
					.tso4 = true,
					.tso6 = true,
					.ecn = true,
					.uso = true },
			  .sends_tunnels = true,
			  .queues = queues,
			  .carrier = true,
			  .steering = true },
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
