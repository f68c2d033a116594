/* tests/unit/net/test_rate_nic.c: a NIC with a limit: how many frames pass while the clock stands
 * still, what becomes of the others, and that the limit is the NIC's. That no more come is seen
 * when the worker has said that it waits for tokens. */
#include <check.h>
#include <linux/virtio_net.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	LEN = 1514,
	ROOM = 2048,
	SIZE = 128,
	FRAMES = 64,
	BURST = 65536,
	PASS = 44, /* of LEN in BURST, the last of them in part: 1080 bytes are owed then */
	OWED = PASS * LEN - BURST,
	MS_WORTH = 1000, /* of LIMIT */
	NS_A_BYTE = 1000,
};
static const struct rate_limit limit = { 1000000, BURST }, none = { 0 };

static struct rig r;
static uint8_t frame[LEN], got[ROOM];
static const struct vnet_hdr plain;

static void setup(void)
{
	rig_fill(frame, LEN, 1);
	rig_make_pairs(&r, 2);
	rig_stop_clock(&r);
	rig_up(&r, RIG_ALL, SIZE);
}
static void teardown(void) { rig_end(&r); }

static void set(struct rate_limit rx, struct rate_limit tx)
{
	net_set_rate(r.net, &(struct net_rate){ rx, tx });
}

static void transmit(unsigned pair)
{
	for (unsigned i = 0; i < FRAMES; i++)
		rig_send_on(&r, pair, plain, frame, LEN);
}

static void receive(unsigned pair)
{
	(void)rig_post_on(&r, pair, FRAMES, ROOM);
	for (unsigned i = 0; i < FRAMES; i++)
		ck_assert(loopback_give(r.backend, pair, plain, frame, LEN));
}

/* Until the worker has waited once more. */
static struct net_stats await_wait(bool tx)
{
	struct net_stats s = rig_stats(&r);
	uint64_t before = tx ? s.rate_waits_tx : s.rate_waits_rx;

	for (unsigned i = 0; i < RIG_WAIT_MS; i++) {
		s = rig_stats(&r);
		if ((tx ? s.rate_waits_tx : s.rate_waits_rx) > before)
			return s;
		ck_assert(!err_is(loop_once(r.loop, 1)));
	}
	ck_abort_msg("nothing waits for tokens");
}

static uint64_t passed(struct net_stats s, bool tx) { return tx ? s.tx.packets : s.rx.packets; }

/* _i: 0 receive, 1 transmit. */
START_TEST(a_burst_passes_and_the_others_wait)
{
	bool tx = _i != 0;
	struct net_stats s;

	set(tx ? none : limit, tx ? limit : none);
	if (tx)
		transmit(0);
	else
		receive(0);
	s = await_wait(tx);
	ck_assert_uint_eq(passed(s, tx), PASS);
	ck_assert_uint_eq(s.rx.drops + s.tx.drops, 0);
	/* Those that wait are where they were: in the ring, and in the backend. */
	ck_assert_uint_eq(tx ? s.tx_taken : s.rx_read, PASS);
	/* To the nanosecond: one more frame, for a millisecond's worth, when what is owed is back.
	 */
	ck_assert_uint_eq(net_rate_wait(net_pair(r.net, 0), tx), (OWED + MS_WORTH) * NS_A_BYTE);
	rig_move_clock(&r, (OWED + MS_WORTH) * NS_A_BYTE - 1);
	ck_assert_uint_eq(net_rate_wait(net_pair(r.net, 0), tx), 1);
	rig_move_clock(&r, 1);
	rig_await_used(&r, tx ? RIG_TX : RIG_RX, PASS + 1);
	s = await_wait(tx);
	ck_assert_uint_eq(passed(s, tx), PASS + 1);
	/* The limit ends: so does the waiting. */
	set(none, none);
	rig_await_used(&r, tx ? RIG_TX : RIG_RX, FRAMES);
	ck_assert_uint_eq(passed(rig_stats(&r), tx), FRAMES);
}
END_TEST

START_TEST(what_waits_goes_on_by_itself)
{
	set(none, limit);
	transmit(0);
	(void)await_wait(true);
	for (unsigned ms = 0; driver_used_index(&r.queue[RIG_TX]) < FRAMES; ms++) {
		ck_assert_msg(ms < RIG_WAIT_MS, "the worker sleeps on");
		rig_move_clock(&r, 1000000);
		ck_assert(!err_is(loop_once(r.loop, 1)));
	}
	ck_assert_uint_eq(rig_stats(&r).tx.packets, FRAMES);
}
END_TEST

START_TEST(one_way_does_not_hold_up_the_other)
{
	struct vnet_hdr h;

	set(limit, none);
	receive(0);
	(void)await_wait(false);
	transmit(0);
	rig_await_used(&r, RIG_TX, FRAMES);
	while (loopback_taken(r.backend, 0, &h, got, sizeof(got)) >= 0)
		continue;
	ck_assert_uint_eq(rig_stats(&r).rx.packets, PASS);
	set(none, limit);
	rig_await_used(&r, RIG_RX, FRAMES);
	transmit(0);
	ck_assert_uint_eq(await_wait(true).tx.packets, FRAMES + PASS);
}
END_TEST

/* Whoever changes one way, or says again what is, gives the other no burst. */
START_TEST(a_limit_that_stays_goes_on)
{
	set(none, limit);
	transmit(0);
	(void)await_wait(true);
	set(limit, limit);
	ck_assert_uint_eq(await_wait(true).tx.packets, PASS);
	set(limit, limit);
	ck_assert_uint_eq(await_wait(true).tx.packets, PASS);
	ck_assert_uint_eq(net_rate_wait(net_pair(r.net, 0), true), (OWED + MS_WORTH) * NS_A_BYTE);
	set(none, none);
	rig_await_used(&r, RIG_TX, FRAMES);
}
END_TEST

/* Each of the two may have one frame beyond the burst. */
START_TEST(the_limit_is_the_nics_not_its_pairs)
{
	struct net_stats s;

	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
	set(none, limit);
	transmit(0);
	transmit(1);
	s = await_wait(true);
	ck_assert_uint_ge(s.tx.packets, PASS);
	ck_assert_uint_le(s.tx.packets, PASS + 1);
	set(none, none);
	rig_await_used(&r, RIG_TX, FRAMES);
	rig_await_used(&r, RIG_TX + 2, FRAMES);
}
END_TEST

START_TEST(a_reset_fills_no_bucket)
{
	set(none, limit);
	transmit(0);
	(void)await_wait(true);
	rig_up(&r, RIG_ALL, SIZE);
	transmit(0);
	ck_assert_uint_eq(await_wait(true).tx.packets, PASS);
}
END_TEST

/* What is dropped uses up nothing: 100 of them leave the burst to the others. */
START_TEST(a_frame_that_is_dropped_costs_nothing)
{
	set(none, limit);
	for (unsigned i = 0; i < 100; i++) {
		rig_send(&r, plain, frame, 4);
		rig_await_used(&r, RIG_TX, (uint16_t)(i + 1));
	}
	transmit(0);
	ck_assert_uint_eq(await_wait(true).tx.packets, PASS);
}
END_TEST

/* A super-frame is moved whole, or not at all. */
START_TEST(a_super_frame_passes_the_least_burst)
{
	static const struct vnet_hdr tso = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					     .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					     .hdr_len = 54,
					     .gso_size = 1448,
					     .csum_start = 34,
					     .csum_offset = 16 };
	static uint8_t large[FRAME_MAX];
	uint32_t length = rig_fill_ip(large, false, true, 65535 - 40);

	set(limit, none);
	(void)rig_post(&r, FRAMES, ROOM);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(loopback_give(r.backend, 0, tso, large, length));
	ck_assert_uint_eq(await_wait(false).rx.bytes, length);
	ck_assert_uint_eq(net_rate_wait(net_pair(r.net, 0), false),
			  (length - BURST + MS_WORTH) * NS_A_BYTE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rate_nic");
	TCase *tc = tcase_create("rate_nic");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_burst_passes_and_the_others_wait, 0, 2);
	tcase_add_test(tc, what_waits_goes_on_by_itself);
	tcase_add_test(tc, one_way_does_not_hold_up_the_other);
	tcase_add_test(tc, a_limit_that_stays_goes_on);
	tcase_add_test(tc, the_limit_is_the_nics_not_its_pairs);
	tcase_add_test(tc, a_reset_fills_no_bucket);
	tcase_add_test(tc, a_frame_that_is_dropped_costs_nothing);
	tcase_add_test(tc, a_super_frame_passes_the_least_burst);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
