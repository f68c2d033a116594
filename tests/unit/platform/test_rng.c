/* The entropy device: any buffer is filled as far as one turn goes, each chain has its length, and
 * a driver that breaks the rules is stopped. Both ring layouts. */
#include <check.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "devices/platform/rng.h"
#include "tests/driver/single.h"
#include "tests/driver/suite.h"

enum { SIZE = 16, MOST = 4096, BLANK = 0xee };
#define BIT(n) (UINT64_C(1) << (n))

static const uint64_t layouts[] = { BIT(VIRTIO_RING_F_EVENT_IDX), UINT64_MAX };

static struct single s;
static struct rng *rng;

/* The host's random bytes of this test: 1, 2, 3 ... */
static struct {
	uint8_t next;
	size_t most;     /* that one call gives */
	unsigned breaks; /* calls that a signal interrupts */
} host;

static ssize_t fake_getrandom(void *bytes, size_t len, unsigned flags)
{
	ck_assert_uint_eq(flags, 0);
	if (host.breaks > 0) {
		host.breaks--;
		errno = EINTR;
		return -1;
	}
	if (len > host.most)
		len = host.most;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = ++host.next;
	return (ssize_t)len;
}
static const struct sys fake = { .getrandom = fake_getrandom };

static void setup_with(const struct sys *sys)
{
	struct rng_config c = { .name = "rng", .sys = sys };

	memset(&host, 0, sizeof(host));
	host.most = SIZE_MAX;
	single_init(&s);
	c.mem = s.memory.mem;
	c.loop = s.loop;
	c.log = single_log(&s);
	ck_assert(!err_is(rng_create(&c, &rng)));
	single_plug(&s, rng_device(rng));
}
static void setup(void) { setup_with(&fake); }
static void teardown(void)
{
	single_unplug(&s);
	rng_destroy(rng);
	single_fini(&s);
}

/* An address with len bytes of BLANK and one more. */
static uint64_t blank(uint32_t len)
{
	uint64_t at = driver_alloc(&s.memory, len + 1, 1);

	memset(driver_at(&s.memory, at), BLANK, len + 1);
	return at;
}

static void assert_filled(uint64_t at, uint32_t len, uint8_t first)
{
	const uint8_t *bytes = driver_at(&s.memory, at);

	for (uint32_t i = 0; i < len; i++)
		ck_assert_msg(bytes[i] == (uint8_t)(first + i), "byte %u is %#x", i, bytes[i]);
	ck_assert_msg(bytes[len] == BLANK, "byte %u was written", len);
}

START_TEST(a_buffer_is_filled)
{
	static const struct {
		uint32_t room, want;
	} rows[] = { { 1, 1 }, { 64, 64 }, { MOST, MOST }, { MOST + 1, MOST }, { 65536, MOST } };

	single_up(&s, layouts[_i], SIZE);
	ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_DEVICE_ID), 4);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t at = blank(rows[i].room);
		uint8_t first = (uint8_t)(host.next + 1);

		(void)driver_post(&s.queue, at, rows[i].room, true);
		ck_assert_uint_eq(single_finish(&s).len, rows[i].want);
		assert_filled(at, rows[i].want, first);
	}
	ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
}
END_TEST

START_TEST(a_buffer_in_parts)
{
	uint64_t at;

	single_up(&s, layouts[_i], SIZE);
	at = blank(10);
	(void)driver_post_chain(
		&s.queue,
		(struct driver_buffer[]){ { at, 3, true }, { at, 0, true }, { at + 3, 7, true } },
		3);
	ck_assert_uint_eq(single_finish(&s).len, 10);
	assert_filled(at, 10, 1);
}
END_TEST

/* More than one turn of the loop, and each has its own bytes. */
START_TEST(a_ring_of_buffers)
{
	uint64_t at[SIZE];

	single_up(&s, layouts[_i], SIZE);
	for (unsigned i = 0; i < SIZE; i++) {
		at[i] = blank(8);
		(void)driver_post(&s.queue, at[i], 8, true);
	}
	(void)single_finish(&s);
	for (unsigned i = 0; i < SIZE; i++)
		assert_filled(at[i], 8, (uint8_t)(8 * i + 1));
}
END_TEST

START_TEST(a_host_that_gives_less)
{
	uint64_t at;

	single_up(&s, layouts[0], SIZE);
	at = blank(100);
	host.most = 5;
	host.breaks = 2;
	(void)driver_post(&s.queue, at, 100, true);
	ck_assert_uint_eq(single_finish(&s).len, 5);
	assert_filled(at, 5, 1);
}
END_TEST

START_TEST(no_room_at_all)
{
	single_up(&s, layouts[_i], SIZE);
	(void)driver_post(&s.queue, blank(1), 0, true);
	ck_assert_uint_eq(single_finish(&s).len, 0);
	ck_assert_uint_eq(host.next, 0);
}
END_TEST

/* 5.4.6.1; then it works again. */
START_TEST(a_readable_buffer_breaks_the_queue)
{
	uint64_t at;

	single_up(&s, layouts[_i], SIZE);
	at = blank(16);
	(void)driver_post_chain(
		&s.queue, (struct driver_buffer[]){ { at, 8, false }, { at + 8, 8, true } }, 2);
	single_kick(&s);
	single_await_broken(&s);
	ck_assert_uint_eq(driver_used_index(&s.queue), 0);
	ck_assert_uint_eq(*(uint8_t *)driver_at(&s.memory, at + 8), BLANK);
	ck_assert_uint_eq(single_log_lines(&s), 1);
	single_up(&s, layouts[_i], SIZE);
	at = blank(4);
	(void)driver_post(&s.queue, at, 4, true);
	ck_assert_uint_eq(single_finish(&s).len, 4);
}
END_TEST

/* Posted before DRIVER_OK, and a queue that is stopped and set up again. */
START_TEST(a_queue_comes_and_goes)
{
	uint64_t at;

	single_prepare(&s, layouts[0], SIZE);
	at = blank(4);
	(void)driver_post(&s.queue, at, 4, true);
	single_kick(&s);
	ck_assert(!err_is(loop_once(s.loop, 0)));
	ck_assert_uint_eq(driver_used_index(&s.queue), 0);
	single_go(&s);
	single_await_used(&s, 1);
	single_stop_queue(&s);
	single_set_queue(&s, SIZE);
	at = blank(4);
	(void)driver_post(&s.queue, at, 4, true);
	ck_assert_uint_eq(single_finish(&s).len, 4);
	assert_filled(at, 4, 5);
}
END_TEST

START_TEST(there_is_no_configuration)
{
	single_up(&s, layouts[0], SIZE);
	for (uint32_t at = 0; at < 64; at += 4)
		ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_CONFIG + at), 0);
}
END_TEST

/* The real one: two buffers are not alike. */
START_TEST(the_host_itself)
{
	uint64_t a, b;

	teardown();
	setup_with(&sys_host);
	single_up(&s, layouts[0], SIZE);
	a = blank(32);
	b = blank(32);
	(void)driver_post(&s.queue, a, 32, true);
	(void)driver_post(&s.queue, b, 32, true);
	ck_assert_uint_eq(single_finish(&s).len, 32);
	ck_assert_int_ne(memcmp(driver_at(&s.memory, a), driver_at(&s.memory, b), 32), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rng");
	TCase *tc = tcase_create("rng");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_buffer_is_filled, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, a_buffer_in_parts, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, a_ring_of_buffers, 0, ARRAY_LEN(layouts));
	tcase_add_test(tc, a_host_that_gives_less);
	tcase_add_loop_test(tc, no_room_at_all, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, a_readable_buffer_breaks_the_queue, 0, ARRAY_LEN(layouts));
	tcase_add_test(tc, a_queue_comes_and_goes);
	tcase_add_test(tc, there_is_no_configuration);
	tcase_add_test(tc, the_host_itself);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
