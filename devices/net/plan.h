/* devices/net/plan.h: the offload plan (contract 8), a pure function: what was agreed on and
 * what the backend can do -> what the backend may leave undone, and what judges frames each way. */
#ifndef TAPVM_NET_PLAN_H
#define TAPVM_NET_PLAN_H

#include "devices/backend/backend.h"
#include "devices/frame/vnet_hdr.h"
#include "devices/virtio/device.h"

struct plan {
	struct backend_offloads offloads; /* for backend->set_offloads */
	unsigned hdr_bytes; /* of the header between driver and device; the backend has its own */
	bool hash_report;   /* the hash of a received frame goes into it */
	struct tx_rules tx;
	struct rx_rules rx;
};

/* guest_offloads: the bits that CTRL_GUEST_OFFLOADS has left on (bits 1, 7 to 10, 46, 47, 54, 55);
 * at first all that were accepted. mtu: as offered. */
struct plan plan_make(const struct features *accepted, uint64_t guest_offloads, uint16_t mtu,
		      const struct backend_caps *caps);
/* The bits of CTRL_GUEST_OFFLOADS that a driver with these features may set (CTRL-25, 26). */
uint64_t plan_guest_offloads(const struct features *accepted);

#endif
