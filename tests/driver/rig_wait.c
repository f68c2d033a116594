/* tests/driver/rig_wait.c: turns of the rig's control loop, until something is so. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <time.h>

#include "tests/driver/rig.h"

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A turn of the control loop. false: the time is up. */
static bool turn(struct rig *r, int64_t deadline)
{
	ck_assert(!err_is(loop_once(r->loop, 1)));
	return now_ms() < deadline;
}

void rig_await_used(struct rig *r, unsigned queue, uint16_t index)
{
	int64_t deadline = now_ms() + RIG_WAIT_MS;

	while (driver_used_index(&r->queue[queue]) != index)
		ck_assert_msg(turn(r, deadline), "the used index of queue %u is %u, not %u", queue,
			      driver_used_index(&r->queue[queue]), index);
}

void rig_await_broken(struct rig *r)
{
	int64_t deadline = now_ms() + RIG_WAIT_MS;

	while ((rig_read(r, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		ck_assert_msg(turn(r, deadline), "status %#x: DEVICE_NEEDS_RESET is not shown",
			      rig_read(r, VIRTIO_MMIO_STATUS));
}

void rig_await_drops(struct rig *r, enum drop_reason why, uint64_t count)
{
	int64_t deadline = now_ms() + RIG_WAIT_MS;
	uint64_t have;

	while ((have = rig_stats(r).drop[why]) != count)
		ck_assert_msg(turn(r, deadline), "%s is %llu, not %llu", drop_name(why),
			      (unsigned long long)have, (unsigned long long)count);
}

void rig_await_blocked(struct rig *r, uint64_t times)
{
	int64_t deadline = now_ms() + RIG_WAIT_MS;
	uint64_t have;

	while ((have = rig_stats(r).tx_rewound) < times)
		ck_assert_msg(turn(r, deadline), "%llu offers were put off, not %llu",
			      (unsigned long long)have, (unsigned long long)times);
}

int rig_await_sent(struct rig *r, struct vnet_hdr *ret_hdr, void *ret_bytes, uint32_t max)
{
	return rig_await_sent_on(r, 0, ret_hdr, ret_bytes, max);
}

int rig_await_sent_on(struct rig *r, unsigned pair, struct vnet_hdr *ret_hdr, void *ret_bytes,
		      uint32_t max)
{
	int64_t deadline = now_ms() + RIG_WAIT_MS;
	int len;

	while ((len = loopback_taken(r->backend, pair, ret_hdr, ret_bytes, max)) < 0)
		ck_assert_msg(turn(r, deadline), "no frame was sent by pair %u", pair);
	return len;
}
