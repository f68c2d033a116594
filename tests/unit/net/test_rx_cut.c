/* Super-frames in a form that the driver did not agree to, or no longer agrees to: it gets their
 * segments, whenever there is room, and the account says so. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, ROOM = 2048, PAYLOAD = 4000, MSS = 1448, SEGMENTS = 3 };

static struct rig r;
static uint8_t frame[66000];

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

/* TCP over IPv4. */
static void give_super(uint8_t gso_type, uint16_t gso_size)
{
	struct vnet_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			      .gso_type = gso_type,
			      .gso_size = gso_size,
			      .csum_start = 34,
			      .csum_offset = 16 };
	uint32_t len = rig_fill_ip(frame, false, true, PAYLOAD);

	ck_assert(loopback_give(r.backend, 0, h, frame, len));
}

static void await_held(uint64_t count)
{
	while (rig_stats(&r).rx_held != count)
		ck_assert(!err_is(loop_once(r.loop, 1)));
}

/* The i-th buffer holds the i-th segment. */
static void check_segment(unsigned i, uint64_t at, uint8_t flags)
{
	uint32_t part = i + 1 < SEGMENTS ? MSS : PAYLOAD - (SEGMENTS - 1) * MSS;
	const uint8_t *got = driver_at(&r.memory, at + (uint64_t)i * ROOM);
	struct driver_used u;

	ck_assert(driver_collect(&r.queue[RIG_RX], &u));
	ck_assert_uint_eq(u.id, i);
	ck_assert_uint_eq(u.len, RIG_HDR + 54 + part);
	ck_assert_uint_eq(got[0], flags);
	ck_assert_msg(got[1] == VIRTIO_NET_HDR_GSO_NONE, "segment %u has GSO type %u", i, got[1]);
	ck_assert(memcmp(got + RIG_HDR + 54, frame + 54 + (size_t)i * MSS, part) == 0);
}

static void check_account(uint64_t cut, uint64_t segments)
{
	struct net_stats s = rig_stats(&r);

	ck_assert_uint_eq(s.rx_read, 1);
	ck_assert_uint_eq(s.rx_cut, cut);
	ck_assert_uint_eq(s.rx_segments, segments);
	ck_assert_int_eq(s.unaccounted, 0);
}

static const struct {
	const char *says;
	uint64_t wanted;
	uint8_t gso_type, flags;
} drivers[] = {
	{ "nothing", RIG_BIT(VIRTIO_NET_F_MAC), VIRTIO_NET_HDR_GSO_TCPV4, 0 },
	{ "checksums", RIG_BIT(VIRTIO_NET_F_GUEST_CSUM), VIRTIO_NET_HDR_GSO_TCPV4, 1 },
	{ "all but TSO over IPv4", RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_GUEST_TSO4),
	  VIRTIO_NET_HDR_GSO_TCPV4, 1 },
	{ "all but ECN", RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_GUEST_ECN),
	  VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 1 },
};

/* rule: NET-35 NET-36 NET-38 */
START_TEST(what_a_driver_did_not_agree_to)
{
	uint64_t at;

	rig_up(&r, drivers[_i].wanted, SIZE);
	at = rig_post(&r, 8, ROOM);
	give_super(drivers[_i].gso_type, MSS);
	rig_await_used(&r, RIG_RX, SEGMENTS);
	for (unsigned i = 0; i < SEGMENTS; i++)
		check_segment(i, at, drivers[_i].flags);
	ck_assert_uint_eq(rig_stats(&r).rx.packets, SEGMENTS);
	check_account(1, SEGMENTS);
}
END_TEST

/* Its type does not fit it. rule: NET-36 */
START_TEST(what_cannot_be_cut_is_dropped)
{
	rig_up(&r, RIG_BIT(VIRTIO_NET_F_GUEST_CSUM), SIZE);
	(void)rig_post(&r, 8, ROOM);
	give_super(VIRTIO_NET_HDR_GSO_TCPV6, MSS);
	rig_await_drops(&r, DROP_RX_OFFLOAD, 1);
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_RX]), 0);
	check_account(0, 0);
}
END_TEST

/* Each is judged as a frame of its own: here the last one alone is no longer than the MTU.
 * rule: NET-08 */
START_TEST(segments_above_the_mtu)
{
	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_GUEST_TSO4), SIZE);
	(void)rig_post(&r, 8, ROOM);
	give_super(VIRTIO_NET_HDR_GSO_TCPV4, 1461);
	rig_await_used(&r, RIG_RX, 1);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_MTU], 2);
	check_account(1, 3);
}
END_TEST

/* A whole ring of small buffers is used, so that the driver is known to have more; then one of ROOM
 * is posted. Returns the used index, where a segment is held that finds no room. */
static uint16_t hold_a_segment(uint64_t *ret_at)
{
	struct vnet_hdr plain = { 0 };

	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CTRL_VQ), SIZE);
	(void)rig_post(&r, 2, ROOM);
	for (unsigned i = 0; i < 2; i++) {
		rig_fill(frame, 60, i);
		ck_assert(loopback_give(r.backend, 0, plain, frame, 60));
	}
	rig_await_used(&r, RIG_RX, 2);
	*ret_at = rig_post(&r, 1, ROOM);
	give_super(VIRTIO_NET_HDR_GSO_TCPV4, MSS);
	rig_await_used(&r, RIG_RX, 3);
	await_held(2); /* the second segment, and what is left of its super-frame */
	return 3;
}

/* Over pauses, of which each look at the counters is one. rule: CTRL-25 */
START_TEST(the_rest_waits_for_room)
{
	struct net_stats s;
	uint64_t at;

	(void)hold_a_segment(&at);
	s = rig_stats(&r);
	ck_assert_uint_eq(s.rx_segments, 2);
	ck_assert_uint_eq(s.rx_cut, 0);
	ck_assert_int_eq(s.unaccounted, 0);
	(void)rig_post(&r, 1, ROOM);
	rig_await_used(&r, RIG_RX, 4);
	await_held(2); /* the third */
	(void)rig_post(&r, 1, ROOM);
	rig_await_used(&r, RIG_RX, 5);
	s = rig_stats(&r);
	ck_assert_uint_eq(s.rx_held, 0);
	ck_assert_uint_eq(s.rx_cut, 1);
	ck_assert_uint_eq(s.rx_segments, SEGMENTS);
	ck_assert_uint_eq(s.rx.drops, 0);
}
END_TEST

/* Both are dropped and counted, and the next driver sees nothing of them. rule: CORE-28 */
START_TEST(the_rest_ends_at_reset)
{
	struct vnet_hdr plain = { 0 };
	uint64_t at;

	(void)hold_a_segment(&at);
	rig_write(&r, 0x070, 0);
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_RESET], 2);
	ck_assert_uint_eq(rig_stats(&r).rx_cut, 0);
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 4, ROOM);
	rig_fill(frame, 60, 1);
	ck_assert(loopback_give(r.backend, 0, plain, frame, 60));
	rig_await_used(&r, RIG_RX, 1);
	ck_assert_uint_eq(rig_stats(&r).rx_segments, 2);
}
END_TEST

/* The buffer that came is too small for any. */
START_TEST(each_segment_has_an_end_of_its_own)
{
	struct net_stats s;
	uint64_t at;

	(void)hold_a_segment(&at);
	(void)rig_post(&r, 1, 64);
	rig_await_drops(&r, DROP_RX_TOO_BIG, 2);
	s = rig_stats(&r);
	ck_assert_uint_eq(s.rx_cut, 1);
	ck_assert_uint_eq(s.rx_segments, SEGMENTS);
	ck_assert_uint_eq(s.rx_held, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("receive_cut");
	TCase *tc = tcase_create("rx_cut");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_a_driver_did_not_agree_to, 0, (int)ARRAY_LEN(drivers));
	tcase_add_test(tc, what_cannot_be_cut_is_dropped);
	tcase_add_test(tc, segments_above_the_mtu);
	tcase_add_test(tc, the_rest_waits_for_room);
	tcase_add_test(tc, the_rest_ends_at_reset);
	tcase_add_test(tc, each_segment_has_an_end_of_its_own);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
