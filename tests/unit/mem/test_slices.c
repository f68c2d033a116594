/* Slices of memory: each page that one has a byte of is touched, and no other; cut and skipped,
 * what comes is all that is there, in order. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/base/err.h"
#include "devices/mem/slices.h"
#include "tests/driver/suite.h"

enum { PAGES = 5 };

static uint8_t *map;
static uintptr_t page;
static volatile sig_atomic_t touched[PAGES];

static void on_fault(int number, siginfo_t *info, void *context)
{
	uintptr_t at = ((uintptr_t)info->si_addr - (uintptr_t)map) / page;

	(void)context;
	if (at >= PAGES || mprotect(map + at * page, page, PROT_READ) < 0)
		(void)signal(number, SIG_DFL);
	else
		touched[at] = 1;
}

START_TEST(pages_are_touched)
{
	const struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	static const bool want[PAGES] = { true, true, true, false, true };

	page = (uintptr_t)sysconf(_SC_PAGESIZE);
	map = mmap(NULL, PAGES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	ck_assert_int_eq(sigaction(SIGSEGV, &a, NULL), 0);
	slices_touch(
		(struct iovec[]){
			{ map + page - 1, 1 },    /* a last byte */
			{ map + page + 7, page }, /* over a border, to a first byte */
			{ map + 3 * page, 0 },
			{ map + 4 * page, page },
		},
		4);
	for (unsigned i = 0; i < PAGES; i++)
		ck_assert_msg((touched[i] != 0) == want[i], "page %u", i);
	ck_assert(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	ck_assert_int_eq(munmap(map, PAGES * page), 0);
}
END_TEST

/* Ways of cutting and skipping, by chance: the bytes are counted, so each slice that is cut says
 * where it is. */
START_TEST(cut_and_skipped)
{
	enum { BYTES = 100, SLICES = 6 };
	static uint8_t bytes[BYTES];
	static const struct iovec iov[SLICES] = { { bytes, 0 },       { bytes, 30 },
						  { bytes + 30, 0 },  { bytes + 30, 1 },
						  { bytes + 31, 69 }, { bytes + BYTES, 0 } };

	for (unsigned round = 0; round < 2000; round++) {
		struct slices_at at = { iov, SLICES, 0 };
		uint64_t done = 0;

		while (done < BYTES) {
			struct iovec cut[3];
			uint64_t most = (uint64_t)rand() % 120, step = 0;
			int max = rand() % 3 + 1, count = slices_cut(&at, most, cut, max);

			for (int i = 0; i < count; i++) {
				ck_assert_ptr_eq(cut[i].iov_base, bytes + done + step);
				step += cut[i].iov_len;
			}
			ck_assert_uint_le(step, most);
			ck_assert_msg(step == most || count == max || done + step == BYTES,
				      "cut %llu of %llu bytes at %llu", (unsigned long long)step,
				      (unsigned long long)most, (unsigned long long)done);
			step = step > 0 ? (uint64_t)rand() % step + 1 : 0;
			slices_skip(&at, step);
			done += step;
		}
		ck_assert_int_eq(slices_cut(&at, 1, &(struct iovec){ 0 }, 1), 0);
		slices_skip(&at, 5); /* past the end */
		ck_assert_int_eq(slices_cut(&at, 1, &(struct iovec){ 0 }, 1), 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mem/slices");
	TCase *tc = tcase_create("slices");

	tcase_add_test(tc, pages_are_touched);
	tcase_add_test(tc, cut_and_skipped);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
