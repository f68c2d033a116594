/* tests/contract/kind_loopback.c: the backend of memory, and its other side. */
#include <check.h>

#include "devices/backend/loopback.h"
#include "tests/contract/kind.h"

static struct backend *make_queues(unsigned queues)
{
	struct backend *be;

	ck_assert(!err_is(loopback_create(queues, &be)));
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	return be;
}

static struct backend *make(void) { return make_queues(1); }

static void destroy(struct backend *be) { be->ops->destroy(be); }

static void give(struct backend *be, struct vnet_hdr hdr, const uint8_t *bytes, uint32_t len)
{
	unsigned queue = be->caps.queues - 1;

	/* To the last that is on. */
	while (!loopback_queue_on(be, queue))
		queue--;
	ck_assert(loopback_give(be, queue, hdr, bytes, len));
}

static int taken(struct backend *be, struct vnet_hdr *ret_hdr, uint8_t *ret_bytes, uint32_t max)
{
	int len = -1;

	for (unsigned i = 0; i < be->caps.queues && len < 0; i++)
		len = loopback_taken(be, i, ret_hdr, ret_bytes, max);
	return len;
}

static void block(struct backend *be, bool on) { loopback_set_room(be, on ? 2 : UINT32_MAX); }

static void link(struct backend *be, bool up)
{
	loopback_fail(be, DROP_TX_LINK_DOWN, up ? 0 : UINT32_MAX);
}

const struct kind kind_loopback = {
	.name = "loopback",
	.shortest = FRAME_MIN,
	.longest_sent = FRAME_MAX,
	.longest_given = FRAME_MAX,
	.short_why = DROP_TX_REFUSED,
	.gives_runts = true,
	.make = make,
	.make_queues = make_queues,
	.destroy = destroy,
	.give = give,
	.taken = taken,
	.block = block,
	.link = link,
	.end = loopback_end,
	.carrier = loopback_carrier,
};
