/* The way from the guest's transmit ring to the backend: what is sent, what is dropped and why,
 * what waits. */
#include <check.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LARGEST = 70000 };

static struct rig r;
static uint8_t frame[LARGEST], sent[LARGEST];
static const struct vnet_hdr plain;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static void assert_sent(uint32_t len, const char *what)
{
	struct vnet_hdr h;
	int got = rig_await_sent(&r, &h, sent, sizeof(sent));

	ck_assert_msg(got == (int)len, "%s: %d bytes were sent, not %u", what, got, len);
	ck_assert_msg(memcmp(frame, sent, len) == 0, "%s: other bytes were sent", what);
}

/* ---- lengths and layouts ---- */

/* rule: NET-09 */
START_TEST(every_length_goes_out_whole)
{
	static const uint32_t lengths[] = { 14,           15,       60,           1513,  1514,
					    COPY_MAX - 1, COPY_MAX, COPY_MAX + 1, 65549, 65589 };
	uint32_t len = lengths[_i];

	/* A super-frame: what is longer than the MTU needs GSO. */
	struct vnet_hdr h = { .flags = 1,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
			      .gso_size = 1400,
			      .csum_start = 54,
			      .csum_offset = 16 };

	rig_up(&r, RIG_ALL, SIZE);
	if (len > 1514) {
		(void)rig_fill_ip(frame, true, true, len - 74);
		h.gso_size = 1428; /* 45 segments of the longest */
		rig_send(&r, h, frame, len);
	} else {
		rig_fill(frame, len, 1);
		rig_send(&r, plain, frame, len);
	}
	assert_sent(len, "a frame in one buffer");
	rig_await_used(&r, RIG_TX, 1);
	ck_assert_uint_eq(rig_stats(&r).tx.packets, 1);
	ck_assert_uint_eq(rig_stats(&r).tx.bytes, len);
}
END_TEST

/* A small MSS is legal: the least that Linux uses. */
START_TEST(many_segments_go_out)
{
	struct vnet_hdr h = { .flags = 1,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = 48,
			      .csum_start = 34,
			      .csum_offset = 16 };
	uint32_t len = rig_fill_ip(frame, false, true, 65000);

	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, h, frame, len);
	assert_sent(len, "segments of 48 bytes");
}
END_TEST

/* As many IP and TCP options as there can be: the headers end behind the copied head. Two in a row,
 * of which one a batch is copied whole. */
START_TEST(long_headers_of_a_long_frame)
{
	enum { IP = 60, TCP = 60, LONG = 14 + IP + TCP + 20000 };
	struct vnet_hdr h = { .flags = 1,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = 1400,
			      .csum_start = 14 + IP,
			      .csum_offset = 16 };

	(void)rig_fill_ip(frame, false, true, LONG - 54);
	frame[14] = 0x40 | IP / 4;
	memset(frame + 34, 1, IP - 20);
	frame[14 + IP + 12] = TCP / 4 << 4;
	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, h, frame, LONG);
	rig_send(&r, h, frame, LONG);
	assert_sent(LONG, "headers of 134 bytes");
	assert_sent(LONG, "the next one");
}
END_TEST

/* Any layout: header and frame cut anywhere, with buffers of no bytes between (virtio 1.4,
 * 2.7.4.2). */
/* rule: SPLIT-03 SPLIT-26 */
START_TEST(any_layout_is_taken)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	const uint32_t len = 300, cut = (uint32_t)_i;
	struct driver_used u;
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	at = driver_alloc(&r.memory, RIG_HDR + len, 16);
	rig_fill(frame, len, cut);
	memset(driver_at(&r.memory, at), 0, RIG_HDR);
	memcpy(driver_at(&r.memory, at + RIG_HDR), frame, len);
	driver_desc(q, 0, at, cut, D_NEXT, 1);
	driver_desc(q, 1, at, 0, D_NEXT, 2);
	driver_desc(q, 2, at + cut, 1, D_NEXT, 3);
	driver_desc(q, 3, at + cut + 1, RIG_HDR + len - cut - 1, 0, 0);
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_TX);
	assert_sent(len, "four buffers");
	rig_await_used(&r, RIG_TX, 1);
	ck_assert(driver_collect(q, &u));
	ck_assert_uint_eq(u.id, 0);
	ck_assert_uint_eq(u.len, 0);
}
END_TEST

/* More buffers than are lent: copied whole, one such a batch; two in a row come out both. */
/* rule: SPLIT-04 */
START_TEST(a_long_frame_in_many_buffers)
{
	struct driver_queue *q = &r.queue[RIG_TX];
	enum { PARTS = 100, PART = 200, LONG = PARTS * PART };
	struct vnet_hdr h = { .flags = 1,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = 1448,
			      .csum_start = 34,
			      .csum_offset = 16 };
	uint8_t head[RIG_HDR] = { h.flags, h.gso_type, 0, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0 };
	uint64_t at;

	rig_up(&r, RIG_ALL, 256);
	(void)rig_fill_ip(frame, false, true, LONG - 54);
	at = driver_alloc(&r.memory, RIG_HDR + LONG, 16);
	memcpy(driver_at(&r.memory, at), head, sizeof(head));
	memcpy(driver_at(&r.memory, at + RIG_HDR), frame, LONG);
	for (uint16_t chain = 0; chain < 2; chain++) {
		uint16_t first = (uint16_t)(chain * (PARTS + 1));

		driver_desc(q, first, at, RIG_HDR, D_NEXT, (uint16_t)(first + 1));
		for (uint16_t i = 0; i < PARTS; i++)
			driver_desc(q, (uint16_t)(first + 1 + i), at + RIG_HDR + (uint64_t)i * PART,
				    PART, i + 1 < PARTS ? D_NEXT : 0, (uint16_t)(first + 2 + i));
		driver_offer(q, first);
	}
	driver_show(q);
	rig_kick(&r, RIG_TX);
	assert_sent(LONG, "the first");
	assert_sent(LONG, "the second");
	rig_await_used(&r, RIG_TX, 2);
}
END_TEST

/* ---- what is dropped, each alone: the chain comes back with length 0, and the next frame goes out
 * ---- */

static const struct drop {
	const char *what;
	enum drop_reason why;
	uint64_t without; /* features */
	struct vnet_hdr h;
	uint32_t len;       /* of the chain, header included */
	uint32_t ethertype; /* 0: as it is */
			    /* clang-format off */
} drops[] = {
	{ "no bytes at all", DROP_TX_NO_HEADER, 0, { 0 }, 0, 0 },
	{ "11 bytes of a header", DROP_TX_NO_HEADER, 0, { 0 }, 11, 0 },
	{ "a header alone", DROP_TX_SHORT, 0, { 0 }, 12, 0 },
	{ "13 bytes", DROP_TX_SHORT, 0, { 0 }, 12 + 13, 0 },
	{ "65,590 bytes", DROP_TX_LONG, 0, { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 65590, 0 },
	{ "more than the MTU", DROP_TX_MTU, 0, { 0 }, 12 + 1600, 0 },
	{ "NEEDS_CSUM without CSUM", DROP_TX_CSUM_FEATURE, RIG_BIT(VIRTIO_NET_F_CSUM) | RIG_BIT(VIRTIO_NET_F_HOST_TSO4) |
	  RIG_BIT(VIRTIO_NET_F_HOST_TSO6) | RIG_BIT(VIRTIO_NET_F_HOST_ECN) | RIG_BIT(VIRTIO_NET_F_HOST_USO),
	  { .flags = 1, .csum_start = 34, .csum_offset = 6 }, 12 + 100, 0 },
	{ "a checksum past the frame", DROP_TX_CSUM_RANGE, 0, { .flags = 1, .csum_start = 99, .csum_offset = 0 }, 12 + 100, 0 },
	{ "a checksum offset that wraps", DROP_TX_CSUM_RANGE, 0, { .flags = 1, .csum_start = 65535, .csum_offset = 65535 }, 12 + 100, 0 },
	{ "an unknown GSO type", DROP_TX_GSO_FEATURE, 0, { .flags = 1, .gso_type = 9, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0 },
	{ "UFO, which is not offered", DROP_TX_GSO_FEATURE, 0, { .flags = 1, .gso_type = 3, .gso_size = 1448, .csum_start = 34, .csum_offset = 6 }, 12 + 1000, 0 },
	{ "TSO4 without HOST_TSO4", DROP_TX_GSO_FEATURE, RIG_BIT(VIRTIO_NET_F_HOST_TSO4),
	  { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0 },
	{ "GSO without NEEDS_CSUM", DROP_TX_GSO_FIELDS, 0, { .gso_type = 1, .gso_size = 1448 }, 12 + 1000, 0 },
	{ "GSO of size 0", DROP_TX_GSO_FIELDS, 0, { .flags = 1, .gso_type = 1, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0 },
	{ "GSO of size 1", DROP_TX_GSO_FIELDS, 0, { .flags = 1, .gso_type = 1, .gso_size = 1, .csum_start = 34, .csum_offset = 16 }, 12 + 60000, 0 },
	{ "TSO with another place of the checksum", DROP_TX_GSO_PROTOCOL, 0, { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 36, .csum_offset = 16 }, 12 + 1000, 0 },
	{ "TSO with UDP's place of the checksum", DROP_TX_GSO_PROTOCOL, 0, { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 6 }, 12 + 1000, 0 },
	{ "USO of TCP", DROP_TX_GSO_PROTOCOL, 0, { .flags = 1, .gso_type = 5, .gso_size = 1448, .csum_start = 34, .csum_offset = 6 }, 12 + 1000, 0 },
	{ "ECN without a type", DROP_TX_GSO_FEATURE, 0, { .flags = 1, .gso_type = 0x80, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0 },
	{ "ECN without HOST_ECN", DROP_TX_GSO_FEATURE, RIG_BIT(VIRTIO_NET_F_HOST_ECN),
	  { .flags = 1, .gso_type = 0x81, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0 },
	{ "ECN of UDP", DROP_TX_GSO_FEATURE, 0, { .flags = 1, .gso_type = 0x85, .gso_size = 1448, .csum_start = 34, .csum_offset = 6 }, 12 + 1000, 0 },
	{ "TSO4 of IPv6", DROP_TX_GSO_PROTOCOL, 0, { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0x86dd },
	{ "TSO4 of no IP", DROP_TX_GSO_PROTOCOL, 0, { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 12 + 1000, 0x88b5 },
};
/* clang-format on */

/* rule: NET-10 NET-18 NET-19 NET-21 NET-22 NET-23 NET-24 NET-25 */
START_TEST(bad_frames_are_dropped_alone)
{
	const struct drop *d = &drops[_i];
	struct driver_queue *q = &r.queue[RIG_TX];
	struct driver_used u;

	rig_up(&r, ~d->without, SIZE);
	(void)rig_fill_ip(frame, false, true, LARGEST - 100);
	if (d->ethertype != 0) {
		frame[12] = (uint8_t)(d->ethertype >> 8);
		frame[13] = (uint8_t)d->ethertype;
	}
	if (d->len >= RIG_HDR) {
		rig_send(&r, d->h, frame, d->len - RIG_HDR);
	} else {
		(void)driver_post(q, 0, d->len, false);
		rig_kick(&r, RIG_TX);
	}
	rig_await_used(&r, RIG_TX, 1);
	ck_assert(driver_collect(q, &u));
	ck_assert_uint_eq(u.len, 0);
	for (unsigned why = 1; why < DROP_REASONS; why++)
		ck_assert_msg(rig_stats(&r).drop[why] == (why == d->why), "%s: %s is %llu", d->what,
			      drop_name((enum drop_reason)why),
			      (unsigned long long)rig_stats(&r).drop[why]);
	rig_fill(frame, 60, 1);
	rig_send(&r, plain, frame, 60);
	assert_sent(60, d->what);
}
END_TEST

/* ---- the backend ---- */

START_TEST(what_would_block_waits_in_order)
{
	struct vnet_hdr h;

	rig_up(&r, RIG_ALL, SIZE);
	loopback_set_room(r.backend, 5);
	for (unsigned i = 0; i < 40; i++) {
		rig_fill(frame, 60 + i, i);
		rig_send(&r, plain, frame, 60 + i);
	}
	rig_await_used(&r, RIG_TX, 5);
	rig_await_blocked(&r, 1);
	ck_assert_int_eq(rig_stats(&r).unaccounted, 0);
	loopback_set_room(r.backend, 10);
	rig_await_used(&r, RIG_TX, 15);
	loopback_set_room(r.backend, UINT32_MAX);
	rig_await_used(&r, RIG_TX, 40);
	for (unsigned i = 0; i < 40; i++) {
		rig_fill(frame, 60 + i, i);
		ck_assert_int_eq(rig_await_sent(&r, &h, sent, sizeof(sent)), (int)(60 + i));
		ck_assert_msg(memcmp(frame, sent, 60 + i) == 0, "frame %u is another", i);
	}
}
END_TEST

START_TEST(each_failure_of_the_backend_is_a_reason)
{
	static const enum drop_reason why[] = { DROP_TX_LINK_DOWN, DROP_TX_NO_MEMORY,
						DROP_TX_REFUSED, DROP_TX_SHORT_WRITE };

	rig_up(&r, RIG_ALL, SIZE);
	loopback_fail(r.backend, why[_i], 3);
	rig_fill(frame, 60, 0);
	for (unsigned i = 0; i < 4; i++)
		rig_send(&r, plain, frame, 60);
	rig_await_used(&r, RIG_TX, 4);
	ck_assert_uint_eq(rig_stats(&r).drop[why[_i]], 3);
	ck_assert_uint_eq(rig_stats(&r).tx.packets, 1);
}
END_TEST

/* The interface was deleted: the guest's link goes down, one line, the VM lives. */
START_TEST(a_gone_backend_takes_the_link_down)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(rig_read(&r, 0x104) >> 16 & 1, 1);
	loopback_fail(r.backend, DROP_TX_GONE, 10);
	rig_fill(frame, 60, 0);
	for (unsigned i = 0; i < 10; i++)
		rig_send(&r, plain, frame, 60);
	rig_await_used(&r, RIG_TX, 10);
	rig_await_drops(&r, DROP_TX_GONE, 10);
	for (unsigned i = 0; i < 1000 && (rig_read(&r, 0x104) >> 16 & 1) != 0; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert_uint_eq(rig_read(&r, 0x104) >> 16 & 1, 0);
	ck_assert_uint_eq(rig_read(&r, 0x060) & DEVICE_INT_CONFIG, DEVICE_INT_CONFIG);
	ck_assert_uint_eq(rig_log_lines(&r), 1);
}
END_TEST

/* The keeper hears of it as well, and may be first: it is said all the same. */
START_TEST(a_gone_backend_is_said_once)
{
	rig_up(&r, RIG_ALL, SIZE);
	net_set_link(r.net, false);
	loopback_fail(r.backend, DROP_TX_GONE, 10);
	rig_fill(frame, 60, 0);
	for (unsigned i = 0; i < 10; i++)
		rig_send(&r, plain, frame, 60);
	rig_await_drops(&r, DROP_TX_GONE, 10);
	for (unsigned i = 0; i < 1000 && rig_log_lines(&r) == 0; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert_uint_eq(rig_log_lines(&r), 1);
	net_set_link(r.net, true);
	ck_assert_uint_eq(rig_read(&r, 0x104) >> 16 & 1, 0);
}
END_TEST

/* Guest memory that went away under a lent frame breaks the queue, never the backend. */
START_TEST(memory_gone_breaks_the_queue)
{
	rig_up(&r, RIG_ALL, SIZE);
	loopback_fail(r.backend, DROP_TX_MEMORY_GONE, 1);
	rig_fill(frame, 60, 0);
	rig_send(&r, plain, frame, 60);
	rig_await_broken(&r);
	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, plain, frame, 60);
	assert_sent(60, "after the reset");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transmit");
	TCase *tc = tcase_create("tx");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_length_goes_out_whole, 0, 10);
	tcase_add_test(tc, many_segments_go_out);
	tcase_add_test(tc, long_headers_of_a_long_frame);
	tcase_add_loop_test(tc, any_layout_is_taken, 1, 40);
	tcase_add_test(tc, a_long_frame_in_many_buffers);
	tcase_add_loop_test(tc, bad_frames_are_dropped_alone, 0, (int)ARRAY_LEN(drops));
	tcase_add_test(tc, what_would_block_waits_in_order);
	tcase_add_loop_test(tc, each_failure_of_the_backend_is_a_reason, 0, 4);
	tcase_add_test(tc, a_gone_backend_takes_the_link_down);
	tcase_add_test(tc, a_gone_backend_is_said_once);
	tcase_add_test(tc, memory_gone_breaks_the_queue);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
