/* The hash that is reported of the kernel's own super-frames in VXLAN, against another way of
 * making it. */
#include "devices/frame/hash.h"
#include "devices/frame/tunnel.h"
#include "tests/driver/suite.h"
#include "tests/unit/tap/vxlan.h"

enum { HASH_KEY = 40 };

static const uint8_t *hash_key(void)
{
	static uint8_t key[HASH_KEY];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	return key;
}

static bool bit(const uint8_t *bytes, unsigned i) { return (bytes[i / 8] << i % 8 & 0x80) != 0; }

/* Of two addresses and two ports. */
static uint32_t toeplitz(const uint8_t *addresses, unsigned address_bytes, const uint8_t *ports)
{
	uint8_t input[36];
	uint32_t sum = 0;

	memcpy(input, addresses, 2 * (size_t)address_bytes);
	memcpy(input + 2 * address_bytes, ports, 4);
	for (unsigned i = 0; i < 8 * (2 * address_bytes + 4); i++)
		for (unsigned j = 0; bit(input, i) && j < 32; j++)
			sum ^= (uint32_t)bit(hash_key(), i + j) << (31 - j);
	return sum;
}

/* The header's at `head` is that of the packet whose IP and transport headers are there. */
static void assert_hash(const uint8_t *head, uint32_t ip, uint32_t l4, bool v6, bool tcp)
{
	struct vnet_hdr h = vnet_hdr_read(head, HDR);
	const uint8_t *bytes = head + HDR;

	ck_assert_int_eq(h.hash_report, (v6 ? 4 : 1) + (tcp ? 1 : 2));
	ck_assert_uint_eq(h.hash_value,
			  toeplitz(bytes + ip + (v6 ? 8 : 12), v6 ? 16 : 4, bytes + l4));
}

static void set_hash(uint32_t types, uint8_t tunnels)
{
	uint8_t config[13 + HASH_KEY] = { (uint8_t)types, (uint8_t)(types >> 8), [12] = HASH_KEY };
	const uint8_t wire[4] = { tunnels };

	memcpy(config + 13, hash_key(), HASH_KEY);
	ck_assert_int_eq(rig_control(&r, 4, 2, config, sizeof(config)), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, VIRTIO_NET_CTRL_HASH_TUNNEL, 0, wire, sizeof(wire)),
			 VIRTIO_NET_OK);
}

/* rule: CTRL-23 NET-48 NET-50 */
START_TEST(their_hash_is_of_what_is_inside)
{
	uint64_t gpa;

	up(TAP_KIND_TAP, &shapes[_i], RIG_TUNNELS);
	gpa = rig_post(&r, 2, ROOM);
	set_hash(HASH_TYPES_ALL, TUNNEL_VXLAN);
	host_sends_super();
	rig_await_used(&r, RIG_RX, 1);
	assert_hash(received(gpa, 0), at.inner_ip, at.l4, shape->inner_v6, shape->tcp);
	set_hash(HASH_TYPES_ALL, TUNNEL_GENEVE);
	host_sends_super();
	rig_await_used(&r, RIG_RX, 2);
	assert_hash(received(gpa, 1), FRAME_MIN, at.udp, shape->outer_v6, false);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vxlan_hash");
	TCase *tc = tcase_create("vxlan_hash");

	if (!tunnel_tap_ready("the hash of super-frames in VXLAN") ||
	    !host_vxlan_ready("the hash of super-frames in VXLAN"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, down);
	tcase_add_loop_test(tc, their_hash_is_of_what_is_inside, 0, (int)ARRAY_LEN(shapes));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
