/* vmm/selftest/qemu.h: the same guest on QEMU's microvm and its virtio-net device: our driver
 * must pass on a device that we did not write. */
#ifndef TAPVM_SELFTEST_QEMU_H
#define TAPVM_SELFTEST_QEMU_H

#include "vmm/selftest/selftest_priv.h"

/* Serves the guest to its end. `serial` is its end of the line; it and the TAP are closed here. */
struct err qemu_run(struct server *s, int serial) MUST_USE;

#endif
