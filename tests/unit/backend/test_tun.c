/* The TUN backend on a scripted kernel: Ethernet made and taken off, questions answered here, and
 * what is no IP dropped. What it has in common with a TAP is in test_tap.c and the contract. */
#include <linux/virtio_net.h>

#include "devices/backend/tun.h"
#include "tests/driver/suite.h"
#include "tests/unit/backend/tap_kernel.h"

enum { ETH = 14, PACKET = LEN - ETH };

static const uint8_t host_mac[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
		     guest_mac[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

static void setup_tun(void)
{
	struct backend_tun_config c = { .tap = config() };

	memset(&kernel, 0, sizeof(kernel));
	memset(&seen, 0, sizeof(seen));
	memcpy(c.host_mac, host_mac, 6);
	memcpy(c.guest_mac, guest_mac, 6);
	ck_assert(!err_is(backend_tun_create(&c, &be)));
}

/* A packet as read: version nibble, a destination; behind a header whose bytes are given. */
static struct {
	uint8_t head[VNET_HDR_BYTES], packet[LONGEST];
	ssize_t len;
} incoming;

static ssize_t read_packet(int fd, void *bytes, size_t len)
{
	memcpy(bytes, incoming.head, VNET_HDR_BYTES);
	memcpy((uint8_t *)bytes + VNET_HDR_BYTES, incoming.packet, (size_t)incoming.len);
	return answer_to(fd, len, VNET_HDR_BYTES + incoming.len);
}

static const struct sys reading_sys = { .read = read_packet,
					.write = fake_write,
					.writev = fake_writev,
					.ioctl = fake_ioctl,
					.close = fake_close };

static void setup_reading(void)
{
	struct backend_tun_config c = { .tap = config() };

	memset(&kernel, 0, sizeof(kernel));
	memset(&incoming, 0, sizeof(incoming));
	c.tap.sys = &reading_sys;
	memcpy(c.host_mac, host_mac, 6);
	memcpy(c.guest_mac, guest_mac, 6);
	ck_assert(!err_is(backend_tun_create(&c, &be)));
	incoming.len = 60;
	incoming.packet[0] = 0x45;
	kernel.answer[1].err = EAGAIN;
}

/* FRAMES frames of LEN bytes with IPv4 in them, from the guest's address. */
static void fill_ip(void)
{
	fill();
	for (unsigned i = 0; i < FRAMES; i++) {
		uint8_t *b = batch.frame[i].bytes;

		memcpy(b, host_mac, 6);
		memcpy(b + 6, guest_mac, 6);
		memcpy(b + 12, "\x08\x00\x45", 3);
	}
}

/* Who has 10.0.0.1 in frame i, told to 10.0.0.2. */
static void ask_in(unsigned i)
{
	static const uint8_t request[] = { 8, 6,    0,    1,    8,    0,    6,  4, 0, 1,
					   2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 10, 0, 0, 2,
					   0, 0,    0,    0,    0,    0,    10, 0, 0, 1 };

	memcpy(batch.frame[i].bytes + 12, request, sizeof(request));
}

static unsigned receive(unsigned max, bool *ret_more)
{
	for (unsigned i = 0; i < FRAMES; i++)
		batch.frame[i] = (struct frame){ .bytes = slots[i] + VNET_HDR_MAX };
	be->ops->recv(be, 0, &batch, max, ret_more);
	for (unsigned i = 0; i < FRAMES; i++)
		ck_assert_ptr_eq(batch.frame[i].bytes, slots[i] + VNET_HDR_MAX);
	return batch.count;
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

/* ---- recv ---- */

START_TEST(a_packet_gets_an_ethernet_header)
{
	const struct frame *f = &batch.frame[0];
	bool more = true;

	memcpy(incoming.head, "\x01\x01\x28\0\x14\0\x14\0\x10\0", 10);
	for (ssize_t i = 1; i < incoming.len; i++)
		incoming.packet[i] = (uint8_t)i;
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	ck_assert(!more);
	assert_fate(0, FATE_OPEN, DROP_NONE);
	ck_assert_uint_eq(f->len, ETH + 60);
	ck_assert_uint_eq(f->local, ETH + 60);
	ck_assert_mem_eq(f->bytes, guest_mac, 6);
	ck_assert_mem_eq(f->bytes + 6, host_mac, 6);
	ck_assert_mem_eq(f->bytes + 12, "\x08\x00", 2);
	ck_assert_mem_eq(f->bytes + ETH, incoming.packet, 60);
	ck_assert_uint_eq(f->hdr.csum_start, 20 + ETH);
	ck_assert_uint_eq(f->hdr.hdr_len, 40 + ETH);
	ck_assert_uint_eq(f->hdr.csum_offset, 16);
	ck_assert_uint_eq(f->hdr.gso_size, 20);
}
END_TEST

/* The longest read ends with the slot. */
START_TEST(a_read_stays_in_its_slot)
{
	bool more;

	(void)receive(1, &more);
	ck_assert_uint_ge(kernel.len[0], VNET_HDR_BYTES + 65535);
	ck_assert_uint_le(VNET_HDR_MAX + ETH + kernel.len[0] - VNET_HDR_BYTES, SLOT_BYTES);
}
END_TEST

static const struct {
	const char *says;
	uint8_t first, to[16]; /* to: from the destination address on */
	const char *mac;       /* NULL: the guest's */
			       /* clang-format off */
} destinations[] = {
	{ "an IPv4 host", 0x45, { 10, 0, 0, 2 }, NULL },
	{ "all of IPv4", 0x45, { 255, 255, 255, 255 }, "\xff\xff\xff\xff\xff\xff" },
	{ "an IPv4 group", 0x45, { 239, 129, 2, 3 }, "\x01\x00\x5e\x01\x02\x03" },
	{ "the class behind groups", 0x45, { 240, 129, 2, 3 }, NULL },
	{ "an IPv6 host", 0x60, { 0xfd, 1 }, NULL },
	{ "an IPv6 group", 0x60, { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 }, "\x33\x33\x01\x02\x03\x04" },
};
/* clang-format on */

START_TEST(a_group_has_its_own_address)
{
	const char *mac =
		destinations[_i].mac != NULL ? destinations[_i].mac : (const char *)guest_mac;
	bool v6 = destinations[_i].first == 0x60, more;

	incoming.packet[0] = destinations[_i].first;
	memcpy(incoming.packet + (v6 ? 24 : 16), destinations[_i].to, v6 ? 16 : 4);
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	assert_fate(0, FATE_OPEN, DROP_NONE);
	ck_assert_msg(memcmp(batch.frame[0].bytes, mac, 6) == 0, "to %s", destinations[_i].says);
	ck_assert_mem_eq(batch.frame[0].bytes + 12, v6 ? "\x86\xdd" : "\x08\x00", 2);
}
END_TEST

START_TEST(what_comes_and_is_not_ip_is_dropped)
{
	static const struct {
		uint8_t first;
		ssize_t len;
		enum drop_reason why;
	} packets[] = { { 0x45, 20, DROP_NONE },      { 0x45, 19, DROP_RX_NOT_IP },
			{ 0x60, 40, DROP_NONE },      { 0x60, 39, DROP_RX_NOT_IP },
			{ 0x55, 60, DROP_RX_NOT_IP }, { 0x45, 13, DROP_RX_RUNT } };
	bool more;

	incoming.packet[0] = packets[_i].first;
	incoming.len = packets[_i].len;
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	assert_fate(0, packets[_i].why == DROP_NONE ? FATE_OPEN : FATE_DROPPED, packets[_i].why);
}
END_TEST

/* The guest is where it says: its driver may choose an address, until the reset. */
START_TEST(the_guests_address_is_learnt)
{
	static const uint8_t chosen[6] = { 6, 1, 2, 3, 4, 5 };
	bool more;

	fill_ip();
	batch.count = 2;
	memcpy(batch.frame[0].bytes + 6, chosen, 6);
	memcpy(batch.frame[1].bytes + 6, "\x03\1\2\3\4\5", 6); /* a group is nobody's own */
	be->ops->send(be, 0, &batch);
	kernel.calls = 0;
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	ck_assert_mem_eq(batch.frame[0].bytes, chosen, 6);
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	kernel.calls = 0;
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	ck_assert_mem_eq(batch.frame[0].bytes, chosen, 6);
	ck_assert(!err_is(be->ops->set_carrier(be, false)));
	kernel.calls = 0;
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	ck_assert_mem_eq(batch.frame[0].bytes, guest_mac, 6);
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
	Suite *s = suite_create("tun");
	TCase *sending = tcase_create("send"), *reading = tcase_create("recv");

	tcase_add_checked_fixture(sending, setup_tun, teardown);
	tcase_add_test(sending, a_packet_goes_without_its_ethernet_header);
	tcase_add_test(sending, a_lent_rest_stays_behind_its_head);
	tcase_add_loop_test(sending, what_is_not_ip_is_dropped, 0, (int)ARRAY_LEN(kinds));
	tcase_add_test(sending, a_sum_in_the_ethernet_header_is_dropped);
	tcase_add_test(sending, a_question_is_answered_by_recv);
	tcase_add_test(sending, a_question_behind_a_kept_frame_waits);
	tcase_add_test(sending, what_has_a_fate_keeps_it);
	tcase_add_test(sending, answers_are_bounded);
	tcase_add_test(sending, one_that_is_gone_answers_nobody);
	tcase_add_test(sending, a_bad_tap_makes_no_tun);
	suite_add_tcase(s, sending);
	tcase_add_checked_fixture(reading, setup_reading, teardown);
	tcase_add_test(reading, a_packet_gets_an_ethernet_header);
	tcase_add_test(reading, a_read_stays_in_its_slot);
	tcase_add_loop_test(reading, a_group_has_its_own_address, 0, (int)ARRAY_LEN(destinations));
	tcase_add_loop_test(reading, what_comes_and_is_not_ip_is_dropped, 0, 6);
	tcase_add_test(reading, the_guests_address_is_learnt);
	suite_add_tcase(s, reading);
	return suite_run(s);
}
