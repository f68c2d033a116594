/* The control queue of virtio-net, as a driver meets it. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/suite.h"
#include "tests/unit/net/addressed.h"

enum {
	SIZE = 64,
	REG_INTERRUPT = 0x060,
	REG_CONFIG = 0x100,
};
static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

/* ---- commands ---- */

static const struct {
	const char *what;
	uint8_t class, command;
	uint32_t len;
	uint8_t data[24];
	int ack;
	/* clang-format off */
} commands[] = {
	{ "promiscuous on", 0, 0, 1, { 1 }, VIRTIO_NET_OK },
	{ "promiscuous off", 0, 0, 1, { 0 }, VIRTIO_NET_OK },
	{ "all multicast on", 0, 1, 1, { 1 }, VIRTIO_NET_OK },
	{ "a mode of 2", 0, 0, 1, { 2 }, VIRTIO_NET_ERR },
	{ "a mode of no byte", 0, 0, 0, { 0 }, VIRTIO_NET_ERR },
	{ "a mode of two bytes", 0, 0, 2, { 1, 1 }, VIRTIO_NET_ERR },
	{ "empty tables", 1, 0, 8, { 0 }, VIRTIO_NET_OK },
	{ "one unicast address", 1, 0, 14, { 1, 0, 0, 0, 2, 0, 0, 0, 0, 9 }, VIRTIO_NET_OK },
	{ "one multicast address", 1, 0, 14, { 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 7 }, VIRTIO_NET_OK },
	{ "no second table", 1, 0, 4, { 0 }, VIRTIO_NET_ERR },
	{ "a table cut short", 1, 0, 13, { 1, 0, 0, 0, 2, 0, 0, 0, 0, 9 }, VIRTIO_NET_ERR },
	{ "a count of 2^32 - 1", 1, 0, 14, { 255, 255, 255, 255 }, VIRTIO_NET_ERR },
	{ "a count that wraps when multiplied", 1, 0, 14, { 0xab, 0xaa, 0xaa, 0x2a }, VIRTIO_NET_ERR },
	{ "a byte too many", 1, 0, 9, { 0 }, VIRTIO_NET_ERR },
	{ "a MAC", 1, 1, 6, { 2, 0, 0, 0, 0, 9 }, VIRTIO_NET_OK },
	{ "a multicast MAC", 1, 1, 6, { 1, 0, 0, 0, 0, 9 }, VIRTIO_NET_ERR },
	{ "a MAC of 5 bytes", 1, 1, 5, { 2 }, VIRTIO_NET_ERR },
	{ "a MAC of 7 bytes", 1, 1, 7, { 2 }, VIRTIO_NET_ERR },
	{ "a MAC command that does not exist", 1, 2, 6, { 2 }, VIRTIO_NET_ERR },
	{ "queue pairs, not offered", 4, 0, 2, { 1, 0 }, VIRTIO_NET_ERR },
	{ "offloads off", 5, 0, 8, { 0 }, VIRTIO_NET_OK },
	{ "GUEST_CSUM and TSO4", 5, 0, 8, { 0x82 }, VIRTIO_NET_OK },
	{ "an offload that is none", 5, 0, 8, { 0x01 }, VIRTIO_NET_ERR },
	{ "offloads of 4 bytes", 5, 0, 4, { 0 }, VIRTIO_NET_ERR },
	{ "an offload command that does not exist", 5, 1, 8, { 0 }, VIRTIO_NET_ERR },
	{ "a class that does not exist", 200, 0, 1, { 0 }, VIRTIO_NET_ERR },
};
/* clang-format on */

/* rule: CTRL-02 CTRL-07 CTRL-12 CTRL-26 */
START_TEST(each_command)
{
	int ack;

	rig_up(&r, RIG_ALL, SIZE);
	ack = rig_control(&r, commands[_i].class, commands[_i].command, commands[_i].data,
			  commands[_i].len);
	ck_assert_msg(ack == commands[_i].ack, "%s: ack %d", commands[_i].what, ack);
}
END_TEST

/* The same without the features: all are refused. */
/* rule: CTRL-03 CTRL-11 */
START_TEST(each_command_not_agreed_to)
{
	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CTRL_VQ), SIZE);
	ck_assert_int_eq(rig_control(&r, commands[_i].class, commands[_i].command,
				     commands[_i].data, commands[_i].len),
			 VIRTIO_NET_ERR);
}
END_TEST

/* rule: CTRL-02 */
START_TEST(one_byte_of_a_command)
{
	struct driver_queue *q = &r.queue[RIG_CTRL];
	uint8_t *ack;
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	at = driver_alloc(&r.memory, 64, 16);
	ack = driver_at(&r.memory, at + 1);
	*ack = 0xaa;
	driver_desc(q, 0, at, 1, D_NEXT, 1);
	driver_desc(q, 1, at + 1, 1, D_WRITE, 0);
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_CTRL);
	rig_await_used(&r, RIG_CTRL, 1);
	ck_assert_uint_eq(*ack, VIRTIO_NET_ERR);
}
END_TEST

/* ---- what commands do ---- */

/* rule: CTRL-04 CTRL-05 CTRL-08 CTRL-10 */
START_TEST(filters_follow_the_commands)
{
	static const uint8_t on = 1, off = 0;
	static const uint8_t tables[20] = { 1, 0, 0, 0, 2, 0, 0,    0, 0, 9,
					    1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 7 };
	static const uint8_t none[8] = { 0 };

	rig_up(&r, RIG_ALL, SIZE);
	(void)rig_post(&r, SIZE, 128);
	ck_assert_msg(comes(other), "before the first command everything passes");
	ck_assert_int_eq(rig_control(&r, 0, 0, &off, 1), VIRTIO_NET_OK);
	ck_assert(comes(us) && !comes(other) && !comes(group));
	ck_assert_int_eq(rig_control(&r, 0, 1, &on, 1), VIRTIO_NET_OK);
	ck_assert(!comes(other) && comes(group));
	ck_assert_int_eq(rig_control(&r, 0, 1, &off, 1), VIRTIO_NET_OK);
	ck_assert_int_eq(rig_control(&r, 1, 0, tables, 20), VIRTIO_NET_OK);
	ck_assert(comes(us) && comes(other) && comes(group));
	ck_assert_int_eq(rig_control(&r, 1, 0, none, 8), VIRTIO_NET_OK);
	ck_assert(comes(us) && !comes(other) && !comes(group));
	ck_assert_int_eq(rig_control(&r, 1, 1, other, 6), VIRTIO_NET_OK);
	ck_assert(!comes(us) && comes(other));
	ck_assert_int_eq(rig_control(&r, 0, 0, &on, 1), VIRTIO_NET_OK);
	ck_assert(comes(us) && comes(other) && comes(group));
}
END_TEST

/* An address of the driver's choice shows, and is forgotten at reset. */
START_TEST(mac_until_reset)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(rig_control(&r, 1, 1, other, 6), VIRTIO_NET_OK);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 4) & 0xffff, 0x0900);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 4) & 0xffff, 0x0100);
}
END_TEST

/* rule: CTRL-25 */
START_TEST(offloads_reach_the_backend)
{
	static const uint8_t off[8] = { 0 }, csum[8] = { 0x02 };
	struct backend_offloads o;

	rig_up(&r, RIG_ALL, SIZE);
	o = loopback_offloads(r.backend);
	ck_assert(o.csum && o.tso4 && o.tso6 && o.uso);
	ck_assert_int_eq(rig_control(&r, 5, 0, csum, 8), VIRTIO_NET_OK);
	o = loopback_offloads(r.backend);
	ck_assert(o.csum && !o.tso4 && !o.tso6 && !o.uso);
	ck_assert_int_eq(rig_control(&r, 5, 0, off, 8), VIRTIO_NET_OK);
	ck_assert(!loopback_offloads(r.backend).csum);
	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CSUM), SIZE);
	ck_assert(!loopback_offloads(r.backend).csum);
}
END_TEST

/* ---- broken ---- */

/* rule: CTRL-02 */
START_TEST(no_room_for_the_ack)
{
	struct driver_queue *q = &r.queue[RIG_CTRL];

	rig_up(&r, RIG_ALL, SIZE);
	driver_desc(q, 0, 0, 3, 0, 0);
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_CTRL);
	rig_await_broken(&r);
	ck_assert_uint_eq(driver_used_index(q), 0);
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(rig_control(&r, 0, 0, (uint8_t[]){ 1 }, 1), VIRTIO_NET_OK);
}
END_TEST

/* Every queue of the device stops when one of them is broken, until the reset. */
/* rule: CORE-04 */
START_TEST(a_broken_queue_stops_all)
{
	uint8_t frame[60];

	rig_up(&r, RIG_ALL, SIZE);
	driver_offer(&r.queue[RIG_TX], 0xffff);
	driver_show(&r.queue[RIG_TX]);
	rig_kick(&r, RIG_TX);
	rig_await_broken(&r);
	ck_assert_uint_eq(rig_read(&r, REG_INTERRUPT) & DEVICE_INT_CONFIG, DEVICE_INT_CONFIG);
	(void)rig_post(&r, 4, 128);
	rig_fill(frame, sizeof(frame), 0);
	ck_assert(loopback_give(r.backend, 0, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
	rig_kick(&r, RIG_RX);
	for (unsigned i = 0; i < 20; i++)
		ck_assert(!err_is(loop_once(r.loop, 1)));
	ck_assert_uint_eq(driver_used_index(&r.queue[RIG_RX]), 0);
	ck_assert_uint_eq(rig_stats(&r).rx_read, 0);
	ck_assert_uint_eq(rig_log_lines(&r), 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control");
	TCase *tc = tcase_create("ctrl");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_command, 0, (int)ARRAY_LEN(commands));
	tcase_add_loop_test(tc, each_command_not_agreed_to, 0, (int)ARRAY_LEN(commands));
	tcase_add_test(tc, one_byte_of_a_command);
	tcase_add_test(tc, filters_follow_the_commands);
	tcase_add_test(tc, mac_until_reset);
	tcase_add_test(tc, offloads_reach_the_backend);
	tcase_add_test(tc, no_room_for_the_ack);
	tcase_add_test(tc, a_broken_queue_stops_all);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
