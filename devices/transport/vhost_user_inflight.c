/* devices/transport/vhost_user_inflight.c: the file in which a back-end notes the chains that it
 * works on, so that the next one does them again after a crash.
 *
 * Nothing is ever noted: chains are used in the order in which they were made available, so what
 * was in work at a crash is what lies behind the used index, and that is where the front-end starts
 * the next one. The file says so: no chain is in flight. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/mem/range.h"
#include "devices/transport/vhost_user_priv.h"

enum {
	/* The longest of the layouts of split and packed rings, a queue each. */
	QUEUE_HEAD_BYTES = 64,
	ENTRY_BYTES = 32,
};

struct err vu_get_inflight_fd(struct vhost_user *v, struct vu_message *m)
{
	struct wire_vu_inflight *i = &m->payload.inflight;

	if (i->queues == 0 || i->queues > v->config.rings || i->queue_size == 0 ||
	    i->queue_size > QUEUE_SIZE_MAX)
		return err_make(ERR_SETUP, 0, "a file for %u rings of %u entries in flight",
				i->queues, i->queue_size);
	i->offset = 0;
	i->size = (uint64_t)i->queues * (QUEUE_HEAD_BYTES + (uint64_t)i->queue_size * ENTRY_BYTES);
	m->reply_fd = memfd_create("inflight", MFD_CLOEXEC);
	if (m->reply_fd < 0 || ftruncate(m->reply_fd, (off_t)i->size) < 0)
		return err_make(ERR_SETUP, errno, "make a file for chains in flight");
	/* Some count the padding behind the last field, some do not. */
	m->reply_bytes = m->header.size < sizeof(*i) ? m->header.size : (uint32_t)sizeof(*i);
	return err_none();
}

struct err vu_set_inflight_fd(struct vhost_user *v, struct vu_message *m)
{
	const struct wire_vu_inflight *i = &m->payload.inflight;
	struct stat st;

	if (i->queues > v->config.rings || fstat(m->fd[0], &st) < 0 ||
	    !range_inside(0, (uint64_t)st.st_size, i->offset, i->size))
		return err_make(ERR_SETUP, 0, "a file for %u rings in flight of %#llx bytes",
				i->queues, (unsigned long long)i->size);
	return err_none();
}
