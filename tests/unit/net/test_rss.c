/* RSS: what is offered, RSS_CONFIG byte by byte, and where frames go by it. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/frame/tunnel.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/unit/net/rss.h"

enum {
	PAIRS = 4,
	SIZE = 16,
	ROOM = 256,
	REG_CONFIG = 0x100,
	REG_STATUS = 0x070,
};
#define RSS RIG_BIT(VIRTIO_NET_F_RSS)
#define MQ RIG_BIT(VIRTIO_NET_F_MQ)

static struct rig r;
static const struct vnet_hdr plain;

static void setup(void) { rig_make_pairs(&r, PAIRS); }
static void teardown(void) { rig_end(&r); }

/* ---- commands ---- */

static int configure(const struct rss *s)
{
	uint8_t bytes[1024];
	uint32_t len = wire(s, bytes);

	return rig_control(&r, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, bytes, len);
}

static int tunnels(const uint8_t types[static 4])
{
	return rig_control(&r, VIRTIO_NET_CTRL_HASH_TUNNEL, VIRTIO_NET_CTRL_HASH_TUNNEL_SET, types,
			   4);
}

/* The queue of UDP from that port, by what the backend was told; -1: by flow. */
static int queue_of(unsigned port)
{
	uint8_t frame[128];
	uint32_t len = rig_fill_ip(frame, false, false, 20);
	unsigned queue;

	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	return loopback_steers(r.backend, frame, len, &queue) ? (int)queue : -1;
}

/* ---- what is offered ---- */

/* rule: NET-11 NET-06 NET-03 */
START_TEST(what_a_driver_may_ask_for_is_told)
{
	uint32_t word = rig_read(&r, REG_CONFIG + 16);

	ck_assert_uint_ge(word >> 8 & 0xff, 40);
	ck_assert_uint_ge(word >> 16, 128);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 20), HASH_TYPES_ALL);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert(rig_has(&r, VIRTIO_NET_F_RSS));
	rig_end(&r);
	rig_make(&r);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 16) >> 8, 0);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 20), 0);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_msg(!rig_has(&r, VIRTIO_NET_F_RSS), "RSS of one pair is offered");
}
END_TEST

/* rule: CORE-16 */
START_TEST(it_needs_the_control_queue)
{
	rig_write(&r, REG_STATUS, 0);
	rig_write(&r, REG_STATUS, 3);
	rig_write(&r, 0x024, 1);
	rig_write(&r, 0x020, (uint32_t)((RSS | RIG_BIT(VIRTIO_F_VERSION_1)) >> 32));
	rig_write(&r, REG_STATUS, 11);
	ck_assert_uint_eq(rig_read(&r, REG_STATUS), 3);
}
END_TEST

/* rule: NET-01 CTRL-03 */
START_TEST(it_does_without_mq)
{
	struct rss s = good();

	rig_up(&r, RIG_ALL & ~MQ, SIZE);
	ck_assert_uint_eq(rig_ctrl(&r), 2 * PAIRS);
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_ERR);
	rig_up(&r, RIG_ALL & ~RSS, SIZE);
	ck_assert_int_eq(configure(&s), VIRTIO_NET_ERR);
	ck_assert_int_eq(rig_set_pairs(&r, 2), VIRTIO_NET_OK);
}
END_TEST

/* ---- the command ---- */

/* rule: CTRL-19 NET-47 */
START_TEST(the_table_is_the_backends)
{
	struct rss s = good();
	struct hash_config h = { .types = 0x3f };
	uint8_t key[KEY], frame[128], other[60];
	uint32_t len = rig_fill_ip(frame, false, false, 20);
	unsigned queue;

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(queue_of(1), -1);
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	for (unsigned i = 0; i < KEY; i++)
		key[i] = key_byte(i);
	hash_set_key(&h, key, KEY);
	for (unsigned port = 1; port < 50; port++) {
		frame[34] = 0;
		frame[35] = (uint8_t)port;
		ck_assert_int_eq(queue_of(port),
				 s.table[hash_frame(&h, frame, len).value % ENTRIES]);
	}
	rig_fill(other, sizeof(other), 1);
	ck_assert(loopback_steers(r.backend, other, sizeof(other), &queue));
	ck_assert_uint_eq(queue, s.unclassified);
}
END_TEST

/* Frames of UDP in IPv4 in IPv4 go by the inner ports while that is asked for, whether the table
 * comes before or after. */
/* rule: CTRL-23 */
START_TEST(a_tunnel_goes_by_what_it_carries)
{
	struct rss s = good();
	uint8_t inner[128], frame[148], on[4] = { TUNNEL_IPIP }, off[4] = { 0 };
	uint32_t len = rig_fill_ip(inner, false, false, 20);
	unsigned queue, first, used[2] = { 0, 0 };

	memcpy(frame, inner, 34);
	frame[23] = 4; /* IPIP */
	memcpy(frame + 34, inner + 14, len - 14);
	len += 20;
	rig_end(&r);
	rig_make_pairs_with(&r, PAIRS, RIG_BIT(VIRTIO_NET_F_HASH_TUNNEL));
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert(rig_has(&r, VIRTIO_NET_F_RSS) && rig_has(&r, VIRTIO_NET_F_HASH_TUNNEL));
	for (unsigned tunnel_first = 0; tunnel_first < 2; tunnel_first++) {
		if (tunnel_first)
			ck_assert_int_eq(tunnels(on), VIRTIO_NET_OK);
		ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
		if (!tunnel_first)
			ck_assert_int_eq(tunnels(on), VIRTIO_NET_OK);
		for (unsigned port = 0; port < 50; port++) {
			frame[55] = (uint8_t)port;
			ck_assert(loopback_steers(r.backend, frame, len, &queue));
			used[tunnel_first] |= 1u << queue;
		}
		ck_assert_uint_eq(used[tunnel_first], 7);
		ck_assert_int_eq(tunnels(off), VIRTIO_NET_OK);
		ck_assert(loopback_steers(r.backend, frame, len, &first));
		for (unsigned port = 0; port < 50; port++) {
			frame[55] = (uint8_t)port;
			ck_assert(loopback_steers(r.backend, frame, len, &queue));
			ck_assert_uint_eq(queue, first);
		}
	}
}
END_TEST

/* What cannot be, each a field of a good command set to another value. entry: of that place. */
/* clang-format off */
static const struct {
	const char *says;
	uint32_t types;
	int mask, entries, unclassified, entry, queue, max_tx, key_len, key_bytes;
	bool taken;
} spoilt[] = {
	{ "one entry", 0x3f, 0, 1, 1, 0, 3, 2, KEY, KEY, true },
	{ "as many entries as there may be", 0x3f, 127, 128, 3, 127, 3, 4, KEY, KEY, true },
	{ "no hash type", 0, 7, 8, 1, 0, 0, 2, KEY, KEY, true },
	{ "no key", 0x3f, 7, 8, 1, 0, 0, 2, 0, 0, true },
	{ "a mask that is no power of two less one", 0x3f, 6, 7, 1, 0, 0, 2, KEY, KEY, false },
	{ "a mask with a hole", 0x3f, 5, 6, 1, 0, 0, 2, KEY, KEY, false },
	{ "more entries than there may be", 0x3f, 255, 256, 1, 0, 0, 2, KEY, KEY, false },
	{ "a mask of all ones", 0x3f, 0xffff, 8, 1, 0, 0, 2, KEY, KEY, false },
	{ "an entry past the pairs", 0x3f, 7, 8, 1, 7, PAIRS, 2, KEY, KEY, false },
	{ "an entry with bit 15", 0x3f, 7, 8, 1, 3, 0x8001, 2, KEY, KEY, false },
	{ "an unclassified queue past the pairs", 0x3f, 7, 8, PAIRS, 0, 0, 2, KEY, KEY, false },
	{ "an unclassified queue with bit 15", 0x3f, 7, 8, 0x8000, 0, 0, 2, KEY, KEY, false },
	{ "no transmit queue", 0x3f, 7, 8, 1, 0, 0, 0, KEY, KEY, false },
	{ "more transmit queues than pairs", 0x3f, 7, 8, 1, 0, 0, PAIRS + 1, KEY, KEY, false },
	{ "every type", 0x1ff, 7, 8, 1, 0, 0, 2, KEY, KEY, true },
	{ "a type that is not supported", 0x200, 7, 8, 1, 0, 0, 2, KEY, KEY, false },
	{ "a type that is none", 0x8000003f, 7, 8, 1, 0, 0, 2, KEY, KEY, false },
	{ "a key that is too long", 0x3f, 7, 8, 1, 0, 0, 2, KEY + 1, KEY + 1, false },
	{ "a key shorter than it says", 0x3f, 7, 8, 1, 0, 0, 2, KEY, KEY - 1, false },
	{ "a byte behind the key", 0x3f, 7, 8, 1, 0, 0, 2, KEY - 1, KEY, true },
	{ "more behind the key", 0x3f, 7, 8, 1, 0, 0, 2, KEY - 2, KEY, false },
	{ "a table shorter than it says", 0x3f, 127, 8, 1, 0, 0, 2, KEY, KEY, false },
};
/* clang-format on */

/* Nothing is changed by what is refused, not even in part. */
/* rule: CTRL-20 CTRL-21 */
START_TEST(what_cannot_be_is_refused)
{
	struct rss s = good(), t = good();
	int before[64];

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	for (unsigned port = 0; port < 64; port++)
		before[port] = queue_of(port);
	t.types = spoilt[_i].types;
	t.mask = (uint16_t)spoilt[_i].mask;
	t.entries = (unsigned)spoilt[_i].entries;
	t.unclassified = (uint16_t)spoilt[_i].unclassified;
	t.table[spoilt[_i].entry] = (uint16_t)spoilt[_i].queue;
	t.max_tx = (uint16_t)spoilt[_i].max_tx;
	t.key_len = (uint8_t)spoilt[_i].key_len;
	t.key_bytes = (unsigned)spoilt[_i].key_bytes;
	ck_assert_msg(configure(&t) == (spoilt[_i].taken ? VIRTIO_NET_OK : VIRTIO_NET_ERR), "%s",
		      spoilt[_i].says);
	if (spoilt[_i].taken)
		return;
	ck_assert_uint_eq(rig_queues_on(&r), 7);
	for (unsigned port = 0; port < 64; port++)
		ck_assert_int_eq(queue_of(port), before[port]);
}
END_TEST

/* rule: CTRL-02 */
START_TEST(a_command_cut_anywhere_is_refused)
{
	struct rss s = good();
	uint8_t bytes[1024];
	uint32_t len = wire(&s, bytes);

	rig_up(&r, RIG_ALL, SIZE);
	for (uint32_t cut = 0; cut <= len; cut++)
		ck_assert_int_eq(rig_control(&r, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
					     bytes, cut),
				 cut == len ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
}
END_TEST

/* ---- which pairs move frames then ---- */

/* rule: NET-44 NET-47 */
START_TEST(pairs_go_by_table_and_transmit_count)
{
	struct rss s = good();
	struct vnet_hdr h;
	uint8_t frame[60], got[128];

	rig_fill(frame, sizeof(frame), 1);
	rig_up(&r, RIG_ALL, SIZE);
	rig_send_on(&r, 2, plain, frame, sizeof(frame));
	rig_send_on(&r, 1, plain, frame, sizeof(frame));
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	ck_assert_uint_eq(rig_queues_on(&r), 7);
	ck_assert_int_eq(rig_await_sent_on(&r, 1, &h, got, sizeof(got)), sizeof(frame));
	(void)rig_post_on(&r, 2, 1, ROOM);
	ck_assert(loopback_give(r.backend, 2, plain, frame, sizeof(frame)));
	rig_await_used(&r, 4, 1);
	ck_assert_uint_eq(driver_used_index(&r.queue[5]), 0);
	s.max_tx = 4;
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_await_sent_on(&r, 2, &h, got, sizeof(got)), sizeof(frame));
}
END_TEST

/* The last of the two commands decides, and a reset. */
/* rule: CTRL-18 NET-43 */
START_TEST(by_flow_again)
{
	struct rss s = good();

	rig_up(&r, RIG_ALL, SIZE);
	for (unsigned round = 0; round < 3; round++) {
		ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
		ck_assert_int_ge(queue_of(1), 0);
		ck_assert_int_eq(rig_set_pairs(&r, 4), VIRTIO_NET_OK);
		ck_assert_int_eq(queue_of(1), -1);
		ck_assert_uint_eq(rig_queues_on(&r), 0xf);
	}
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	rig_write(&r, REG_STATUS, 0);
	ck_assert_int_eq(queue_of(1), -1);
	ck_assert_uint_eq(rig_queues_on(&r), 1);
}
END_TEST

/* What a hash leads to a queue that is being reset is dropped, and goes to no other. */
/* rule: NET-46 */
START_TEST(a_queue_being_reset_keeps_its_place)
{
	struct rss s = good();
	uint8_t frame[60];

	rig_fill(frame, sizeof(frame), 1);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(configure(&s), VIRTIO_NET_OK);
	rig_stop_queue(&r, 2);
	ck_assert_uint_eq(rig_queues_on(&r), 7);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(loopback_give(r.backend, 1, plain, frame, sizeof(frame)));
	rig_set_queue(&r, 2, SIZE);
	(void)rig_post_on(&r, 1, 1, ROOM);
	ck_assert_uint_eq(rig_stats(&r).drop[DROP_RX_STALE], 3);
	ck_assert(loopback_give(r.backend, 1, plain, frame, sizeof(frame)));
	rig_await_used(&r, 2, 1);
}
END_TEST

static void set_ops(const struct backend_ops *ops)
{
	device_lock(net_device(r.net));
	device_pause(net_device(r.net));
	r.backend->ops = ops;
	device_resume(net_device(r.net));
	device_unlock(net_device(r.net));
}

static struct err refuse(struct backend *be, const struct backend_steering *s)
{
	(void)be;
	return s != NULL && s->unclassified == 3 ? err_make(ERR_SETUP, 0, "no") : err_none();
}

START_TEST(what_the_backend_refuses_is_an_error)
{
	struct backend_ops ops = *r.backend->ops;
	const struct backend_ops *before = r.backend->ops;
	struct rss s = good();

	rig_up(&r, RIG_ALL, SIZE);
	ops.set_steering = refuse;
	set_ops(&ops);
	s.unclassified = 3;
	ck_assert_int_eq(configure(&s), VIRTIO_NET_ERR);
	ck_assert_uint_eq(rig_queues_on(&r), 1);
	ck_assert_uint_ge(rig_log_lines(&r), 1);
	set_ops(before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rss");
	TCase *tc = tcase_create("rss");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_a_driver_may_ask_for_is_told);
	tcase_add_test(tc, it_needs_the_control_queue);
	tcase_add_test(tc, it_does_without_mq);
	tcase_add_test(tc, the_table_is_the_backends);
	tcase_add_test(tc, a_tunnel_goes_by_what_it_carries);
	tcase_add_loop_test(tc, what_cannot_be_is_refused, 0, ARRAY_LEN(spoilt));
	tcase_add_test(tc, a_command_cut_anywhere_is_refused);
	tcase_add_test(tc, pairs_go_by_table_and_transmit_count);
	tcase_add_test(tc, by_flow_again);
	tcase_add_test(tc, a_queue_being_reset_keeps_its_place);
	tcase_add_test(tc, what_the_backend_refuses_is_an_error);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
