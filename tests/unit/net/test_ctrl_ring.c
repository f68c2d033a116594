/* The control queue in motion: commands in any pieces and numbers, while frames wait and while
 * the device is reset. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, ADDRESSES = 100, TABLE = 2 + 4 + 6 * ADDRESSES + 4 };

static struct rig r;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

/* A MAC table, every byte of it in a descriptor of its own; the ack is the last entry. */
static uint64_t long_command(uint8_t **ret_ack)
{
	uint64_t bytes = driver_alloc(&r.memory, TABLE + 1, 16);
	uint64_t table = driver_alloc(&r.memory, 16 * (TABLE + 1), 16);
	uint8_t *at = driver_at(&r.memory, bytes);

	memset(at, 2, TABLE);
	memcpy(at,
	       (uint8_t[]){ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, ADDRESSES, 0, 0,
			    0 },
	       6);
	memset(at + TABLE - 4, 0, 4);
	at[TABLE] = 0xaa;
	for (uint16_t i = 0; i < TABLE; i++)
		driver_desc_at(&r.memory, table, i, bytes + i, 1, D_NEXT, (uint16_t)(i + 1));
	driver_desc_at(&r.memory, table, TABLE, bytes + TABLE, 1, D_WRITE, 0);
	*ret_ack = at + TABLE;
	return table;
}

/* More pieces than the queue follows at once: all commands are answered by one kick
 * nevertheless. */
/* rule: SPLIT-03 */
START_TEST(long_commands_in_a_row)
{
	struct driver_queue *q = &r.queue[RIG_CTRL];
	uint8_t *ack[8];

	rig_up(&r, RIG_ALL, SIZE);
	for (uint16_t i = 0; i < 8; i++) {
		driver_desc(q, i, long_command(&ack[i]), 16 * (TABLE + 1), D_INDIRECT, 0);
		driver_offer(q, i);
	}
	driver_show(q);
	rig_kick(&r, RIG_CTRL);
	rig_await_used(&r, RIG_CTRL, 8);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(*ack[i], VIRTIO_NET_OK);
}
END_TEST

/* A queue full of commands, of which each may cost a pause, takes the control loop from nobody for
 * as long: a turn does some of them, and comes again without a kick. */
START_TEST(many_commands_take_many_turns)
{
	static const uint8_t on[] = { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1 };
	struct driver_queue *q = &r.queue[RIG_CTRL];
	struct device_counters n;
	uint64_t at;
	uint16_t used;

	rig_up(&r, RIG_ALL, SIZE);
	rig_stop_queue(&r, RIG_CTRL);
	rig_set_queue(&r, RIG_CTRL, SIZE);
	ck_assert(!err_is(loop_once(r.loop, RIG_WAIT_MS))); /* the look without a kick */
	at = driver_alloc(&r.memory, sizeof(on) + 1, 16);
	memcpy(driver_at(&r.memory, at), on, sizeof(on));
	for (uint16_t i = 0; i < SIZE / 2; i++) {
		uint16_t head = (uint16_t)(2 * i), ack = (uint16_t)(head + 1);

		driver_desc(q, head, at, sizeof(on), D_NEXT, ack);
		driver_desc(q, ack, at + sizeof(on), 1, D_WRITE, 0);
		driver_offer(q, head);
	}
	driver_show(q);
	rig_kick(&r, RIG_CTRL);
	while ((used = driver_used_index(q)) == 0)
		ck_assert(!err_is(loop_once(r.loop, RIG_WAIT_MS)));
	ck_assert_msg(used < SIZE / 2, "%u commands in one turn", used);
	rig_await_used(&r, RIG_CTRL, SIZE / 2);
	device_counters(net_device(r.net), &n);
	ck_assert_uint_eq(n.kicks, 1);
}
END_TEST

/* The control queue is there if it was agreed on. */
/* rule: NET-01 */
START_TEST(the_control_queue_exists_by_agreement)
{
	rig_up(&r, _i == 0 ? RIG_BIT(VIRTIO_NET_F_MAC) : RIG_ALL, SIZE);
	rig_write(&r, 0x030, RIG_CTRL);
	ck_assert_uint_eq(rig_read(&r, 0x034) != 0, _i == 1);
	ck_assert_uint_eq(rig_read(&r, 0x044), _i == 1);
	rig_write(&r, 0x030, RIG_CTRL + 1);
	ck_assert_uint_eq(rig_read(&r, 0x034), 0);
}
END_TEST

/* A driver without CTRL_RX cannot ask for multicast or other addresses: its own address shuts
 * nothing out. */
/* rule: CTRL-11 */
START_TEST(an_address_alone_filters_nothing)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 },
			     to[][6] = { { 0x33, 0x33, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 7 } };
	uint8_t frame[60];

	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CTRL_VQ) | RIG_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR), SIZE);
	(void)rig_post(&r, 4, 2048);
	ck_assert_int_eq(rig_control(&r, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, mac, 6),
			 VIRTIO_NET_OK);
	for (unsigned i = 0; i < 2; i++) {
		rig_fill(frame, sizeof(frame), i);
		memcpy(frame, to[i], 6);
		ck_assert(
			loopback_give(r.backend, 0, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
	}
	rig_await_used(&r, RIG_RX, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_ring");
	TCase *tc = tcase_create("ctrl_ring");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, long_commands_in_a_row);
	tcase_add_test(tc, many_commands_take_many_turns);
	tcase_add_loop_test(tc, the_control_queue_exists_by_agreement, 0, 2);
	tcase_add_test(tc, an_address_alone_filters_nothing);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
