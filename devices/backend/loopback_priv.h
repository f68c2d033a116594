/* devices/backend/loopback_priv.h: the two sides of a loopback. */
#ifndef TAPVM_BACKEND_LOOPBACK_PRIV_H
#define TAPVM_BACKEND_LOOPBACK_PRIV_H

#include <pthread.h>

#include "devices/backend/loopback.h"

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
	bool off;            /* takes nothing to be received */
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
	bool hashes;
	struct backend_steering steering;
	unsigned queue_count;
	struct loop_queue queue[];
};

static inline struct loopback *of(struct backend *be) { return (struct loopback *)(void *)be; }
static inline struct loopback *lock(struct backend *be)
{
	struct loopback *l = of(be);

	(void)pthread_mutex_lock(&l->mutex);
	return l;
}
static inline void unlock(struct loopback *l) { (void)pthread_mutex_unlock(&l->mutex); }

/* false: full, too long, or no memory. */
bool list_append(struct list *list, struct vnet_hdr hdr, const struct iovec *iov, int iov_count);
struct kept_frame *list_take(struct list *list); /* the oldest, or NULL; to be freed */
void list_drop(struct list *list);
/* An edge for whoever polls: the count that says what is so now, written anew. */
void show_edge(struct loop_queue *q);

#endif
