/* vmm/machine/machine_priv.h: the parts of one machine. */
#ifndef TAPVM_MACHINE_MACHINE_PRIV_H
#define TAPVM_MACHINE_MACHINE_PRIV_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "devices/platform/ports.h"
#include "devices/platform/serial.h"
#include "vmm/boot/boot.h"
#include "vmm/machine/parts.h"

/* ---- kvm.c ---- */
struct vm {
	int fd;
};
/* Slots before the irqchip before ioeventfds: 7 ms each otherwise. */
struct err vm_init(struct vm *vm, int kvm_fd, const struct ram *ram) MUST_USE;
void vm_fini(struct vm *vm);
struct err vm_doorbell(struct vm *vm, uint64_t address, uint32_t value, int event_fd) MUST_USE;
struct err vm_interrupt(struct vm *vm, unsigned gsi, int event_fd) MUST_USE;
/* An ioeventfd for each doorbell of NIC `index`, an irqfd for its call. */
struct err vm_wire(struct vm *vm, const struct nic *nic, unsigned index) MUST_USE;

/* ---- bus.c: who answers at a port or an address ---- */
struct bus {
	struct serial *serial;
	struct mmio *mmio[NICS_MAX];
	unsigned nics;
};
void bus_mmio_read(struct bus *bus, uint64_t address, void *ret_bytes, unsigned width);
void bus_mmio_write(struct bus *bus, uint64_t address, const void *bytes, unsigned width);
uint32_t bus_port_read(struct bus *bus, uint16_t port, unsigned width);
struct guest_end bus_port_write(struct bus *bus, uint16_t port, uint32_t value);

/* ---- vcpu.c ---- */
struct vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	struct bus *bus; /* lent */
	int done_fd;     /* eventfd: written when the vCPU has ended */
	pthread_t thread;
	bool started;
	atomic_bool stop;
	/* Valid once done_fd is readable. */
	enum machine_end end;
	uint32_t value;
	char text[256];
};
struct err vcpu_init(struct vcpu *v, int kvm_fd, const struct vm *vm, struct bus *bus) MUST_USE;
/* The state in which a kernel is entered: flat, by PVH in 32-bit mode. */
struct err vcpu_enter(struct vcpu *v, const struct boot_entry *entry) MUST_USE;
struct err vcpu_start(struct vcpu *v) MUST_USE;
void vcpu_stop(struct vcpu *v); /* returns when its thread has ended */
void vcpu_fini(struct vcpu *v);

#endif
