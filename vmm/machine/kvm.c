/* vmm/machine/kvm.c: a VM: memory slots, interrupt controllers and routes, doorbells.
 * Source: Linux Documentation/virt/kvm/api.rst. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/machine/kvm_report.h"
#include "vmm/machine/machine_priv.h"

static const unsigned long tss_address = 0xfffbd000;

/* ---- where interrupts go ---- */

/* With the mutex. KVM takes the whole table at once. */
static struct err set_routes(struct vm *vm)
{
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, vm->routes) < 0)
		return err_make(ERR_SETUP, errno, "KVM: route interrupts");
	return err_none();
}

/* IOAPIC entries only: with the default table GSI 0 to 15 reach the PIC too, unmasked at reset. */
static struct err make_routes(struct vm *vm)
{
	struct kvm_irq_routing *r =
		calloc(1, sizeof(*r) + (size_t)(IOAPIC_PINS + VM_MESSAGES) * sizeof(r->entries[0]));

	if (r == NULL)
		return err_make(ERR_SETUP, ENOMEM, "KVM: route interrupts");
	r->nr = IOAPIC_PINS;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		r->entries[pin] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin },
		};
	vm->routes = r;
	return set_routes(vm);
}

/* With the mutex: that message's place in the table, a new one if it had none. */
static struct kvm_irq_routing_entry *entry_of(struct vm *vm, unsigned message)
{
	struct kvm_irq_routing *r = vm->routes;
	unsigned i = IOAPIC_PINS;

	while (i < r->nr && r->entries[i].gsi != IOAPIC_PINS + message)
		i++;
	if (i == r->nr)
		r->nr++;
	return &r->entries[i];
}

struct err vm_route_message(struct vm *vm, unsigned message, uint64_t address, uint32_t data)
{
	struct err e;

	assert(message < VM_MESSAGES);
	(void)pthread_mutex_lock(&vm->mutex);
	*entry_of(vm, message) = (struct kvm_irq_routing_entry){
		.gsi = IOAPIC_PINS + message,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (uint32_t)address,
			   .address_hi = (uint32_t)(address >> 32),
			   .data = data },
	};
	e = set_routes(vm);
	(void)pthread_mutex_unlock(&vm->mutex);
	return e;
}

static struct err attach(struct vm *vm, unsigned gsi, int event_fd)
{
	struct kvm_irqfd line = { .fd = (uint32_t)event_fd, .gsi = gsi };

	if (ioctl(vm->fd, KVM_IRQFD, &line) < 0)
		return err_make(ERR_SETUP, errno, "KVM: attach interrupt %u", gsi);
	return err_none();
}

struct err vm_interrupt(struct vm *vm, unsigned pin, int event_fd)
{
	assert(pin < IOAPIC_PINS);
	return attach(vm, pin, event_fd);
}

struct err vm_message(struct vm *vm, unsigned message, int event_fd)
{
	assert(message < VM_MESSAGES);
	return attach(vm, IOAPIC_PINS + message, event_fd);
}

struct err vm_line(struct vm *vm, unsigned pin, bool asserted)
{
	struct kvm_irq_level line = { .irq = pin, .level = asserted };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &line) < 0)
		return err_make(ERR_SETUP, errno, "KVM: set interrupt line %u", pin);
	return err_none();
}

/* ---- life ---- */

struct err vm_init(struct vm *vm, int kvm_fd, const struct ram *ram)
{
	struct err e;

	(void)pthread_mutex_init(&vm->mutex, NULL);
	e = kvm_make_vm(kvm_fd, &vm->fd);
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
	return make_routes(vm);
}

void vm_fini(struct vm *vm)
{
	if (vm->fd >= 0)
		(void)close(vm->fd);
	free(vm->routes);
}

/* ---- doorbells ---- */

struct err vm_doorbell(struct vm *vm, const struct doorbell *bell, int event_fd, bool on)
{
	struct kvm_ioeventfd event = {
		.datamatch = bell->value,
		.addr = bell->address,
		.len = bell->any_value ? 0 : 4,
		.fd = event_fd,
		.flags = (bell->any_value ? 0 : KVM_IOEVENTFD_FLAG_DATAMATCH) |
			 (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &event) < 0)
		return err_make(ERR_SETUP, errno, "KVM: %s a doorbell at %#llx",
				on ? "attach" : "detach", (unsigned long long)bell->address);
	return err_none();
}

struct err vm_wire(struct vm *vm, struct device *device, unsigned window)
{
	struct doorbell bell = {
		.address = WINDOW_BASE + (uint64_t)window * WINDOW_STEP + MMIO_QUEUE_NOTIFY,
	};
	struct err e = vm_interrupt(vm, window_gsi(window), device_call_fd(device));

	/* Of every queue that may come to exist: the control queue does so by agreement, later. */
	for (; !err_is(e) && device_kick_fd(device, bell.value) >= 0; bell.value++)
		e = vm_doorbell(vm, &bell, device_kick_fd(device, bell.value), true);
	return e;
}
