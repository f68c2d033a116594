/* vmm/selftest/selftest.h: the self test: boots the tiny guest on a TAP or a TUN in a private
 * network namespace, plays its peer, and prints the table (docs/selftest.md). */
#ifndef TAPVM_SELFTEST_SELFTEST_H
#define TAPVM_SELFTEST_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/base/err.h"
#include "devices/tap/tap.h"
#include "vmm/nic/config.h"

#define QEMU_ON_TAP "qemu"
#define QEMU_ON_VHOST_USER "qemu-vhost-user" /* QEMU's front-end, our server */

struct selftest_options {
	enum nic_bus bus;    /* what the guest drives; AUTO: each, one guest after the other */
	enum tap_kind net;   /* what the guest's NIC is on */
	bool no_kvm;         /* the hosted build of the guest, no virtual machine */
	bool verbose;        /* remarks of the guest, too */
	const char *only;    /* one check by name; NULL: all */
	const char *with;    /* NULL: tapvm itself; or one of the above */
	const char *capture; /* a file for the guest's frames; NULL: none */
	bool stats;
	uint64_t started_ns; /* CLOCK_MONOTONIC at the start of the process */
};

/* Prints the table on stdout. *ret_failed: how many checks failed. An error means that it could not
 * be run at all; nothing is left behind either way. */
struct err selftest_run(const struct selftest_options *o, unsigned *ret_failed) MUST_USE;

/* The name of the check at that place of the table; NULL behind the last. */
const char *selftest_check(unsigned index);

#endif
