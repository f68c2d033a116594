/* HASH_REPORT and HASH_TUNNEL: the commands that say what is hashed, and what the header of a
 * received frame says then. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/frame/hash.h"
#include "devices/frame/tunnel.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, ROOM = 2048, HDR = 20, MQ = 4, HASH_CONFIG = 2, TUNNEL = 7 };
static const uint64_t hashing =
	RIG_BIT(VIRTIO_NET_F_HASH_REPORT) | RIG_BIT(VIRTIO_NET_F_HASH_TUNNEL);

static struct rig r;
static uint8_t frame[4096], command[512];
static uint8_t key[255];

static void setup(void)
{
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 11);
	rig_make_with(&r, 256, hashing);
}
static void teardown(void) { rig_end(&r); }

/* le32 types, eight reserved bytes, key length, key. Returns its length. */
static uint32_t put_command(uint32_t types, uint8_t reserved, uint8_t key_len)
{
	memset(command, 0, sizeof(command));
	for (unsigned i = 0; i < 4; i++)
		command[i] = (uint8_t)(types >> 8 * i);
	command[11] = reserved;
	command[12] = key_len;
	memcpy(command + 13, key, key_len);
	return 13u + key_len;
}

static int set_hash(uint32_t types, uint8_t key_len)
{
	return rig_control(&r, MQ, HASH_CONFIG, command, put_command(types, 0, key_len));
}

static int set_tunnels(uint32_t types)
{
	const uint8_t wire[4] = { (uint8_t)types, (uint8_t)(types >> 8), (uint8_t)(types >> 16),
				  (uint8_t)(types >> 24) };

	return rig_control(&r, TUNNEL, 0, wire, sizeof(wire));
}

/* What the header says of this frame of `len` bytes. */
static struct hash receive(uint32_t len)
{
	struct vnet_hdr plain = { 0 };
	uint64_t at = rig_post(&r, 1, ROOM);
	const uint8_t *got = driver_at(&r.memory, at);
	struct driver_used u;

	ck_assert(loopback_give(r.backend, 0, plain, frame, len));
	rig_await_used(&r, RIG_RX, (uint16_t)(r.queue[RIG_RX].used_index + 1));
	ck_assert(driver_collect(&r.queue[RIG_RX], &u));
	ck_assert_uint_eq(u.len, HDR + len);
	ck_assert(memcmp(got + HDR, frame, len) == 0);
	ck_assert_uint_eq(got[18] | got[19], 0);
	return (struct hash){ (uint32_t)got[12] | (uint32_t)got[13] << 8 | (uint32_t)got[14] << 16 |
				      (uint32_t)got[15] << 24,
			      (uint16_t)(got[16] | got[17] << 8) };
}

/* Of the same frame as the device should find it. */
static struct hash expect(uint32_t len, uint32_t types, uint32_t tunnels, unsigned key_len)
{
	static struct hash_config c;

	c.types = types;
	c.tunnels = tunnels;
	hash_set_key(&c, key, key_len);
	return hash_frame(&c, frame, len);
}

static void same(struct hash got, struct hash want)
{
	ck_assert_uint_eq(got.report, want.report);
	ck_assert_uint_eq(got.value, want.value);
}

/* rule: NET-13 NET-50 NET-51 CTRL-22 */
START_TEST(a_hash_comes_with_each_frame)
{
	uint32_t len = rig_fill_ip(frame, false, true, 100);

	rig_up(&r, RIG_ALL, SIZE);
	same(receive(len), (struct hash){ 0, 0 }); /* before the command */
	ck_assert_int_eq(set_hash(HASH_TYPES_ALL, 40), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_TYPES_ALL, 0, 40));
	ck_assert_uint_eq(expect(len, HASH_TYPES_ALL, 0, 40).report, 2);
	ck_assert_int_eq(set_hash(HASH_IPV4, 16), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_IPV4, 0, 16));
	ck_assert_int_eq(set_hash(0, 0), VIRTIO_NET_OK);
	same(receive(len), (struct hash){ 0, 0 });
}
END_TEST

/* rule: NET-48 NET-49 NET-50 */
START_TEST(a_frame_without_a_hash)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_hash(HASH_TYPES_ALL, 40), VIRTIO_NET_OK);
	rig_fill(frame, 60, 0);
	same(receive(60), (struct hash){ 0, 0 });
}
END_TEST

/* The header of 20 bytes on the other way. rule: NET-13 */
START_TEST(a_frame_sent)
{
	struct vnet_hdr h = { .flags = 1, .csum_start = 34, .csum_offset = 16 }, out;
	uint8_t got[256];
	uint32_t len = rig_fill_ip(frame, false, true, 100);

	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, h, frame, len);
	ck_assert_int_eq(rig_await_sent(&r, &out, got, sizeof(got)), (int)len);
	ck_assert(memcmp(got, frame, len) == 0);
	ck_assert_uint_eq(out.csum_start, 34);
}
END_TEST

/* A word that is reserved, and a byte behind the key. */
/* rule: CTRL-22 CTRL-02 */
START_TEST(as_linux_says_it_without_rss)
{
	uint32_t len = rig_fill_ip(frame, false, true, 100), n;

	rig_up(&r, RIG_ALL, SIZE);
	n = put_command(HASH_TYPES_ALL, 2, 40);
	ck_assert_int_eq(rig_control(&r, MQ, HASH_CONFIG, command, n + 1), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_TYPES_ALL, 0, 40));
}
END_TEST

/* rule: CTRL-22 CTRL-21 */
START_TEST(commands_that_are_refused)
{
	uint32_t len = rig_fill_ip(frame, false, true, 100), n;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_hash(HASH_TCPV4, 40), VIRTIO_NET_OK);
	ck_assert_int_eq(set_hash(HASH_TYPES_ALL + 1, 40), VIRTIO_NET_ERR);
	ck_assert_int_eq(set_hash(HASH_IPV4, 41), VIRTIO_NET_ERR);
	n = put_command(HASH_IPV4, 0, 40);
	ck_assert_int_eq(rig_control(&r, MQ, HASH_CONFIG, command, n - 1), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, MQ, HASH_CONFIG, command, n + 2), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, MQ, HASH_CONFIG, command, 12), VIRTIO_NET_ERR);
	ck_assert_int_eq(set_tunnels(TUNNELS_ALL + 1), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, TUNNEL, 0, command, 5), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_control(&r, TUNNEL, 1, command, 4), VIRTIO_NET_ERR);
	same(receive(len), expect(len, HASH_TCPV4, 0, 40));
}
END_TEST

/* rule: CTRL-03 */
START_TEST(commands_that_were_not_agreed_on)
{
	rig_up(&r, RIG_ALL & ~hashing, SIZE);
	ck_assert_int_eq(set_hash(HASH_IPV4, 40), VIRTIO_NET_ERR);
	ck_assert_int_eq(set_tunnels(TUNNEL_IPIP), VIRTIO_NET_ERR);
}
END_TEST

/* rule: CTRL-23 */
START_TEST(a_tunnel_by_what_it_carries)
{
	uint32_t inner = rig_fill_ip(frame, false, true, 100), len = inner + 20;
	uint8_t outer[20];

	memcpy(outer, frame + 14, sizeof(outer));
	outer[9] = 4; /* IPIP */
	memmove(frame + 34, frame + 14, inner - 14);
	memcpy(frame + 14, outer, sizeof(outer));
	frame[34 + 15] = 9; /* another source */
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_hash(HASH_TYPES_ALL, 40), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_TYPES_ALL, 0, 40));
	ck_assert_int_eq(set_tunnels(TUNNEL_IPIP), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_TYPES_ALL, TUNNEL_IPIP, 40));
	ck_assert_uint_eq(expect(len, HASH_TYPES_ALL, TUNNEL_IPIP, 40).report, 2);
	ck_assert_int_eq(set_tunnels(TUNNELS_ALL & ~TUNNEL_IPIP), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_TYPES_ALL, 0, 40));
	ck_assert_int_eq(set_tunnels(TUNNELS_ALL), VIRTIO_NET_OK);
	ck_assert_int_eq(set_tunnels(0), VIRTIO_NET_OK);
	same(receive(len), expect(len, HASH_TYPES_ALL, 0, 40));
}
END_TEST

/* rule: CTRL-22 CTRL-23 */
START_TEST(a_reset_forgets_it)
{
	uint32_t len = rig_fill_ip(frame, false, true, 100);

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_hash(HASH_TYPES_ALL, 40), VIRTIO_NET_OK);
	rig_up(&r, RIG_ALL, SIZE);
	same(receive(len), (struct hash){ 0, 0 });
}
END_TEST

/* A buffer without room for the longer header takes nothing. rule: NET-33 */
START_TEST(a_buffer_shorter_than_the_header)
{
	struct vnet_hdr plain = { 0 };

	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, 8, HDR - 1);
	rig_fill(frame, 60, 0);
	ck_assert(loopback_give(r.backend, 0, plain, frame, 60));
	rig_await_drops(&r, DROP_RX_TOO_BIG, 1);
}
END_TEST

static uint32_t config32(uint32_t offset) { return rig_read(&r, 0x100 + offset); }

/* rule: NET-03 NET-11 */
START_TEST(the_configuration)
{
	ck_assert_uint_eq(config32(16) >> 8 & 0xff, 40); /* rss_max_key_size */
	ck_assert_uint_eq(config32(20), HASH_TYPES_ALL);
	ck_assert_uint_eq(config32(24), TUNNELS_ALL);
	rig_end(&r);
	rig_make(&r); /* neither is offered */
	ck_assert_uint_eq(config32(16) >> 8 & 0xff, 0);
	ck_assert_uint_eq(config32(20) | config32(24), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/hash");
	TCase *tc = tcase_create("hash");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_hash_comes_with_each_frame);
	tcase_add_test(tc, a_frame_without_a_hash);
	tcase_add_test(tc, a_frame_sent);
	tcase_add_test(tc, as_linux_says_it_without_rss);
	tcase_add_test(tc, commands_that_are_refused);
	tcase_add_test(tc, commands_that_were_not_agreed_on);
	tcase_add_test(tc, a_tunnel_by_what_it_carries);
	tcase_add_test(tc, a_reset_forgets_it);
	tcase_add_test(tc, a_buffer_shorter_than_the_header);
	tcase_add_test(tc, the_configuration);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
