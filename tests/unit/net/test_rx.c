/* The way from the backend to the guest's receive ring: placing, merging, dropping. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LARGEST = 66000, MERGED = 2048, ALONE = 1526 };
static const uint64_t no_mrg = ~RIG_BIT(VIRTIO_NET_F_MRG_RXBUF);
/* Without MRG_RXBUF and guest GSO a buffer of 1526 bytes is enough. */
static const uint64_t bare = RIG_BIT(VIRTIO_NET_F_MAC) | RIG_BIT(VIRTIO_NET_F_STATUS);

static struct rig r;
static uint8_t frame[LARGEST], got[LARGEST + 4096];
static const struct vnet_hdr plain;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static void give(uint32_t len, unsigned number)
{
	rig_fill(frame, len, number);
	ck_assert(loopback_give(r.backend, 0, plain, frame, len));
}

/* Takes the next frame out of the ring: header and bytes, over as many buffers as it says. */
static uint32_t take(uint64_t first, uint32_t step, struct vnet_hdr *ret_hdr)
{
	struct driver_queue *q = &r.queue[RIG_RX];
	uint32_t len = 0, buffers = 1;
	struct driver_used u;

	for (uint32_t i = 0; i < buffers; i++) {
		const uint8_t *at;

		ck_assert_msg(driver_collect(q, &u), "buffer %u of %u is missing", i + 1, buffers);
		at = driver_at(&r.memory, first + (uint64_t)u.id * step);
		ck_assert_uint_le(u.len, step);
		if (i == 0) {
			*ret_hdr = (struct vnet_hdr){
				.flags = at[0],
				.gso_type = at[1],
				.hdr_len = (uint16_t)(at[2] | at[3] << 8),
				.gso_size = (uint16_t)(at[4] | at[5] << 8),
				.csum_start = (uint16_t)(at[6] | at[7] << 8),
				.csum_offset = (uint16_t)(at[8] | at[9] << 8),
				.num_buffers = (uint16_t)(at[10] | at[11] << 8),
			};
			buffers = ret_hdr->num_buffers;
		} else if (i + 1 < buffers) {
			ck_assert_uint_eq(u.len, step); /* all but the last are full */
		}
		memcpy(got + len, at, u.len);
		len += u.len;
	}
	return len - RIG_HDR;
}

static void assert_came(uint64_t first, uint32_t step, uint32_t len, unsigned number)
{
	struct vnet_hdr h;
	uint32_t came = take(first, step, &h);

	rig_fill(frame, len, number);
	ck_assert_msg(came == len, "frame %u has %u bytes, not %u", number, came, len);
	ck_assert_msg(memcmp(got + RIG_HDR, frame, len) == 0, "frame %u is another", number);
	ck_assert_uint_eq(h.flags, 0);
	ck_assert_uint_eq(h.gso_type, 0);
	ck_assert_uint_eq(h.num_buffers, 1);
}

/* ---- placing ---- */

/* rule: NET-29 SPLIT-26 */
START_TEST(frames_come_whole_and_in_order)
{
	uint64_t at;

	rig_up(&r, _i == 0 ? RIG_ALL : no_mrg & bare, SIZE);
	at = rig_post(&r, SIZE, MERGED);
	for (unsigned i = 0; i < SIZE; i++)
		give(14 + i * 20, i);
	rig_await_used(&r, RIG_RX, SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		assert_came(at, MERGED, 14 + i * 20, i);
	ck_assert_uint_eq(rig_stats(&r).rx.packets, SIZE);
}
END_TEST

/* A super-frame over many buffers: 65 KB in pieces of 2 KiB, then a small one in the next. */
/* rule: NET-29 NET-31 */
START_TEST(a_long_frame_is_merged)
{
	struct vnet_hdr h = { .flags = 1,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = 1448,
			      .csum_start = 34,
			      .csum_offset = 16,
			      .num_buffers = 77 },
			h_got;
	uint32_t len = rig_fill_ip(frame, false, true, 64000);
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	at = rig_post(&r, SIZE, MERGED);
	ck_assert(loopback_give(r.backend, 0, h, frame, len));
	rig_await_used(&r, RIG_RX, (uint16_t)((len + RIG_HDR + MERGED - 1) / MERGED));
	ck_assert_uint_eq(take(at, MERGED, &h_got), len);
	ck_assert(memcmp(got + RIG_HDR, frame, len) == 0);
	ck_assert_uint_eq(h_got.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	ck_assert_uint_eq(h_got.gso_size, 1448);
	ck_assert_uint_eq(h_got.flags, 1);
	ck_assert_uint_ge(h_got.hdr_len, 54);
	give(100, 1);
	rig_await_used(&r, RIG_RX, (uint16_t)((len + RIG_HDR + MERGED - 1) / MERGED + 1));
	assert_came(at, MERGED, 100, 1);
}
END_TEST

/* ---- no room ---- */

/* Without merging a frame that the next buffer does not hold is dropped, the buffer stays. */
/* rule: NET-30 NET-33 */
START_TEST(too_big_for_its_buffer)
{
	uint64_t at;

	rig_up(&r, bare, SIZE);
	at = rig_post(&r, 2, 200);
	give(200 - RIG_HDR + 1, 0);
	rig_await_drops(&r, DROP_RX_TOO_BIG, 1);
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_RX]), 0);
	give(200 - RIG_HDR, 1);
	rig_await_used(&r, RIG_RX, 1);
	assert_came(at, 200, 200 - RIG_HDR, 1);
}
END_TEST

/* Nobody reads the backend while nothing is posted: its queue holds, nothing is lost. */
START_TEST(without_buffers_the_backend_holds)
{
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	for (unsigned i = 0; i < 200; i++)
		give(60, i);
	ck_assert_uint_eq(rig_stats(&r).rx_read, 0);
	at = rig_post(&r, SIZE, 128);
	rig_kick(&r, RIG_RX);
	rig_await_used(&r, RIG_RX, SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		assert_came(at, 128, 60, i);
	at = rig_post(&r, SIZE, 128);
	rig_await_used(&r, RIG_RX, 2 * SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		assert_came(at, 128, 60, SIZE + i);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_NO_BUFFERS], 0);
}
END_TEST

/* ---- what the driver did not agree to ---- */

/* rule: NET-35 NET-40 */
START_TEST(a_checksum_is_finished_for_who_cannot)
{
	struct vnet_hdr h = { .flags = 1, .csum_start = 34, .csum_offset = 6 }, h_got;
	uint32_t len = rig_fill_ip(frame, false, false, 101), sum = 0;
	uint64_t at;

	rig_up(&r, _i == 0 ? bare : RIG_ALL, SIZE);
	at = rig_post(&r, 4, ALONE);
	ck_assert(loopback_give(r.backend, 0, h, frame, len));
	rig_await_used(&r, RIG_RX, 1);
	ck_assert_uint_eq(take(at, ALONE, &h_got), len);
	if (_i == 1) {
		ck_assert_uint_eq(h_got.flags, 1);
		ck_assert_uint_eq(h_got.csum_start, 34);
		ck_assert_uint_eq(h_got.csum_offset, 6);
		ck_assert(memcmp(got + RIG_HDR, frame, len) == 0);
		return;
	}
	/* Over the pseudo header and the datagram: all ones. */
	ck_assert_uint_eq(h_got.flags & 1, 0);
	got[RIG_HDR + len] = 0;
	for (uint32_t i = 26; i < len; i += 2)
		sum += (uint32_t)got[RIG_HDR + i] << 8 | got[RIG_HDR + i + 1];
	sum += 17 + (len - 34);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	ck_assert_uint_eq(sum, 0xffff);
}
END_TEST

/* rule: NET-08 */
START_TEST(longer_than_the_mtu)
{
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 8, MERGED);
	give(1514 + 5, 0);
	rig_await_drops(&r, DROP_RX_MTU, 1);
	give(1514, 1);
	rig_await_used(&r, RIG_RX, 1);
}
END_TEST

START_TEST(runts_are_counted)
{
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 8, MERGED);
	give(13, 0);
	rig_await_drops(&r, DROP_RX_RUNT, 1);
}
END_TEST

/* ---- before, between and after ---- */

/* What came before the driver was up is not for it. */
START_TEST(stale_frames)
{
	for (unsigned i = 0; i < 50; i++)
		give(60, i);
	rig_prepare(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	rig_go(&r);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_STALE], 50);
	give(60, 60);
	rig_await_used(&r, RIG_RX, 1);
	ck_assert(loopback_carrier(r.backend));
}
END_TEST

/* ---- a driver that breaks the rules ---- */

static void post_bad(int kind)
{
	struct driver_queue *q = &r.queue[RIG_RX];
	uint64_t at = driver_alloc(&r.memory, 4096, 16);

	switch (kind) {
	case 0: /* a readable part in front */
		driver_desc(q, 0, at, 100, D_NEXT, 1);
		driver_desc(q, 1, at + 128, 2000, D_WRITE, 0);
		break;
	case 1: /* all of it readable */ driver_desc(q, 0, at, 2048, 0, 0); break;
	case 2: /* outside memory */ driver_desc(q, 0, UINT64_C(1) << 40, 2048, D_WRITE, 0); break;
	default: /* a readable part behind */
		driver_desc(q, 0, at, 2000, D_WRITE | D_NEXT, 1);
		driver_desc(q, 1, at + 2048, 100, 0, 0);
	}
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_RX);
}

/* rule: NET-26 */
START_TEST(bad_chains_break_the_queue)
{
	rig_up(&r, RIG_ALL, SIZE);
	post_bad(_i);
	give(60, 0);
	rig_await_broken(&r);
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_RX]), 0);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(rig_stats(&r).rx_held, 0);
	(void)rig_post(&r, 4, MERGED);
	give(60, 1);
	rig_await_used(&r, RIG_RX, 1);
}
END_TEST

/* A first buffer without room for the header takes no frame (NET-33). */
/* rule: NET-33 */
START_TEST(a_buffer_smaller_than_the_header)
{
	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 4, 11);
	give(60, 0);
	rig_await_drops(&r, DROP_RX_TOO_BIG, 1);
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_RX]), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("receive");
	TCase *tc = tcase_create("rx");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, frames_come_whole_and_in_order, 0, 2);
	tcase_add_test(tc, a_long_frame_is_merged);
	tcase_add_test(tc, too_big_for_its_buffer);
	tcase_add_test(tc, without_buffers_the_backend_holds);
	tcase_add_loop_test(tc, a_checksum_is_finished_for_who_cannot, 0, 2);
	tcase_add_test(tc, longer_than_the_mtu);
	tcase_add_test(tc, runts_are_counted);
	tcase_add_test(tc, stale_frames);
	tcase_add_loop_test(tc, bad_chains_break_the_queue, 0, 4);
	tcase_add_test(tc, a_buffer_smaller_than_the_header);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
