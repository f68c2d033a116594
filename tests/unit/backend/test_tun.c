/* The TUN backend on a scripted kernel: Ethernet taken off, questions answered here, and what is no
 * IP dropped. What it has in common with a TAP is in test_tap.c and the contract. */
#include "tests/unit/backend/tun_kernel.h"

static void setup_sending(void) { setup_on(&fake_sys); }

/* Who has 10.0.0.1 in frame i, told to 10.0.0.2. */
static void ask_in(unsigned i)
{
	static const uint8_t request[] = { 8, 6,    0,    1,    8,    0,    6,  4, 0, 1,
					   2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 10, 0, 0, 2,
					   0, 0,    0,    0,    0,    0,    10, 0, 0, 1 };

	memcpy(batch.frame[i].bytes + 12, request, sizeof(request));
}

/* ---- send ---- */

START_TEST(a_packet_goes_without_its_ethernet_header)
{
	uint8_t before[SLOT_BYTES];

	fill_ip();
	batch.count = 1;
	batch.frame[0].hdr = (struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.csum_start = 34,
						.csum_offset = 16 };
	memcpy(before, batch.frame[0].bytes, LEN);
	be->ops->send(be, 0, &batch);
	assert_fate(0, FATE_SENT, DROP_NONE);
	ck_assert_uint_eq(kernel.len[0], VNET_HDR_BYTES + PACKET);
	ck_assert_mem_eq(kernel.bytes + VNET_HDR_BYTES, before + ETH, PACKET);
	ck_assert_uint_eq(vnet_hdr_read(kernel.bytes, VNET_HDR_BYTES).csum_start, 20);
	ck_assert_uint_eq(vnet_hdr_read(kernel.bytes, VNET_HDR_BYTES).csum_offset, 16);
	/* The slot is as it was: whoever looks at it later sees a frame. */
	ck_assert_mem_eq(batch.frame[0].bytes, before, LEN);
	ck_assert_uint_eq(batch.frame[0].len, LEN);
	ck_assert_uint_eq(batch.frame[0].local, LEN);
	ck_assert_uint_eq(batch.frame[0].hdr.csum_start, 34);
}
END_TEST

START_TEST(a_lent_rest_stays_behind_its_head)
{
	static uint8_t part[40];
	struct iovec rest = { part, sizeof(part) };

	fill_ip();
	batch.count = 1;
	memset(part, 0x77, sizeof(part));
	batch.frame[0].rest = &rest;
	batch.frame[0].rest_count = 1;
	batch.frame[0].len += sizeof(part);
	be->ops->send(be, 0, &batch);
	assert_fate(0, FATE_SENT, DROP_NONE);
	ck_assert_uint_eq(kernel.len[0], VNET_HDR_BYTES + PACKET + sizeof(part));
	ck_assert_mem_eq(kernel.bytes + VNET_HDR_BYTES + PACKET, part, sizeof(part));
	ck_assert_uint_eq(batch.frame[0].len, LEN + sizeof(part));
}
END_TEST

static const struct {
	const char *says, *head; /* from the type on */
	uint32_t len;
	bool carried;
	/* clang-format off */
} kinds[] = {
	{ "IPv4", "\x08\x00\x45", LEN, true },
	{ "IPv6", "\x86\xdd\x60", LEN, true },
	{ "IPv4 of 20 bytes", "\x08\x00\x45", ETH + 20, true },
	{ "IPv4 of 19 bytes", "\x08\x00\x45", ETH + 19, false },
	{ "IPv6 of 39 bytes", "\x86\xdd\x60", ETH + 39, false },
	{ "IPv6 said to be IPv4", "\x08\x00\x60", LEN, false },
	{ "IPv4 said to be IPv6", "\x86\xdd\x45", LEN, false },
	{ "a VLAN tag", "\x81\x00\x45", LEN, false },
	{ "ARP that asks nothing", "\x08\x06\x45", LEN, false },
	{ "a test frame", "\x88\xb5\x45", LEN, false },
	{ "an Ethernet header alone", "\x08\x00\x45", ETH, false },
	{ "less than that", "\x08\x00\x45", 13, false },
};
/* clang-format on */

START_TEST(what_is_not_ip_is_dropped)
{
	fill_ip();
	memcpy(batch.frame[1].bytes + 12, kinds[_i].head, 3);
	batch.frame[1].len = batch.frame[1].local = kinds[_i].len;
	be->ops->send(be, 0, &batch);
	assert_fate(0, FATE_SENT, DROP_NONE);
	assert_fate(1, kinds[_i].carried ? FATE_SENT : FATE_DROPPED,
		    kinds[_i].carried ? DROP_NONE : DROP_TX_NOT_IP);
	assert_fate(2, FATE_SENT, DROP_NONE);
	ck_assert_uint_eq(kernel.calls, kinds[_i].carried ? FRAMES : FRAMES - 1);
	ck_assert_msg(!be->ops->has_input(be, 0), "%s: was answered", kinds[_i].says);
}
END_TEST

START_TEST(a_sum_in_the_ethernet_header_is_dropped)
{
	fill_ip();
	batch.frame[0].hdr.flags = batch.frame[1].hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	batch.frame[0].hdr.csum_start = 13;
	batch.frame[1].hdr.csum_start = 14;
	be->ops->send(be, 0, &batch);
	assert_fate(0, FATE_DROPPED, DROP_TX_CSUM_RANGE);
	assert_fate(1, FATE_SENT, DROP_NONE);
	ck_assert_uint_eq(kernel.calls, FRAMES - 1);
}
END_TEST

/* ---- questions ---- */

START_TEST(a_question_is_answered_by_recv)
{
	bool more = false;

	fill_ip();
	ask_in(2);
	be->ops->send(be, 0, &batch);
	for (unsigned i = 0; i < FRAMES; i++)
		assert_fate(i, FATE_SENT, DROP_NONE);
	ck_assert_uint_eq(kernel.calls, FRAMES - 1);
	ck_assert(be->ops->has_input(be, 0));
	ck_assert_msg(!be->ops->has_input(be, 1), "an answer on another queue");
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	ck_assert_msg(more, "the descriptor was not looked at, and there is no more");
	assert_fate(0, FATE_OPEN, DROP_NONE);
	ck_assert_uint_eq(batch.frame[0].len, ETH + 28);
	ck_assert_uint_eq(batch.frame[0].local, ETH + 28);
	ck_assert_mem_eq(batch.frame[0].bytes, guest_mac, 6);
	ck_assert_mem_eq(batch.frame[0].bytes + 6, host_mac, 6);
	ck_assert_uint_eq(batch.frame[0].bytes[21], 2);
	ck_assert_uint_eq(batch.frame[0].hdr.flags, 0);
	ck_assert(!be->ops->has_input(be, 0));
	ck_assert_uint_eq(kernel.calls, FRAMES - 1);
}
END_TEST

/* What stands behind a frame that is kept is kept with it, and answered when it is offered again.
 */
START_TEST(a_question_behind_a_kept_frame_waits)
{
	fill_ip();
	ask_in(1);
	ask_in(4);
	kernel.answer[1].err = EAGAIN; /* of frame 2 */
	be->ops->send(be, 0, &batch);
	assert_fate(0, FATE_SENT, DROP_NONE);
	assert_fate(1, FATE_SENT, DROP_NONE);
	for (unsigned i = 2; i < FRAMES; i++)
		assert_fate(i, FATE_KEPT, DROP_NONE);
	ck_assert_uint_eq(batch.frame[2].len, LEN);
	ck_assert_mem_eq(batch.frame[2].bytes, host_mac, 6);
}
END_TEST

START_TEST(what_has_a_fate_keeps_it)
{
	fill_ip();
	ask_in(0);
	frame_drop(&batch.frame[0], DROP_TX_MTU);
	frame_drop(&batch.frame[1], DROP_TX_SHORT);
	be->ops->send(be, 0, &batch);
	assert_fate(0, FATE_DROPPED, DROP_TX_MTU);
	assert_fate(1, FATE_DROPPED, DROP_TX_SHORT);
	assert_fate(2, FATE_SENT, DROP_NONE);
	ck_assert(!be->ops->has_input(be, 0));
	ck_assert_uint_eq(kernel.calls, FRAMES - 2);
}
END_TEST

/* A guest that asks and takes no answers: the first 32 are there for it, in order. */
START_TEST(answers_are_bounded)
{
	unsigned got = 0;
	bool more = true;

	for (unsigned asked = 0; asked < 36; asked += FRAMES) {
		fill_ip();
		for (unsigned i = 0; i < FRAMES; i++) {
			ask_in(i);
			batch.frame[i].bytes[41] = (uint8_t)(asked + i + 1);
			if (asked + i + 1 == 2)
				batch.frame[i].bytes[31] = 200; /* else it would be its own */
		}
		be->ops->send(be, 0, &batch);
		for (unsigned i = 0; i < FRAMES; i++)
			assert_fate(i, asked + i < 32 ? FATE_SENT : FATE_DROPPED,
				    asked + i < 32 ? DROP_NONE : DROP_TX_NO_MEMORY);
	}
	while (be->ops->has_input(be, 0)) {
		unsigned count = receive(5, &more);

		ck_assert_uint_eq(count, got < 30 ? 5 : 2);
		for (unsigned i = 0; i < count; i++)
			ck_assert_uint_eq(batch.frame[i].bytes[31], ++got);
	}
	ck_assert_uint_eq(got, 32);
	ck_assert_uint_eq(kernel.calls, 0);
}
END_TEST

/* What waits in a queue that is switched off is lost, and nothing comes into it until it is on. */
START_TEST(a_queue_that_is_off_has_no_answers)
{
	bool more;

	for (unsigned round = 0; round < 3; round++) {
		fill_ip();
		ask_in(0);
		be->ops->send(be, 1, &batch);
		assert_fate(0, round == 1 ? FATE_DROPPED : FATE_SENT,
			    round == 1 ? DROP_TX_NOT_IP : DROP_NONE);
		assert_fate(1, FATE_SENT, DROP_NONE);
		ck_assert_int_eq(be->ops->has_input(be, 1), round != 1);
		if (round < 2)
			ck_assert(!err_is(be->ops->set_queue(be, 1, round == 1)));
		ck_assert_int_eq(be->ops->has_input(be, 1), round == 2);
	}
	be->ops->recv(be, 1, &batch, 1, &more);
	ck_assert_uint_eq(batch.frame[0].len, ETH + 28);
}
END_TEST

START_TEST(one_that_is_gone_answers_nobody)
{
	fill_ip();
	ask_in(1);
	kernel.answer[0].err = EBADFD;
	for (unsigned i = 1; i < FRAMES; i++)
		kernel.answer[i].err = EBADFD;
	be->ops->send(be, 0, &batch);
	for (unsigned i = 0; i < FRAMES; i++)
		assert_fate(i, FATE_DROPPED, DROP_TX_GONE);
	ck_assert(be->ops->gone(be));
	ck_assert(!be->ops->has_input(be, 0));
}
END_TEST

/* ---- life ---- */

START_TEST(a_bad_tap_makes_no_tun)
{
	struct backend_tun_config c = { .tap = config() };
	struct backend *made = NULL;

	c.tap.fd_count = 0;
	ck_assert(err_is(backend_tun_create(&c, &made)));
	ck_assert_ptr_null(made);
	ck_assert_uint_eq(kernel.close_count, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tun backend, send");
	TCase *tc = tcase_create("send");

	tcase_add_checked_fixture(tc, setup_sending, teardown);
	tcase_add_test(tc, a_packet_goes_without_its_ethernet_header);
	tcase_add_test(tc, a_lent_rest_stays_behind_its_head);
	tcase_add_loop_test(tc, what_is_not_ip_is_dropped, 0, (int)ARRAY_LEN(kinds));
	tcase_add_test(tc, a_sum_in_the_ethernet_header_is_dropped);
	tcase_add_test(tc, a_question_is_answered_by_recv);
	tcase_add_test(tc, a_question_behind_a_kept_frame_waits);
	tcase_add_test(tc, what_has_a_fate_keeps_it);
	tcase_add_test(tc, answers_are_bounded);
	tcase_add_test(tc, a_queue_that_is_off_has_no_answers);
	tcase_add_test(tc, one_that_is_gone_answers_nobody);
	tcase_add_test(tc, a_bad_tap_makes_no_tun);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
