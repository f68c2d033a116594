/* Driver and device at the same ring at the same time, each asleep whenever it believes that the
 * other will wake it (B79): without one of the two full fences of the device's side both end up
 * asleep. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

enum {
	RUN_MS = 800,
	LOST_MS = 10000, /* nobody sleeps that long: the wake-up was lost */
	IN_FLIGHT = 2,
	DOZE = 20000,
	LOOKS = 128, /* at most, before a side asks to be woken: where the two meet is left to
			chance */
};

static atomic_bool over, lost;
static atomic_ulong device_slept;

static uint32_t chance(uint32_t *random, uint32_t below)
{
	*random = *random * 1664525 + 1013904223;
	return (*random >> 16) % below;
}

/* What wakes a side: an eventfd, behind a count that a light sleeper watches first. Getting up
 * from real sleep takes longer than a thousand frames. */
struct bell {
	int fd;
	atomic_uint rung;
	atomic_bool asleep;
	unsigned heard;
};
static struct bell kick, call;

static void ring(struct bell *b)
{
	const uint64_t one = 1;

	atomic_fetch_add(&b->rung, 1);
	if (atomic_load(&b->asleep) && write(b->fd, &one, sizeof(one)) != sizeof(one))
		atomic_store(&lost, true);
}

/* false: nobody rang. */
static bool sleep_on(struct bell *b)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	bool woken = true;
	uint64_t count;

	for (unsigned doze = DOZE; doze > 0 && atomic_load(&b->rung) == b->heard; doze--)
		continue;
	atomic_store(&b->asleep, true);
	if (atomic_load(&b->rung) == b->heard)
		woken = poll(&p, 1, LOST_MS) == 1 &&
			read(b->fd, &count, sizeof(count)) == sizeof(count);
	atomic_store(&b->asleep, false);
	b->heard = atomic_load(&b->rung);
	if (!woken)
		atomic_store(&lost, true);
	return woken;
}

static void *device_side(void *arg)
{
	uint32_t random = 7;
	struct chain c;

	(void)arg;
	driver_own_processor(true);
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		queue_kick_disable(q);
		while (queue_take(q, &c) == TAKE_CHAIN) {
			queue_push(q, &c, c.id + 1u);
			if (queue_publish(q))
				ring(&call);
		}
		for (uint32_t looks = chance(&random, LOOKS); looks > 0 && queue_available(q) == 0;
		     looks--)
			continue;
		if (queue_available(q) > 0 || queue_kick_enable(q))
			continue;
		atomic_fetch_add_explicit(&device_slept, 1, memory_order_relaxed);
		if (!sleep_on(&kick))
			return NULL;
	}
	return NULL;
}

/* The driver's two waits: asks, looks again behind a full fence, sleeps. false: never woken. */
static bool await_used(uint32_t *random, unsigned long *slept)
{
	for (uint32_t looks = chance(random, LOOKS);
	     looks > 0 && driver_used_index(&d) == d.used_index; looks--)
		continue;
	while (driver_used_index(&d) == d.used_index) {
		driver_ask(&d, true);
		atomic_thread_fence(memory_order_seq_cst);
		if (driver_used_index(&d) != d.used_index)
			return true;
		(*slept)++;
		if (!sleep_on(&call))
			return false;
	}
	return true;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Posts and collects until the time is over. false: a wake-up was lost, or an element is
 * another. */
static bool driver_side(unsigned long *ret_frames, unsigned long *ret_slept)
{
	uint64_t end = now_ms() + RUN_MS;
	uint32_t random = 1;
	struct driver_used u;

	for (*ret_frames = 0; *ret_frames % 64 != 0 || now_ms() < end; ++*ret_frames) {
		uint16_t old = d.avail_index;

		(void)driver_post(&d, 0x80000, 64, true);
		if (driver_wants_kick(&d, old))
			ring(&kick);
		if ((uint16_t)(d.avail_index - d.used_index) < IN_FLIGHT)
			continue;
		if (!await_used(&random, ret_slept))
			return false;
		driver_ask(&d, false);
		while (driver_collect(&d, &u))
			if (u.id != (d.used_index - 1u) % SIZE || u.len != u.id + 1)
				return false;
	}
	return true;
}

/* By event indices, and by flags; split, and packed. */
/* rule: SPLIT-21 SPLIT-24 SPLIT-25 SPLIT-32 PACKED-22 */
START_TEST(nobody_sleeps_for_ever)
{
	unsigned long frames, slept = 0;
	pthread_t device;
	bool good;

	if (_i < 2)
		begin(_i == 0, false);
	else
		begin_packed(SIZE, _i == 2, false);
	kick = (struct bell){ .fd = eventfd(0, EFD_CLOEXEC) };
	call = (struct bell){ .fd = eventfd(0, EFD_CLOEXEC) };
	atomic_store(&over, false);
	atomic_store(&device_slept, 0);
	ck_assert_int_ge(kick.fd, 0);
	ck_assert_int_ge(call.fd, 0);
	ck_assert_int_eq(pthread_create(&device, NULL, device_side, NULL), 0);
	driver_own_processor(false);
	good = driver_side(&frames, &slept);
	atomic_store(&over, true);
	ring(&kick);
	ck_assert_int_eq(pthread_join(device, NULL), 0);
	ck_assert_msg(!atomic_load(&lost), "both sides sleep after %lu frames", frames);
	ck_assert_msg(good, "used element %u is another", (unsigned)d.used_index);
	ck_assert_msg(slept > 0 && atomic_load(&device_slept) > 0,
		      "nobody ever slept in %lu frames", frames);
	(void)close(kick.fd);
	(void)close(call.fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/stress");
	TCase *tc = tcase_create("stress");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, nobody_sleeps_for_ever, 0, 4);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
