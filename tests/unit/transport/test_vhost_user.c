/* A front-end as it should be: handshake, memory, rings, a frame each way, an orderly end. */
#include "tests/unit/transport/vhost_user.h"

/* rule: VHU-01 VHU-03 VHU-06 VHU-17 */
START_TEST(handshake)
{
	uint64_t features = front_get(&w.front, VHOST_USER_GET_FEATURES);
	uint64_t protocol = front_get(&w.front, VHOST_USER_GET_PROTOCOL_FEATURES);

	ck_assert(features & FRONT_BIT(VIRTIO_F_VERSION_1));
	ck_assert(features & FRONT_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	ck_assert(features & FRONT_BIT(VHOST_USER_F_LOG_ALL));
	ck_assert(protocol & FRONT_BIT(VHOST_USER_PROTOCOL_F_MQ));
	ck_assert(!(protocol & FRONT_BIT(VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS)));
	(void)front_set_number(&w.front, VHOST_USER_SET_PROTOCOL_FEATURES, protocol);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_PROTOCOL_FEATURES), protocol);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_QUEUE_NUM), PAIRS);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_MAX_MEM_SLOTS), GUEST_MEM_REGIONS_MAX);
	ck_assert_uint_eq(front_get(&w.front, VHOST_USER_GET_STATUS), 0);
}
END_TEST

/* rule: VHU-10 VHU-15 */
START_TEST(a_frame_each_way)
{
	front_up(&w.front, PLAIN, SIZE);
	ck_assert(loopback_carrier(w.backend));
	for (unsigned i = 0; i < 3 * SIZE; i++) {
		w.front.memory.next = FRONT_REGION;
		frame_each_way(0, i);
	}
	ck_assert_uint_eq(w.log_lines, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/vhost_user");
	TCase *tc = tcase_create("vhost_user");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, handshake);
	tcase_add_test(tc, a_frame_each_way);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
