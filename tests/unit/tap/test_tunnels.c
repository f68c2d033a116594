/* Super-frames in tunnels between a driver and another TAP of the same bridge, whose user is the
 * test: the kernel carries them whole, or cuts them for whoever does not take them so. */
#include <check.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/frame/vnet_hdr.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/driver/tunnel_frame.h"
#include "tests/host/host.h"
#include "tests/unit/tap/tunnel_tap.h"

enum {
	SIZE = 64,
	GSO_SIZE = 1000,
	SEGMENTS = 12,
	PAYLOAD = (SEGMENTS - 1) * GSO_SIZE + 501,
	TAG = 4,
	LONGEST = TAG + TUNNEL_HEADERS_MAX + PAYLOAD,
	HDR = 24,
	ROOM = (HDR + LONGEST + 15) / 16 * 16,
	BUFFERS = 40,
	PROBE_MS = 20,
};

#define VXLAN .port = 4789, .head_len = 8, .head = { 0x08, [6] = 5 }
#define GENEVE .port = 6081, .head_len = 8, .head = { 0, 0, 0x65, 0x58, [6] = 5 }
/* clang-format off */
#define OPTIONS .port = 6081, .head_len = 16, .head = { 2, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 0x80, 1, 9, 9, 9, 9 }
/* clang-format on */
static const struct tunnel_shape shapes[] = {
	{ "TCP4 in VXLAN in 4", false, true, false, true, VXLAN },
	{ "UDP6 in VXLAN in 6", true, true, true, false, VXLAN },
	{ "TCP6 in GENEVE in 6", true, true, true, true, GENEVE },
	{ "UDP4 in GENEVE in 4", false, true, false, false, GENEVE },
	{ "TCP4 in GENEVE with options in 6", true, true, false, true, OPTIONS },
	{ "UDP6 in GENEVE with options in 4", false, true, true, false, OPTIONS },
	{ "TCP6 in GENEVE in 4, no checksum around it", false, false, true, true, GENEVE },
	{ "UDP4 in GENEVE in 6, no checksum around it", true, false, false, false, OPTIONS },
};

static struct rig r;
static const struct tunnel_shape *shape;
static uint64_t buffers;
static int far_fd;
/* A super-frame, and as it is sent: with a tag of so many bytes, or without. */
static uint8_t super[LONGEST], sent[LONGEST], got[HDR + 65536];
static uint32_t tag, sent_len;

static void far_sends(struct vnet_hdr hdr, const uint8_t *bytes, uint32_t len)
{
	uint8_t whole[HDR + LONGEST];

	vnet_hdr_write(hdr, whole, HDR);
	memcpy(whole + HDR, bytes, len);
	ck_assert_int_eq(write(far_fd, whole, HDR + len), (ssize_t)(HDR + len));
}

/* The next frame that the driver gets, with its header in front; NULL: none within this time. */
static uint8_t *next(int wait_ms)
{
	int64_t deadline = host_now_ms() + wait_ms;
	struct driver_used u;

	while (!driver_collect(&r.queue[RIG_RX], &u)) {
		if (host_now_ms() >= deadline)
			return NULL;
		(void)poll(NULL, 0, 1);
	}
	return driver_at(&r.memory, buffers + (uint64_t)u.id * ROOM);
}

/* The bridge says things of its own. */
static bool is_ours(const uint8_t *bytes) { return memcmp(bytes + 6, sent + 6, 8) == 0; }

/* A bridge passes frames on some time after its ports have a carrier. */
static void await_passing(void)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	uint8_t probe[60], *head;

	rig_fill(probe, sizeof(probe), 0);
	do {
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through the bridge");
		far_sends((struct vnet_hdr){ 0 }, probe, sizeof(probe));
		head = next(PROBE_MS);
	} while (head == NULL || memcmp(head + r.hdr_bytes, probe, sizeof(probe)) != 0);
}

static uint8_t *next_of_ours(void)
{
	uint8_t *head;

	do {
		head = next(HOST_WAIT_MS);
		ck_assert_msg(head != NULL, "%s: no frame came", shape->says);
	} while (!is_ours(head + r.hdr_bytes));
	return head;
}

static void far_reads(void)
{
	do {
		ck_assert_msg(host_wait_readable(far_fd, HOST_WAIT_MS), "%s: no frame came",
			      shape->says);
		ck_assert_int_ge(read(far_fd, got, sizeof(got)), HDR + FRAME_MIN);
	} while (!is_ours(got + HDR));
}

/* Each shape without a tag, then with one. */
static void up(int row, uint32_t features)
{
	const uint8_t vlan[TAG] = { 0x81, 0, 0, 5 };
	uint32_t len;

	shape = &shapes[row / 2];
	tag = row % 2 == 0 ? 0 : TAG;
	len = tunnel_fill(super, shape, PAYLOAD);
	memcpy(sent, super, 12);
	memcpy(sent + 12, vlan, tag);
	memcpy(sent + 12 + tag, super + 12, len - 12);
	sent_len = len + tag;
	host_fresh();
	host_without_ipv6();
	rig_make_on(&r, tunnel_tap_backend(TAP_KIND_TAP, "ta0"), 0);
	far_fd = tunnel_tap_bridge("ta0");
	r.wanted_high = features;
	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_CTRL_VLAN), SIZE);
	ck_assert_uint_eq(r.accepted_high, features);
	buffers = rig_post(&r, BUFFERS, ROOM);
	await_passing();
}

static struct vnet_hdr header(void)
{
	struct vnet_hdr h = tunnel_header(shape, GSO_SIZE);

	h.hdr_len = (uint16_t)(h.hdr_len + tag);
	h.csum_start = (uint16_t)(h.csum_start + tag);
	h.outer_th_offset = (uint16_t)(h.outer_th_offset + tag);
	h.inner_nh_offset = (uint16_t)(h.inner_nh_offset + tag);
	return h;
}

/* A segment behind `done` bytes of payload; what is left open is finished. Returns how many are
 * done then. */
static uint32_t assert_segment(uint8_t *bytes, struct vnet_hdr h, uint32_t done)
{
	uint32_t part = PAYLOAD - done < GSO_SIZE ? PAYLOAD - done : GSO_SIZE,
		 len = tag + tunnel_places(shape).payload + part;

	ck_assert_uint_eq(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	if (h.flags != 0)
		tunnel_finish(bytes, len, h.csum_start, h.csum_offset);
	ck_assert_mem_eq(bytes, sent, 12 + tag);
	memmove(bytes + 12, bytes + 12 + tag, len - 12 - tag);
	return done + tunnel_assert(shape, bytes, len - tag, super, done);
}

static void down(void)
{
	rig_end(&r);
	ck_assert_int_eq(close(far_fd), 0);
}

/* rule: NET-13 NET-42 */
START_TEST(the_others_arrive_whole)
{
	uint8_t *head, wire[HDR];
	struct vnet_hdr want;

	up(_i, RIG_TUNNELS);
	want = header();
	far_sends(want, sent, sent_len);
	head = next_of_ours();
	want.num_buffers = 1;
	vnet_hdr_write(want, wire, HDR);
	ck_assert_mem_eq(head, wire, HDR);
	ck_assert_mem_eq(head + HDR, sent, sent_len);
}
END_TEST

/* rule: NET-36 NET-42 */
START_TEST(or_cut_for_a_driver_without_tunnels)
{
	uint32_t done = 0;

	up(_i, 0);
	far_sends(header(), sent, sent_len);
	while (done < PAYLOAD) {
		uint8_t *head = next_of_ours();

		done = assert_segment(head + r.hdr_bytes, vnet_hdr_read(head, r.hdr_bytes), done);
	}
}
END_TEST

/* Cut and finished for one that takes nothing else. rule: NET-27 */
START_TEST(the_drivers_are_cut_by_the_kernel)
{
	uint32_t done = 0;

	up(_i, RIG_TUNNELS);
	rig_send(&r, header(), sent, sent_len);
	while (done < PAYLOAD) {
		far_reads();
		ck_assert_uint_eq(vnet_hdr_read(got, HDR).flags, 0);
		done = assert_segment(got + HDR, vnet_hdr_read(got, HDR), done);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tunnels");
	TCase *tc = tcase_create("tunnels");

	if (!tunnel_tap_ready("super-frames in tunnels"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, down);
	tcase_add_loop_test(tc, the_others_arrive_whole, 0, 2 * (int)ARRAY_LEN(shapes));
	tcase_add_loop_test(tc, or_cut_for_a_driver_without_tunnels, 0, 2 * (int)ARRAY_LEN(shapes));
	tcase_add_loop_test(tc, the_drivers_are_cut_by_the_kernel, 0, 2 * (int)ARRAY_LEN(shapes));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
