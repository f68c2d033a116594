/* tests/unit/vmm/test_bus.c: what a guest's accesses reach, whatever their place, width and
 * alignment: a random walk over ports, configuration space and the BARs of two functions, which are
 * moved onto each other, onto memory, and out of the windows. */
#include "devices/mem/range.h"
#include "tests/driver/suite.h"
#include "tests/unit/vmm/board.h"

enum {
	SEEDS = 4,
	ACCESSES = 50000,
	REGISTERS_BYTES = 0x2000, /* of either BAR */
	SOME = 64,                /* accesses from one look at everything to the next */
};
static const unsigned slots[] = { FIRST, LAST };

static uint64_t state;
static struct bus bus;

static uint64_t noon(void *self)
{
	(void)self;
	return 0;
}
static const struct clock stopped = { .now_ns = noon };

static uint64_t dice(uint64_t sides)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % sides;
}

static void set_up_bus(void)
{
	set_up();
	bus = (struct bus){ .ports.clock = &stopped, .window = board.window, .pci = board.host };
	state = 0x9e3779b97f4a7c15;
}

/* ---- where things are, by what the driver wrote ---- */

struct place {
	uint64_t at;
	bool on;
};

static struct place registers_of(unsigned slot)
{
	return (struct place){ .at = (uint64_t)config_get(slot, BAR + 4) << 32 | bar_of(slot, BAR),
			       .on = (config_get(slot, PCI_COMMAND) & PCI_COMMAND_MEMORY) != 0 };
}

static struct place vectors_of(unsigned slot)
{
	return (struct place){ .at = bar_of(slot, MSIX_BAR), .on = registers_of(slot).on };
}

static bool in_window(uint64_t at, uint64_t bytes)
{
	return range_inside(PCI_WINDOW, PCI_WINDOW_BYTES, at, bytes) ||
	       range_inside(PCI_WINDOW_HIGH, PCI_WINDOW_HIGH_BYTES, at, bytes);
}

static bool lies_in(struct place p, uint64_t address)
{
	return p.on && address >= p.at && address - p.at < REGISTERS_BYTES;
}

/* Whether any function may answer there. */
static bool is_some_bar(uint64_t address)
{
	bool some = false;

	for (unsigned i = 0; i < ARRAY_LEN(slots); i++)
		some = some || lies_in(registers_of(slots[i]), address) ||
		       lies_in(vectors_of(slots[i]), address);
	return some && in_window(address, 1);
}

/* The doorbells of a function are all there, where its BAR is, or none is. */
static bool check_doorbells(unsigned slot, struct device *d)
{
	struct place p = registers_of(slot);
	unsigned count = 0;

	for (unsigned i = 0; i < kvm.bells; i++)
		for (unsigned q = 0; q < QUEUES; q++)
			count += kvm.bell[i].fd == device_kick_fd(d, q);
	if (count == 0)
		return false;
	if (count != QUEUES || !p.on || !in_window(p.at, REGISTERS_BYTES))
		ck_abort_msg("slot %u: %u doorbells, at %#llx", slot, count,
			     (unsigned long long)p.at);
	expect_bells(p.at, d);
	return true;
}

static void check_all(void)
{
	bool one = check_doorbells(FIRST, first.device);
	bool other = check_doorbells(LAST, last.device);
	uint64_t a = registers_of(FIRST).at, b = registers_of(LAST).at;

	if (kvm.bells != QUEUES * ((unsigned)one + other))
		ck_abort_msg("%u doorbells", kvm.bells);
	if (one && other && range_overlap(a, REGISTERS_BYTES, b, REGISTERS_BYTES))
		ck_abort_msg("both answer at %#llx and %#llx", (unsigned long long)a,
			     (unsigned long long)b);
}

/* ---- accesses ---- */

static void expect_ones(const uint8_t *bytes, unsigned width, const char *says, uint64_t where)
{
	for (unsigned i = 0; i < width; i++)
		if (bytes[i] != 0xff)
			ck_abort_msg("%s at %#llx of %u bytes: byte %u is %#x", says,
				     (unsigned long long)where, width, i, bytes[i]);
}

static void at_memory(uint64_t address, bool absent, const char *says)
{
	unsigned width = 1 + (unsigned)dice(8);
	uint64_t value = dice(2) == 0 ? dice(UINT64_MAX) : dice(4);
	uint8_t bytes[8];

	memcpy(bytes, &value, sizeof(bytes));
	if (dice(2) == 0) {
		bus_mmio_write(&bus, address, bytes, width);
		return;
	}
	bus_mmio_read(&bus, address, bytes, width);
	if (absent)
		expect_ones(bytes, width, says, address);
}

static unsigned some_slot(void)
{
	return dice(4) == 0 ? (unsigned)dice(PCI_SLOTS) : slots[dice(ARRAY_LEN(slots))];
}

static bool is_there(unsigned slot) { return slot == 0 || slot == FIRST || slot == LAST; }

static void at_config(void)
{
	unsigned slot = some_slot(), function = dice(8) == 0 ? (unsigned)dice(8) : 0;
	uint64_t reg = dice(dice(4) == 0 ? 0x1000 : 0x100);

	at_memory(PCI_ECAM + (slot << 15 | function << 12 | reg), !is_there(slot) || function != 0,
		  "a function that is not there");
}

/* Junk in bits that do not exist, now and then; the data by any of its ports. */
static void at_ports(void)
{
	unsigned width = 1u << dice(3), slot = some_slot();
	uint16_t port = (uint16_t)(PCI_CONFIG_PORT + dice(PCI_PORT_COUNT));
	uint32_t value = dice(2) == 0 ? (uint32_t)dice(UINT32_MAX)
				      : 0x80000000u | slot << 11 | (uint32_t)dice(0x100);
	bool resets = port == RESET_PORT && (value & 4) != 0;
	uint32_t address = bus_port_read(&bus, PCI_CONFIG_PORT, 4), now;
	struct guest_end end;

	if (dice(2) == 0) {
		(void)bus_port_read(&bus, port, width);
		return;
	}
	end = bus_port_write(&bus, port, value, width);
	if ((end.kind == GUEST_RESET) != resets || (!resets && end.kind != GUEST_GOES_ON))
		ck_abort_msg("port %#x: %#x of %u bytes ends the guest: %d", port, value, width,
			     (int)end.kind);
	now = bus_port_read(&bus, PCI_CONFIG_PORT, 4);
	if (now != (port == PCI_CONFIG_PORT && width == 4 ? value & 0x80fffffc : address))
		ck_abort_msg("port %#x: %#x of %u bytes makes the address %#x", port, value, width,
			     now);
}

static void move_a_bar(void)
{
	const uint64_t other = registers_of(slots[dice(ARRAY_LEN(slots))]).at;
	const uint64_t places[] = { 0,
				    0x100000, /* memory */
				    PCI_WINDOW - 0x1000,
				    PCI_WINDOW + dice(8) * 0x1000,
				    PCI_WINDOW + PCI_WINDOW_BYTES - 0x2000,
				    PCI_WINDOW + PCI_WINDOW_BYTES - 0x1000,
				    PCI_ECAM,
				    WINDOW_BASE,
				    IOAPIC_BASE,
				    LAPIC_BASE,
				    HOLE_END,
				    PCI_WINDOW_HIGH + dice(4) * 0x1000,
				    PCI_WINDOW_HIGH + PCI_WINDOW_HIGH_BYTES,
				    UINT64_MAX,
				    other,
				    other + 0x1000 };
	uint64_t at = places[dice(ARRAY_LEN(places))];
	unsigned slot = slots[dice(ARRAY_LEN(slots))];

	switch (dice(4)) {
	case 0: config_set(slot, MSIX_BAR, (uint32_t)at); break;
	case 1: memory_on(slot, dice(3) > 0); break;
	default:
		config_set(slot, BAR, (uint32_t)at);
		config_set(slot, BAR + 4, (uint32_t)(at >> 32));
		break;
	}
}

static void at_a_bar(void)
{
	unsigned slot = slots[dice(ARRAY_LEN(slots))];
	struct place p = dice(2) == 0 ? registers_of(slot) : vectors_of(slot);
	uint64_t address = p.at + dice(REGISTERS_BYTES + 16) - 8;

	if (address < HOLE_START || range_inside(PCI_ECAM, PCI_ECAM_BYTES, address, 1))
		return;
	at_memory(address, !is_some_bar(address), "where no BAR is");
}

static void anywhere(void)
{
	uint64_t address =
		dice(2) == 0 ? HOLE_START + dice(HOLE_END - HOLE_START) : dice(UINT64_MAX);

	if (!range_inside(PCI_ECAM, PCI_ECAM_BYTES, address, 1))
		at_memory(address, !is_some_bar(address), "where nothing is");
}

/* ---- afterwards: a driver that begins anew ---- */

static uint32_t common(unsigned slot, unsigned offset, unsigned width, const uint32_t *value)
{
	uint64_t at = registers_of(slot).at + offset;
	le32 bytes = le32_put(0);

	if (value != NULL) {
		bytes = le32_put(*value);
		bus_mmio_write(&bus, at, &bytes, width);
	}
	bytes = le32_put(0);
	bus_mmio_read(&bus, at, &bytes, width);
	return le32_get(bytes);
}

static void set_status(unsigned slot, uint32_t status)
{
	uint32_t got = common(slot, VIRTIO_PCI_COMMON_STATUS, 1, &status);

	ck_assert_msg(got == status, "slot %u: status %#x, want %#x", slot, got, status);
}

static void begin_anew(unsigned slot, uint32_t at)
{
	const uint32_t upper = 1, version_1 = 1;

	config_set(slot, PCI_COMMAND, 0);
	config_set(slot, BAR, at);
	config_set(slot, BAR + 4, 0);
	config_set(slot, MSIX_BAR, at + 0x2000);
	memory_on(slot, true);
	set_status(slot, 0);
	set_status(slot, 1);
	set_status(slot, 3);
	(void)common(slot, VIRTIO_PCI_COMMON_GFSELECT, 4, &upper);
	(void)common(slot, VIRTIO_PCI_COMMON_GF, 4, &version_1);
	set_status(slot, 0xb);
}

START_TEST(a_walk)
{
	static void (*const steps[])(void) = { at_config, at_ports, move_a_bar,
					       at_a_bar,  at_a_bar, anywhere };

	state += (uint64_t)_i;
	for (unsigned i = 0; i < ACCESSES; i++) {
		steps[dice(ARRAY_LEN(steps))]();
		if (i % SOME == 0) {
			check_all();
			if (err_is(loop_once(first.loop, 0)) || err_is(loop_once(last.loop, 0)))
				ck_abort_msg("the loop failed");
		}
	}
	/* Out of each other's way first. */
	memory_on(FIRST, false);
	memory_on(LAST, false);
	ck_assert_uint_eq(kvm.bells, 0);
	begin_anew(FIRST, PCI_WINDOW);
	begin_anew(LAST, PCI_WINDOW + 0x10000);
	check_all();
	ck_assert_uint_eq(kvm.bells, 2 * QUEUES);
	ck_assert_uint_eq(lines, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/bus");
	TCase *tc = tcase_create("bus");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up_bus, tear_down);
	tcase_add_loop_test(tc, a_walk, 0, SEEDS);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
