/* The register file of virtio-mmio, driven as a driver would: what each place shows, accepts and
 * refuses. */
#include "tests/driver/suite.h"
#include "tests/unit/transport/mmio.h"

/* What a fresh device shows at each readable offset. */
/* clang-format off */
static const struct { const char *says; uint32_t offset, want; } fresh[] = {
	{ "MagicValue", 0x000, 0x74726976 }, { "Version", 0x004, 2 }, { "DeviceID", 0x008, 1 },
	{ "QueueSizeMax of queue 0", 0x034, SIZE_MAX_HERE }, { "QueueReady", 0x044, 0 },
	{ "InterruptStatus", 0x060, 0 }, { "Status", 0x070, 0 },
	{ "SHMLenLow without regions", 0x0b0, 0xffffffff }, { "SHMLenHigh", 0x0b4, 0xffffffff },
	{ "SHMBaseLow", 0x0b8, 0xffffffff }, { "SHMBaseHigh", 0x0bc, 0xffffffff },
	{ "QueueReset without RING_RESET", 0x0c0, 0 },
};
/* clang-format on */

/* rule: MMIO-01 MMIO-02 MMIO-20 */
START_TEST(fresh_device_shows)
{
	ck_assert_msg(rd(fresh[_i].offset) == fresh[_i].want, "%s: got %#x, want %#x",
		      fresh[_i].says, rd(fresh[_i].offset), fresh[_i].want);
}
END_TEST

static bool readable(uint32_t offset)
{
	for (unsigned i = 0; i < ARRAY_LEN(fresh); i++)
		if (fresh[i].offset == offset)
			return true;
	return offset == 0x00c || offset == 0x010 || offset == 0x0fc;
}

/* Everything that is not an aligned 32-bit read of a readable register. */
/* rule: MMIO-21 MMIO-22 */
START_TEST(other_reads_give_zero_and_are_counted)
{
	static const unsigned widths[] = { 1, 2, 4, 8 };

	for (uint32_t offset = 0; offset < 0x100; offset++) {
		for (unsigned i = 0; i < 4; i++) {
			uint8_t b[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
			uint64_t before = faults(DEVICE_FAULT_ACCESS);

			if (widths[i] == 4 && readable(offset))
				continue;
			mmio_read(mmio, offset, b, widths[i]);
			for (unsigned k = 0; k < widths[i]; k++)
				ck_assert_msg(b[k] == 0, "offset %#x width %u", offset, widths[i]);
			ck_assert_msg(faults(DEVICE_FAULT_ACCESS) == before + 1,
				      "offset %#x width %u was not counted", offset, widths[i]);
		}
	}
}
END_TEST

/* rule: MMIO-21 MMIO-22 */
START_TEST(writes_of_other_widths_and_places_change_nothing)
{
	static const uint8_t ones[8] = { 1, 0, 0, 0, 0, 0, 0, 0 };
	static const uint32_t not_writable[] = { 0x000, 0x004, 0x008, 0x00c, 0x010, 0x028, 0x034,
						 0x03c, 0x040, 0x060, 0x0b0, 0x0bc, 0x0fc };
	uint64_t written = 0;

	for (uint32_t offset = 0; offset < 0x100; offset++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			if (width == 4 && (offset & 3) == 0)
				continue;
			mmio_write(mmio, offset, ones, width);
			ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), ++written);
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(not_writable); i++) {
		mmio_write(mmio, not_writable[i], ones, 4);
		ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), ++written);
	}
	ck_assert_uint_eq(rd(0x070), 0);
	ck_assert_uint_eq(rd(0x044), 0);
	ck_assert_uint_eq(w.resets, 0);
}
END_TEST

/* Feature words by selector, 0 beyond the last. */
/* rule: MMIO-03 */
START_TEST(feature_words)
{
	/* clang-format off */
	static const struct { uint32_t select, want; } words[] = {
		{ 0, 1u | 1u << FORBIDDEN_BIT | 1u << VIRTIO_RING_F_EVENT_IDX }, { 1, 1 }, { 2, 0 },
		{ 3, 0 }, { 4, 0 }, { 0x80000000, 0 }, { 0xffffffff, 0 },
	};
	/* clang-format on */

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		wr(0x014, words[i].select);
		ck_assert_msg(rd(0x010) == words[i].want, "word %#x: got %#x", words[i].select,
			      rd(0x010));
	}
}
END_TEST

/* What FEATURES_OK refuses. */
static const struct {
	const char *says;
	uint32_t select, word;
	uint32_t low, high;
	bool want;
} acks[] = {
	{ "a plain set", 0, 1, 1, 1, true },
	{ "VERSION_1 alone", 0, 0, 0, 1, true },
	{ "without VERSION_1", 0, 1, 1, 0, false },
	{ "a bit that was not offered", 0, 2, 2, 1, false },
	{ "a combination that the kind forbids", 0, 0x21, 0x21, 1, false },
	{ "a bit of word 2", 2, 1, 1, 1, false },
	{ "a bit of word 4, which no device has", 4, 1, 1, 1, false },
	{ "a bit of the last word", 0xffffffff, 1, 1, 1, false },
};

/* rule: CORE-14 CORE-15 MMIO-04 */
START_TEST(features_ok_sticks)
{
	wr(0x070, 1), wr(0x070, 3);
	wr(0x024, 0), wr(0x020, acks[_i].low);
	wr(0x024, 1), wr(0x020, acks[_i].high);
	wr(0x024, acks[_i].select), wr(0x020, acks[_i].word);
	wr(0x070, 0xb);
	ck_assert_msg((rd(0x070) == 0xb) == acks[_i].want, "%s: status %#x", acks[_i].says,
		      rd(0x070));
	ck_assert_uint_eq(faults(DEVICE_FAULT_FEATURES), acks[_i].want ? 0 : 1);
	/* CORE-14: a good set is accepted after a reset. */
	accept(1, 1);
	ck_assert_uint_eq(rd(0x070), 0xb);
}
END_TEST

/* Status writes that are not obeyed. */
static const struct {
	const char *says;
	uint32_t before, write, want;
	uint64_t counted;
} steps[] = {
	{ "DRIVER_OK taken back to 4 alone", 0xb, 0x4, 0xb, 1 },
	{ "ACKNOWLEDGE taken back", 0x3, 0x2, 0x3, 1 },
	{ "DRIVER_OK before FEATURES_OK", 0x3, 0x7, 0x3, 1 },
	{ "FEATURES_OK before DRIVER", 0x1, 0x9, 0x1, 0 },
	{ "SUSPEND, which is not offered", 0xb, 0x1b, 0xb, 1 },
	{ "bit 5, which does not exist", 0xb, 0x2b, 0xb, 1 },
	{ "a bit past the byte", 0xb, 0x10b, 0xb, 1 },
	{ "DEVICE_NEEDS_RESET, which is ours", 0xb, 0x4b, 0xb, 0 },
	{ "the same again", 0xb, 0xb, 0xb, 0 },
	{ "FAILED", 0xb, 0x8b, 0x8b, 0 },
};

/* rule: CORE-01 CORE-05 CORE-06 CORE-08 CORE-32 */
START_TEST(status_writes)
{
	wr(0x024, 1), wr(0x020, 1);
	if (steps[_i].before & 1)
		wr(0x070, 1);
	if (steps[_i].before & 2)
		wr(0x070, 3);
	if (steps[_i].before & 8)
		wr(0x070, 0xb);
	ck_assert_uint_eq(rd(0x070), steps[_i].before);
	wr(0x070, steps[_i].write);
	ck_assert_msg(rd(0x070) == steps[_i].want, "%s: got %#x, want %#x", steps[_i].says,
		      rd(0x070), steps[_i].want);
	ck_assert_msg(faults(DEVICE_FAULT_STATUS) == steps[_i].counted, "%s: counted %lu",
		      steps[_i].says, (unsigned long)faults(DEVICE_FAULT_STATUS));
}
END_TEST

/* The set is frozen. */
/* rule: CORE-09 */
START_TEST(features_after_features_ok_are_ignored)
{
	accept(1, 1);
	wr(0x024, 0), wr(0x020, 0);
	ck_assert_uint_eq(faults(DEVICE_FAULT_FEATURES_LATE), 1);
	ck_assert(features_has(device_accepted(w.device), 0));
}
END_TEST

/* What QueueReady refuses. */
static const struct {
	const char *says;
	uint32_t index, size;
	uint64_t desc, driver, device;
	bool want;
} rings[] = {
	{ "a good queue", 0, 64, 0x10000, 0x14000, 0x18000, true },
	{ "the largest size", 0, 256, 0x10000, 0x14000, 0x18000, true },
	{ "size 0", 0, 0, 0x10000, 0x14000, 0x18000, false },
	{ "size 3", 0, 3, 0x10000, 0x14000, 0x18000, false },
	{ "above the maximum", 0, 512, 0x10000, 0x14000, 0x18000, false },
	{ "size 2^31", 0, 0x80000000, 0x10000, 0x14000, 0x18000, false },
	{ "table not aligned to 16", 0, 64, 0x10008, 0x14000, 0x18000, false },
	{ "available ring not aligned to 2", 0, 64, 0x10000, 0x14001, 0x18000, false },
	{ "used ring not aligned to 4", 0, 64, 0x10000, 0x14000, 0x18002, false },
	{ "table that ends past memory", 0, 64, MEMORY - 1008, 0x14000, 0x18000, false },
	{ "table that ends with memory", 0, 64, MEMORY - 1024, 0x14000, 0x18000, true },
	{ "used ring past memory", 0, 64, 0x10000, 0x14000, MEMORY, false },
	{ "address that wraps", 0, 64, 0xfffffffffffffff0, 0x14000, 0x18000, false },
	{ "a queue that does not exist", QUEUES, 64, 0x10000, 0x14000, 0x18000, false },
	{ "queue 2^31", 0x80000000, 64, 0x10000, 0x14000, 0x18000, false },
	{ "queue 2^32 - 1", 0xffffffff, 64, 0x10000, 0x14000, 0x18000, false },
};

/* rule: MMIO-05 MMIO-06 MMIO-08 SPLIT-01 SPLIT-02 */
START_TEST(queue_ready)
{
	accept(1, 1);
	set_queue(rings[_i].index, rings[_i].size, rings[_i].desc, rings[_i].driver,
		  rings[_i].device);
	ck_assert_msg((rd(0x044) == 1) == rings[_i].want, "%s: QueueReady %u", rings[_i].says,
		      rd(0x044));
	if (rings[_i].index >= QUEUES)
		ck_assert_uint_eq(rd(0x034), 0);
	else
		ck_assert_uint_eq(faults(DEVICE_FAULT_QUEUE), rings[_i].want ? 0 : 1);
	/* and it can be set up rightly afterwards */
	wr(0x030, 0), wr(0x044, 0);
	set_queue(0, 64, 0x10000, 0x14000, 0x18000);
	ck_assert_uint_eq(rd(0x044), 1);
}
END_TEST

/* Above 4 GiB, by two halves in either order, the last word of each counts; taken at QueueReady. */
/* rule: MMIO-10 */
START_TEST(ring_addresses_by_halves)
{
	static const uint32_t regs[] = { 0x080, 0x090, 0x0a0 };
	const struct mem_region high = {
		.gpa = UINT64_C(5) << 32, .size = MEMORY, .host = w.ram, .fd = -1
	};
	uint32_t first = _i == 0 ? 0 : 4;

	ck_assert(!err_is(guest_mem_replace(w.mem, &high, 1)));
	memset(w.ram, 0xee, MEMORY);
	accept(1, 1);
	wr(0x030, 0), wr(0x038, 64);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t at = high.gpa + 0x10000 * (i + 1);

		wr(regs[i], 0xfffffff0), wr(regs[i] + 4, 0xffffffff);
		wr(regs[i] + first, (uint32_t)(at >> 8 * first));
		wr(regs[i] + (first ^ 4), (uint32_t)(at >> 8 * (first ^ 4)));
	}
	wr(0x044, 1);
	ck_assert_uint_eq(rd(0x044), 1);
	wr(0x070, 0xf);
	ck_assert_msg(w.ram[0x30000] == 0, "the used ring is somewhere else");
}
END_TEST

/* Registers of a ready queue. */
/* rule: MMIO-09 */
START_TEST(a_ready_queue_cannot_be_changed)
{
	live();
	wr(0x030, 0);
	wr(0x038, 0), wr(0x080, 0), wr(0x0a4, 0xffffffff);
	ck_assert_uint_eq(faults(DEVICE_FAULT_QUEUE_LATE), 3);
	ck_assert_uint_eq(rd(0x044), 1);
	ck_assert(queue_running(device_queue(w.device, 0)));
	wr(0x044, 0), wr(0x044, 1);
	ck_assert_msg(rd(0x044) == 1, "it is not as it was");
}
END_TEST

/* Configuration bytes at any width, zeros beyond the end, writes ignored. */
/* rule: MMIO-23 CORE-26 NET-04 */
START_TEST(configuration_space)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	for (uint32_t offset = 0; offset < 2 * CONFIG_BYTES; offset++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			uint8_t b[8];

			mmio_write(mmio, 0x100 + offset, ones, width);
			mmio_read(mmio, 0x100 + offset, b, width);
			for (unsigned i = 0; i < width; i++) {
				uint8_t want = offset + i < CONFIG_BYTES
						       ? (uint8_t)(0xa0 + offset + i)
						       : 0;

				ck_assert_msg(b[i] == want, "offset %u + %u", offset, i);
			}
		}
	}
	ck_assert_uint_eq(faults(DEVICE_FAULT_CONFIG), 2 * CONFIG_BYTES * 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/mmio");
	TCase *tc = tcase_create("mmio");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, fresh_device_shows, 0, (int)ARRAY_LEN(fresh));
	tcase_add_test(tc, other_reads_give_zero_and_are_counted);
	tcase_add_test(tc, writes_of_other_widths_and_places_change_nothing);
	tcase_add_test(tc, feature_words);
	tcase_add_loop_test(tc, features_ok_sticks, 0, (int)ARRAY_LEN(acks));
	tcase_add_loop_test(tc, status_writes, 0, (int)ARRAY_LEN(steps));
	tcase_add_test(tc, features_after_features_ok_are_ignored);
	tcase_add_loop_test(tc, queue_ready, 0, (int)ARRAY_LEN(rings));
	tcase_add_loop_test(tc, ring_addresses_by_halves, 0, 2);
	tcase_add_test(tc, a_ready_queue_cannot_be_changed);
	tcase_add_test(tc, configuration_space);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
