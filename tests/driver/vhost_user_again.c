/* tests/driver/vhost_user_again.c: a vhost-user front-end whose back-end ended, and the next one.
 */
#include <check.h>

#include "tests/driver/vhost_user.h"

/* Some leave the padding behind the last field out. */
enum { INFLIGHT_BYTES = 20 };

int front_get_inflight(struct front *f, uint16_t rings, uint16_t size, struct wire_vu_inflight *ret)
{
	struct wire_vu_header h;
	int fd = -1;

	*ret = (struct wire_vu_inflight){ .queues = rings, .queue_size = size };
	ck_assert(front_send(f, VHOST_USER_GET_INFLIGHT_FD, VHOST_USER_VERSION, ret, INFLIGHT_BYTES,
			     NULL, 0));
	ck_assert_int_eq(front_receive(f, &h, ret, sizeof(*ret), &fd), INFLIGHT_BYTES);
	ck_assert_int_ge(fd, 0);
	return fd;
}

uint64_t front_set_inflight(struct front *f, int fd, const struct wire_vu_inflight *i)
{
	return front_set(f, VHOST_USER_SET_INFLIGHT_FD, i, INFLIGHT_BYTES, &fd, 1);
}

void front_ring_again(struct front *f, uint32_t index, uint32_t base)
{
	const struct wire_vu_ring_addr a = front_ring_addr(f, index);

	ck_assert_uint_eq(front_set_ring(f, VHOST_USER_SET_VRING_NUM, index, f->queue[index].size),
			  0);
	ck_assert_uint_eq(front_set_ring(f, VHOST_USER_SET_VRING_BASE, index, base), 0);
	ck_assert_uint_eq(front_set(f, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
	ck_assert_uint_eq(front_set_ring(f, VHOST_USER_SET_VRING_ENABLE, index, 1), 0);
	ck_assert_uint_eq(front_kick_off(f, index), 0);
}
