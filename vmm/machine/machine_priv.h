/* vmm/machine/machine_priv.h: the parts of one machine. */
#ifndef TAPVM_MACHINE_MACHINE_PRIV_H
#define TAPVM_MACHINE_MACHINE_PRIV_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "devices/datapath/worker.h"
#include "devices/platform/ports.h"
#include "devices/platform/serial.h"
#include "devices/transport/mmio.h"
#include "vmm/machine/machine.h"

/* ---- memory.c ---- */
struct ram {
	uint64_t bytes; /* whole guest memory */
	uint8_t *host; /* 2 MiB-aligned, one mapping */
	struct mem_region region[2]; /* below 3 GiB, and from 4 GiB on */
	unsigned regions;
	struct guest_mem *mem;
};
struct err ram_init(struct ram *ram, uint64_t bytes) MUST_USE;
void ram_fini(struct ram *ram);

/* ---- kvm.c ---- */
struct vm { int fd; };
/* Slots before the irqchip before ioeventfds: 7 ms each otherwise. */
struct err vm_init(struct vm *vm, int kvm_fd, const struct ram *ram) MUST_USE;
void vm_fini(struct vm *vm);
struct err vm_doorbell(struct vm *vm, uint64_t address, uint32_t value, int event_fd) MUST_USE;
struct err vm_interrupt(struct vm *vm, unsigned gsi, int event_fd) MUST_USE;

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
	int done_fd; /* eventfd: written when the vCPU has ended */
	pthread_t thread;
	bool started;
	atomic_bool stop;
	/* Valid once done_fd is readable. */
	enum machine_end end;
	uint32_t value;
	char text[256];
};
struct err vcpu_init(struct vcpu *v, int kvm_fd, const struct vm *vm, struct bus *bus) MUST_USE;
/* The state of a PVH entry: 32-bit, flat, EBX at start_info. */
struct err vcpu_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info) MUST_USE;
struct err vcpu_start(struct vcpu *v) MUST_USE;
void vcpu_stop(struct vcpu *v); /* returns when its thread has ended */
void vcpu_fini(struct vcpu *v);

/* ---- nic.c ---- */
struct nic {
	const char *name;
	struct backend *backend;
	struct workers *workers;
	struct net *net;
	struct mmio *mmio;
};
struct err nic_init(struct nic *nic, const struct machine_nic *config, unsigned index, struct vm *vm,
		    struct guest_mem *mem, struct loop *loop, struct log log) MUST_USE;
void nic_fini(struct nic *nic);

/* ---- stats.c: the text of --stats ---- */
struct stats_request {
	const struct nic *nic;
	unsigned nic_count;
	const struct ram *ram;
	uint64_t started_ns;
};
void stats_text(const struct stats_request *r, char *ret_text, size_t size);

#endif
