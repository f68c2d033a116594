/* The TUN backend on a scripted kernel: what is read gets an Ethernet header. */
#include "tests/unit/backend/tun_kernel.h"

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
	memset(&incoming, 0, sizeof(incoming));
	setup_on(&reading_sys);
	incoming.len = 60;
	incoming.packet[0] = 0x45;
	kernel.answer[1].err = EAGAIN;
}

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
	static const uint8_t none[ETH];
	bool more;

	memset(slots[0], 0xee, VNET_HDR_MAX + ETH); /* what was there before */
	incoming.packet[0] = packets[_i].first;
	incoming.len = packets[_i].len;
	ck_assert_uint_eq(receive(FRAMES, &more), 1);
	assert_fate(0, packets[_i].why == DROP_NONE ? FATE_OPEN : FATE_DROPPED, packets[_i].why);
	if (packets[_i].why == DROP_RX_NOT_IP)
		ck_assert_mem_eq(batch.frame[0].bytes, none, ETH);
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

int main(void)
{
	Suite *s = suite_create("tun backend, receive");
	TCase *tc = tcase_create("recv");

	tcase_add_checked_fixture(tc, setup_reading, teardown);
	tcase_add_test(tc, a_packet_gets_an_ethernet_header);
	tcase_add_test(tc, a_read_stays_in_its_slot);
	tcase_add_loop_test(tc, a_group_has_its_own_address, 0, (int)ARRAY_LEN(destinations));
	tcase_add_loop_test(tc, what_comes_and_is_not_ip_is_dropped, 0, 6);
	tcase_add_test(tc, the_guests_address_is_learnt);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
