/* tests/unit/vmm/test_places.c: the bus of each device, by the kernel and by what the user asked
 * for. */
#include "tests/driver/suite.h"
#include "vmm/boot/layout.h"
#include "vmm/machine/places.h"

enum { RNG = 1 << RNG_WINDOW };

extern const uint8_t selftest_image[], selftest_image_end[];

static const struct row {
	bool own; /* an image of ours, else a kernel of Linux */
	unsigned nics;
	enum nic_bus bus[3];
	unsigned disks;
	unsigned windows;
	bool pci;
} rows[] = {
	{ true, 0, { NIC_BUS_AUTO }, 0, 0, false },
	{ true, 2, { NIC_BUS_AUTO, NIC_BUS_AUTO }, 0, 3, false },
	{ true, 2, { NIC_BUS_PCI, NIC_BUS_AUTO }, 0, 2, true },
	{ true, 1, { NIC_BUS_AUTO }, 1, 1, true },
	{ false, 0, { NIC_BUS_AUTO }, 0, 0, true },
	{ false, 2, { NIC_BUS_AUTO, NIC_BUS_PCI }, 0, 0, true },
	{ false, 1, { NIC_BUS_MMIO }, 0, 1 | RNG, false },
	{ false, 3, { NIC_BUS_MMIO, NIC_BUS_MMIO, NIC_BUS_MMIO }, 0, 7 | RNG, false },
	{ false, 1, { NIC_BUS_MMIO }, 1, 1 | RNG, true },
	{ false, 3, { NIC_BUS_MMIO, NIC_BUS_AUTO, NIC_BUS_MMIO }, 0, 5, true },
};

START_TEST(a_machine)
{
	const struct row *r = &rows[_i];
	struct machine_config c = {
		.kernel = r->own ? selftest_image : (const uint8_t *)"linux",
		.kernel_bytes = r->own ? (uint64_t)(selftest_image_end - selftest_image) : 5,
		.cpus = 3,
		.nic_count = r->nics,
		.disk_count = r->disks,
	};
	struct acpi_request got;

	for (unsigned i = 0; i < r->nics; i++)
		c.nic[i].bus = r->bus[i];
	got = places_hardware(&c);
	ck_assert_msg(got.cpus == 3 && got.windows == r->windows && got.pci == r->pci,
		      "row %d: windows %#x, PCI %d", _i, got.windows, got.pci);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/places");
	TCase *tc = tcase_create("places");

	tcase_add_loop_test(tc, a_machine, 0, ARRAY_LEN(rows));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
