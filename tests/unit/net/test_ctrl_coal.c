/* Commands that say how long signals may be held back. */
#include <linux/virtio_config.h>

#include "tests/driver/suite.h"
#include "tests/unit/net/limits.h"

/* The ack; answered in front of it are the limits. */
static int get_queue(uint16_t index, struct limits *ret)
{
	const uint8_t bytes[6] = {
		CLASS, VQ_GET, (uint8_t)index, (uint8_t)(index >> 8), 0xee, 0xee
	};
	uint8_t answer[9];

	ck_assert_uint_eq(rig_command(&r, bytes, sizeof(bytes), 64, answer, sizeof(answer)), 9);
	ret->packets = (uint32_t)answer[0] | (uint32_t)answer[1] << 8 | (uint32_t)answer[2] << 16 |
		       (uint32_t)answer[3] << 24;
	ret->usecs = (uint32_t)answer[4] | (uint32_t)answer[5] << 8 | (uint32_t)answer[6] << 16 |
		     (uint32_t)answer[7] << 24;
	return answer[8];
}

static void assert_limits(uint16_t index, struct limits want)
{
	struct limits got;

	ck_assert_int_eq(get_queue(index, &got), VIRTIO_NET_OK);
	ck_assert_msg(got.packets == want.packets && got.usecs == want.usecs,
		      "queue %u has %u, %u, not %u, %u", index, got.packets, got.usecs,
		      want.packets, want.usecs);
}

/* rule: CTRL-28 CTRL-30 CTRL-34 */
START_TEST(the_last_set_command_decides)
{
	rig_up(&r, RIG_ALL, SIZE);
	assert_limits(RIG_RX, (struct limits){ 0, 0 });
	assert_limits(RIG_TX, (struct limits){ 0, 0 });
	ck_assert_int_eq(set_kind(RX_SET, (struct limits){ 15, 10 }), VIRTIO_NET_OK);
	assert_limits(RIG_RX, (struct limits){ 15, 10 });
	assert_limits(RIG_TX, (struct limits){ 0, 0 });
	ck_assert_int_eq(set_queue(RIG_RX, (struct limits){ UINT32_MAX, 0x01020304 }),
			 VIRTIO_NET_OK);
	assert_limits(RIG_RX, (struct limits){ UINT32_MAX, 0x01020304 });
	ck_assert_int_eq(set_queue(RIG_TX, (struct limits){ 7, 8 }), VIRTIO_NET_OK);
	assert_limits(RIG_TX, (struct limits){ 7, 8 });
	ck_assert_int_eq(set_kind(TX_SET, (struct limits){ 3, 4 }), VIRTIO_NET_OK);
	assert_limits(RIG_TX, (struct limits){ 3, 4 });
	assert_limits(RIG_RX, (struct limits){ UINT32_MAX, 0x01020304 });
	rig_up(&r, RIG_ALL, SIZE);
	assert_limits(RIG_RX, (struct limits){ 0, 0 });
	assert_limits(RIG_TX, (struct limits){ 0, 0 });
}
END_TEST

/* rule: CTRL-33 CORE-28 */
START_TEST(a_queue_that_is_enabled_again)
{
	const struct limits kind = { 15, 10 }, own = { 7, 8 };

	rig_up(&r, RIG_ALL, SIZE);
	for (uint16_t index = RIG_RX; index <= RIG_TX; index++) {
		struct limits got;

		ck_assert_int_eq(set_queue(index, own), VIRTIO_NET_OK);
		rig_stop_queue(&r, index);
		ck_assert_int_eq(get_queue(index, &got), VIRTIO_NET_ERR);
		ck_assert_int_eq(set_queue(index, own), VIRTIO_NET_ERR);
		rig_set_queue(&r, index, SIZE);
		assert_limits(index, (struct limits){ 0, 0 });
		ck_assert_int_eq(set_kind(index == RIG_TX ? TX_SET : RX_SET, kind), VIRTIO_NET_OK);
		ck_assert_int_eq(set_queue(index, own), VIRTIO_NET_OK);
		rig_stop_queue(&r, index);
		rig_set_queue(&r, index, SIZE);
		assert_limits(index, kind);
	}
	/* A reset forgets those of the kinds, too. */
	rig_up(&r, RIG_ALL, SIZE);
	for (uint16_t index = RIG_RX; index <= RIG_TX; index++) {
		rig_stop_queue(&r, index);
		rig_set_queue(&r, index, SIZE);
		assert_limits(index, (struct limits){ 0, 0 });
	}
}
END_TEST

/* rule: CTRL-32 */
START_TEST(no_such_queue)
{
	static const uint16_t none[] = { RIG_CTRL, 3, 16, 0x8000, 0xffff };
	struct limits got;

	rig_up(&r, RIG_ALL, SIZE);
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		ck_assert_int_eq(set_queue(none[i], (struct limits){ 1, 1 }), VIRTIO_NET_ERR);
		ck_assert_int_eq(get_queue(none[i], &got), VIRTIO_NET_ERR);
		ck_assert_msg(got.packets == 0 && got.usecs == 0, "an answer beside ERR");
	}
}
END_TEST

/* rule: CTRL-02 CTRL-03 */
START_TEST(each_command_by_length_and_feature)
{
	/* clang-format off */
	static const struct { uint8_t command; uint32_t len; unsigned feature; } rows[] = {
		{ TX_SET, 8, VIRTIO_NET_F_NOTF_COAL }, { RX_SET, 8, VIRTIO_NET_F_NOTF_COAL },
		{ VQ_SET, 12, VIRTIO_NET_F_VQ_NOTF_COAL }, { VQ_GET, 4, VIRTIO_NET_F_VQ_NOTF_COAL },
	};
	/* clang-format on */
	uint8_t bytes[2 + 16] = { CLASS, rows[_i].command }, answer[9];

	rig_up(&r, RIG_BIT(VIRTIO_NET_F_CTRL_VQ) | RIG_BIT(rows[_i].feature), SIZE);
	for (uint32_t len = 0; len <= 16; len++) {
		uint32_t at = rows[_i].command == VQ_GET ? 8 : 0;

		ck_assert_uint_eq(rig_command(&r, bytes, 2 + len, 64, answer, 9), at + 1);
		ck_assert_msg(answer[at] == (len == rows[_i].len ? VIRTIO_NET_OK : VIRTIO_NET_ERR),
			      "%u bytes", len);
	}
	rig_up(&r, RIG_ALL & ~RIG_BIT(rows[_i].feature), SIZE);
	(void)rig_command(&r, bytes, 2 + rows[_i].len, 64, answer, 9);
	ck_assert_uint_eq(answer[rows[_i].command == VQ_GET ? 8 : 0], VIRTIO_NET_ERR);
}
END_TEST

/* In descriptors of any size, with any room. */
/* rule: SPLIT-03 CTRL-01 CTRL-34 */
START_TEST(the_answer_in_pieces)
{
	static const uint8_t bytes[6] = { CLASS, VQ_GET, RIG_RX };
	uint32_t piece = (uint32_t)_i + 1;
	uint8_t answer[20];

	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_int_eq(set_queue(RIG_RX, (struct limits){ 0x04030201, 0x08070605 }),
			 VIRTIO_NET_OK);
	ck_assert_uint_eq(rig_command(&r, bytes, 6, piece, answer, 9), 9);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(answer[i], i + 1);
	ck_assert_uint_eq(answer[8], VIRTIO_NET_OK);
	if (piece < 4)
		return;
	ck_assert_uint_eq(rig_command(&r, bytes, 6, piece, answer, 20), 9);
	ck_assert_uint_eq(answer[8], VIRTIO_NET_OK);
	for (unsigned i = 9; i < 20; i++)
		ck_assert_msg(answer[i] == RIG_BLANK, "byte %u behind the ack was written", i);
	/* No room for all of it: refused in the last byte there is, and nothing of the limits
	 * shows. */
	for (uint32_t room = 1; room < 9; room++) {
		ck_assert_uint_eq(rig_command(&r, bytes, 6, piece, answer, room), room);
		ck_assert_uint_eq(answer[room - 1], VIRTIO_NET_ERR);
		for (unsigned i = 0; i + 1 < room; i++)
			ck_assert_uint_eq(answer[i], 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control_coal");
	TCase *tc = tcase_create("ctrl_coal");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_last_set_command_decides);
	tcase_add_test(tc, a_queue_that_is_enabled_again);
	tcase_add_test(tc, no_such_queue);
	tcase_add_loop_test(tc, each_command_by_length_and_feature, 0, 4);
	tcase_add_loop_test(tc, the_answer_in_pieces, 0, 9);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
