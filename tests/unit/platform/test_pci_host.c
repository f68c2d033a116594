/* One PCI bus: both ways to configuration space at every width and alignment, and which BAR answers
 * where. */
#include <check.h>
#include <string.h>

#include "devices/base/log.h"
#include "devices/platform/pci_host.h"
#include "tests/driver/suite.h"

enum {
	WINDOW = 0x100000,
	A = 2, /* slots */
	B = 31,
};
#define LOW UINT64_C(0x80000000)
#define HIGH (UINT64_C(1) << 40)

/* A function that is 4 KiB of bytes, and notes what its BARs were asked. */
static struct toy {
	uint8_t config[4096];
	unsigned bar, width, accesses;
	uint64_t offset, value;
} a, b;
static struct pci_host *host;
static struct moved {
	unsigned slot, bar;
	uint64_t at;
	bool mapped;
} moves[64];
static unsigned move_count;

static void config_read(void *self, uint32_t offset, void *ret_bytes, unsigned width)
{
	if (offset + width > sizeof(a.config))
		ck_abort_msg("a read of %u at %#x", width, offset);
	memcpy(ret_bytes, ((struct toy *)self)->config + offset, width);
}
static void config_write(void *self, uint32_t offset, const void *bytes, unsigned width)
{
	ck_assert_uint_le(offset + width, sizeof(a.config));
	memcpy(((struct toy *)self)->config + offset, bytes, width);
}
static void bar_read(void *self, unsigned bar, uint64_t offset, void *ret_bytes, unsigned width)
{
	struct toy *t = self;

	t->bar = bar, t->offset = offset, t->width = width, t->accesses++;
	memset(ret_bytes, 0x5a, width);
}
static void bar_write(void *self, unsigned bar, uint64_t offset, const void *bytes, unsigned width)
{
	struct toy *t = self;

	t->bar = bar, t->offset = offset, t->width = width, t->accesses++;
	t->value = 0;
	memcpy(&t->value, bytes, width);
}
static const struct pci_function toy = { config_read, config_write, bar_read, bar_write };

static void moved(void *self, unsigned slot, unsigned bar, uint64_t at, bool mapped)
{
	ck_assert_ptr_eq(self, &a);
	ck_assert_uint_lt(move_count, ARRAY_LEN(moves));
	moves[move_count++] = (struct moved){ slot, bar, at, mapped };
}

static void setup(void)
{
	const struct pci_host_config config = { .window = { { LOW, WINDOW }, { HIGH, WINDOW } },
						.moved = moved,
						.self = &a };

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	move_count = 0;
	for (unsigned i = 0; i < sizeof(a.config); i++) {
		a.config[i] = (uint8_t)(i * 7 + (i >> 8));
		b.config[i] = (uint8_t)~a.config[i];
	}
	ck_assert(!err_is(pci_host_create(&config, &host)));
	pci_host_plug(host, A, &toy, &a);
	pci_host_plug(host, B, &toy, &b);
}

static void teardown(void) { pci_host_destroy(host); }

/* Every byte of the bus at every width: the function's bytes, or ones. */
START_TEST(ecam_reads)
{
	static const unsigned widths[] = { 1, 2, 3, 4, 8 };

	for (uint32_t offset = 0; offset < PCI_HOST_ECAM + 64; offset++) {
		unsigned slot = offset >> 15, reg = offset & 0xfff, width = widths[offset % 5];
		const struct toy *t = slot == A ? &a : slot == B ? &b : NULL;
		bool there = t != NULL && (offset & 0x7000) == 0 && reg + width <= 4096 &&
			     offset < PCI_HOST_ECAM;
		uint8_t got[8], ones[8];

		if (slot == 0 && (offset & 0x7000) == 0)
			continue; /* the bridge */
		memset(got, 0x11, sizeof(got));
		memset(ones, 0xff, sizeof(ones));
		pci_host_config_read(host, offset, got, width);
		if (memcmp(got, there ? t->config + reg : ones, width) != 0 ||
		    (width < 8 && got[width] != 0x11))
			ck_abort_msg("offset %#x width %u", offset, width);
	}
}
END_TEST

START_TEST(ecam_writes)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct toy before = a;

	for (unsigned width = 1; width <= 8; width++) {
		for (uint32_t reg = 0x40; reg < 0x50; reg++) {
			pci_host_config_write(host, A << 15 | reg, bytes, width);
			memcpy(before.config + reg, bytes, width);
			ck_assert_msg(memcmp(a.config, before.config, sizeof(a.config)) == 0,
				      "register %#x width %u", reg, width);
		}
	}
	pci_host_config_write(host, A << 15 | 0xffd, bytes, 4);
	pci_host_config_write(host, A << 15 | 1 << 12, bytes, 4);
	pci_host_config_write(host, (A + 1) << 15, bytes, 4);
	pci_host_config_write(host, PCI_HOST_ECAM, bytes, 4);
	pci_host_config_write(host, UINT32_MAX, bytes, 8);
	pci_host_config_write(host, 0, bytes, 4);
	ck_assert(memcmp(a.config, before.config, sizeof(a.config)) == 0);
}
END_TEST

static void out(uint16_t port, unsigned width, uint32_t value)
{
	const uint8_t v[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			       (uint8_t)(value >> 24) };

	pci_host_port_write(host, port, v, width);
}

static uint32_t in(uint16_t port, unsigned width)
{
	uint8_t v[4] = { 0 };

	pci_host_port_read(host, port, v, width);
	return (uint32_t)v[0] | (uint32_t)v[1] << 8 | (uint32_t)v[2] << 16 | (uint32_t)v[3] << 24;
}

static uint32_t ones(unsigned width) { return (uint32_t)(UINT64_MAX >> (64 - 8 * width)); }

/* Every width at each of the four data ports. */
START_TEST(port_data)
{
	for (unsigned reg = 0; reg < 256; reg += 4) {
		out(0xcf8, 4, 0x80000000u | A << 11 | reg);
		for (unsigned port = 0; port < 4; port++) {
			for (unsigned width = 1; width <= 4; width *= 2) {
				uint32_t want = 0;

				for (unsigned i = 0; i < width; i++)
					want |= (uint32_t)a.config[reg + port + i] << 8 * i;
				if (port + width > 4)
					want = ones(width);
				ck_assert_msg(in((uint16_t)(0xcfc + port), width) == want,
					      "register %#x port %u width %u", reg, port, width);
			}
		}
	}
	out(0xcf8, 4, 0x80000000u | B << 11 | 0x10);
	out(0xcfe, 2, 0xbeef);
	ck_assert_uint_eq(b.config[0x12], 0xef);
	ck_assert_uint_eq(b.config[0x13], 0xbe);
	out(0xcff, 1, 0x77);
	ck_assert_uint_eq(b.config[0x13], 0x77);
	out(0xcfe, 4, 0);
	ck_assert_msg(b.config[0x12] == 0xef, "a write that leaves the port");
}
END_TEST

/* What the address says that reaches no function. */
static const struct {
	const char *says;
	uint32_t address;
} absent[] = {
	{ "not enabled", A << 11 },
	{ "another bus", 0x80010000u | A << 11 },
	{ "the last bus", 0x80ff0000u | A << 11 },
	{ "another function", 0x80000100u | A << 11 },
	{ "the last function", 0x80000700u | A << 11 },
	{ "an empty slot", 0x80000000u | (A + 1) << 11 },
};

START_TEST(port_address_of_nothing)
{
	out(0xcf8, 4, absent[_i].address);
	ck_assert_msg(in(0xcfc, 4) == UINT32_MAX, "%s: got %#x", absent[_i].says, in(0xcfc, 4));
	out(0xcfc, 4, 0);
	ck_assert_uint_eq(a.config[1], 7);
}
END_TEST

/* The register has 32 bits, or it is not written; 0xcf9 is somebody else's. */
START_TEST(port_address)
{
	out(0xcf8, 4, 0xffffffff);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80fffffc);
	for (unsigned port = 0; port < 4; port++) {
		for (unsigned width = 1; width <= 4; width *= 2) {
			if (port == 0 && width == 4)
				continue;
			out((uint16_t)(0xcf8 + port), width, 0);
			ck_assert_uint_eq(in((uint16_t)(0xcf8 + port), width), ones(width));
		}
	}
	ck_assert_uint_eq(in(0xcf8, 4), 0x80fffffc);
	out(0xcf8, 4, 0x80000000);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80000000);
}
END_TEST

/* What drivers look for: a host bridge in slot 0, with nothing else in it. */
START_TEST(the_bridge)
{
	out(0xcf8, 4, 0x80000000);
	ck_assert_uint_eq(in(0xcfc, 4), 0x00081b36);
	out(0xcf8, 4, 0x80000008);
	ck_assert_uint_eq(in(0xcfc, 4), 0x06000000);
	out(0xcfc, 4, 0xffffffff);
	for (unsigned reg = 12; reg < 256; reg += 4) {
		out(0xcf8, 4, 0x80000000 | reg);
		out(0xcfc, 4, 0xffffffff);
		ck_assert_uint_eq(in(0xcfc, 4), 0);
	}
}
END_TEST

static bool answers(uint64_t gpa, const struct toy *who, unsigned bar, uint64_t offset)
{
	uint8_t got[2] = { 0 };
	unsigned before = who->accesses;
	bool there = pci_host_read(host, gpa, got, 2);

	ck_assert_uint_eq(got[0], there ? 0x5a : 0xff);
	return there && who->accesses == before + 1 && who->bar == bar && who->offset == offset &&
	       who->width == 2;
}

static bool nobody(uint64_t gpa)
{
	uint8_t got[8] = { 0 };

	return !pci_host_read(host, gpa, got, 8) && got[0] == 0xff && got[7] == 0xff &&
	       !pci_host_write(host, gpa, got, 8);
}

START_TEST(a_bar_answers_where_it_is)
{
	const uint8_t bytes[4] = { 0xef, 0xbe, 0xad, 0xde };

	ck_assert(nobody(LOW));
	pci_host_place(host, A, 0, LOW + 0x1000, 0x2000);
	pci_host_place(host, B, 5, HIGH, WINDOW);
	ck_assert(nobody(LOW + 0xfff));
	ck_assert(answers(LOW + 0x1000, &a, 0, 0));
	ck_assert(answers(LOW + 0x2fff, &a, 0, 0x1fff));
	ck_assert(nobody(LOW + 0x3000));
	ck_assert(answers(HIGH + WINDOW - 2, &b, 5, WINDOW - 2));
	ck_assert(nobody(HIGH + WINDOW));
	ck_assert(nobody(UINT64_MAX));
	ck_assert(pci_host_write(host, LOW + 0x1004, bytes, 4));
	ck_assert_uint_eq(a.value, 0xdeadbeef);
	ck_assert_uint_eq(a.offset, 4);
	pci_host_place(host, A, 0, LOW + 0x8000, 0x2000);
	ck_assert(nobody(LOW + 0x1000));
	ck_assert(answers(LOW + 0x8000, &a, 0, 0));
	pci_host_place(host, A, 0, 0, 0);
	ck_assert(nobody(LOW + 0x8000));
	ck_assert_uint_eq(move_count, 5);
	ck_assert(moves[2].slot == A && moves[2].bar == 0 && moves[2].at == LOW + 0x1000 &&
		  !moves[2].mapped);
	ck_assert(moves[3].at == LOW + 0x8000 && moves[3].mapped);
	ck_assert(moves[4].at == LOW + 0x8000 && !moves[4].mapped);
}
END_TEST

/* Where no BAR may be. */
static const struct {
	const char *says;
	uint64_t at, size;
} bad[] = {
	{ "RAM at 0", 0, 0x1000 },
	{ "before the window", LOW - 0x1000, 0x1000 },
	{ "half before the window", LOW - 0x1000, 0x2000 },
	{ "half behind it", LOW + WINDOW - 0x1000, 0x2000 },
	{ "behind it", LOW + WINDOW, 0x1000 },
	{ "over all of it", 0, UINT64_MAX },
	{ "the end of the address space", UINT64_MAX - 0xfff, 0x1000 },
	{ "beyond that end", UINT64_MAX - 0xfff, 0x2000 },
	{ "more than the window", LOW, WINDOW + 1 },
};

START_TEST(outside_the_windows_nothing_answers)
{
	pci_host_place(host, A, 0, bad[_i].at, bad[_i].size);
	ck_assert_msg(move_count == 0, "%s: mapped", bad[_i].says);
	ck_assert(nobody(bad[_i].at));
	pci_host_place(host, A, 0, LOW, 0x1000);
	ck_assert(answers(LOW, &a, 0, 0));
}
END_TEST

/* Who was there first stays; who found no room gets it when it is free. */
START_TEST(bars_on_each_other)
{
	pci_host_place(host, B, 1, LOW, 0x2000);
	pci_host_place(host, A, 0, LOW + 0x1000, 0x2000);
	pci_host_place(host, B, 2, LOW + 0x1fff, 1);
	ck_assert(answers(LOW + 0x1000, &b, 1, 0x1000));
	ck_assert(nobody(LOW + 0x2000));
	ck_assert_uint_eq(move_count, 1);
	pci_host_place(host, B, 1, LOW + 0x4000, 0x2000);
	ck_assert(answers(LOW + 0x1000, &a, 0, 0));
	ck_assert(answers(LOW + 0x4000, &b, 1, 0));
	ck_assert_msg(move_count == 4, "the third of them is on the second now");
	/* Two that change places, one after the other. */
	pci_host_place(host, A, 0, LOW + 0x4000, 0x2000);
	ck_assert(answers(LOW + 0x4000, &b, 1, 0));
	pci_host_place(host, B, 1, LOW + 0x1000, 0x2000);
	ck_assert(answers(LOW + 0x4000, &a, 0, 0));
	ck_assert_msg(answers(LOW + 0x1fff, &b, 2, 0), "it found room when the second left");
	pci_host_place(host, B, 2, 0, 0);
	ck_assert(answers(LOW + 0x1000, &b, 1, 0));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("platform/pci_host");
	TCase *tc = tcase_create("pci_host");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ecam_reads);
	tcase_add_test(tc, ecam_writes);
	tcase_add_test(tc, port_data);
	tcase_add_loop_test(tc, port_address_of_nothing, 0, (int)ARRAY_LEN(absent));
	tcase_add_test(tc, port_address);
	tcase_add_test(tc, the_bridge);
	tcase_add_test(tc, a_bar_answers_where_it_is);
	tcase_add_loop_test(tc, outside_the_windows_nothing_answers, 0, (int)ARRAY_LEN(bad));
	tcase_add_test(tc, bars_on_each_other);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
