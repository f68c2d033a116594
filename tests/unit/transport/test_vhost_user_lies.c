/* A front-end that breaks off, lies, and hands over what it should not: it is refused or dropped
 * with a word, nothing of it stays open, and the next one is served. */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>

#include "tests/unit/transport/vhost_user.h"

enum { FDS_MAX = VHOST_USER_TABLE_MAX + 1, FAR_TOO_MANY = 32 };

/* Every request with a payload that would do, and the descriptors that it has. */
static const struct sample {
	uint8_t request, bytes, fds;
	bool either; /* it may have one or none */
} samples[] = {
	{ VHOST_USER_GET_FEATURES, 0, 0, false },
	{ VHOST_USER_SET_FEATURES, 8, 0, false },
	{ VHOST_USER_SET_OWNER, 0, 0, false },
	{ VHOST_USER_RESET_OWNER, 0, 0, false },
	{ VHOST_USER_SET_MEM_TABLE, 72, 2, false },
	{ VHOST_USER_SET_LOG_BASE, 16, 1, false },
	{ VHOST_USER_SET_LOG_FD, 0, 1, false },
	{ VHOST_USER_SET_VRING_NUM, 8, 0, false },
	{ VHOST_USER_SET_VRING_ADDR, 40, 0, false },
	{ VHOST_USER_SET_VRING_BASE, 8, 0, false },
	{ VHOST_USER_GET_VRING_BASE, 8, 0, false },
	{ VHOST_USER_SET_VRING_KICK, 8, 1, false },
	{ VHOST_USER_SET_VRING_CALL, 8, 1, false },
	{ VHOST_USER_SET_VRING_ERR, 8, 1, false },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0, false },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, 8, 0, false },
	{ VHOST_USER_GET_QUEUE_NUM, 0, 0, false },
	{ VHOST_USER_SET_VRING_ENABLE, 8, 0, false },
	{ VHOST_USER_SEND_RARP, 8, 0, false },
	{ VHOST_USER_NET_SET_MTU, 8, 0, false },
	{ VHOST_USER_SET_BACKEND_REQ_FD, 0, 1, false },
	{ VHOST_USER_GET_CONFIG, 12, 0, false },
	{ VHOST_USER_SET_CONFIG, 12, 0, false },
	{ VHOST_USER_GET_INFLIGHT_FD, 20, 0, false },
	{ VHOST_USER_SET_INFLIGHT_FD, 20, 1, false },
	{ VHOST_USER_RESET_DEVICE, 0, 0, false },
	{ VHOST_USER_GET_MAX_MEM_SLOTS, 0, 0, false },
	{ VHOST_USER_ADD_MEM_REG, 40, 1, false },
	{ VHOST_USER_REM_MEM_REG, 40, 1, true },
	{ VHOST_USER_SET_STATUS, 8, 0, false },
	{ VHOST_USER_GET_STATUS, 0, 0, false },
};

/* The message as it should be. */
static uint32_t message(const struct sample *s, uint8_t *ret)
{
	const struct wire_vu_header h = { s->request, VHOST_USER_VERSION, s->bytes };
	const struct wire_vu_table t = {
		.count = 2, .region = { front_region(&w.front, 0), front_region(&w.front, 1) }
	};
	const struct wire_vu_one_region one = { .region = front_region(&w.front, 0) };

	memset(ret, 0, sizeof(h) + s->bytes);
	memcpy(ret, &h, sizeof(h));
	if (s->request == VHOST_USER_SET_MEM_TABLE)
		memcpy(ret + sizeof(h), &t, s->bytes);
	if (s->request == VHOST_USER_ADD_MEM_REG || s->request == VHOST_USER_REM_MEM_REG)
		memcpy(ret + sizeof(h), &one, s->bytes);
	if (s->request == VHOST_USER_SET_VRING_NUM)
		ret[sizeof(h) + 4] = 64;
	if (s->request == VHOST_USER_SET_LOG_BASE)
		ret[sizeof(h) + 1] = 1;
	return (uint32_t)sizeof(h) + s->bytes;
}

/* rule: VHU-02 */
START_TEST(broken_off_anywhere)
{
	uint8_t bytes[sizeof(struct wire_vu_header) + 256];
	const struct sample *s = &samples[_i];
	uint32_t all = message(s, bytes);
	unsigned before = open_fds();
	int fds[FDS_MAX] = { w.front.memfd, w.front.memfd };

	for (uint32_t cut = 1; cut < all; cut++) {
		unsigned lines = w.log_lines;

		ck_assert(front_send_raw(&w.front, bytes, cut, fds, s->fds));
		(void)shutdown(w.front.fd, SHUT_WR);
		ck_assert(front_is_dropped(&w.front));
		ck_assert_msg(w.log_lines == lines + 1 || lines > 0, "no word of it");
		front_reconnect(&w.front, connect_one());
	}
	ck_assert_uint_eq(open_fds(), before);
	serves_the_next();
}
END_TEST

/* A payload that is too short, as a whole message. */
/* rule: VHU-02 */
START_TEST(too_short)
{
	uint8_t bytes[sizeof(struct wire_vu_header) + 256];
	const struct sample *s = &samples[_i];
	int fds[FDS_MAX] = { w.front.memfd, w.front.memfd };

	(void)message(s, bytes);
	for (uint32_t short_bytes = 0; short_bytes < s->bytes; short_bytes++) {
		memcpy(bytes + 8, &short_bytes, 4);
		ck_assert(front_send_raw(&w.front, bytes,
					 sizeof(struct wire_vu_header) + short_bytes, fds, s->fds));
		ck_assert_msg(front_is_dropped(&w.front), "request %u with %u of %u bytes",
			      s->request, short_bytes, s->bytes);
		front_reconnect(&w.front, connect_one());
	}
}
END_TEST

/* The kernel closes what a control buffer has no room for; QEMU's user mode does not. */
static bool surplus_is_closed(void)
{
	struct front front = { .fd = -1 };
	uint8_t byte = 0, control[CMSG_SPACE(sizeof(int))];
	struct iovec to = { &byte, 1 };
	struct msghdr m = { .msg_iov = &to,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int pair[2], fds[FAR_TOO_MANY];
	unsigned before;
	bool good;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	front.fd = pair[0];
	for (unsigned i = 0; i < FAR_TOO_MANY; i++)
		fds[i] = pair[0];
	before = open_fds();
	good = front_send_raw(&front, &byte, 1, fds, FAR_TOO_MANY) &&
	       recvmsg(pair[1], &m, 0) == 1 && open_fds() <= before + 2; /* with padding */
	(void)close(pair[0]);
	(void)close(pair[1]);
	return good;
}

/* With every number of descriptors: none of them stays open. */
/* rule: VHU-05 */
START_TEST(wrong_descriptors)
{
	uint8_t bytes[sizeof(struct wire_vu_header) + 256];
	const struct sample *s = &samples[_i];
	uint32_t all = message(s, bytes);
	bool surplus = surplus_is_closed();
	unsigned before = open_fds();
	unsigned most = surplus ? FDS_MAX + 1 : FDS_MAX;
	int fds[FAR_TOO_MANY];

	for (unsigned i = 0; i < FAR_TOO_MANY; i++)
		fds[i] = w.front.memfd;
	if (!surplus && _i == 0)
		(void)printf(
			"skip: 32 descriptors at once: here they stay open, whoever gets them\n");
	for (unsigned count = 0; count <= most; count++) {
		unsigned n = count > FDS_MAX ? FAR_TOO_MANY : count;

		if (n == s->fds || (s->either && n == 0))
			continue;
		ck_assert(front_send_raw(&w.front, bytes, all, fds, n));
		ck_assert_msg(front_is_dropped(&w.front), "request %u with %u descriptors",
			      s->request, n);
		front_reconnect(&w.front, connect_one());
	}
	ck_assert_uint_eq(open_fds(), before);
	serves_the_next();
}
END_TEST

static const struct wire_vu_header headers[] = {
	{ VHOST_USER_GET_FEATURES, 0, 0 },
	{ VHOST_USER_GET_FEATURES, 2, 0 },
	{ VHOST_USER_GET_FEATURES, 3, 0 },
	{ VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, VHOST_USER_PAYLOAD_MAX + 1 },
	{ VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, UINT32_MAX },
	{ 0, VHOST_USER_VERSION, 0 },
	{ 22, VHOST_USER_VERSION, 0 },
	{ 0x10001, VHOST_USER_VERSION, 0 },
	{ UINT32_MAX, VHOST_USER_VERSION, 0 },
};

/* rule: VHU-02 */
START_TEST(headers_that_are_none)
{
	ck_assert(front_send_raw(&w.front, &headers[_i], sizeof(headers[_i]), NULL, 0));
	ck_assert(front_is_dropped(&w.front));
	ck_assert_uint_eq(w.log_lines, 1);
	serves_the_next();
}
END_TEST

/* ... again and again, on connections of its own each time: the log has one line of them all. */
START_TEST(a_liar_that_comes_again)
{
	w.step_ns = 1;
	for (unsigned i = 0; i < 20; i++) {
		ck_assert(front_send_raw(&w.front, &headers[0], sizeof(headers[0]), NULL, 0));
		ck_assert(front_is_dropped(&w.front));
		front_reconnect(&w.front, connect_one());
	}
	ck_assert_uint_eq(w.log_lines, 1);
}
END_TEST

/* Who wants an answer gets one to what is unknown or refused, and may go on. */
/* rule: VHU-04 */
START_TEST(refused_in_the_answer)
{
	const struct wire_vu_ring_state far[] = { { RINGS, 64 },      { 0x10000, 64 },
						  { 0x80000000, 64 }, { UINT32_MAX, 64 },
						  { 0, 0 },           { 0, 65537 } };
	const uint64_t bits[] = { RINGS, 0xff, 0x200, 0x10000, UINT64_C(1) << 32 };

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	ck_assert(w.front.ack);
	ck_assert_uint_eq(front_set(&w.front, 22, NULL, 0, NULL, 0), 1);
	ck_assert_uint_eq(front_set(&w.front, 1000, NULL, 0, NULL, 0), 1);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0), 0);
	for (unsigned i = 0; i < ARRAY_LEN(far); i++)
		ck_assert_uint_eq(front_set_ring(&w.front, VHOST_USER_SET_VRING_NUM, far[i].index,
						 far[i].num),
				  1);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(
			front_set_ring(&w.front, VHOST_USER_SET_VRING_BASE, far[i].index, 0), 1);
		ck_assert_uint_eq(
			front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, far[i].index, 1), 1);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
		for (uint32_t r = VHOST_USER_SET_VRING_KICK; r <= VHOST_USER_SET_VRING_ERR; r++)
			ck_assert_uint_eq(front_set(&w.front, r, &bits[i], 8, &w.front.memfd, 1),
					  1);
	}
	/* A file is no doorbell. */
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_VRING_KICK, &(uint64_t){ 0 }, 8,
				    &w.front.memfd, 1),
			  1);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SET_FEATURES, UINT64_MAX), 1);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SET_PROTOCOL_FEATURES, UINT64_MAX),
			  1);
	(void)front_mem_table(&w.front);
	for (unsigned i = 0; i < 2; i++) {
		front_ring_set(&w.front, i, SIZE);
		ck_assert_uint_eq(front_kick_off(&w.front, i), 0);
		(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, i, 1);
	}
	frame_each_way(0, 1);
}
END_TEST

/* A request that is answered in any case has no way to be refused. */
/* rule: VHU-03 VHU-04 */
START_TEST(an_index_of_no_ring)
{
	const struct wire_vu_ring_state s = { RINGS, 0 };

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	ck_assert(front_send(&w.front, VHOST_USER_GET_VRING_BASE,
			     VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, &s, sizeof(s), NULL, 0));
	ck_assert(front_is_dropped(&w.front));
	serves_the_next();
}
END_TEST

/* Dies with frames on the way, again and again; the account balances over all of it. */
START_TEST(death_in_the_middle)
{
	uint8_t frame[1000];
	unsigned before = open_fds();

	rig_fill(frame, sizeof(frame), 1);
	for (unsigned life = 0; life < 50; life++) {
		front_up(&w.front, PLAIN, SIZE);
		for (unsigned i = 0; i < life; i++) {
			(void)loopback_give(w.backend, 0, (struct vnet_hdr){ 0 }, frame,
					    sizeof(frame));
			front_transmit(&w.front, TX, frame, sizeof(frame));
			(void)front_post(&w.front, RX, i % 3, 300);
		}
		come_again();
		ck_assert_int_eq(stats().unaccounted, 0);
		ck_assert(!loopback_carrier(w.backend));
		for (unsigned i = 0; i < 2; i++) {
			(void)close(w.front.kick[i]);
			(void)close(w.front.call[i]);
			w.front.kick[i] = w.front.call[i] = -1;
		}
	}
	ck_assert_uint_eq(open_fds(), before);
	serves_the_next();
}
END_TEST

/* A front-end that sends and never reads: it is dropped, and nobody waited for it. */
START_TEST(answers_that_nobody_reads)
{
	const struct wire_vu_header h = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 };
	int64_t deadline = front_deadline();

	while (w.vhost_user != NULL) {
		(void)send(w.front.fd, &h, sizeof(h), MSG_DONTWAIT | MSG_NOSIGNAL);
		ck_assert(!err_is(loop_once(w.loop, 0)));
		ck_assert(front_turn(&w.front, deadline) || w.vhost_user == NULL);
	}
	ck_assert_uint_eq(w.log_lines, 1);
}
END_TEST

/* From now on a write to it waits until somebody reads. */
static void fill_and_block(int fd)
{
	const uint64_t most = UINT64_MAX - 1;
	uint64_t count;

	ck_assert(read(fd, &count, sizeof(count)) > 0 || errno == EAGAIN);
	ck_assert_int_eq(write(fd, &most, sizeof(most)), sizeof(most));
	ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

/* A front-end that fills its call and error descriptors and has writes wait: neither the workers
 * nor the loop do. */
/* rule: VHU-14 */
START_TEST(descriptors_that_are_full)
{
	const int64_t deadline = front_deadline();
	int err_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t ring = TX;

	front_up(&w.front, PLAIN, SIZE);
	ck_assert_uint_eq(
		front_set(&w.front, VHOST_USER_SET_VRING_ERR, &ring, sizeof(ring), &err_fd, 1), 0);
	fill_and_block(err_fd);
	fill_and_block(w.front.call[TX]);
	fill_and_block(w.front.call[RX]);
	for (unsigned i = 0; i < 2 * SIZE; i++)
		frame_each_way(0, i);
	front_set_call(&w.front, TX);
	frame_each_way(0, 1);
	/* A head past the table breaks the ring. */
	driver_offer(&w.front.queue[TX], 0xffff);
	driver_show(&w.front.queue[TX]);
	front_kick(&w.front, TX);
	while ((device_status(net_device(w.net)) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		ck_assert(front_turn(&w.front, deadline));
	serves_the_next();
	(void)close(err_fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/vhost_user_lies");
	TCase *tc = tcase_create("vhost_user_lies");
	const int all = ARRAY_LEN(samples);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, broken_off_anywhere, 0, all);
	tcase_add_loop_test(tc, too_short, 0, all);
	tcase_add_loop_test(tc, wrong_descriptors, 0, all);
	tcase_add_loop_test(tc, headers_that_are_none, 0, ARRAY_LEN(headers));
	tcase_add_test(tc, a_liar_that_comes_again);
	tcase_add_test(tc, refused_in_the_answer);
	tcase_add_test(tc, an_index_of_no_ring);
	tcase_add_test(tc, death_in_the_middle);
	tcase_add_test(tc, answers_that_nobody_reads);
	tcase_add_test(tc, descriptors_that_are_full);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
