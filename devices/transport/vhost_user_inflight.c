/* devices/transport/vhost_user_inflight.c: the file in which a back-end notes how far it is, so
 * that the next one goes on there after a crash: a journal for each ring, which the front-end
 * keeps. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/transport/vhost_user_priv.h"

static uint64_t journal_bytes(uint64_t entries)
{
	return sizeof(struct queue_journal) + entries * sizeof(struct queue_journal_entry);
}

struct err vu_get_inflight_fd(struct vhost_user *v, struct vu_message *m)
{
	struct wire_vu_inflight *i = &m->payload.inflight;

	if (i->queues == 0 || i->queues > v->config.rings || i->queue_size == 0 ||
	    i->queue_size > QUEUE_SIZE_MAX)
		return err_make(ERR_SETUP, 0, "a file for %u rings of %u entries in flight",
				i->queues, i->queue_size);
	i->offset = 0;
	i->size = i->queues * journal_bytes(i->queue_size);
	m->reply_fd = memfd_create("inflight", MFD_CLOEXEC);
	if (m->reply_fd < 0 || ftruncate(m->reply_fd, (off_t)i->size) < 0)
		return err_make(ERR_SETUP, errno, "make a file for chains in flight");
	/* Some count the padding behind the last field, some do not. */
	m->reply_bytes = m->header.size < sizeof(*i) ? m->header.size : (uint32_t)sizeof(*i);
	return err_none();
}

static void watch(struct vhost_user *v)
{
	device_lock(v->config.device);
	device_pause(v->config.device);
	guest_mem_set_beside(v->config.mem, v->inflight.map, v->inflight.map_bytes);
	device_resume(v->config.device);
	device_unlock(v->config.device);
}

struct err vu_set_inflight_fd(struct vhost_user *v, struct vu_message *m)
{
	const struct wire_vu_inflight *i = &m->payload.inflight;
	const struct wire_vu_region as = { .size = i->size, .mmap_offset = i->offset };
	struct vu_mapping fresh;
	struct err e;

	if (vu_any_ring_runs(v))
		return err_make(ERR_SETUP, 0,
				"another file for chains in flight while a ring runs");
	if (i->queues > v->config.rings || i->offset % sizeof(uint64_t) != 0)
		return err_make(ERR_SETUP, 0, "a file for %u rings in flight at %#llx", i->queues,
				(unsigned long long)i->offset);
	e = vu_map_file(m->fd[0], &as, &fresh);
	if (err_is(e))
		return err_within(e, "chains in flight");
	vu_inflight_fini(v);
	v->inflight = fresh;
	v->inflight_queues = i->queues;
	v->inflight_entries = i->queue_size;
	watch(v);
	return e;
}

/* One of another size than we would have made has no journal in it. */
struct queue_journal *vu_journal(const struct vhost_user *v, const struct vu_ring *r)
{
	uint64_t index = (uint64_t)(r - v->ring), bytes = journal_bytes(v->inflight_entries);

	if (index >= v->inflight_queues || r->size > v->inflight_entries ||
	    (index + 1) * bytes > v->inflight.as.size)
		return NULL;
	return (struct queue_journal *)(void *)(v->inflight.host + index * bytes);
}

void vu_forget_place(struct vhost_user *v, const struct vu_ring *r)
{
	struct queue_journal *j = vu_journal(v, r);

	if (j != NULL)
		__atomic_store_n(&j->version, 0, __ATOMIC_RELEASE);
}

void vu_inflight_fini(struct vhost_user *v)
{
	struct vu_mapping old = v->inflight;

	v->inflight = (struct vu_mapping){ .as = { .size = 0 } };
	v->inflight_queues = 0;
	watch(v);
	vu_unmap(&old);
}
