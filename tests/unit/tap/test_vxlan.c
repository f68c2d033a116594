/* Super-frames in VXLAN, between a driver and the kernel's own device: what the kernel makes of
 * them, and takes, is the judge. */
#include "tests/driver/suite.h"
#include "tests/unit/tap/vxlan.h"

enum { SMALL = 2048 }; /* a segment, and no more */

/* Segment `index`, at `head`, behind `done` bytes of payload. Returns how many are done then. */
static uint32_t assert_segment(uint8_t *head, unsigned index, uint32_t done, bool finished)
{
	struct vnet_hdr h = vnet_hdr_read(head, r.hdr_bytes);
	uint32_t part = index < SEGMENTS - 1 ? GSO_SIZE : PAYLOAD - done;
	uint8_t *bytes = head + r.hdr_bytes;

	ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	ck_assert_uint_eq(h.num_buffers, 1);
	ck_assert(!finished || h.flags == 0);
	if (h.flags != 0)
		tunnel_finish(bytes, at.payload + part, h.csum_start, h.csum_offset);
	return done + tunnel_assert(shape, bytes, at.payload + part, super, done);
}

/* What came is the host's super-frame, whole, at `head`. */
static void assert_whole(uint8_t *head)
{
	struct vnet_hdr want = tunnel_header(shape, GSO_SIZE);
	uint8_t *bytes = head + HDR, wire[HDR];

	want.num_buffers = 1;
	vnet_hdr_write(want, wire, HDR);
	ck_assert_mem_eq(head, wire, HDR);
	/* With both checksums finished it is one frame, and right. */
	tunnel_finish(bytes, super_len, want.csum_start, want.csum_offset);
	if (shape->csum)
		tunnel_finish(bytes, super_len, want.outer_th_offset, 6);
	ck_assert_uint_eq(tunnel_assert(shape, bytes, super_len, super, 0), PAYLOAD);
}

static void set_offloads(uint64_t bits)
{
	uint8_t wire[8];

	for (unsigned i = 0; i < 8; i++)
		wire[i] = (uint8_t)(bits >> 8 * i);
	ck_assert_int_eq(rig_control(&r, 5, 0, wire, sizeof(wire)), VIRTIO_NET_OK);
}

static const uint64_t without_tunnels =
	RIG_BIT(VIRTIO_NET_F_GUEST_CSUM) | RIG_BIT(VIRTIO_NET_F_GUEST_TSO4) |
	RIG_BIT(VIRTIO_NET_F_GUEST_TSO6) | RIG_BIT(VIRTIO_NET_F_GUEST_USO4) |
	RIG_BIT(VIRTIO_NET_F_GUEST_USO6);

/* By a TAP, and by a TUN, which takes none of ours. rule: NET-13 NET-39 NET-42 */
START_TEST(the_hosts_arrive_whole)
{
	uint64_t gpa;

	up(_i % 2 == 0 ? TAP_KIND_TAP : TAP_KIND_TUN, &shapes[_i / 2], RIG_TUNNELS);
	gpa = rig_post(&r, 1, ROOM);
	host_sends_super();
	rig_await_used(&r, RIG_RX, 1);
	assert_whole(received(gpa, 0));
}
END_TEST

/* rule: NET-36 NET-42 */
START_TEST(or_cut_for_a_driver_without_tunnels)
{
	uint32_t done = 0;
	uint64_t gpa;

	up(TAP_KIND_TAP, &shapes[_i], 0);
	gpa = rig_post(&r, SEGMENTS, ROOM);
	host_sends_super();
	rig_await_used(&r, RIG_RX, SEGMENTS);
	for (unsigned i = 0; i < SEGMENTS; i++)
		done = assert_segment(received(gpa, i), i, done, false);
	ck_assert_uint_eq(done, PAYLOAD);
}
END_TEST

/* One that was read, and waits for buffers of which there was one more before, when the driver
 * switches tunnels off, or every offload. rule: CTRL-25 NET-35 NET-36 NET-42 */
START_TEST(or_cut_once_they_are_switched_off)
{
	bool finished = _i % 2 != 0;
	uint8_t small[256];
	uint32_t done;
	uint64_t gpa, more;

	up(TAP_KIND_TAP, &shapes[_i / 2], RIG_TUNNELS);
	gpa = rig_post(&r, 2, SMALL);
	host_sends((struct vnet_hdr){ 0 }, small, rig_fill_ip(small, shape->inner_v6, false, 100));
	rig_await_used(&r, RIG_RX, 1);
	host_sends_super();
	while (rig_stats(&r).rx_held == 0)
		(void)poll(NULL, 0, 1);
	set_offloads(finished ? 0 : without_tunnels);
	more = rig_post(&r, SEGMENTS - 1, ROOM);
	rig_await_used(&r, RIG_RX, 1 + SEGMENTS);
	ck_assert_uint_eq(rig_stats(&r).rx_segments, SEGMENTS);
	done = assert_segment(driver_at(&r.memory, gpa + SMALL), 0, 0, finished);
	for (unsigned i = 1; i < SEGMENTS; i++)
		done = assert_segment(received(more, i - 1), i, done, finished);
	ck_assert_uint_eq(done, PAYLOAD);
}
END_TEST

/* The kernel has no header for one that waits in the TAP until then. rule: CTRL-25 */
START_TEST(or_are_lost_in_the_tap)
{
	up(TAP_KIND_TAP, &shapes[0], RIG_TUNNELS);
	host_sends_super();
	set_offloads(without_tunnels);
	(void)rig_post(&r, SEGMENTS, ROOM);
	rig_await_drops(&r, DROP_RX_ERROR, 1);
	host_sends_super();
	rig_await_used(&r, RIG_RX, SEGMENTS);
}
END_TEST

static void swap(uint8_t *a, uint32_t from, uint32_t to, uint32_t bytes)
{
	uint8_t kept[16];

	memcpy(kept, a + from, bytes);
	memcpy(a + from, a + to, bytes);
	memcpy(a + to, kept, bytes);
}

/* The host's own frame, sent back by the other end. rule: NET-13 NET-27 */
START_TEST(the_drivers_are_taken)
{
	static uint8_t got[PACKET_HDR + LONGEST];
	uint32_t len;
	struct vnet_hdr h;
	uint8_t *bytes;
	uint64_t gpa;

	up(TAP_KIND_TAP, &shapes[_i], RIG_TUNNELS);
	len = PACKET_HDR + super_len - at.inner;
	gpa = rig_post(&r, 1, ROOM);
	host_sends_super();
	rig_await_used(&r, RIG_RX, 1);
	h = vnet_hdr_read(received(gpa, 0), HDR);
	bytes = received(gpa, 0) + HDR;
	swap(bytes, 0, 6, 6);
	if (shape->outer_v6)
		swap(bytes, 22, 38, 16);
	else
		swap(bytes, 26, 30, 4);
	rig_send(&r, h, bytes, super_len);
	ck_assert_msg(host_wait_readable(inside, HOST_WAIT_MS),
		      "%s: nothing came out of the tunnel", shape->says);
	ck_assert_int_eq(recv(inside, got, sizeof(got), MSG_DONTWAIT), (ssize_t)len);
	ck_assert_mem_eq(got, sent_head, PACKET_HDR);
	ck_assert_mem_eq(got + PACKET_HDR, super + at.inner, len - PACKET_HDR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vxlan");
	TCase *tc = tcase_create("vxlan");

	if (!tunnel_tap_ready("super-frames in VXLAN") ||
	    !host_vxlan_ready("super-frames in VXLAN"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, down);
	tcase_add_loop_test(tc, the_hosts_arrive_whole, 0, 2 * (int)ARRAY_LEN(shapes));
	tcase_add_loop_test(tc, or_cut_for_a_driver_without_tunnels, 0, (int)ARRAY_LEN(shapes));
	tcase_add_loop_test(tc, or_cut_once_they_are_switched_off, 0, 2 * (int)ARRAY_LEN(shapes));
	tcase_add_test(tc, or_are_lost_in_the_tap);
	tcase_add_loop_test(tc, the_drivers_are_taken, 0, (int)ARRAY_LEN(shapes));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
