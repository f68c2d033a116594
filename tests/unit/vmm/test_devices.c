/* tests/unit/vmm/test_devices.c: which devices a machine has beside its NICs, and where.
 */
#include <linux/pci_regs.h>
#include <sys/mman.h>

#include "devices/base/le.h"
#include "tests/driver/suite.h"
#include "tests/unit/transport/kind.h"
#include "tests/unit/vmm/fake_kvm.h"
#include "vmm/machine/devices.h"

enum { DISK_BYTES = 8192, RNG_ID = 0x1044, BLOCK_ID = 0x1042, NOBODY = 0xffff };

extern const uint8_t selftest_image[], selftest_image_end[];

static struct vm vm;
static struct board board;
static struct devices devices;
static struct machine_config config;

static void setup(void)
{
	memset(&kvm, 0, sizeof(kvm));
	devices = (struct devices){ .rng = NULL };
	config = (struct machine_config){ .kernel = (const uint8_t *)"linux", .kernel_bytes = 5 };
	make_device(0);
	vm = (struct vm){ .fd = VM_FD,
			  .routes = calloc(1, sizeof(*vm.routes) +
						      ROUTES_MAX * sizeof(kvm.route[0])) };
	ck_assert_ptr_nonnull(vm.routes);
	(void)pthread_mutex_init(&vm.mutex, NULL);
	ck_assert(!err_is(board_init(&board, &vm, w.loop, (struct log){ .line = NULL })));
}

static void teardown(void)
{
	board_fini(&board);
	devices_fini(&devices);
	end_device();
	free(vm.routes);
}

static uint32_t get(unsigned slot, uint32_t offset)
{
	le32 value;

	pci_host_config_read(board.host, slot << 15 | offset, &value, sizeof(value));
	return le32_get(value);
}

static void assert_slots(uint16_t rng, unsigned disks)
{
	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		bool is_disk = slot >= DISK_SLOT && slot < DISK_SLOT + disks;
		unsigned want = slot == RNG_SLOT ? rng : is_disk ? BLOCK_ID : NOBODY;

		ck_assert_msg(get(slot, PCI_VENDOR_ID) >> 16 == want, "slot %u: %#x", slot,
			      get(slot, PCI_VENDOR_ID));
	}
}

START_TEST(a_kernel_of_linux_has_random_bytes)
{
	ck_assert(!err_is(devices_init(&devices, &config, w.mem, &board)));
	assert_slots(RNG_ID, 0);
	ck_assert_uint_eq(get(RNG_SLOT, PCI_CLASS_REVISION) >> 8, 0xff0000);
}
END_TEST

START_TEST(on_the_bus_of_the_nics)
{
	config.nic_count = 1;
	config.nic[0].bus = NIC_BUS_MMIO;
	ck_assert(!err_is(devices_init(&devices, &config, w.mem, &board)));
	assert_slots(NOBODY, 0);
	for (unsigned i = 0; i < WINDOWS; i++)
		ck_assert((board.window[i] != NULL) == (i == RNG_WINDOW));
	ck_assert_uint_eq(kvm.irqfd[0].gsi, RNG_GSI);
	ck_assert_uint_eq(kvm.bells, 1);
}
END_TEST

/* It asks for none, and its disks are there all the same. */
START_TEST(an_image_of_ours)
{
	config.kernel = selftest_image;
	config.kernel_bytes = (uint64_t)(selftest_image_end - selftest_image);
	config.disk[0] = (struct machine_disk){ .fd = -1, .beside_fd = -1, .bytes = DISK_BYTES };
	config.disk_count = 1;
	ck_assert(!err_is(devices_init(&devices, &config, w.mem, &board)));
	assert_slots(NOBODY, 1);
}
END_TEST

START_TEST(disks_in_order)
{
	int fd[DISKS_MAX];

	for (unsigned i = 0; i < DISKS_MAX; i++) {
		fd[i] = memfd_create("disk", MFD_CLOEXEC);
		config.disk[i] = (struct machine_disk){ .fd = fd[i],
							.beside_fd = -1,
							.bytes = DISK_BYTES * (i + 1) };
	}
	config.disk_count = DISKS_MAX;
	ck_assert(!err_is(devices_init(&devices, &config, w.mem, &board)));
	assert_slots(RNG_ID, DISKS_MAX);
	for (unsigned i = 0; i < DISKS_MAX; i++) {
		uint8_t sectors = 0;

		ck_assert_uint_eq(get(DISK_SLOT + i, PCI_CLASS_REVISION) >> 8, 0x018000);
		device_config_read(blk_device(devices.disk[i]), 0, &sectors, 1);
		ck_assert_uint_eq(sectors, DISK_BYTES * (i + 1) / 512);
		(void)close(fd[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("devices");
	TCase *tc = tcase_create("devices");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_kernel_of_linux_has_random_bytes);
	tcase_add_test(tc, on_the_bus_of_the_nics);
	tcase_add_test(tc, an_image_of_ours);
	tcase_add_test(tc, disks_in_order);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
