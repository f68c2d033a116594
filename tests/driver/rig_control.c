/* tests/driver/rig_control.c: commands for the control queue of a NIC for tests. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/driver/rig.h"

enum { PIECES_MAX = 16 };

/* Cuts [at, at + len) into descriptors behind the first `count`; returns how many there are then.
 */
static unsigned cut(struct driver_buffer *parts, unsigned count, uint64_t at, uint32_t len,
		    uint32_t piece, bool writable)
{
	for (uint32_t done = 0; done < len; done += piece) {
		ck_assert_uint_lt(count, PIECES_MAX);
		parts[count++] =
			(struct driver_buffer){ at + done, len - done < piece ? len - done : piece,
						writable };
	}
	return count;
}

uint32_t rig_command(struct rig *r, const void *bytes, uint32_t len, uint32_t piece, void *ret,
		     uint32_t room)
{
	struct driver_queue *q = &r->queue[rig_ctrl(r)];
	uint64_t at = driver_alloc(&r->memory, len + room, 16);
	struct driver_buffer parts[PIECES_MAX];
	unsigned count = cut(parts, 0, at, len, piece, false);
	struct driver_used used = { 0 };

	count = cut(parts, count, at + len, room, piece, true);
	memcpy(driver_at(&r->memory, at), bytes, len);
	memset(driver_at(&r->memory, at + len), RIG_BLANK, room);
	(void)driver_post_chain(q, parts, count);
	rig_kick(r, rig_ctrl(r));
	rig_await_used(r, rig_ctrl(r), q->avail_index);
	while (q->used_index != q->avail_index)
		ck_assert(driver_collect(q, &used));
	memcpy(ret, driver_at(&r->memory, at + len), room);
	return used.len;
}

int rig_control(struct rig *r, uint8_t class, uint8_t command, const void *data, uint32_t len)
{
	uint8_t bytes[2 + 4096] = { class, command }, ack;

	ck_assert_uint_le(len, sizeof(bytes) - 2);
	if (len > 0)
		memcpy(bytes + 2, data, len);
	ck_assert_uint_eq(rig_command(r, bytes, 2 + len, sizeof(bytes), &ack, 1), 1);
	return ack;
}

int rig_set_pairs(struct rig *r, uint16_t pairs)
{
	const uint8_t wire[2] = { (uint8_t)pairs, (uint8_t)(pairs >> 8) };

	return rig_control(r, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, wire, 2);
}

unsigned rig_queues_on(struct rig *r)
{
	unsigned on = 0;

	for (unsigned i = 0; i < r->backend->caps.queues; i++)
		on |= loopback_queue_on(r->backend, i) ? 1u << i : 0;
	return on;
}
