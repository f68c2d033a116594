/* vmm/machine/cpuid.h: CPUID of one processor of the machine. Pure. */
#ifndef TAPVM_MACHINE_CPUID_H
#define TAPVM_MACHINE_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct cpuid_request {
	unsigned cpu, cpus; /* its number, which is its APIC identifier; of how many */
	bool tsc_deadline;  /* this KVM's local APIC has it */
	unsigned room;      /* entries that c may come to have */
};
/* c: what KVM_GET_SUPPORTED_CPUID gave. */
void cpuid_fit(struct kvm_cpuid2 *c, const struct cpuid_request *request);

#endif
