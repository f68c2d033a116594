/* The device's own counters, as a driver reads them by the control queue. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, CLASS = 8, QUERY = 0, GET = 1, ROOM = 512, REQUEST = 16 };
enum { RX_BASIC, RX_CSUM, RX_GSO, RX_SPEED, TX_BASIC = 16, TX_CSUM, TX_GSO, TX_SPEED, CVQ = 32 };
#define TYPE(t) (UINT64_C(1) << (t))
#define RX_ALL (TYPE(RX_BASIC) | TYPE(RX_CSUM) | TYPE(RX_GSO) | TYPE(RX_SPEED))
#define TX_ALL (TYPE(TX_BASIC) | TYPE(TX_CSUM) | TYPE(TX_GSO) | TYPE(TX_SPEED))

static struct rig r;
static uint8_t answer[1 + ROOM], frame[4096];
static const struct vnet_hdr plain;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static uint64_t get64(const uint8_t *at)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)at[i] << 8 * i;
	return v;
}

static unsigned get16(const uint8_t *at) { return (unsigned)at[0] | (unsigned)at[1] << 8; }

static void put_request(uint8_t *at, uint16_t index, uint64_t types)
{
	memset(at, 0xee, REQUEST); /* reserved */
	at[0] = (uint8_t)index;
	at[1] = (uint8_t)(index >> 8);
	for (unsigned i = 0; i < 8; i++)
		at[8 + i] = (uint8_t)(types >> 8 * i);
}

/* One queue's: the used length; the ack and the replies are in answer. */
static uint32_t get_into(uint16_t index, uint64_t types, uint32_t room)
{
	uint8_t bytes[2 + REQUEST] = { CLASS, GET };

	put_request(bytes + 2, index, types);
	return rig_command(&r, bytes, sizeof(bytes), 1024, answer, room);
}

/* One reply: its values, after its header was judged. */
static const uint8_t *get(uint16_t index, unsigned type, uint32_t values)
{
	ck_assert_uint_eq(get_into(index, TYPE(type), sizeof(answer)), 1 + 8 + 8 * values);
	ck_assert_uint_eq(answer[0], VIRTIO_NET_OK);
	ck_assert_uint_eq(answer[1], type);
	ck_assert_uint_eq(answer[2], 0);
	ck_assert_uint_eq(get16(answer + 3), index);
	ck_assert_uint_eq(get16(answer + 5), 0);
	ck_assert_uint_eq(get16(answer + 7), 8 + 8 * values);
	return answer + 9;
}

static void assert_values(const uint8_t *at, const uint64_t *want, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ck_assert_msg(get64(at + 8 * i) == want[i], "value %u is %llu, not %llu", i,
			      (unsigned long long)get64(at + 8 * i), (unsigned long long)want[i]);
}

/* ---- what there is ---- */

static uint64_t query(void)
{
	const uint8_t bytes[2] = { CLASS, QUERY };

	ck_assert_uint_eq(rig_command(&r, bytes, 2, 64, answer, 20), 9);
	ck_assert_uint_eq(answer[0], VIRTIO_NET_OK);
	for (unsigned i = 9; i < 20; i++)
		ck_assert_msg(answer[i] == RIG_BLANK, "byte %u was written", i);
	return get64(answer + 1);
}

/* rule: CTRL-35 CTRL-37 */
START_TEST(types_follow_the_features)
{
	const uint64_t base = RIG_BIT(VIRTIO_NET_F_CTRL_VQ) | RIG_BIT(VIRTIO_NET_F_DEVICE_STATS);
	const uint64_t always =
		TYPE(RX_BASIC) | TYPE(RX_SPEED) | TYPE(TX_BASIC) | TYPE(TX_SPEED) | TYPE(CVQ);
	/* clang-format off */
	static const struct { unsigned bits[2]; uint64_t types; } rows[] = {
		{ { VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ }, 0 },
		{ { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM }, TYPE(RX_CSUM) },
		{ { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4 }, TYPE(RX_CSUM) | TYPE(RX_GSO) },
		{ { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO6 }, TYPE(RX_CSUM) | TYPE(RX_GSO) },
		{ { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_CSUM }, TYPE(TX_CSUM) },
		{ { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4 }, TYPE(TX_CSUM) | TYPE(TX_GSO) },
		{ { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO6 }, TYPE(TX_CSUM) | TYPE(TX_GSO) },
		{ { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_USO }, TYPE(TX_CSUM) | TYPE(TX_GSO) },
	};
	/* clang-format on */

	rig_up(&r, base | RIG_BIT(rows[_i].bits[0]) | RIG_BIT(rows[_i].bits[1]), SIZE);
	ck_assert_uint_eq(query(), always | rows[_i].types);
	/* One by one: what is named may be had, and nothing else. */
	for (unsigned type = 0; type < 64; type++) {
		uint16_t index = type < TX_BASIC ? RIG_RX : type < CVQ ? RIG_TX : RIG_CTRL;
		bool has = ((always | rows[_i].types) >> type & 1) != 0;

		(void)get_into(index, TYPE(type), sizeof(answer));
		ck_assert_msg(answer[0] == (has ? VIRTIO_NET_OK : VIRTIO_NET_ERR), "type %u", type);
	}
}
END_TEST

/* rule: CTRL-36 */
START_TEST(one_error_fails_the_whole_command)
{
	/* clang-format off */
	static const struct { const char *what; uint16_t index; uint64_t types; } bad[] = {
		{ "a receive queue that does not exist", 4, TYPE(RX_BASIC) },
		{ "a transmit queue that does not exist", 3, TYPE(TX_BASIC) },
		{ "the last queue there could be", 0xffff, TYPE(TX_BASIC) },
		{ "a type that is none", RIG_RX, TYPE(4) },
		{ "another", RIG_CTRL, TYPE(63) },
		{ "a receive queue's type of a transmit queue", RIG_TX, TYPE(RX_BASIC) },
		{ "a transmit queue's type of a receive queue", RIG_RX, TYPE(TX_BASIC) },
		{ "the control queue's type of a receive queue", RIG_RX, TYPE(CVQ) },
		{ "a receive queue's type of the control queue", RIG_CTRL, TYPE(RX_BASIC) },
		{ "a good type beside a bad one", RIG_RX, TYPE(RX_BASIC) | TYPE(TX_BASIC) },
	};
	/* clang-format on */
	uint8_t bytes[2 + 2 * REQUEST] = { CLASS, GET };

	rig_up(&r, RIG_ALL, SIZE);
	put_request(bytes + 2, RIG_RX, TYPE(RX_BASIC));
	put_request(bytes + 2 + REQUEST, bad[_i].index, bad[_i].types);
	ck_assert_uint_eq(rig_command(&r, bytes, sizeof(bytes), 1024, answer, sizeof(answer)), 1);
	ck_assert_msg(answer[0] == VIRTIO_NET_ERR, "%s", bad[_i].what);
	ck_assert_uint_eq(answer[1], RIG_BLANK);
}
END_TEST

/* rule: CTRL-02 CTRL-03 */
START_TEST(lengths_and_the_feature)
{
	uint8_t bytes[2 + 2 * REQUEST] = { CLASS, GET };

	rig_up(&r, RIG_ALL, SIZE);
	put_request(bytes + 2, RIG_RX, TYPE(RX_BASIC));
	put_request(bytes + 2 + REQUEST, RIG_TX, TYPE(TX_BASIC));
	for (uint32_t len = 0; len <= 2 * REQUEST; len++) {
		(void)rig_command(&r, bytes, 2 + len, 64, answer, sizeof(answer));
		ck_assert_msg(answer[0] == (len == REQUEST || len == 2 * REQUEST ? VIRTIO_NET_OK
										 : VIRTIO_NET_ERR),
			      "%u bytes", len);
	}
	ck_assert_int_eq(rig_control(&r, CLASS, QUERY, "", 1), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, CLASS, 2, "", 0), VIRTIO_NET_ERR);
	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_DEVICE_STATS), SIZE);
	ck_assert_int_eq(rig_control(&r, CLASS, QUERY, "", 0), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, CLASS, GET, bytes + 2, REQUEST), VIRTIO_NET_ERR);
}
END_TEST

/* All types of two queues: each with its name and true size, in a row. */
/* rule: CTRL-38 */
START_TEST(many_replies)
{
	static const struct {
		uint8_t type, index, size;
	} want[] = {
		{ RX_BASIC, RIG_RX, 56 }, { RX_CSUM, RIG_RX, 40 },  { RX_GSO, RIG_RX, 40 },
		{ RX_SPEED, RIG_RX, 24 }, { TX_BASIC, RIG_TX, 56 }, { TX_CSUM, RIG_TX, 24 },
		{ TX_GSO, RIG_TX, 56 },   { TX_SPEED, RIG_TX, 24 }, { CVQ, RIG_CTRL, 24 },
	};
	uint8_t bytes[2 + 3 * REQUEST] = { CLASS, GET };
	uint32_t at = 1, used;

	rig_up(&r, RIG_ALL, SIZE);
	put_request(bytes + 2, RIG_RX, RX_ALL);
	put_request(bytes + 2 + REQUEST, RIG_TX, TX_ALL);
	put_request(bytes + 2 + 2 * REQUEST, RIG_CTRL, TYPE(CVQ));
	used = rig_command(&r, bytes, sizeof(bytes), 1024, answer, sizeof(answer));
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		ck_assert_uint_eq(answer[at], want[i].type);
		ck_assert_uint_eq(answer[at + 2], want[i].index);
		ck_assert_uint_eq(get16(answer + at + 6), want[i].size);
		at += want[i].size;
	}
	ck_assert_uint_eq(used, at);
	for (; at < sizeof(answer); at++)
		ck_assert_msg(answer[at] == RIG_BLANK, "byte %u was written", at);
}
END_TEST

/* rule: CTRL-39 SPLIT-03 */
START_TEST(a_result_buffer_of_any_size)
{
	uint8_t whole[1 + 56 + 24], bytes[2 + REQUEST] = { CLASS, GET };

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(get_into(RIG_RX, TYPE(RX_BASIC) | TYPE(RX_SPEED), sizeof(answer)),
			  sizeof(whole));
	memcpy(whole, answer, sizeof(whole));
	for (uint32_t room = 1; room <= sizeof(whole) + 4; room++) {
		uint32_t fill = room < sizeof(whole) ? room : (uint32_t)sizeof(whole);

		put_request(bytes + 2, RIG_RX, TYPE(RX_BASIC) | TYPE(RX_SPEED));
		ck_assert_uint_eq(rig_command(&r, bytes, sizeof(bytes), 12, answer, room), fill);
		ck_assert_msg(memcmp(answer, whole, fill) == 0, "room for %u", room);
	}
}
END_TEST

/* ---- what is counted ---- */

static void receive(struct vnet_hdr hdr, uint32_t len)
{
	uint16_t used = driver_used_index(&r.queue[RIG_RX]);

	ck_assert(loopback_give(r.backend, 0, hdr, frame, len));
	rig_await_used(&r, RIG_RX, (uint16_t)(used + 1));
}

/* rule: CTRL-38 */
START_TEST(received_frames)
{
	uint32_t len, gso_len;
	const uint8_t *at;

	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_HASH_REPORT), SIZE);
	driver_ask(&r.queue[RIG_RX], false);
	(void)rig_post(&r, 6, sizeof(frame) + RIG_HDR);
	rig_fill(frame, 60, 1);
	receive(plain, 60);
	len = rig_fill_ip(frame, false, true, 100);
	receive((struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_DATA_VALID }, len);
	receive((struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				   .csum_start = 34,
				   .csum_offset = 16 },
		len);
	gso_len = rig_fill_ip(frame, false, true, 3000);
	receive((struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				   .gso_size = 1000,
				   .csum_start = 34,
				   .csum_offset = 16 },
		gso_len);
	at = get(RIG_RX, RX_BASIC, 6);
	ck_assert_msg(get64(at) >= 1, "no doorbell was counted");
	assert_values(at + 8, (const uint64_t[]){ 4, 60 + 2 * len + gso_len }, 2);
	assert_values(at + 32, (const uint64_t[]){ 0, 0 }, 2);
	assert_values(get(RIG_RX, RX_CSUM, 4), (const uint64_t[]){ 1, 2, 1, 0 }, 4);
	assert_values(get(RIG_RX, RX_GSO, 4), (const uint64_t[]){ 1, gso_len, 0, 0 }, 4);
	assert_values(get(RIG_RX, RX_SPEED, 2), (const uint64_t[]){ 0, 0 }, 2);
	/* A reset takes nothing from them. */
	rig_up(&r, RIG_ALL, SIZE);
	assert_values(get(RIG_RX, RX_BASIC, 6) + 8, (const uint64_t[]){ 4 }, 1);
}
END_TEST

/* rule: CTRL-38 */
START_TEST(received_frames_that_are_dropped)
{
	static const uint8_t off = 0;

	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 1, 128);
	ck_assert_int_eq(rig_control(&r, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &off, 1),
			 VIRTIO_NET_OK);
	rig_fill(frame, 60, 1);
	frame[0] = 2; /* not for us */
	ck_assert(loopback_give(r.backend, 0, plain, frame, 60));
	rig_await_drops(&r, DROP_RX_FILTER, 1);
	rig_fill(frame, 60, 1);
	ck_assert(loopback_give(r.backend, 0, plain, frame, 60));
	rig_await_used(&r, RIG_RX, 1);
	assert_values(get(RIG_RX, RX_BASIC, 6) + 8, (const uint64_t[]){ 1, 60 }, 2);
	assert_values(get(RIG_RX, RX_BASIC, 6) + 32, (const uint64_t[]){ 1, 0 }, 2);
}
END_TEST

static void send_one(struct vnet_hdr hdr, uint32_t len)
{
	uint16_t used = driver_used_index(&r.queue[RIG_TX]);

	rig_send(&r, hdr, frame, len);
	rig_await_used(&r, RIG_TX, (uint16_t)(used + 1));
}

/* rule: CTRL-38 */
START_TEST(sent_frames)
{
	uint32_t len, gso_len;
	const uint8_t *at;

	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_HASH_REPORT), SIZE);
	driver_ask(&r.queue[RIG_TX], true);
	rig_fill(frame, 60, 1);
	send_one(plain, 60);
	send_one(plain, 10); /* too short */
	len = rig_fill_ip(frame, false, true, 100);
	send_one((struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .csum_start = 34,
				    .csum_offset = 16 },
		 len);
	gso_len = rig_fill_ip(frame, false, true, 3000);
	send_one((struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				    .gso_size = 1000,
				    .csum_start = 34,
				    .csum_offset = 16 },
		 gso_len);
	at = get(RIG_TX, TX_BASIC, 6);
	ck_assert_msg(get64(at) >= 1, "no doorbell was counted");
	assert_values(at + 8, (const uint64_t[]){ 3, 60 + len + gso_len }, 2);
	ck_assert_msg(get64(at + 24) >= 1, "no interrupt was counted");
	assert_values(at + 32, (const uint64_t[]){ 1, 1 }, 2);
	assert_values(get(RIG_TX, TX_CSUM, 2), (const uint64_t[]){ 1, 2 }, 2);
	assert_values(get(RIG_TX, TX_GSO, 6), (const uint64_t[]){ 1, gso_len, 0, 0, 1, gso_len },
		      6);
	assert_values(get(RIG_TX, TX_SPEED, 2), (const uint64_t[]){ 0, 0 }, 2);
	/* Of the other way nothing was counted. */
	assert_values(get(RIG_RX, RX_BASIC, 6) + 8, (const uint64_t[]){ 0, 0, 0, 0, 0 }, 5);
}
END_TEST

/* The command that asks is one of them. */
/* rule: CTRL-38 */
START_TEST(commands)
{
	rig_up(&r, RIG_ALL, SIZE);
	assert_values(get(RIG_CTRL, CVQ, 2), (const uint64_t[]){ 1, 1 }, 2);
	ck_assert_int_eq(rig_control(&r, 77, 0, "", 0), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, 0, 0, "\1", 1), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 0, 0, "\2", 1), VIRTIO_NET_ERR);
	assert_values(get(RIG_CTRL, CVQ, 2), (const uint64_t[]){ 5, 3 }, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_stats");
	TCase *tc = tcase_create("ctrl_stats");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, types_follow_the_features, 0, 8);
	tcase_add_loop_test(tc, one_error_fails_the_whole_command, 0, 10);
	tcase_add_test(tc, lengths_and_the_feature);
	tcase_add_test(tc, many_replies);
	tcase_add_test(tc, a_result_buffer_of_any_size);
	tcase_add_test(tc, received_frames);
	tcase_add_test(tc, received_frames_that_are_dropped);
	tcase_add_test(tc, sent_frames);
	tcase_add_test(tc, commands);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
