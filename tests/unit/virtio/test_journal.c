/* A process that is killed after any of its stores, and the next one on what it left, or the one
 * after that, if it is killed as it starts: the driver gets each chain back once, in order. Who is
 * killed is a child that goes step by step, and whatever it leaves in shared memory after a step is
 * a moment for the next. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/virtio/ring.h"

enum { CHAINS = 3, SLOTS = 6, RINGS = 0x1000, MOMENTS_MAX = 200, BUFFER = 0x80000 };

static const struct driver_buffer parts[SLOTS] = {
	{ BUFFER, 10, true },          { BUFFER + 0x100, 20, true }, { BUFFER + 0x200, 30, true },
	{ BUFFER + 0x300, 400, true }, { BUFFER + 0x400, 50, true }, { BUFFER + 0x500, 60, true },
};
static const unsigned lengths[CHAINS] = { 2, 1, 3 };

struct left {
	uint8_t rings[RINGS];
	_Alignas(uint64_t) uint8_t
		journal[sizeof(struct queue_journal) + SIZE * sizeof(struct queue_journal_entry)];
};
static struct {
	struct left *now;
	struct queue_config config;
	struct chain chain[CHAINS];
	struct left moment[MOMENTS_MAX];
	unsigned moments;
	struct queue *next; /* who is killed as it starts */
} w;

static void world_make(void)
{
	const int shared = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED;

	setup();
	w.now = mmap(m.map[0], 2 * RINGS, PROT_READ | PROT_WRITE, shared, -1, 0);
	ck_assert_ptr_eq(w.now, m.map[0]);
	w.next = queue_create();
}

static void world_end(void)
{
	queue_destroy(w.next);
	teardown();
}

/* A queue whose next slot is the first-th, counted from its start; three chains of it are taken. */
static void begin_at(bool packed, unsigned first)
{
	const struct driver_buffer *at = parts;
	struct driver_used u;
	struct chain c;

	if (packed)
		driver_packed_init(&d, &m, SIZE, false);
	else
		driver_queue_init(&d, &m, SIZE, false);
	w.config = driver_config(&d, false);
	/* So that there is no memory to be had step by step. */
	ck_assert(queue_start(w.next, m.mem, &w.config, (struct queue_state){ 0 }));
	(void)queue_stop(w.next);
	w.config.journal = (struct queue_journal *)(void *)w.now->journal;
	ck_assert(queue_start(q, m.mem, &w.config, (struct queue_state){ 0 }));
	for (unsigned i = 0; i < first; i++) {
		(void)driver_post(&d, BUFFER, 5, true);
		ck_assert_int_eq(queue_take(q, &c), TAKE_CHAIN);
		queue_push(q, &c, 5);
		publish();
		ck_assert(driver_collect(&d, &u));
	}
	for (unsigned i = 0; i < CHAINS; at += lengths[i++])
		(void)driver_post_chain(&d, at, lengths[i]);
	for (unsigned i = 0; i < CHAINS; i++)
		ck_assert_int_eq(queue_take(q, &w.chain[i]), TAKE_CHAIN);
}

static void use_all(struct queue *by)
{
	bool wants;

	for (unsigned i = 0; i < CHAINS; i++)
		queue_push(by, &w.chain[i], i == 1 ? 0 : 7);
	wants = queue_publish(by);
	(void)wants;
}

static void remember(void)
{
	if (w.moments > 0 && memcmp(w.now, &w.moment[w.moments - 1], sizeof(*w.now)) == 0)
		return;
	ck_assert_uint_lt(w.moments, MOMENTS_MAX);
	w.moment[w.moments++] = *w.now;
}

static void use_all_that_is_taken(void) { use_all(q); }

static const struct queue_state any_state = { .index = 5, .restored = true };

static void start_again(void) { (void)queue_start(w.next, m.mem, &w.config, any_state); }

/* Between its two stops the child goes step by step. false: a process cannot be watched so here. */
static bool watch(void (*act)(void))
{
	pid_t child = fork();
	unsigned stops = 0;
	int status;

	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		(void)raise(SIGSTOP);
		act();
		(void)raise(SIGSTOP);
		_exit(0);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		remember();
		stops += WSTOPSIG(status) == SIGSTOP;
		ck_assert(ptrace(stops < 2 ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, NULL) ==
			  0);
	}
	return status == 0;
}

/* The next process: what the driver has seen is not taken, all else is. */
static void go_on(const struct left *left)
{
	const struct driver_queue before = d;
	struct queue *next = queue_create();
	struct driver_used u;
	struct chain c;
	uint16_t id;
	bool seen, wants;

	*w.now = *left;
	seen = driver_used_index(&d) != d.used_index;
	ck_assert(queue_start(next, m.mem, &w.config, any_state));
	for (unsigned i = 0; i < CHAINS && !seen; i++) {
		ck_assert_int_eq(queue_take(next, &c), TAKE_CHAIN);
		ck_assert_uint_eq(c.id, w.chain[i].id);
		ck_assert_uint_eq(c.writable_bytes, w.chain[i].writable_bytes);
		ck_assert_uint_eq(c.descriptors, lengths[i]);
	}
	ck_assert_int_eq(queue_take(next, &c), TAKE_EMPTY);
	if (!seen)
		use_all(next);
	for (unsigned i = 0; i < CHAINS; i++)
		ck_assert(driver_collect(&d, &u) && u.id == w.chain[i].id);
	id = driver_post(&d, BUFFER, 5, true);
	ck_assert_int_eq(queue_take(next, &c), TAKE_CHAIN);
	queue_push(next, &c, 5);
	wants = queue_publish(next);
	(void)wants;
	ck_assert(driver_collect(&d, &u) && u.id == id && u.len == 5);
	(void)queue_stop(next);
	queue_destroy(next);
	d = before;
}

/* On what is left just before the driver sees any of it, and just after. */
static void kill_the_next(void)
{
	unsigned i = w.moments;

	do
		*w.now = w.moment[--i];
	while (driver_used_index(&d) != d.used_index);
	ck_assert(watch(start_again));
	*w.now = w.moment[i + 1];
	ck_assert(watch(start_again));
}

START_TEST(killed_at_any_moment)
{
	w.moments = 0;
	begin_at(_i % 2 == 1, (unsigned)_i / 2);
	if (!watch(use_all_that_is_taken)) {
		(void)printf("skip: no process can be watched step by step here\n");
	} else {
		ck_assert_uint_gt(w.moments, CHAINS);
		if (_i / 2 % 3 == 0) /* of some places: it is as long as all the rest */
			kill_the_next();
		for (unsigned i = 0; i < w.moments; i++)
			go_on(&w.moment[i]);
	}
	use_all(q);
	(void)queue_stop(q);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("virtio/journal");
	TCase *tc = tcase_create("journal");

	tcase_add_checked_fixture(tc, world_make, world_end);
	/* Split and packed, from each slot of two rounds. */
	tcase_add_loop_test(tc, killed_at_any_moment, 0, 2 * 2 * SIZE);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
