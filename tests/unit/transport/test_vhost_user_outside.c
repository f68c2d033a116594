/* A front-end whose memory is not there, or whose rings do not lie in it. */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "tests/unit/transport/vhost_user.h"

#define REGION(g, s, u, o)                                                                         \
	{                                                                                          \
		.gpa = (g), .size = (s), .user = (u), .mmap_offset = (o)                           \
	}
static const struct {
	const char *says;
	struct wire_vu_region r;
} bad_regions[] = {
	{ "empty", REGION(0, 0, FRONT_USER, 0) },
	{ "a byte past its file", REGION(0, 2 * FRONT_REGION + 1, FRONT_USER, 0) },
	{ "past its file by its offset", REGION(0, FRONT_REGION, FRONT_USER, FRONT_REGION + 4096) },
	{ "an offset past its file", REGION(0, 4096, FRONT_USER, 3 * FRONT_REGION) },
	{ "an end that wraps", REGION(0, 0x2000, FRONT_USER, UINT64_MAX - 0xfff) },
	{ "huge", REGION(0, UINT64_MAX, FRONT_USER, 0) },
	{ "huge, and it wraps", REGION(0, UINT64_MAX - 0xfff, FRONT_USER, 0x2000) },
	{ "a guest address that wraps", REGION(UINT64_MAX - 0xfff, 0x2000, FRONT_USER, 0) },
	{ "a user address that wraps", REGION(0, 0x2000, UINT64_MAX - 0xfff, 0) },
};

/* Refused, and the table before is still in force. */
/* rule: VHU-15 VHU-16 */
START_TEST(memory_that_is_not_there)
{
	const struct wire_vu_one_region one = { .region = bad_regions[_i].r };
	const struct wire_vu_table t = { .count = 1, .region = { bad_regions[_i].r } };
	unsigned before;

	front_up(&w.front, PLAIN, SIZE);
	before = open_fds();
	ck_assert_msg(front_set(&w.front, VHOST_USER_SET_MEM_TABLE, &t, 40, &w.front.memfd, 1) == 1,
		      "%s", bad_regions[_i].says);
	ck_assert_msg(front_set(&w.front, VHOST_USER_ADD_MEM_REG, &one, 40, &w.front.memfd, 1) == 1,
		      "%s", bad_regions[_i].says);
	ck_assert_uint_eq(open_fds(), before);
	frame_each_way(0, 1);
}
END_TEST

static uint64_t set_table(uint32_t count, struct wire_vu_region a, struct wire_vu_region b)
{
	const struct wire_vu_table t = { .count = count, .region = { a, b } };
	const int fds[] = { w.front.memfd, w.front.memfd };

	return front_set(&w.front, VHOST_USER_SET_MEM_TABLE, &t, 72, fds, 2);
}

/* rule: VHU-15 */
START_TEST(tables_that_are_none)
{
	struct wire_vu_region a, b;

	front_up(&w.front, PLAIN, SIZE);
	a = b = front_region(&w.front, 0);
	b.user += 2 * FRONT_REGION;
	ck_assert_msg(set_table(2, a, b) == 1, "two at one guest address");
	b = a;
	b.gpa += 2 * FRONT_REGION;
	ck_assert_msg(set_table(2, a, b) == 1, "two at one user address");
	b.user += FRONT_REGION - 1;
	ck_assert_msg(set_table(2, a, b) == 1, "two that share a byte");
	b.user += 1;
	ck_assert_msg(set_table(1, a, b) == 1, "one region with two descriptors");
	ck_assert_msg(set_table(9, a, b) == 1, "nine");
	ck_assert_msg(set_table(UINT32_MAX, a, b) == 1, "too many for any size");
	frame_each_way(0, 1);
}
END_TEST

/* A socket, or a pipe, is no memory; nor is a directory. */
/* rule: VHU-15 */
START_TEST(memory_that_is_no_file)
{
	const struct wire_vu_one_region one = { .region = front_region(&w.front, 0) };
	int fds[] = { open("/", O_RDONLY), eventfd(0, 0), open("/dev/zero", O_RDWR) };

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert_uint_eq(front_set(&w.front, VHOST_USER_ADD_MEM_REG, &one, 40, &fds[i], 1),
				  1);
		(void)close(fds[i]);
	}
}
END_TEST

static const struct {
	const char *says;
	uint64_t desc, avail, used; /* added to where the ring is */
} bad_rings[] = {
	{ "a table outside", 2 * FRONT_REGION, 0, 0 },
	{ "an available ring outside", 0, 2 * FRONT_REGION, 0 },
	{ "a used ring outside", 0, 0, 2 * FRONT_REGION },
	{ "a table across the end of a region", FRONT_REGION - 16, 0, 0 },
	{ "a table that is not aligned", 1, 0, 0 },
	{ "a used ring that is not aligned", 0, 0, 2 },
	{ "guest addresses", (uint64_t)0 - FRONT_USER, (uint64_t)0 - FRONT_USER,
	  (uint64_t)0 - FRONT_USER },
};

/* The ring's start is refused; without an answer to say so in, its front-end is dropped. */
/* rule: VHU-15 */
START_TEST(rings_outside)
{
	struct wire_vu_ring_addr a;

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	(void)front_mem_table(&w.front);
	front_ring_set(&w.front, RX, SIZE);
	a = front_ring_addr(&w.front, RX);
	a.desc += bad_rings[_i].desc;
	a.avail += bad_rings[_i].avail;
	a.used += bad_rings[_i].used;
	(void)front_set(&w.front, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0);
	ck_assert_msg(front_kick_off(&w.front, RX) == 1, "%s", bad_rings[_i].says);
	w.front.ack = false;
	(void)front_kick_off(&w.front, RX);
	ck_assert_msg(front_is_dropped(&w.front), "%s", bad_rings[_i].says);
	serves_the_next();
}
END_TEST

/* A ring that runs and whose memory is taken away is broken; nothing else is. */
/* rule: VHU-13 VHU-16 */
START_TEST(memory_taken_from_under_a_ring)
{
	const struct wire_vu_one_region one = { .region = front_region(&w.front, 0) };
	int64_t deadline = front_deadline();

	front_up(&w.front, PLAIN, SIZE);
	frame_each_way(0, 1);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_REM_MEM_REG, &one, 40, NULL, 0), 0);
	while ((front_get(&w.front, VHOST_USER_GET_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		ck_assert(front_turn(&w.front, deadline));
	ck_assert_uint_eq(front_get_base(&w.front, RX), 1);
	ck_assert_uint_eq(front_get_base(&w.front, TX), 1);
	serves_the_next();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/vhost_user_outside");
	TCase *tc = tcase_create("vhost_user_outside");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, memory_that_is_not_there, 0, ARRAY_LEN(bad_regions));
	tcase_add_test(tc, tables_that_are_none);
	tcase_add_test(tc, memory_that_is_no_file);
	tcase_add_loop_test(tc, rings_outside, 0, ARRAY_LEN(bad_rings));
	tcase_add_test(tc, memory_taken_from_under_a_ring);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
