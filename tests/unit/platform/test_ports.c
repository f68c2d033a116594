/* The ports by which a guest ends, what a kernel probes for, and what is read where no device is.
 */
#include <check.h>
#include <stdlib.h>

#include "devices/base/err.h"
#include "devices/platform/ports.h"
#include "tests/driver/suite.h"

/* 1 January 2000, 12:34:56: a Saturday. */
static uint64_t noon(void *self)
{
	(void)self;
	return UINT64_C(946730096) * 1000000000;
}
static const struct clock at_noon = { .now_ns = noon };
static struct ports ports = { .clock = &at_noon };

static const char *const kind_name[] = { "goes on", "verdict", "panic", "reset" };

static const struct {
	const char *says;
	uint16_t port;
	uint32_t value;
	enum guest_end_kind want;
	uint32_t verdict;
} writes[] = {
	{ "a verdict of 0", 0xf4, 0, GUEST_VERDICT, 0 },
	{ "the largest verdict", 0xf4, 63, GUEST_VERDICT, 63 },
	{ "a larger one, whose low bits say success", 0xf4, 64, GUEST_VERDICT, 63 },
	{ "a verdict of one byte", 0xf4, 0xff, GUEST_VERDICT, 63 },
	{ "a verdict of four bytes", 0xf4, 0xdeadbe00, GUEST_VERDICT, 63 },
	{ "beside the port of verdicts", 0xf5, 1, GUEST_GOES_ON, 0 },
	{ "a panic", 0x505, 1, GUEST_PANIC, 0 },
	{ "a panic and a crash kernel", 0x505, 3, GUEST_PANIC, 0 },
	{ "a crash kernel was loaded", 0x505, 2, GUEST_GOES_ON, 0 },
	{ "no event", 0x505, 0, GUEST_GOES_ON, 0 },
	{ "the keyboard controller pulses reset", 0x64, 0xfe, GUEST_RESET, 0 },
	{ "the same as a word", 0x64, 0x12fe, GUEST_RESET, 0 },
	{ "another keyboard command", 0x64, 0xd1, GUEST_GOES_ON, 0 },
	{ "a keyboard byte", 0x60, 0xfe, GUEST_GOES_ON, 0 },
	{ "the reset register: a hard reset", 0xcf9, 6, GUEST_RESET, 0 },
	{ "the reset register: the processor", 0xcf9, 4, GUEST_RESET, 0 },
	{ "the reset register: getting ready for it", 0xcf9, 2, GUEST_GOES_ON, 0 },
	{ "ACPI's power off", 0x600, 0x34, GUEST_RESET, 0 },
	{ "another sleep state", 0x600, 0x24, GUEST_GOES_ON, 0 },
	{ "power off that is not begun", 0x600, 0x14, GUEST_GOES_ON, 0 },
	{ "its status is cleared", 0x601, 0x80, GUEST_GOES_ON, 0 },
	{ "PCI's address port", 0xcf8, 0x80000004, GUEST_GOES_ON, 0 },
	{ "POST codes", 0x80, 0xfe, GUEST_GOES_ON, 0 },
	{ "port 0", 0, 0xffffffff, GUEST_GOES_ON, 0 },
	{ "the last port", 0xffff, 0xffffffff, GUEST_GOES_ON, 0 },
};

START_TEST(writes_mean)
{
	struct guest_end got = port_write(&ports, writes[_i].port, writes[_i].value);

	ck_assert_msg(got.kind == writes[_i].want, "%s: got %s, want %s", writes[_i].says,
		      kind_name[got.kind], kind_name[writes[_i].want]);
	ck_assert_msg(got.kind != GUEST_VERDICT || got.value == writes[_i].verdict,
		      "%s: got %#x, want %#x", writes[_i].says, got.value, writes[_i].verdict);
}
END_TEST

/* Any other port, written with ones. */
START_TEST(no_other_port_ends_a_guest)
{
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		bool known = port == 0xf4 || port == 0x505 || port == 0xcf9;
		struct guest_end got = port_write(&ports, (uint16_t)port, UINT32_MAX);

		if (known != (got.kind != GUEST_GOES_ON))
			ck_abort_msg("port %#x: got %s", port, kind_name[got.kind]);
	}
}
END_TEST

static const struct {
	const char *says;
	uint16_t port;
	unsigned width;
	uint32_t want;
} reads[] = {
	{ "the events that a panic may tell", 0x505, 1, 3 },
	{ "the keyboard: nothing there", 0x60, 1, 0xff },
	{ "the keyboard's status: output for ever, and room for a command", 0x64, 1, 0xfd },
	{ "the same as a word", 0x64, 2, 0xfffd },
	{ "the index of CMOS is for writing", 0x70, 1, 0xff },
	{ "POST codes", 0x80, 1, 0xff },
	{ "DMA", 0x87, 1, 0xff },
	{ "a display", 0x3c0, 1, 0xff },
	{ "asleep: not woken up", 0x601, 1, 0 },
	{ "a byte of nothing", 0x2f8, 1, 0xff },
	{ "a word of nothing", 0x2f8, 2, 0xffff },
	{ "four bytes of nothing", 0xcfc, 4, 0xffffffff },
	{ "the port of verdicts is for writing", 0xf4, 1, 0xff },
	{ "the reset register likewise", 0xcf9, 1, 0xff },
	{ "port 0", 0, 4, 0xffffffff },
	{ "the last port", 0xffff, 1, 0xff },
};

START_TEST(reads_give)
{
	uint32_t got = port_read(&ports, reads[_i].port, reads[_i].width);

	ck_assert_msg(got == reads[_i].want, "%s: got %#x, want %#x", reads[_i].says, got,
		      reads[_i].want);
}
END_TEST

static uint32_t cmos(uint8_t index)
{
	ck_assert_int_eq(port_write(&ports, 0x70, index).kind, GUEST_GOES_ON);
	return port_read(&ports, 0x71, 1);
}

START_TEST(cmos_by_its_two_ports)
{
	ck_assert_uint_eq(cmos(0), 0x56);
	ck_assert_uint_eq(cmos(4), 0x12);
	ck_assert_msg(cmos(0x80 | 2) == 0x34, "the highest bit is no part of the index");
	ck_assert_int_eq(port_write(&ports, 0x71, 0x99).kind, GUEST_GOES_ON);
	ck_assert_msg(port_read(&ports, 0x71, 1) == 0x34, "it was set");
	ck_assert_uint_eq(port_read(&ports, 0x71, 4), 0xffffff34);
}
END_TEST

/* As Linux 6.1 does: what it takes for a controller it asks for thousands of times. */
START_TEST(a_probe_for_a_keyboard_gives_up_and_a_reset_does_not_wait)
{
	unsigned bytes = 0;

	while ((port_read(&ports, 0x64, 1) & 1) != 0 && bytes++ < 16)
		(void)port_read(&ports, 0x60, 1);
	ck_assert_msg(bytes > 16, "its output ran dry after %u bytes: it is there", bytes);
	ck_assert_msg((port_read(&ports, 0x64, 1) & 2) == 0, "no room for the command");
	ck_assert_int_eq(port_write(&ports, 0x64, 0xfe).kind, GUEST_RESET);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform/ports");
	TCase *tc = tcase_create("ports");

	tcase_add_loop_test(tc, writes_mean, 0, (int)ARRAY_LEN(writes));
	tcase_add_test(tc, no_other_port_ends_a_guest);
	tcase_add_loop_test(tc, reads_give, 0, (int)ARRAY_LEN(reads));
	tcase_add_test(tc, cmos_by_its_two_ports);
	tcase_add_test(tc, a_probe_for_a_keyboard_gives_up_and_a_reset_does_not_wait);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
