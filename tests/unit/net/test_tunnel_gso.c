/* Super-frames in UDP tunnels, between a driver and a backend that has them: the header of 24
 * bytes both ways, and the offload bits that are not those of their features. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, ROOM = 8192, HDR = 24, PAYLOAD = 3000, INNER = 54, OUTER = 50, LEN = 3104 };
enum { GUEST_TUNNEL = 1 << 1, GUEST_TUNNEL_CSUM = 1 << 2, HOST_TUNNEL = 1 << 3 }; /* of word 2 */
#define OFFLOAD_TUNNEL (UINT64_C(1) << 46)
#define OFFLOAD_TUNNEL_CSUM (UINT64_C(1) << 47)

static struct rig r;
static uint8_t frame[LEN], inner[LEN], got[LEN + 100];
static const struct vnet_hdr header = { .flags = 1,
					.gso_type = 0x20 | VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = 1000,
					.csum_start = OUTER + 34,
					.csum_offset = 16,
					.outer_th_offset = 34,
					.inner_nh_offset = OUTER + 14 };

/* VXLAN over IPv4 with TCP over IPv4. */
static void setup(void)
{
	struct backend *be;

	ck_assert(!err_is(loopback_create(1, &be)));
	be->caps.offloads.tunnel = be->caps.offloads.tunnel_csum = true;
	rig_make_on(&r, be, 0);
	r.wanted_high = RIG_TUNNELS;
	(void)rig_fill_ip(inner, false, true, PAYLOAD);
	ck_assert_uint_eq(rig_fill_ip(frame, false, false, 8 + INNER + PAYLOAD), LEN);
	memcpy(frame + 36, "\x12\xb5", 2);
	memset(frame + 40, 0, 2);
	memset(frame + 42, 0, 8);
	memcpy(frame + OUTER, inner, INNER + PAYLOAD);
}
static void teardown(void) { rig_end(&r); }

static int set_offloads(uint64_t bits)
{
	uint8_t wire[8];

	for (unsigned i = 0; i < 8; i++)
		wire[i] = (uint8_t)(bits >> 8 * i);
	return rig_control(&r, 5, 0, wire, sizeof(wire));
}

static uint64_t all_offloads(void)
{
	return RIG_BIT(VIRTIO_NET_F_GUEST_CSUM) | RIG_BIT(VIRTIO_NET_F_GUEST_TSO4) |
	       RIG_BIT(VIRTIO_NET_F_GUEST_TSO6) | RIG_BIT(VIRTIO_NET_F_GUEST_USO4) |
	       RIG_BIT(VIRTIO_NET_F_GUEST_USO6) | OFFLOAD_TUNNEL | OFFLOAD_TUNNEL_CSUM;
}

/* rule: NET-13 NET-27 */
START_TEST(a_super_frame_sent)
{
	struct vnet_hdr h = { 0 };

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(r.accepted_high, RIG_TUNNELS);
	rig_send(&r, header, frame, LEN);
	ck_assert_int_eq(rig_await_sent(&r, &h, got, sizeof(got)), LEN);
	ck_assert(memcmp(got, frame, LEN) == 0);
	ck_assert_uint_eq(h.gso_type, header.gso_type);
	ck_assert_uint_eq(h.outer_th_offset, 34);
	ck_assert_uint_eq(h.inner_nh_offset, OUTER + 14);
}
END_TEST

/* One whose headers end behind what is copied of a lent frame. rule: NET-13 */
START_TEST(a_long_super_frame_sent)
{
	static uint8_t big[65000], out[65000];
	static uint8_t packet[64000];
	struct vnet_hdr h = header;
	uint32_t in = rig_fill_ip(packet, true, true, 60000),
		 len = rig_fill_ip(big, true, false, 8 + in);

	memcpy(big + 62 + 8, packet, in);
	h.gso_type = 0x40 | VIRTIO_NET_HDR_GSO_TCPV6;
	h.outer_th_offset = 54;
	h.inner_nh_offset = 62 + 8 + 14;
	h.csum_start = 62 + 8 + 54;
	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, h, big, len);
	ck_assert_int_eq(rig_await_sent(&r, &h, out, sizeof(out)), (int)len);
	ck_assert(memcmp(out, big, len) == 0);
	ck_assert_uint_eq(h.inner_nh_offset, 62 + 8 + 14);
}
END_TEST

/* rule: NET-28 */
START_TEST(a_super_frame_not_agreed_on)
{
	r.wanted_high = GUEST_TUNNEL;
	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, header, frame, LEN);
	rig_await_drops(&r, DROP_TX_GSO_FEATURE, 1);
}
END_TEST

/* rule: NET-13 NET-42 */
START_TEST(a_super_frame_received)
{
	const uint8_t *at;
	uint64_t gpa;

	rig_up(&r, RIG_ALL, SIZE);
	gpa = rig_post(&r, 1, ROOM);
	ck_assert(loopback_give(r.backend, 0, header, frame, LEN));
	rig_await_used(&r, RIG_RX, 1);
	at = driver_at(&r.memory, gpa);
	ck_assert_uint_eq(at[0], 1);
	ck_assert_uint_eq(at[1], header.gso_type);
	ck_assert_uint_eq(at[2] | at[3] << 8, OUTER + 54);
	ck_assert_uint_eq(at[20] | at[21] << 8, 34);
	ck_assert_uint_eq(at[22] | at[23] << 8, OUTER + 14);
	for (unsigned i = 12; i < 20; i++)
		ck_assert_msg(at[i] == 0, "a hash that nobody asked for");
	ck_assert(memcmp(at + HDR, frame, LEN) == 0);
}
END_TEST

/* Off by their own bits, one and both: what waits is cut. rule: CTRL-25 CTRL-26 CTRL-27 NET-42 */
START_TEST(switched_off)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert(loopback_offloads(r.backend).tunnel);
	ck_assert(loopback_offloads(r.backend).tunnel_csum);
	ck_assert_int_eq(set_offloads(all_offloads() & ~OFFLOAD_TUNNEL_CSUM), VIRTIO_NET_OK);
	ck_assert(loopback_offloads(r.backend).tunnel);
	ck_assert(!loopback_offloads(r.backend).tunnel_csum);
	ck_assert_int_eq(set_offloads(all_offloads() & ~OFFLOAD_TUNNEL), VIRTIO_NET_OK);
	ck_assert(!loopback_offloads(r.backend).tunnel);
	ck_assert(!loopback_offloads(r.backend).tunnel_csum);
	(void)rig_post(&r, 8, ROOM);
	ck_assert(loopback_give(r.backend, 0, header, frame, LEN));
	rig_await_used(&r, RIG_RX, 3);
	ck_assert_uint_eq(rig_stats(&r).rx_segments, 3);
	ck_assert_int_eq(set_offloads(all_offloads()), VIRTIO_NET_OK);
	ck_assert(loopback_offloads(r.backend).tunnel_csum);
	ck_assert_int_eq(set_offloads(RIG_BIT(1) | RIG_BIT(45)), VIRTIO_NET_ERR);
}
END_TEST

/* rule: CTRL-26 CTRL-27 */
START_TEST(bits_of_what_was_not_accepted)
{
	r.wanted_high = GUEST_TUNNEL | HOST_TUNNEL;
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_offloads(all_offloads()), VIRTIO_NET_ERR);
	ck_assert_int_eq(set_offloads(all_offloads() & ~OFFLOAD_TUNNEL_CSUM), VIRTIO_NET_OK);
}
END_TEST

static const struct {
	const char *says;
	uint32_t high;
	uint64_t low;
	bool ok;
} sets[] = {
	{ "all", RIG_TUNNELS, RIG_ALL, true },
	{ "the guest's alone", GUEST_TUNNEL | GUEST_TUNNEL_CSUM, RIG_ALL, true },
	{ "a checksum without its tunnel", GUEST_TUNNEL_CSUM, RIG_ALL, false },
	{ "without TSO over IPv4", GUEST_TUNNEL, ~RIG_BIT(VIRTIO_NET_F_GUEST_TSO4), false },
	{ "without TSO over IPv6", GUEST_TUNNEL, ~RIG_BIT(VIRTIO_NET_F_GUEST_TSO6), false },
	{ "without USO over IPv4", GUEST_TUNNEL, ~RIG_BIT(VIRTIO_NET_F_GUEST_USO4), false },
	{ "without USO over IPv6", GUEST_TUNNEL, ~RIG_BIT(VIRTIO_NET_F_GUEST_USO6), false },
	{ "the host's without TSO", HOST_TUNNEL, ~RIG_BIT(VIRTIO_NET_F_HOST_TSO6), false },
	{ "the host's without USO", HOST_TUNNEL, ~RIG_BIT(VIRTIO_NET_F_HOST_USO), false },
};

/* rule: CORE-16 */
START_TEST(what_a_tunnel_needs)
{
	struct net_config c = { .backend = r.backend };
	struct features f = net_offer(&c);

	ck_assert_uint_eq(f.word[2], RIG_TUNNELS);
	f.word[0] &= (uint32_t)sets[_i].low;
	f.word[1] &= (uint32_t)(sets[_i].low >> 32);
	f.word[2] = sets[_i].high;
	features_set(&f, VIRTIO_NET_F_GUEST_ECN, false);
	features_set(&f, VIRTIO_NET_F_HOST_ECN, false);
	ck_assert_msg(net_features_ok(&f) == sets[_i].ok, "%s", sets[_i].says);
}
END_TEST

/* rule: CORE-12 */
START_TEST(a_backend_without_tunnels)
{
	struct net_config c = { .backend = r.backend };

	r.backend->caps.offloads.tunnel = false;
	ck_assert_uint_eq(net_offer(&c).word[2], 0);
	r.backend->caps.offloads.tunnel = true;
	r.backend->caps.offloads.tunnel_csum = false;
	ck_assert_uint_eq(net_offer(&c).word[2], GUEST_TUNNEL | HOST_TUNNEL);
	r.backend->caps.offloads.tunnel_csum = true;
	r.backend->caps.sends_tunnels = false;
	ck_assert_uint_eq(net_offer(&c).word[2], GUEST_TUNNEL | GUEST_TUNNEL_CSUM);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/tunnel_gso");
	TCase *tc = tcase_create("tunnel_gso");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_super_frame_sent);
	tcase_add_test(tc, a_long_super_frame_sent);
	tcase_add_test(tc, a_super_frame_not_agreed_on);
	tcase_add_test(tc, a_super_frame_received);
	tcase_add_test(tc, switched_off);
	tcase_add_test(tc, bits_of_what_was_not_accepted);
	tcase_add_loop_test(tc, what_a_tunnel_needs, 0, (int)ARRAY_LEN(sets));
	tcase_add_test(tc, a_backend_without_tunnels);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
