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
enum { IOAPIC_PINS = 24, VM_MESSAGES = 1024 };
struct vm {
	int fd;
	pthread_mutex_t mutex; /* the routes */
	struct kvm_irq_routing *routes;
};
/* Slots before the irqchip before ioeventfds: 7 ms each otherwise. */
struct err vm_init(struct vm *vm, int kvm_fd, const struct ram *ram) MUST_USE;
void vm_fini(struct vm *vm);
/* An ioeventfd: event_fd is written when the guest writes `value`, of 32 bits, to address; or any
 * value of any width. */
struct doorbell {
	uint64_t address;
	uint32_t value;
	bool any_value;
};
struct err vm_doorbell(struct vm *vm, const struct doorbell *bell, int event_fd, bool on) MUST_USE;
/* Irqfds: an edge at that pin of the IOAPIC; that message, once it is routed. */
struct err vm_interrupt(struct vm *vm, unsigned pin, int event_fd) MUST_USE;
struct err vm_message(struct vm *vm, unsigned message, int event_fd) MUST_USE;
/* What that message is from now on. Any thread. */
struct err vm_route_message(struct vm *vm, unsigned message, uint64_t address,
			    uint32_t data) MUST_USE;
struct err vm_line(struct vm *vm, unsigned pin, bool asserted) MUST_USE; /* a level; any thread */
/* An ioeventfd for each doorbell of a device in that window, an irqfd for its call. */
struct err vm_wire(struct vm *vm, struct device *device, unsigned window) MUST_USE;

/* ---- bus.c: who answers at a port or an address ---- */
struct bus {
	struct ports ports;
	struct serial *serial;
	struct mmio *const *window; /* WINDOWS of them; NULL: none there */
	struct pci_host *pci;
};
void bus_mmio_read(struct bus *bus, uint64_t address, void *ret_bytes, unsigned width);
void bus_mmio_write(struct bus *bus, uint64_t address, const void *bytes, unsigned width);
uint32_t bus_port_read(struct bus *bus, uint16_t port, unsigned width);
struct guest_end bus_port_write(struct bus *bus, uint16_t port, uint32_t value, unsigned width);

/* ---- vcpu.c ---- */
struct cpus;
struct vcpu {
	struct cpus *all;
	unsigned number;
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	pthread_t thread;
	bool started;
	/* Valid once it has ended. */
	enum machine_end end;
	uint32_t value;
	char text[256];
};
struct err vcpu_init(struct vcpu *v, int kvm_fd, const struct vm *vm) MUST_USE;
/* The state in which a kernel is entered: flat, by PVH in 32-bit mode. */
struct err vcpu_enter(struct vcpu *v, const struct boot_entry *entry) MUST_USE;
struct err vcpu_start(struct vcpu *v) MUST_USE;
void vcpu_kick(struct vcpu *v); /* out of whatever it waits in */
void vcpu_join(struct vcpu *v); /* returns when its thread has ended; cpus.stop is set */
void vcpu_fini(struct vcpu *v);

/* ---- cpus.c ---- */
struct cpus {
	struct vcpu vcpu[CPUS_MAX];
	unsigned count;
	struct bus *bus;  /* lent */
	atomic_bool stop; /* all are to end */
	int done_fd;      /* eventfd: written when one has ended */
	atomic_int first; /* that has */
};
void cpus_init(struct cpus *c, unsigned count, struct bus *bus);
struct err cpus_open(struct cpus *c, int kvm_fd, const struct vm *vm) MUST_USE;
struct err cpus_start(struct cpus *c) MUST_USE;
void cpus_ended(struct cpus *c, unsigned number); /* on the thread of that vCPU */
/* The one whose end is the machine's. After cpus_stop. */
const struct vcpu *cpus_end(const struct cpus *c);
void cpus_stop(struct cpus *c); /* returns when all threads have ended */
void cpus_close(struct cpus *c);

#endif
