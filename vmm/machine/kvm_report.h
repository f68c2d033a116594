/* vmm/machine/kvm_report.h: what this host's KVM has of what tapvm needs: for doctor. */
#ifndef TAPVM_MACHINE_KVM_REPORT_H
#define TAPVM_MACHINE_KVM_REPORT_H

#include <stdbool.h>

#include "devices/base/err.h"

struct kvm_report_row {
	const char *name;
	int value;
	bool needed, ok;
};
enum { KVM_REPORT_ROWS = 12 };

/* Opens /dev/kvm; fails in words with the mend: missing node, no permission, not KVM, old API. */
struct err kvm_open(int *ret_fd) MUST_USE;
struct err kvm_make_vm(int kvm_fd, int *ret_fd) MUST_USE;
/* What it has, a row each; fails if no virtual machine can be made of it. */
struct err kvm_report(int kvm_fd, struct kvm_report_row ret_rows[static KVM_REPORT_ROWS],
		      unsigned *ret_count) MUST_USE;

#endif
