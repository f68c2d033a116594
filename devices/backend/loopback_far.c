/* devices/backend/loopback_far.c: the other side of a loopback, where a test is. */
#include <stdlib.h>
#include <string.h>

#include "devices/backend/loopback_priv.h"

bool loopback_give(struct backend *be, unsigned queue, struct vnet_hdr hdr, const void *bytes,
		   uint32_t len)
{
	struct loopback *l = lock(be);
	const struct iovec iov = { (void *)(uintptr_t)bytes, len };
	bool taken =
		!l->gone && !l->queue[queue].off && list_append(&l->queue[queue].in, hdr, &iov, 1);

	if (taken)
		show_edge(&l->queue[queue]);
	unlock(l);
	return taken;
}

int loopback_taken(struct backend *be, unsigned queue, struct vnet_hdr *ret_hdr, void *ret_bytes,
		   uint32_t max)
{
	struct loopback *l = lock(be);
	struct kept_frame *f = list_take(&l->queue[queue].out);
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
		list_drop(&l->queue[i].in);
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

bool loopback_queue_on(struct backend *be, unsigned queue)
{
	struct loopback *l = lock(be);
	bool on = !l->queue[queue].off;

	unlock(l);
	return on;
}

bool loopback_steers(struct backend *be, const void *bytes, uint32_t len, unsigned *ret_queue)
{
	struct loopback *l = lock(be);
	const struct backend_steering *s = &l->steering;
	struct hash h = hash_frame(&s->hash, bytes, len);
	bool hashes = l->hashes;

	*ret_queue = h.report != 0 ? s->queue[hash_entry(h, s->mask)] : s->unclassified;
	unlock(l);
	return hashes;
}
