/* vmm/machine/kvm.c: a VM: memory slots, interrupt controllers, doorbells.
 * Source: Linux Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/machine/kvm_report.h"
#include "vmm/machine/machine_priv.h"

enum { IOAPIC_PINS = 24 };
static const unsigned long tss_address = 0xfffbd000;

/* IOAPIC entries only: with the default table GSI 0 to 15 reach the PIC too, unmasked at reset. */
static struct err set_routes(int vm)
{
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + IOAPIC_PINS * sizeof(r->entries[0]));
	int why = 0;

	if (r == NULL)
		return err_make(ERR_SETUP, ENOMEM, "KVM: route interrupts");
	r->nr = IOAPIC_PINS;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		r->entries[pin] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin },
		};
	if (ioctl(vm, KVM_SET_GSI_ROUTING, r) < 0)
		why = errno;
	free(r);
	return why == 0 ? err_none() : err_make(ERR_SETUP, why, "KVM: route interrupts");
}

struct err vm_init(struct vm *vm, int kvm_fd, const struct ram *ram)
{
	struct err e = kvm_make_vm(kvm_fd, &vm->fd);

	if (err_is(e))
		return e;
	for (unsigned i = 0; i < ram->regions; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = ram->region[i].gpa,
			.memory_size = ram->region[i].size,
			.userspace_addr = (uintptr_t)ram->region[i].host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return err_make(ERR_SETUP, errno, "KVM: give the machine its memory");
	}
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, tss_address) < 0)
		return err_make(ERR_SETUP, errno, "KVM: place the TSS");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_make(ERR_SETUP, errno, "KVM: make the interrupt controllers");
	return set_routes(vm->fd);
}

void vm_fini(struct vm *vm)
{
	if (vm->fd >= 0)
		(void)close(vm->fd);
}

struct err vm_doorbell(struct vm *vm, uint64_t address, uint32_t value, int event_fd)
{
	struct kvm_ioeventfd bell = {
		.datamatch = value,
		.addr = address,
		.len = 4,
		.fd = event_fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &bell) < 0)
		return err_make(ERR_SETUP, errno, "KVM: attach a doorbell at %#llx",
				(unsigned long long)address);
	return err_none();
}

struct err vm_interrupt(struct vm *vm, unsigned gsi, int event_fd)
{
	struct kvm_irqfd line = { .fd = (uint32_t)event_fd, .gsi = gsi };

	if (ioctl(vm->fd, KVM_IRQFD, &line) < 0)
		return err_make(ERR_SETUP, errno, "KVM: attach interrupt %u", gsi);
	return err_none();
}

struct err vm_wire(struct vm *vm, const struct nic *nic, unsigned index)
{
	struct device *d = net_device(nic->net);
	uint64_t bell = NIC_MMIO_BASE + (uint64_t)index * NIC_MMIO_STEP + MMIO_QUEUE_NOTIFY;
	struct err e = vm_interrupt(vm, NIC_GSI_BASE + index, device_call_fd(d));

	/* Of every queue that may come to exist: the control queue does so by agreement, later. */
	for (uint32_t q = 0; !err_is(e) && device_kick_fd(d, q) >= 0; q++)
		e = vm_doorbell(vm, bell, q, device_kick_fd(d, q));
	return e;
}
