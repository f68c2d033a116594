/* What a front-end asks for beside its rings, and what it is told without asking. */
#include "tests/unit/transport/vhost_user.h"

/* rule: VHU-19 */
START_TEST(the_configuration)
{
	struct wire_vu_config c = { .offset = 0, .size = 12 };
	struct wire_vu_header h;
	uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	ck_assert(front_send(&w.front, VHOST_USER_GET_CONFIG, VHOST_USER_VERSION, &c, 24, NULL, 0));
	ck_assert_int_eq(front_receive(&w.front, &h, &c, sizeof(c), NULL), 24);
	ck_assert_uint_eq(c.size, 12);
	ck_assert_mem_eq(c.bytes, mac, 6);
	ck_assert_uint_eq(c.bytes[10], 1500 & 0xff);
	ck_assert_uint_eq(c.bytes[11], 1500 >> 8);
	/* The longest, and beyond it. */
	for (uint32_t size = 256; size <= 257; size++) {
		c = (struct wire_vu_config){ .size = size };
		ck_assert(front_send(&w.front, VHOST_USER_GET_CONFIG, VHOST_USER_VERSION, &c, 12,
				     NULL, 0));
		ck_assert_int_eq(front_receive(&w.front, &h, &c, sizeof(c), NULL),
				 size == 256 ? 268 : 12);
		ck_assert_uint_eq(c.size, size == 256 ? 256 : 0);
	}
	c = (struct wire_vu_config){ .offset = UINT32_MAX, .size = 2 };
	ck_assert(front_send(&w.front, VHOST_USER_GET_CONFIG, VHOST_USER_VERSION, &c, 12, NULL, 0));
	ck_assert_int_eq(front_receive(&w.front, &h, &c, sizeof(c), NULL), 12);
	c = (struct wire_vu_config){ .size = 6 };
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_CONFIG, &c, 18, NULL, 0), 1);
	c.flags = VHOST_USER_CONFIG_MIGRATION;
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_CONFIG, &c, 18, NULL, 0), 0);
}
END_TEST

static void channel(struct front *ret)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*ret = (struct front){ .fd = pair[0], .loop = w.loop };
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1),
			  0);
	(void)close(pair[1]);
}

/* rule: VHU-19 VHU-12 */
START_TEST(a_changed_configuration_is_told)
{
	struct wire_vu_header h;
	struct front back;
	uint8_t byte;

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	channel(&back);
	/* No ring runs: not a word. */
	net_set_link(w.net, false);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	(void)front_mem_table(&w.front);
	front_ring_set(&w.front, RX, SIZE);
	ck_assert_uint_eq(front_kick_off(&w.front, RX), 0);
	net_set_link(w.net, true);
	ck_assert_int_eq(front_receive(&back, &h, &byte, 0, NULL), 0);
	ck_assert_uint_eq(h.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	ck_assert_uint_eq(h.flags, VHOST_USER_VERSION);
	ck_assert_msg(recv(back.fd, &byte, 1, MSG_DONTWAIT) < 0, "two words for one change");
	(void)close(back.fd);
	ck_assert_msg(
		front_set(&w.front, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &w.front.memfd, 1) == 1,
		"no socket");
}
END_TEST

/* rule: VHU-20 */
START_TEST(mtu_and_rarp)
{
	uint64_t mac = 0;
	uint8_t guest[6] = { 0x52, 0x54, 0, 1, 2, 3 }, got[100];
	const uint8_t middle[] = { 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3 };

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_NET_SET_MTU, 1500), 0);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_NET_SET_MTU, 1501), 1);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_NET_SET_MTU, 67), 1);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_NET_SET_MTU, 0x100000000 + 1500),
			  1);
	memcpy(&mac, guest, sizeof(guest));
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SEND_RARP, mac), 0);
	ck_assert_int_eq(await_sent(0, got, sizeof(got)), 60);
	ck_assert_mem_eq(got, "\xff\xff\xff\xff\xff\xff", 6);
	ck_assert_mem_eq(got + 6, guest, 6);
	ck_assert_mem_eq(got + 12, middle, sizeof(middle));
	ck_assert_mem_eq(got + 22, guest, 6);
	ck_assert_mem_eq(got + 32, guest, 6);
}
END_TEST

/* rule: VHU-21 */
START_TEST(resets)
{
	front_up(&w.front, PLAIN, SIZE);
	frame_each_way(0, 1);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_RESET_OWNER, NULL, 0, NULL, 0), 0);
	for (unsigned i = 0; i < 2; i++)
		(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, i, 1);
	frame_each_way(0, 2);
	(void)front_set_number(&w.front, VHOST_USER_SET_STATUS, 0xf);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	ck_assert(!loopback_carrier(w.backend));
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_STATUS), 0);
	for (unsigned i = 0; i < 2; i++) {
		front_ring_set(&w.front, i, SIZE);
		(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, i, 1);
		ck_assert_uint_eq(front_kick_off(&w.front, i), 0);
	}
	frame_each_way(0, 3);
}
END_TEST

/* ---- chains in flight ---- */

START_TEST(a_file_for_chains_in_flight)
{
	struct wire_vu_inflight i;
	uint8_t byte;
	int fd;

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	fd = front_get_inflight(&w.front, 2, 64, &i);
	ck_assert_uint_ge(i.size, 2 * 64 * 16);
	for (uint64_t at = 0; at < i.size; at++)
		ck_assert(pread(fd, &byte, 1, (off_t)at) == 1 && byte == 0);
	ck_assert_uint_eq(front_set_inflight(&w.front, fd, &i), 0);
	i.size++;
	ck_assert_msg(front_set_inflight(&w.front, fd, &i) == 1, "longer than the file");
	i.size = i.offset = UINT64_MAX - 7;
	ck_assert_msg(front_set_inflight(&w.front, fd, &i) == 1, "sums that wrap");
	i.size = 100;
	i.offset = 4;
	ck_assert_msg(front_set_inflight(&w.front, fd, &i) == 1, "at no place for a word");
	(void)close(fd);
	i.queues = 65535;
	ck_assert(front_send(&w.front, VHOST_USER_GET_INFLIGHT_FD, VHOST_USER_VERSION, &i, 20, NULL,
			     0));
	ck_assert(front_is_dropped(&w.front));
}
END_TEST

/* A new connection with this file. */
static void meet_again(uint64_t features, int fd, const struct wire_vu_inflight *i)
{
	come_again();
	front_handshake(&w.front, features, UINT64_MAX);
	(void)front_mem_table(&w.front);
	ck_assert_uint_eq(front_set_inflight(&w.front, fd, i), 0);
}

static void new_rings(bool wanted)
{
	if (!wanted)
		return;
	w.front.memory.next = 0;
	for (unsigned r = 0; r < 2; r++)
		front_ring_set(&w.front, r, SIZE);
}

/* The rings go on where they were, whatever index the front-end makes up, unless it was told one,
 * or the device was reset. In a file that is too short for it nothing is noted. */
START_TEST(the_place_outlives_the_back_end)
{
	const uint64_t features = PLAIN | (_i == 1 ? FRONT_BIT(VIRTIO_F_RING_PACKED) : 0);
	const uint32_t start = _i == 1 ? 0x8000 : 0;
	struct wire_vu_inflight i;
	uint32_t base[2];
	int fd;

	front_handshake(&w.front, features, UINT64_MAX);
	fd = front_get_inflight(&w.front, 2, SIZE, &i);
	come_again();
	front_up(&w.front, features, SIZE);
	ck_assert_msg(front_set_inflight(&w.front, fd, &i) == 1, "while rings run");
	for (unsigned life = 0; life < 3; life++) {
		meet_again(features, fd, &i);
		new_rings(life == 0);
		for (unsigned r = 0; r < 2; r++)
			front_ring_again(&w.front, r, life == 0 ? start : 7);
		for (unsigned k = 0; k < SIZE - 5; k++)
			frame_each_way(0, k);
	}
	for (unsigned r = 0; r < 2; r++)
		base[r] = front_get_base(&w.front, r);
	ck_assert_uint_eq(base[0], base[1]);
	meet_again(features, fd, &i);
	for (unsigned r = 0; r < 2; r++)
		front_ring_again(&w.front, r, base[r]);
	frame_each_way(0, 1);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	meet_again(features, fd, &i);
	new_rings(true);
	for (unsigned r = 0; r < 2; r++)
		front_ring_again(&w.front, r, start);
	frame_each_way(0, 1);
	i.size = 100;
	meet_again(features, fd, &i);
	for (unsigned r = 0; r < 2; r++)
		front_ring_again(&w.front, r, start + 1);
	frame_each_way(0, 2);
	(void)close(fd);
}
END_TEST

/* A file that says nonsense is refused as rings outside memory are. */
START_TEST(a_place_that_is_none)
{
	const uint64_t features = PLAIN | FRONT_BIT(VIRTIO_F_RING_PACKED);
	const struct queue_journal j = { .version = 1, .size = SIZE, .place = UINT64_MAX };
	struct wire_vu_inflight i;
	int fd;

	front_handshake(&w.front, features, UINT64_MAX);
	fd = front_get_inflight(&w.front, 1, SIZE, &i);
	ck_assert_int_eq(pwrite(fd, &j, sizeof(j), 0), sizeof(j));
	(void)front_mem_table(&w.front);
	ck_assert_uint_eq(front_set_inflight(&w.front, fd, &i), 0);
	front_ring_set(&w.front, RX, SIZE);
	ck_assert_uint_eq(front_kick_off(&w.front, RX), 1);
	(void)close(fd);
	serves_the_next();
}
END_TEST

/* ---- in-band ---- */

static void setup_inband(void) { world_make(true); }

/* No descriptor at all: rings are kicked and called by messages, the first kick starts them. */
/* rule: VHU-14 VHU-22 */
START_TEST(inband_notifications)
{
	struct wire_vu_ring_state s;
	struct wire_vu_ring_addr a;
	struct wire_vu_header h;
	struct front back;
	uint8_t frame[100], got[100];
	uint64_t at = 0;

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	channel(&back);
	(void)front_mem_table(&w.front);
	driver_queue_init(&w.front.queue[TX], &w.front.memory, SIZE, false);
	a = front_ring_addr(&w.front, TX);
	ck_assert_uint_eq(front_set_ring(&w.front, VHOST_USER_SET_VRING_NUM, TX, SIZE), 0);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0),
			  0);
	ck_assert_uint_eq(front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, TX, 1), 0);
	rig_fill(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < 5; i++) {
		at = driver_alloc(&w.front.memory, RIG_HDR + sizeof(frame), 16);
		memcpy(driver_at(&w.front.memory, at + RIG_HDR), frame, sizeof(frame));
		(void)driver_post(&w.front.queue[TX], at, RIG_HDR + sizeof(frame), false);
		ck_assert_uint_eq(front_set_ring(&w.front, VHOST_USER_VRING_KICK, TX, 0), 0);
		ck_assert_int_eq(await_sent(0, got, sizeof(got)), sizeof(frame));
		ck_assert_int_eq(front_receive(&back, &h, &s, sizeof(s), NULL), sizeof(s));
		ck_assert_uint_eq(h.request, VHOST_USER_BACKEND_VRING_CALL);
		ck_assert_uint_eq(s.index, TX);
	}
	(void)close(back.fd);
}
END_TEST

/* rule: VHU-22 */
START_TEST(inband_without_a_channel)
{
	const uint64_t inband = FRONT_BIT(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS),
		       ack = FRONT_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK),
		       request = FRONT_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ);
	const uint64_t wrong[] = { inband, inband | ack, inband | request };

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		(void)front_set_number(&w.front, VHOST_USER_SET_PROTOCOL_FEATURES, wrong[i]);
		ck_assert(front_is_dropped(&w.front));
		front_reconnect(&w.front, connect_one());
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/vhost_user_ask");
	TCase *tc = tcase_create("vhost_user_ask");
	TCase *inband = tcase_create("inband");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_configuration);
	tcase_add_test(tc, a_changed_configuration_is_told);
	tcase_add_test(tc, mtu_and_rarp);
	tcase_add_test(tc, resets);
	tcase_add_test(tc, a_file_for_chains_in_flight);
	tcase_add_loop_test(tc, the_place_outlives_the_back_end, 0, 2);
	tcase_add_test(tc, a_place_that_is_none);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(inband, setup_inband, teardown);
	tcase_add_test(inband, inband_notifications);
	tcase_add_test(inband, inband_without_a_channel);
	suite_add_tcase(s, inband);
	return suite_run(s);
}
