/* tests/unit/vmm/fake_kvm.h: KVM is this program's ioctl: what a VM was told, and what holds now.
 */
#ifndef TAPVM_TESTS_FAKE_KVM_H
#define TAPVM_TESTS_FAKE_KVM_H

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/machine/machine_priv.h"

enum { VM_FD = 9999, BELLS_MAX = 64, IRQFDS_MAX = 128, ROUTES_MAX = 1200 };

static struct fake_kvm {
	struct kvm_ioeventfd bell[BELLS_MAX]; /* attached */
	struct kvm_irqfd irqfd[IRQFDS_MAX];
	struct kvm_irq_routing_entry route[ROUTES_MAX];
	bool level[IOAPIC_PINS];
	unsigned bells, irqfds, routes, detached;
	int error; /* if not 0, doorbells fail */
} kvm;

static inline int fake_bell(const struct kvm_ioeventfd *bell)
{
	if (kvm.error != 0) {
		errno = kvm.error;
		return -1;
	}
	if ((bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) == 0) {
		ck_assert_uint_lt(kvm.bells, BELLS_MAX);
		kvm.bell[kvm.bells++] = *bell;
		return 0;
	}
	for (unsigned i = 0; i < kvm.bells; i++)
		if (kvm.bell[i].addr == bell->addr && kvm.bell[i].fd == bell->fd &&
		    kvm.bell[i].len == bell->len && kvm.bell[i].datamatch == bell->datamatch) {
			kvm.bell[i] = kvm.bell[--kvm.bells];
			kvm.detached++;
			return 0;
		}
	ck_abort_msg("a doorbell is detached that was not attached");
}

static inline int fake_ioctl(unsigned long request, void *arg)
{
	const struct kvm_irq_routing *table = arg;
	const struct kvm_irq_level *line = arg;

	switch (request) {
	case KVM_IOEVENTFD: return fake_bell(arg);
	case KVM_IRQFD:
		ck_assert_uint_lt(kvm.irqfds, IRQFDS_MAX);
		memcpy(&kvm.irqfd[kvm.irqfds++], arg, sizeof(kvm.irqfd[0]));
		return 0;
	case KVM_SET_GSI_ROUTING:
		ck_assert_uint_le(table->nr, ROUTES_MAX);
		kvm.routes = table->nr;
		memcpy(kvm.route, table->entries, table->nr * sizeof(kvm.route[0]));
		return 0;
	case KVM_IRQ_LINE:
		ck_assert_uint_lt(line->irq, IOAPIC_PINS);
		kvm.level[line->irq] = line->level != 0;
		return 0;
	default: return 0;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	return fd == VM_FD ? fake_ioctl(request, arg) : (int)syscall(SYS_ioctl, fd, request, arg);
}

#endif
