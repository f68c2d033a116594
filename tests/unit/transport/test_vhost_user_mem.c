/* Memory that changes under traffic, the log of dirty pages, files cut short. */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "tests/unit/transport/vhost_user.h"

enum { LOG_BYTES = 4096, PAGE = 4096, LOG_AT = 512 }; /* the log's offset in its file */

/* ---- memory ---- */

/* rule: VHU-16 */
START_TEST(slots_come_and_go)
{
	struct wire_vu_one_region one;

	front_handshake(&w.front, PLAIN, UINT64_MAX);
	for (unsigned i = 0; i < 2; i++) {
		one.region = front_region(&w.front, i);
		ck_assert_uint_eq(
			front_set(&w.front, VHOST_USER_ADD_MEM_REG, &one, 40, &w.front.memfd, 1),
			0);
	}
	for (unsigned i = 0; i < 2; i++) {
		front_ring_set(&w.front, i, SIZE);
		(void)front_kick_off(&w.front, i);
		(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, i, 1);
	}
	frame_each_way(0, 1);
	/* The same once more: some tell it for each pair. */
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_ADD_MEM_REG, &one, 40, &w.front.memfd, 1),
			  0);
	/* Up to the last slot, each with a region that nobody uses. */
	for (unsigned i = 2; i < GUEST_MEM_REGIONS_MAX; i++) {
		one.region = front_region(&w.front, i);
		one.region.mmap_offset = 0;
		ck_assert_uint_eq(
			front_set(&w.front, VHOST_USER_ADD_MEM_REG, &one, 40, &w.front.memfd, 1),
			0);
		frame_each_way(0, i);
	}
	one.region = front_region(&w.front, GUEST_MEM_REGIONS_MAX);
	one.region.mmap_offset = 0;
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_ADD_MEM_REG, &one, 40, &w.front.memfd, 1),
			  1);
	ck_assert_msg(front_set(&w.front, VHOST_USER_REM_MEM_REG, &one, 40, NULL, 0) == 0,
		      "what is not there is removed");
	frame_each_way(0, 0);
	/* From the middle, with a descriptor and without; each for two pairs. */
	for (unsigned i = 2; i < GUEST_MEM_REGIONS_MAX; i += 3) {
		one.region = front_region(&w.front, i);
		ck_assert_uint_eq(front_set(&w.front, VHOST_USER_REM_MEM_REG, &one, 40,
					    &w.front.memfd, i % 2),
				  0);
		ck_assert_uint_eq(front_set(&w.front, VHOST_USER_REM_MEM_REG, &one, 40, NULL, 0),
				  0);
		frame_each_way(0, i);
	}
}
END_TEST

/* A region that does not begin at a page of its file is mapped all the same. */
/* rule: VHU-15 */
START_TEST(an_offset_between_pages)
{
	struct wire_vu_region r = front_region(&w.front, 1);
	struct wire_vu_table t = { .count = 2, .region = { front_region(&w.front, 0) } };
	const int fds[] = { w.front.memfd, w.front.memfd };
	uint8_t frame[100], got[100];

	r.size -= 100;
	r.mmap_offset += 100;
	r.gpa += 100;
	r.user += 100;
	t.region[1] = r;
	front_handshake(&w.front, PLAIN, UINT64_MAX);
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_MEM_TABLE, &t, 72, fds, 2), 0);
	front_ring_set(&w.front, TX, SIZE);
	(void)front_kick_off(&w.front, TX);
	(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, TX, 1);
	rig_fill(frame, sizeof(frame), 9);
	w.front.memory.next = FRONT_REGION + 4096;
	front_transmit(&w.front, TX, frame, sizeof(frame));
	ck_assert_int_eq(await_sent(0, got, sizeof(got)), sizeof(frame));
	ck_assert_mem_eq(got, frame, sizeof(frame));
}
END_TEST

/* ... also when the rings are elsewhere afterwards for the guest: their user addresses count. */
/* rule: VHU-13 */
START_TEST(the_table_is_replaced_under_traffic)
{
	struct wire_vu_region a = front_region(&w.front, 0), b = front_region(&w.front, 1);

	front_up(&w.front, PLAIN, SIZE);
	for (unsigned i = 0; i < 20; i++) {
		const struct wire_vu_table t = { .count = 2,
						 .region = { i % 2 ? a : b, i % 2 ? b : a } };
		const int fds[] = { w.front.memfd, w.front.memfd };

		ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_MEM_TABLE, &t, 72, fds, 2), 0);
		frame_each_way(0, i);
	}
	ck_assert_uint_eq(w.log_lines, 0);
}
END_TEST

/* ---- the log ---- */

static uint8_t *log_base(uint64_t bytes, int *ret_fd)
{
	uint8_t *map;

	*ret_fd = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(*ret_fd, (off_t)(LOG_AT + bytes)), 0);
	map = mmap(NULL, LOG_AT + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	ck_assert_uint_eq(front_set_log(&w.front, *ret_fd, bytes, LOG_AT), 0);
	return map;
}

static bool is_marked(const uint8_t *map, uint64_t gpa)
{
	return (map[LOG_AT + gpa / PAGE / 8] >> gpa / PAGE % 8 & 1) != 0;
}

/* The pages that changed, and no other, are marked; the used ring at the address that it was given,
 * a packed ring where it lies: that address is of its event structure, or of anything. */
/* rule: VHU-18 VHU-03 */
START_TEST(written_pages_are_marked)
{
	const uint64_t ring_log = 100 * PAGE,
		       features = PLAIN | (_i == 1 ? FRONT_BIT(VIRTIO_F_RING_PACKED) : 0);
	uint8_t frame[3 * PAGE], before[PAGE];
	struct wire_vu_ring_addr a;
	unsigned marked = 0;
	uint8_t *map;
	uint64_t at;
	int fd;

	front_handshake(&w.front, features, UINT64_MAX);
	(void)front_mem_table(&w.front);
	for (unsigned i = 0; i < 2; i++) {
		front_ring_set(&w.front, i, SIZE);
		(void)front_kick_off(&w.front, i);
		(void)front_set_ring(&w.front, VHOST_USER_SET_VRING_ENABLE, i, 1);
		w.front.memory.next = (i + 1) * 10 * PAGE; /* no page of both */
	}
	map = log_base(LOG_BYTES, &fd);
	frame_each_way(0, 1);
	for (unsigned i = 0; i < LOG_BYTES; i++)
		ck_assert_msg(map[LOG_AT + i] == 0, "without F_LOG_ALL");
	a = front_ring_addr(&w.front, RX);
	a.flags = VHOST_USER_RING_LOG;
	a.log = ring_log;
	ck_assert_uint_eq(front_set(&w.front, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0),
			  0);
	ck_assert_uint_eq(front_set_number(&w.front, VHOST_USER_SET_FEATURES,
					   features | FRONT_BIT(VHOST_USER_F_LOG_ALL)),
			  0);
	/* A buffer over page borders, with an empty descriptor between two others. */
	w.front.memory.next = FRONT_REGION + 20 * PAGE + 2000;
	at = front_post(&w.front, RX, 1, sizeof(frame) + 5000);
	memset(before, 0xcc, sizeof(before));
	memcpy(driver_at(&w.front.memory, at + w.front.hdr_bytes + sizeof(frame)), before, 4000);
	rig_fill(frame, sizeof(frame), 3);
	ck_assert(loopback_give(w.backend, 0, (struct vnet_hdr){ 0 }, frame, sizeof(frame)));
	front_await_used(&w.front, RX, 2);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t gpa = at + i * (uint64_t)PAGE;
		bool want = gpa / PAGE <= (at + w.front.hdr_bytes + sizeof(frame) - 1) / PAGE;

		ck_assert_msg(is_marked(map, gpa) == want, "page %u of the buffer", i);
	}
	ck_assert_msg(is_marked(map, ring_log) == (_i == 0), "at the address for it");
	ck_assert_msg(is_marked(map, w.front.queue[RX].desc) == (_i == 1), "where it lies");
	for (unsigned i = 0; i < LOG_BYTES; i++)
		marked += (unsigned)__builtin_popcount(map[LOG_AT + i]);
	ck_assert_msg(marked == 5 || (marked == 6 && is_marked(map, w.front.queue[TX].used)),
		      "%u pages", marked);
	(void)munmap(map, LOG_AT + LOG_BYTES);
	(void)close(fd);
}
END_TEST

/* What lies beyond the log has no bit; a log beyond its file is none. */
/* rule: VHU-18 */
START_TEST(a_log_that_is_too_short)
{
	const struct wire_vu_log far = { UINT64_MAX, 0x1000 };
	uint8_t *map;
	int fd;

	front_up(&w.front, PLAIN | FRONT_BIT(VHOST_USER_F_LOG_ALL), SIZE);
	map = log_base(1, &fd);
	w.front.memory.next = FRONT_REGION;
	frame_each_way(0, 1);
	ck_assert_uint_eq(map[LOG_AT + FRONT_REGION / PAGE / 8], 0);
	(void)munmap(map, LOG_AT + 1);
	ck_assert(front_send(&w.front, VHOST_USER_SET_LOG_BASE, VHOST_USER_VERSION, &far,
			     sizeof(far), &fd, 1));
	(void)close(fd);
	ck_assert(front_is_dropped(&w.front));
}
END_TEST

/* ---- files cut short ---- */

static int fault_fd = -1;
static void on_sigbus(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!mem_fault_fix(w.mem, info->si_addr))
		(void)signal(number, SIG_DFL);
	else
		(void)eventfd_write(fault_fd, 1);
}

/* The worker finds nothing under the rings or under a buffer: its front-end is dropped, the next
 * one is served. */
START_TEST(a_file_that_shrinks)
{
	const struct sigaction a = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int64_t deadline = front_deadline();
	eventfd_t count;

	fault_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ck_assert_int_eq(sigaction(SIGBUS, &a, NULL), 0);
	front_up(&w.front, PLAIN, SIZE);
	frame_each_way(0, 1);
	if (_i == 1) {
		(void)front_post(&w.front, RX, 1, 3000);
		/* Its ring stays, in the first half. */
		driver_desc(&w.front.queue[RX], 1, FRONT_REGION + 100, 3000, D_WRITE, 0);
	}
	ck_assert_int_eq(ftruncate(w.front.memfd, _i == 0 ? 0 : FRONT_REGION), 0);
	if (_i == 0)
		front_kick(&w.front, TX);
	else
		ck_assert(loopback_give(w.backend, 0, (struct vnet_hdr){ 0 }, (uint8_t[60]){ 0 },
					60));
	while (eventfd_read(fault_fd, &count) < 0)
		ck_assert_msg(front_turn(&w.front, deadline), "no fault");
	vhost_user_fault(w.vhost_user);
	ck_assert(front_is_dropped(&w.front));
	front_fini(&w.front);
	front_init(&w.front, connect_one(), w.loop);
	front_up(&w.front, PLAIN, SIZE);
	frame_each_way(0, 1);
	ck_assert_int_eq(signal(SIGBUS, SIG_DFL) == SIG_ERR, 0);
	(void)close(fault_fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/vhost_user_mem");
	TCase *tc = tcase_create("vhost_user_mem");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, slots_come_and_go);
	tcase_add_test(tc, an_offset_between_pages);
	tcase_add_test(tc, the_table_is_replaced_under_traffic);
	tcase_add_loop_test(tc, written_pages_are_marked, 0, 2);
	tcase_add_test(tc, a_log_that_is_too_short);
	tcase_add_loop_test(tc, a_file_that_shrinks, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
