/* tests/unit/vmm/board.h: a board with two functions on it, around a KVM that only notes; what the
 * programs that test board and bus share. */
#ifndef TAPVM_TESTS_BOARD_H
#define TAPVM_TESTS_BOARD_H

#include <check.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include "devices/base/le.h"
#include "tests/unit/transport/kind.h"
#include "tests/unit/vmm/fake_kvm.h"
#include "vmm/boot/acpi.h"
#include "vmm/machine/board.h"

enum {
	CLASS = 0x020000,
	BAR = PCI_BASE_ADDRESS_0,
	MSIX_BAR = PCI_BASE_ADDRESS_2,
	FIRST = 9,
	LAST = 17
};

static struct vm vm;
static struct board board;
static struct world first, last;
static unsigned lines;

static inline void on_line(void *self, const char *text)
{
	(void)self, (void)text;
	lines++;
}

/* Two functions, in slots that share a pin. */
static inline void set_up(void)
{
	memset(&kvm, 0, sizeof(kvm));
	lines = 0;
	make_device(0);
	first = w;
	make_device(0);
	last = w;
	vm = (struct vm){ .fd = VM_FD,
			  .routes = calloc(1, sizeof(*vm.routes) +
						      ROUTES_MAX * sizeof(kvm.route[0])) };
	ck_assert_ptr_nonnull(vm.routes);
	vm.routes->nr = IOAPIC_PINS;
	(void)pthread_mutex_init(&vm.mutex, NULL);
	ck_assert(!err_is(board_init(&board, &vm, first.loop, (struct log){ .line = on_line })));
	ck_assert(!err_is(board_plug(&board, FIRST, first.device, CLASS)));
	ck_assert(!err_is(board_plug(&board, LAST, last.device, CLASS)));
	board_power_on(&board);
}

static inline void end_world(const struct world *which)
{
	w = *which;
	end_device();
}

static inline void tear_down(void)
{
	board_fini(&board);
	end_world(&first);
	end_world(&last);
	free(vm.routes);
}

static inline uint32_t config_get(unsigned slot, uint32_t offset)
{
	le32 value;

	pci_host_config_read(board.host, slot << 15 | offset, &value, sizeof(value));
	return le32_get(value);
}

static inline void config_set(unsigned slot, uint32_t offset, uint32_t value)
{
	le32 bytes = le32_put(value);

	pci_host_config_write(board.host, slot << 15 | offset, &bytes, sizeof(bytes));
}

static inline void memory_on(unsigned slot, bool on)
{
	config_set(slot, PCI_COMMAND, on ? PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : 0);
}

static inline uint64_t bar_of(unsigned slot, uint32_t offset)
{
	return config_get(slot, offset) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
}

static inline bool rings_at(uint64_t at, int fd)
{
	for (unsigned i = 0; i < kvm.bells; i++)
		if (kvm.bell[i].addr == at && kvm.bell[i].fd == fd && kvm.bell[i].len == 0 &&
		    (kvm.bell[i].flags & KVM_IOEVENTFD_FLAG_DATAMATCH) == 0)
			return true;
	return false;
}

static inline void expect_bells(uint64_t bar, struct device *d)
{
	for (unsigned q = 0; q < QUEUES; q++)
		ck_assert_msg(rings_at(bar + PCI_DOORBELLS + 4 * (uint64_t)q, device_kick_fd(d, q)),
			      "no doorbell of queue %u at %#llx", q, (unsigned long long)bar);
}

#endif
