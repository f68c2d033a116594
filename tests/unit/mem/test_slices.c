/* Slices of memory: each page that one has a byte of is touched, and no other. */
#include <signal.h>
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

int main(void)
{
	Suite *s = suite_create("mem/slices");
	TCase *tc = tcase_create("slices");

	tcase_add_test(tc, pages_are_touched);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
