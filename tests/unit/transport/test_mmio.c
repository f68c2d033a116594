/* The register file of virtio-mmio and the state machine behind it, driven as a driver would. The
 * device is of a kind made for this test: it notes what it was asked. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/transport/mmio.h"

enum { MEMORY = 1 << 20, QUEUES = 3, SIZE_MAX_HERE = 256, CONFIG_BYTES = 12, FORBIDDEN_BIT = 5 };

static struct world {
	struct guest_mem *mem;
	uint8_t *ram;
	struct loop *loop;
	struct device *device;
	struct mmio *mmio;
	unsigned starts, stops, pauses, resumes, resets, oks, controls;
	bool running, touched_while_stopped;
	uint8_t config[CONFIG_BYTES];
} w;

static bool features_ok(void *self, const struct features *f)
{
	(void)self;
	return !(features_has(f, 0) && features_has(f, FORBIDDEN_BIT));
}
static unsigned queue_count(void *self) { (void)self; return QUEUES; }
static int control_queue(void *self) { (void)self; return 2; }
static void driver_ok(void *self, const struct features *f) { (void)self, (void)f; w.oks++; }
static void on_reset(void *self) { (void)self; w.resets++; w.touched_while_stopped |= w.running; }
static void config_read(void *self, uint32_t offset, void *ret, uint32_t len)
{
	(void)self;
	for (uint32_t i = 0; i < len && offset < CONFIG_BYTES && offset + i < CONFIG_BYTES; i++)
		((uint8_t *)ret)[i] = w.config[offset + i];
}
static void poked(void *self) { (void)self; }
static void control(void *self, struct queue *q) { (void)self, (void)q; w.controls++; }
static const struct device_kind kind = {
	.device_id = 1, .features_ok = features_ok, .queue_count = queue_count,
	.control_queue = control_queue, .driver_ok = driver_ok, .reset = on_reset,
	.config_read = config_read, .poked = poked, .control = control,
};
static void start(void *self) { (void)self; w.starts++; w.running = true; }
static void pause_(void *self) { (void)self; w.pauses++; w.running = false; }
static void resume(void *self) { (void)self; w.resumes++; w.running = true; }
static void stop(void *self) { (void)self; w.stops++; w.running = false; }
static const struct runner_ops runner = { .start = start, .pause = pause_, .resume = resume, .stop = stop };

static void setup(void)
{
	struct device_config c = { .kind = &kind, .runner = &runner, .name = "t0",
				   .queue_size_max = SIZE_MAX_HERE, .queue_max = QUEUES };

	memset(&w, 0, sizeof(w));
	for (unsigned i = 0; i < CONFIG_BYTES; i++)
		w.config[i] = (uint8_t)(0xa0 + i);
	w.ram = aligned_alloc(4096, MEMORY);
	ck_assert_ptr_nonnull(w.ram);
	memset(w.ram, 0, MEMORY);
	w.mem = guest_mem_create();
	struct mem_region r = { .gpa = 0, .size = MEMORY, .host = w.ram, .fd = -1 };
	ck_assert(!err_is(guest_mem_replace(w.mem, &r, 1)));
	ck_assert(!err_is(loop_create(&w.loop)));
	c.mem = w.mem;
	c.loop = w.loop;
	features_set(&c.offered, 0, true);
	features_set(&c.offered, FORBIDDEN_BIT, true);
	features_set(&c.offered, VIRTIO_F_VERSION_1, true);
	features_set(&c.offered, VIRTIO_RING_F_EVENT_IDX, true);
	ck_assert(!err_is(device_create(&c, &w.device)));
	ck_assert(!err_is(mmio_create(w.device, &w.mmio)));
}

static void teardown(void)
{
	mmio_destroy(w.mmio);
	device_destroy(w.device);
	loop_destroy(w.loop);
	guest_mem_destroy(w.mem);
	free(w.ram);
}

static uint32_t rd(uint32_t offset)
{
	uint8_t b[4];

	mmio_read(w.mmio, offset, b, 4);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void wr(uint32_t offset, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	mmio_write(w.mmio, offset, b, 4);
}

static uint64_t faults(enum device_fault f)
{
	struct device_counters c;

	device_counters(w.device, &c);
	return c.fault[f];
}

static void accept(uint32_t low, uint32_t high)
{
	wr(0x070, 0);
	wr(0x070, 1);
	wr(0x070, 3);
	wr(0x024, 0), wr(0x020, low);
	wr(0x024, 1), wr(0x020, high);
	wr(0x070, 0xb);
}

static void set_queue(uint32_t index, uint32_t size, uint64_t desc, uint64_t driver, uint64_t device)
{
	wr(0x030, index);
	wr(0x038, size);
	wr(0x080, (uint32_t)desc), wr(0x084, (uint32_t)(desc >> 32));
	wr(0x090, (uint32_t)driver), wr(0x094, (uint32_t)(driver >> 32));
	wr(0x0a0, (uint32_t)device), wr(0x0a4, (uint32_t)(device >> 32));
	wr(0x044, 1);
}

static void live(void)
{
	accept(1, 1);
	for (uint32_t i = 0; i < QUEUES; i++)
		set_queue(i, 64, 0x10000 * (i + 1), 0x10000 * (i + 1) + 0x4000,
			  0x10000 * (i + 1) + 0x8000);
	wr(0x070, 0xf);
	ck_assert_uint_eq(rd(0x070), 0xf);
}

/* MMIO-01, 02, 20: what a fresh device shows at each readable offset. */
static const struct { const char *says; uint32_t offset, want; } fresh[] = {
	{ "MagicValue", 0x000, 0x74726976 }, { "Version", 0x004, 2 }, { "DeviceID", 0x008, 1 },
	{ "QueueSizeMax of queue 0", 0x034, SIZE_MAX_HERE }, { "QueueReady", 0x044, 0 },
	{ "InterruptStatus", 0x060, 0 }, { "Status", 0x070, 0 },
	{ "SHMLenLow without regions", 0x0b0, 0xffffffff }, { "SHMLenHigh", 0x0b4, 0xffffffff },
	{ "SHMBaseLow", 0x0b8, 0xffffffff }, { "SHMBaseHigh", 0x0bc, 0xffffffff },
	{ "QueueReset without RING_RESET", 0x0c0, 0 },
};

START_TEST(fresh_device_shows)
{
	ck_assert_msg(rd(fresh[_i].offset) == fresh[_i].want, "%s: got %#x, want %#x", fresh[_i].says,
		      rd(fresh[_i].offset), fresh[_i].want);
}
END_TEST

static bool readable(uint32_t offset)
{
	for (unsigned i = 0; i < sizeof(fresh) / sizeof(fresh[0]); i++)
		if (fresh[i].offset == offset)
			return true;
	return offset == 0x00c || offset == 0x010 || offset == 0x0fc;
}

/* MMIO-21, 22: everything that is not an aligned 32-bit read of a readable register. */
START_TEST(other_reads_give_zero_and_are_counted)
{
	static const unsigned widths[] = { 1, 2, 4, 8 };

	for (uint32_t offset = 0; offset < 0x100; offset++) {
		for (unsigned i = 0; i < 4; i++) {
			uint8_t b[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
			uint64_t before = faults(DEVICE_FAULT_ACCESS);

			if (widths[i] == 4 && readable(offset))
				continue;
			mmio_read(w.mmio, offset, b, widths[i]);
			for (unsigned k = 0; k < widths[i]; k++)
				ck_assert_msg(b[k] == 0, "offset %#x width %u", offset, widths[i]);
			ck_assert_msg(faults(DEVICE_FAULT_ACCESS) == before + 1,
				      "offset %#x width %u was not counted", offset, widths[i]);
		}
	}
}
END_TEST

START_TEST(writes_of_other_widths_and_places_change_nothing)
{
	static const uint8_t ones[8] = { 1, 0, 0, 0, 0, 0, 0, 0 };

	for (uint32_t offset = 0; offset < 0x100; offset++)
		for (unsigned width = 1; width <= 8; width *= 2)
			if (width != 4 || (offset & 3) != 0)
				mmio_write(w.mmio, offset, ones, width);
	ck_assert_uint_eq(rd(0x070), 0);
	ck_assert_uint_eq(rd(0x044), 0);
	ck_assert_uint_eq(w.resets, 0);
}
END_TEST

/* MMIO-03, B51: feature words by selector, 0 beyond the last. */
START_TEST(feature_words)
{
	static const struct { uint32_t select, want; } words[] = {
		{ 0, 1u | 1u << FORBIDDEN_BIT | 1u << VIRTIO_RING_F_EVENT_IDX }, { 1, 1 }, { 2, 0 },
		{ 3, 0 }, { 4, 0 }, { 0x80000000, 0 }, { 0xffffffff, 0 },
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		wr(0x014, words[i].select);
		ck_assert_msg(rd(0x010) == words[i].want, "word %#x: got %#x", words[i].select, rd(0x010));
	}
}
END_TEST

/* CORE-15, 16, 17, MMIO-04: what FEATURES_OK refuses. */
static const struct { const char *says; uint32_t select, word; uint32_t low, high; bool want; } acks[] = {
	{ "a plain set", 0, 1, 1, 1, true },
	{ "VERSION_1 alone", 0, 0, 0, 1, true },
	{ "without VERSION_1", 0, 1, 1, 0, false },
	{ "a bit that was not offered", 0, 2, 2, 1, false },
	{ "a combination that the kind forbids", 0, 0x21, 0x21, 1, false },
	{ "a bit of word 2", 2, 1, 1, 1, false },
	{ "a bit of word 4, which no device has", 4, 1, 1, 1, false },
	{ "a bit of the last word", 0xffffffff, 1, 1, 1, false },
};

START_TEST(features_ok_sticks)
{
	wr(0x070, 1), wr(0x070, 3);
	wr(0x024, 0), wr(0x020, acks[_i].low);
	wr(0x024, 1), wr(0x020, acks[_i].high);
	wr(0x024, acks[_i].select), wr(0x020, acks[_i].word);
	wr(0x070, 0xb);
	ck_assert_msg((rd(0x070) == 0xb) == acks[_i].want, "%s: status %#x", acks[_i].says, rd(0x070));
	ck_assert_uint_eq(faults(DEVICE_FAULT_FEATURES), acks[_i].want ? 0 : 1);
	/* CORE-14: a good set is accepted after a reset. */
	accept(1, 1);
	ck_assert_uint_eq(rd(0x070), 0xb);
}
END_TEST

/* CORE-05, 06, 07, 08, 32, B43: status writes that are not obeyed. */
static const struct { const char *says; uint32_t before, write, want; uint64_t counted; } steps[] = {
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
	ck_assert_msg(rd(0x070) == steps[_i].want, "%s: got %#x, want %#x", steps[_i].says, rd(0x070),
		      steps[_i].want);
	ck_assert_msg(faults(DEVICE_FAULT_STATUS) == steps[_i].counted, "%s: counted %lu", steps[_i].says,
		      (unsigned long)faults(DEVICE_FAULT_STATUS));
}
END_TEST

START_TEST(failed_parks_until_reset)
{
	live();
	wr(0x070, 0x8f);
	ck_assert(!w.running);
	ck_assert_uint_eq(w.stops, 1);
	wr(0x070, 0);
	ck_assert_uint_eq(rd(0x070), 0);
	live();
	ck_assert(w.running);
}
END_TEST

/* CORE-09: the set is frozen. */
START_TEST(features_after_features_ok_are_ignored)
{
	accept(1, 1);
	wr(0x024, 0), wr(0x020, 0);
	ck_assert_uint_eq(faults(DEVICE_FAULT_FEATURES_LATE), 1);
	ck_assert(features_has(device_accepted(w.device), 0));
}
END_TEST

/* MMIO-05, 06, SPLIT-01, 02, B13, B50: what QueueReady refuses. */
static const struct { const char *says; uint32_t index, size; uint64_t desc, driver, device; bool want; } rings[] = {
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

START_TEST(queue_ready)
{
	accept(1, 1);
	set_queue(rings[_i].index, rings[_i].size, rings[_i].desc, rings[_i].driver, rings[_i].device);
	ck_assert_msg((rd(0x044) == 1) == rings[_i].want, "%s: QueueReady %u", rings[_i].says, rd(0x044));
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

/* MMIO-09, B52: registers of a ready queue. */
START_TEST(a_ready_queue_cannot_be_changed)
{
	live();
	wr(0x030, 0);
	wr(0x038, 0), wr(0x080, 0), wr(0x0a4, 0xffffffff);
	ck_assert_uint_eq(faults(DEVICE_FAULT_QUEUE_LATE), 3);
	ck_assert_uint_eq(rd(0x044), 1);
	ck_assert(queue_running(device_queue(w.device, 0)));
}
END_TEST

/* MMIO-11, 15, B48, CORE-22. */
START_TEST(queue_ready_zero_stops_that_queue)
{
	live();
	wr(0x030, 1);
	wr(0x044, 0);
	ck_assert_uint_eq(rd(0x044), 0);
	ck_assert_uint_eq(w.pauses, 1);
	ck_assert_uint_eq(w.resumes, 1);
	ck_assert(!queue_running(device_queue(w.device, 1)));
	ck_assert(queue_running(device_queue(w.device, 0)));
	set_queue(1, 32, 0x50000, 0x54000, 0x58000);
	ck_assert(queue_running(device_queue(w.device, 1)));
}
END_TEST

START_TEST(reset_is_power_on)
{
	unsigned before;

	live();
	before = w.resets;
	device_signal_queue(w.device, 0);
	ck_assert_uint_eq(rd(0x060), 1);
	wr(0x070, 0);
	ck_assert_uint_eq(w.stops, 1);
	ck_assert_uint_eq(w.resets, before + 1);
	ck_assert_msg(!w.touched_while_stopped, "reset was called while the runner ran");
	ck_assert_uint_eq(rd(0x070), 0);
	ck_assert_uint_eq(rd(0x060), 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		wr(0x030, i);
		ck_assert_uint_eq(rd(0x044), 0);
		ck_assert(!queue_running(device_queue(w.device, i)));
	}
	live();
}
END_TEST

static bool called(void)
{
	struct pollfd p = { .fd = device_call_fd(w.device), .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, 0) == 1 && read(p.fd, &count, sizeof(count)) == sizeof(count);
}

/* MMIO-12, 13, 14: an edge for each event, and one more when something is left. */
START_TEST(interrupts)
{
	live();
	(void)called();
	device_signal_queue(w.device, 0);
	ck_assert(called());
	device_lock(w.device);
	device_config_begin(w.device);
	device_config_end(w.device, true);
	device_unlock(w.device);
	ck_assert(called());
	ck_assert_uint_eq(rd(0x060), 3);
	wr(0x064, 1);
	ck_assert_uint_eq(rd(0x060), 2);
	ck_assert_msg(called(), "what is left after an acknowledge must pulse again");
	wr(0x064, 0xfffffffc);
	ck_assert_uint_eq(rd(0x060), 2);
	(void)called();
	wr(0x064, 2);
	ck_assert_uint_eq(rd(0x060), 0);
	ck_assert(!called());
}
END_TEST

/* CORE-24, 25: the generation moves around a change. */
START_TEST(generation_moves)
{
	uint32_t before = rd(0x0fc);

	device_lock(w.device);
	device_config_begin(w.device);
	device_config_end(w.device, true);
	device_unlock(w.device);
	ck_assert_uint_ne(rd(0x0fc), before);
	ck_assert_msg(rd(0x060) == 0, "no notification before DRIVER_OK (CORE-02)");
}
END_TEST

/* MMIO-23, CORE-26, B42: configuration bytes at any width, zeros beyond the end, writes ignored. */
START_TEST(configuration_space)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	for (uint32_t offset = 0; offset < 2 * CONFIG_BYTES; offset++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			uint8_t b[8];

			mmio_write(w.mmio, 0x100 + offset, ones, width);
			mmio_read(w.mmio, 0x100 + offset, b, width);
			for (unsigned i = 0; i < width; i++) {
				uint8_t want = offset + i < CONFIG_BYTES ? (uint8_t)(0xa0 + offset + i) : 0;

				ck_assert_msg(b[i] == want, "offset %u + %u", offset, i);
			}
		}
	}
	ck_assert_uint_eq(faults(DEVICE_FAULT_CONFIG), 2 * CONFIG_BYTES * 4);
}
END_TEST

/* CORE-10, MMIO-16, B50: doorbells that name nothing. */
START_TEST(doorbells_of_no_queue)
{
	static const uint32_t values[] = { QUEUES, 0xffff, 0x10000, 0x80000000, 0xffffffff };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		wr(0x050, values[i]);
	wr(0x050, 2);
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_msg(w.controls == 0, "a doorbell before DRIVER_OK reached the control queue");
}
END_TEST

/* CORE-03: the control queue is looked at without waiting for a kick, then at each kick. */
START_TEST(control_queue_runs_on_the_loop)
{
	live();
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 1);
	wr(0x050, 2);
	ck_assert(!err_is(loop_once(w.loop, 1000)));
	ck_assert_uint_eq(w.controls, 2);
}
END_TEST

/* CORE-04, B47: a broken queue shows, signals once, stops everything, and reset mends it. */
START_TEST(broken_queue_needs_reset)
{
	live();
	(void)called();
	device_report_broken(w.device, 0);
	device_report_broken(w.device, 1);
	for (int i = 0; i < 3; i++)
		ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_uint_eq(rd(0x070), 0x4f);
	ck_assert_uint_eq(rd(0x060), 2);
	ck_assert_uint_eq(w.stops, 1);
	ck_assert_uint_eq(faults(DEVICE_FAULT_BROKEN), 1);
	wr(0x070, 0);
	live();
	ck_assert_uint_eq(rd(0x070), 0xf);
}
END_TEST

START_TEST(report_of_an_old_life_is_dropped)
{
	live();
	device_report_broken(w.device, 0);
	wr(0x070, 0);
	live();
	ck_assert(!err_is(loop_once(w.loop, 0)));
	ck_assert_uint_eq(rd(0x070), 0xf);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/mmio");
	TCase *tc = tcase_create("mmio");
	SRunner *sr;
	int failed;

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, fresh_device_shows, 0, ROWS(fresh));
	tcase_add_test(tc, other_reads_give_zero_and_are_counted);
	tcase_add_test(tc, writes_of_other_widths_and_places_change_nothing);
	tcase_add_test(tc, feature_words);
	tcase_add_loop_test(tc, features_ok_sticks, 0, ROWS(acks));
	tcase_add_loop_test(tc, status_writes, 0, ROWS(steps));
	tcase_add_test(tc, failed_parks_until_reset);
	tcase_add_test(tc, features_after_features_ok_are_ignored);
	tcase_add_loop_test(tc, queue_ready, 0, ROWS(rings));
	tcase_add_test(tc, a_ready_queue_cannot_be_changed);
	tcase_add_test(tc, queue_ready_zero_stops_that_queue);
	tcase_add_test(tc, reset_is_power_on);
	tcase_add_test(tc, interrupts);
	tcase_add_test(tc, generation_moves);
	tcase_add_test(tc, configuration_space);
	tcase_add_test(tc, doorbells_of_no_queue);
	tcase_add_test(tc, control_queue_runs_on_the_loop);
	tcase_add_test(tc, broken_queue_needs_reset);
	tcase_add_test(tc, report_of_an_old_life_is_dropped);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
