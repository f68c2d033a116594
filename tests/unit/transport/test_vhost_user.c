/* A front-end as it should be: handshake, memory, rings, a frame each way, an orderly end; and the
 * orders in which known ones say what they say. */
#include <poll.h>
#include <sys/eventfd.h>

#include "tests/unit/transport/vhost_user.h"

/* rule: VHU-01 VHU-03 VHU-06 VHU-17 */
START_TEST(handshake)
{
	uint64_t features = front_get(&w.front, VHOST_USER_GET_FEATURES);
	uint64_t protocol = front_get(&w.front, VHOST_USER_GET_PROTOCOL_FEATURES);

	ck_assert(features & FRONT_BIT(VIRTIO_F_VERSION_1));
	ck_assert(features & FRONT_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	ck_assert(features & FRONT_BIT(VHOST_USER_F_LOG_ALL));
	ck_assert(protocol & FRONT_BIT(VHOST_USER_PROTOCOL_F_MQ));
	ck_assert(!(protocol & FRONT_BIT(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS)));
	(void)front_set_number(&w.front, VHOST_USER_SET_PROTOCOL_FEATURES, protocol);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_PROTOCOL_FEATURES), protocol);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_QUEUE_NUM), PAIRS);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_MAX_MEM_SLOTS), GUEST_MEM_REGIONS_MAX);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_STATUS), 0);
}
END_TEST

static const uint64_t layouts[] = { PLAIN, PLAIN | FRONT_BIT(VIRTIO_RING_F_EVENT_IDX),
				    PLAIN | FRONT_BIT(VIRTIO_F_RING_PACKED),
				    PLAIN | FRONT_BIT(VIRTIO_F_RING_PACKED) |
					    FRONT_BIT(VIRTIO_RING_F_EVENT_IDX) };

static void many_frames(unsigned pair, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		w.front.memory.next = FRONT_REGION;
		frame_each_way(pair, i);
	}
}

/* rule: VHU-15 */
START_TEST(a_frame_each_way)
{
	front_up(&w.front, layouts[_i], SIZE);
	ck_assert(loopback_carrier(w.backend));
	many_frames(0, 3 * SIZE + 5);
	ck_assert_uint_eq(w.log_lines, 0);
}
END_TEST

/* What was posted before the front-end came is served without a kick. */
/* rule: VHU-10 */
START_TEST(a_ring_is_looked_at_when_it_starts)
{
	uint8_t frame[100], got[100];

	front_handshake(&w.front, layouts[_i], UINT64_MAX);
	(void)front_mem_table(&w.front);
	front_ring_set(&w.front, TX, SIZE);
	rig_fill(frame, sizeof(frame), 1);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, TX, 1);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	close(w.front.kick[TX]);
	w.front.kick[TX] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ck_assert_uint_eq(front_kick_off(&w.front, TX), 0);
	ck_assert_int_eq(await_sent(0, got, sizeof(got)), sizeof(frame));
}
END_TEST

/* All orders of the six things that a ring needs; the log stays empty. */
enum { STEPS = 6, ORDERS = 720 };
static void step(unsigned which)
{
	const struct wire_vu_ring_addr a = front_ring_addr(&w.front, TX);

	switch (which) {
	case 0: (void)front_set_number(&w.front, VHOST_USER_SET_FEATURES, PLAIN); break;
	case 1: (void)front_mem_table(&w.front); break;
	case 2: (void)front_set_ring(&w.front, VHOST_USER_SET_VRING_NUM, TX, SIZE); break;
	case 3: (void)front_set(&w.front, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0); break;
	case 4: (void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, TX, 1); break;
	default: (void)front_kick_off(&w.front, TX);
	}
}

START_TEST(any_order)
{
	uint8_t frame[100], got[100];

	rig_fill(frame, sizeof(frame), 2);
	for (unsigned order = (unsigned)_i; order < ORDERS; order += 24) {
		unsigned left[STEPS] = { 0, 1, 2, 3, 4, 5 }, code = order;

		w.front.memory.next = 0;
		driver_queue_init(&w.front.queue[TX], &w.front.memory, SIZE, false);
		front_eventfds(&w.front, TX);
		for (unsigned n = STEPS; n > 0; n--) {
			unsigned at = code % n;

			code /= n;
			step(left[at]);
			left[at] = left[n - 1];
		}
		/* Not before all of it was heard: a ring that is off throws away what is sent. */
		(void)front_get(&w.front, VHOST_USER_GET_FEATURES);
		front_transmit(&w.front, TX, frame, sizeof(frame));
		ck_assert_int_eq(await_sent(0, got, sizeof(got)), sizeof(frame));
		come_again();
	}
	ck_assert_msg(w.log_lines == 0, "%s", w.last_log);
}
END_TEST

/* rule: VHU-07 */
START_TEST(without_protocol_features_rings_are_on)
{
	front_handshake(&w.front, PLAIN & ~FRONT_BIT(VHOST_USER_F_PROTOCOL_FEATURES), 0);
	(void)front_mem_table(&w.front);
	for (unsigned i = 0; i < 2; i++) {
		front_ring_set(&w.front, i, SIZE);
		(void)front_kick_off(&w.front, i);
	}
	many_frames(0, 3);
}
END_TEST

/* rule: VHU-08 VHU-09 */
START_TEST(a_ring_that_is_off)
{
	uint8_t frame[100], got[100];
	struct vnet_hdr hdr;

	rig_fill(frame, sizeof(frame), 1);
	front_up(&w.front, layouts[_i], SIZE);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, TX, 0);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, RX, 0);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 1);
	ck_assert_int_eq(loopback_taken(w.backend, 0, &hdr, got, sizeof(got)), -1);
	ck_assert_uint_eq(stats().drop[DROP_TX_OFF], 1);
	(void)front_post(&w.front, RX, 1, 2048);
	ck_assert(loopback_give(w.backend, 0, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
	front_kick(&w.front, RX);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 2);
	ck_assert_uint_eq(stats().rx_read, 0);
	/* Looked at as it is switched on. */
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, RX, 1);
	front_await_used(&w.front, RX, 1);
	/* Of a stopped ring it is remembered. */
	(void)front_get_base(&w.front, TX);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, TX, 1);
	(void)front_kick_off(&w.front, TX);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	ck_assert_int_eq(await_sent(0, got, sizeof(got)), sizeof(frame));
}
END_TEST

/* The next back-end goes on where this one stopped. */
/* rule: VHU-11 VHU-12 */
START_TEST(base_is_handed_over)
{
	bool packed = (layouts[_i] >> VIRTIO_F_RING_PACKED & 1) != 0;
	const unsigned frames = 3 * SIZE / 2;
	uint32_t base[2];

	front_up(&w.front, layouts[_i], SIZE);
	many_frames(0, frames);
	for (unsigned life = 0; life < 3; life++) {
		uint32_t sum = frames * (life + 1) + life, want = sum & 0xffff;

		if (packed)
			want = (sum % SIZE | (sum / SIZE % 2 == 0 ? 0x8000u : 0u)) * 0x10001u;
		for (unsigned i = 0; i < 2; i++) {
			base[i] = front_get_base(&w.front, i);
			ck_assert_msg(base[i] == want, "ring %u: %#x, not %#x", i, base[i], want);
			ck_assert_msg(front_get_base(&w.front, i) == want, "twice");
		}
		ck_assert(!loopback_carrier(w.backend));
		come_again();
		front_handshake(&w.front, layouts[_i], UINT64_MAX);
		(void)front_mem_table(&w.front);
		/* QEMU says both halves, dpdk the lower one. */
		for (unsigned i = 0; i < 2; i++)
			front_ring_again(&w.front, i, life == 1 ? base[i] : base[i] & 0xffff);
		many_frames(0, frames + 1);
	}
}
END_TEST

static bool called_within(unsigned ring, int ms)
{
	struct pollfd p = { .fd = w.front.call[ring], .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, ms) == 1 && read(p.fd, &count, sizeof(count)) == sizeof(count);
}

static bool called(unsigned ring) { return called_within(ring, 0); }
/* What was used shows before the call. */
static bool await_called(unsigned ring) { return called_within(ring, RIG_WAIT_MS); }

/* Each ring has its own descriptors, which may change while it runs, or be none: then rings are
 * looked at by themselves, and nobody is called. */
/* rule: VHU-13 VHU-14 */
START_TEST(kicks_and_calls)
{
	uint64_t none = TX | VHOST_USER_RING_NO_FD;
	uint8_t frame[100];
	int old;

	rig_fill(frame, sizeof(frame), 1);
	front_up(&w.front, layouts[_i], SIZE);
	(void)called(TX); /* when it started */
	(void)called(RX);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 1);
	ck_assert(await_called(TX));
	ck_assert(!called(RX));
	old = w.front.kick[TX];
	w.front.kick[TX] = -1;
	front_eventfds(&w.front, TX);
	ck_assert_uint_eq(front_kick_off(&w.front, TX), 0);
	(void)close(old);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 2);
	while (called(TX))
		continue;
	ck_assert_uint_eq(
		front_set(&w.front, VHOST_USER_SET_VRING_KICK, &none, sizeof(none), NULL, 0), 0);
	ck_assert_uint_eq(
		front_set(&w.front, VHOST_USER_SET_VRING_CALL, &none, sizeof(none), NULL, 0), 0);
	while (called(TX))
		continue;
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 3);
	ck_assert(!called(TX));
	ck_assert_uint_eq(front_set_call(&w.front, TX), 0);
	ck_assert_msg(called(TX), "for what was used meanwhile");
	collect(TX);
	driver_ask(&w.front.queue[TX], true);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 4);
	ck_assert(await_called(TX));
}
END_TEST

/* A back-end that is killed between the last chain's use and its call leaves a driver that waits:
 * the next one calls for what that one used, whether its descriptor comes before the ring starts or
 * after. */
START_TEST(a_call_that_was_not_given)
{
	uint8_t frame[100];

	rig_fill(frame, sizeof(frame), 1);
	front_up(&w.front, layouts[_i / 2], SIZE);
	front_transmit(&w.front, TX, frame, sizeof(frame));
	front_await_used(&w.front, TX, 1);
	come_again();
	while (called(TX))
		continue;
	front_handshake(&w.front, layouts[_i / 2], UINT64_MAX);
	(void)front_mem_table(&w.front);
	if (_i % 2 == 0)
		ck_assert_uint_eq(front_set_call(&w.front, TX), 0);
	front_ring_again(&w.front, TX, w.front.queue[TX].packed ? 0x8001 : 1);
	if (_i % 2 == 1)
		ck_assert_uint_eq(front_set_call(&w.front, TX), 0);
	ck_assert(called(TX));
}
END_TEST

/* As QEMU does with two pairs: enabled before features are told, which come again, with the log or
 * without it, while the first pair runs. */
/* rule: VHU-08 VHU-17 */
START_TEST(as_qemu_says_it)
{
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	front_handshake(&w.front, PLAIN, UINT64_MAX);
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SET_FEATURES, PLAIN), 0);
		ck_assert_uint_eq(front_mem_table(&w.front), 0);
		for (unsigned i = 2 * pair; i < 2 * pair + 2; i++) {
			front_ring_set(&w.front, i, SIZE);
			ck_assert_uint_eq(front_kick_off(&w.front, i), 0);
		}
	}
	(void)front_set_number(&w.front, VHOST_USER_SET_STATUS, 0xf);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_STATUS), 0xf);
	frame_each_way(0, 1);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, 2, 1);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, 3, 1);
	frame_each_way(1, 2);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SET_FEATURES,
					   PLAIN | FRONT_BIT(VHOST_USER_F_LOG_ALL)),
			  0);
	ck_assert_uint_ne(front_set_number(&w.front, VHOST_USER_SET_FEATURES,
					   PLAIN & ~FRONT_BIT(VIRTIO_NET_F_MRG_RXBUF)),
			  0);
	frame_each_way(0, 3);
	/* It says that the device is reset when the first pair is stopped; indices outlive that. */
	ck_assert_uint_eq(front_get_base(&w.front, 0), 2);
	ck_assert_uint_eq(front_get_base(&w.front, 1), 2);
	(void)front_set_number(&w.front, VHOST_USER_SET_STATUS, 0);
	ck_assert_uint_eq(front_get_base(&w.front, 2), 1);
	ck_assert_uint_eq(front_get_base(&w.front, 3), 1);
}
END_TEST

/* A control queue that the front-end serves itself: its features are agreed on without it. */
START_TEST(features_of_a_queue_that_is_not_ours)
{
	front_up(&w.front,
		 PLAIN | FRONT_BIT(VIRTIO_NET_F_CTRL_RX) | FRONT_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR),
		 SIZE);
	many_frames(0, 2);
}
END_TEST

/* Drivers older than virtio 1.0, for whom the front-end has an interface: with MRG_RXBUF the header
 * is the usual one. */
START_TEST(legacy_drivers)
{
	const uint64_t old = PLAIN & ~FRONT_BIT(VIRTIO_F_VERSION_1);

	front_up(&w.front, old & ~FRONT_BIT(VIRTIO_NET_F_MRG_RXBUF), SIZE);
	ck_assert_uint_eq(w.front.hdr_bytes, 10);
	many_frames(0, 2);
	come_again();
	front_up(&w.front, old, SIZE);
	ck_assert_uint_eq(w.front.hdr_bytes, 12);
	many_frames(0, 2);
	come_again();
	front_up(&w.front, PLAIN, SIZE);
	many_frames(0, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/vhost_user");
	TCase *tc = tcase_create("vhost_user");
	const int all = ARRAY_LEN(layouts);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, handshake);
	tcase_add_loop_test(tc, a_frame_each_way, 0, all);
	tcase_add_loop_test(tc, a_ring_is_looked_at_when_it_starts, 0, all);
	tcase_add_loop_test(tc, any_order, 0, 24);
	tcase_add_test(tc, without_protocol_features_rings_are_on);
	tcase_add_loop_test(tc, a_ring_that_is_off, 0, all);
	tcase_add_loop_test(tc, base_is_handed_over, 0, all);
	tcase_add_loop_test(tc, kicks_and_calls, 0, all);
	tcase_add_loop_test(tc, a_call_that_was_not_given, 0, 2 * all);
	tcase_add_test(tc, as_qemu_says_it);
	tcase_add_test(tc, features_of_a_queue_that_is_not_ours);
	tcase_add_test(tc, legacy_drivers);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
