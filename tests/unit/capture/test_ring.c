/* Frames through a ring: each comes out as it went in, in order, across the ring's end too; one
 * that finds no room is counted in front of the next; two workers and the control loop at once. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/capture/capture_priv.h"
#include "tests/driver/pcapng_file.h"
#include "tests/driver/suite.h"

enum { RING = 1024, WORKERS = 2, FRAMES = 3000, LEN_MAX = 1500, OPTION_QUEUE = 6, OPTION_LOST = 4 };

static struct capture_ring ring;
static uint8_t bytes[LEN_MAX + 2];

static void setup(void) { ck_assert(ring_init(&ring, RING)); }
static void teardown(void) { ring_fini(&ring); }

static struct frame frame_of(uint32_t len, uint8_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed + i);
	return (struct frame){ .bytes = bytes, .len = len, .local = len, .fate = FATE_SENT };
}

static bool offer(const struct frame *f)
{
	struct capture_record record = { .len = f->len };
	bool there = ring_put(&ring, &record, f);

	if (!there)
		count(&ring.lost, 1);
	return there;
}

/* Takes the first, which has these bytes, and comes after `lost` others. */
static void assert_first(uint32_t len, uint8_t seed, uint64_t lost)
{
	struct capture_record record;
	struct iovec data[2];
	uint32_t n = 0;
	bool same = true;

	ck_assert(ring_first(&ring, &record, data));
	ck_assert_uint_eq(record.captured, len);
	ck_assert_uint_eq(record.lost, lost);
	ck_assert_uint_eq(data[0].iov_len + data[1].iov_len, len);
	for (unsigned part = 0; part < 2; part++)
		for (size_t i = 0; i < data[part].iov_len; i++)
			same = same &&
			       ((const uint8_t *)data[part].iov_base)[i] == (uint8_t)(seed + n++);
	ck_assert(same);
	ring_drop(&ring, &record);
}

START_TEST(any_length_at_any_place)
{
	struct capture_record none;
	struct iovec data[2];

	for (unsigned i = 0; i < 5000; i++) {
		uint32_t len[] = { i * 7 % 300, i * 11 % 300 };

		for (unsigned n = 0; n < 2; n++) {
			struct frame f = frame_of(len[n], (uint8_t)(i + n));

			ck_assert(offer(&f));
		}
		assert_first(len[0], (uint8_t)i, 0);
		assert_first(len[1], (uint8_t)(i + 1), 0);
		ck_assert(!ring_first(&ring, &none, data));
	}
}
END_TEST

START_TEST(full_to_the_last_byte_and_not_one_more)
{
	const uint32_t exact = RING - sizeof(struct capture_record);
	struct frame f = frame_of(exact + 1, 1);

	ck_assert(!offer(&f));
	f = frame_of(exact, 2);
	ck_assert(offer(&f));
	f = frame_of(0, 3);
	ck_assert(!offer(&f));
	assert_first(exact, 2, 1);
	ck_assert(offer(&f));
	assert_first(0, 3, 1);
}
END_TEST

START_TEST(lost_ones_are_counted_in_front_of_the_next)
{
	struct frame f = frame_of(300, 9);

	while (offer(&f))
		continue;
	ck_assert(!offer(&f));
	ck_assert(!offer(&f));
	assert_first(300, 9, 0);
	ck_assert(offer(&f));
	assert_first(300, 9, 0);
	assert_first(300, 9, 3);
}
END_TEST

START_TEST(lent_rest_follows_the_head)
{
	struct frame f = frame_of(100, 5);
	struct iovec rest[] = { { bytes + 40, 25 }, { bytes, 0 }, { bytes + 65, 35 } };

	f.local = 40;
	f.rest = rest;
	f.rest_count = 3;
	ck_assert(offer(&f));
	assert_first(100, 5, 0);
}
END_TEST

START_TEST(memory_that_is_gone_is_not_read)
{
	void *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec rest = { gone, 60 };
	struct frame f = frame_of(100, 5);

	ck_assert(gone != MAP_FAILED);
	f.local = 40;
	f.rest = &rest;
	f.rest_count = 1;
	frame_drop(&f, DROP_TX_MEMORY_GONE);
	ck_assert(offer(&f));
	assert_first(40, 5, 0);
	ck_assert_int_eq(munmap(gone, 4096), 0);
}
END_TEST

/* ---- two workers, one control loop ---- */

struct work {
	struct capture *capture;
	unsigned pair;
	atomic_uint *working;
};

static void *work(void *arg)
{
	const struct work *w = arg;
	static _Thread_local uint8_t own[LEN_MAX];

	for (uint32_t n = 0; n < FRAMES; n++) {
		struct frame f = { .bytes = own, .fate = FATE_SENT };

		f.len = f.local = 16 + n * 37 % (LEN_MAX - 16);
		memset(own, (int)(n & 0xff), f.len);
		memcpy(own, &n, sizeof(n));
		capture_frame(w->capture, w->pair, CAPTURE_FROM_GUEST, &f);
	}
	(void)atomic_fetch_sub(w->working, 1);
	return NULL;
}

/* Each worker's frames are there in order, with the number of missing ones in every gap. */
static void judge(const struct pf_file *f)
{
	uint64_t next[WORKERS] = { 0 }, lost = 0;

	for (unsigned i = 0; i < f->packets; i++) {
		const struct pf_packet *p = &f->packet[i];
		uint64_t queue = pf_number(&p->block, OPTION_QUEUE);
		uint32_t n = pf32(p->data);
		bool same = true;

		ck_assert_uint_lt(queue, WORKERS);
		ck_assert_uint_eq(n, next[queue] + pf_number(&p->block, OPTION_LOST));
		ck_assert_uint_eq(p->original, 16 + n * 37 % (LEN_MAX - 16));
		ck_assert_uint_eq(p->captured, p->original);
		for (uint32_t at = sizeof(n); at < p->captured; at++)
			same = same && p->data[at] == (n & 0xff);
		ck_assert(same);
		next[queue] = n + UINT64_C(1);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		lost += FRAMES - next[i]; /* behind the last one there */
	ck_assert_uint_eq(f->lost + lost, f->dropped);
	ck_assert_uint_eq(f->packets + f->dropped, WORKERS * FRAMES);
	ck_assert_uint_eq(f->received, WORKERS * FRAMES);
}

/* With small rings many are lost, with large ones few or none. */
START_TEST(workers_and_control_loop_at_once)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct work w[WORKERS];
	pthread_t thread[WORKERS];
	atomic_uint working = WORKERS;
	struct capture_config c = {
		.fd = dup(fd), .name = "t0", .pairs = WORKERS, .ring_bytes = _i == 0 ? 4096 : 0
	};
	struct capture *capture;
	struct pf_file *f;

	ck_assert(!err_is(loop_create(&c.loop)));
	ck_assert(!err_is(capture_create(&c, &capture)));
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i] = (struct work){ capture, i, &working };
		ck_assert_int_eq(pthread_create(&thread[i], NULL, work, &w[i]), 0);
	}
	while (atomic_load(&working) > 0)
		ck_assert(!err_is(loop_once(c.loop, 1)));
	for (unsigned i = 0; i < WORKERS; i++)
		(void)pthread_join(thread[i], NULL);
	capture_destroy(capture, NULL);
	loop_destroy(c.loop);
	f = pf_read(fd);
	judge(f);
	pf_free(f);
	(void)close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("capture/ring");
	TCase *tc = tcase_create("ring"), *threads = tcase_create("threads");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, any_length_at_any_place);
	tcase_add_test(tc, full_to_the_last_byte_and_not_one_more);
	tcase_add_test(tc, lost_ones_are_counted_in_front_of_the_next);
	tcase_add_test(tc, lent_rest_follows_the_head);
	tcase_add_test(tc, memory_that_is_gone_is_not_read);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(threads, workers_and_control_loop_at_once, 0, 2);
	suite_add_tcase(s, threads);
	return suite_run(s);
}
