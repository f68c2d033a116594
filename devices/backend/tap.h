/* devices/backend/tap.h: the TAP as a backend: I/O and run-time ioctls on given descriptors.
 * Needs no privilege. What made the descriptors is devices/tap. Source: Linux drivers/net/tun.c. */
#ifndef TAPVM_BACKEND_TAP_H
#define TAPVM_BACKEND_TAP_H

#include "devices/backend/backend.h"
#include "devices/base/log.h"
#include "devices/base/sys.h"

struct backend_tap_config {
	const int *fds; /* one a queue, O_NONBLOCK, attached; copied, and owned from success on */
	unsigned fd_count;
	unsigned hdr_bytes;               /* TUNSETVNETHDRSZ as it stands: 12 (24 with tunnels) */
	struct backend_offloads offloads; /* as probed: TUNSETOFFLOAD takes them */
	bool carrier;                     /* TUNSETCARRIER works */
	bool steers;                      /* a program, and its map, as devices/tap loads them */
	int steer_program, steer_map;     /* owned as fds are */
	const struct sys *sys;
	struct log log;
	const char *name; /* for log lines; copied */
};

/* What TUN_F_* bits that TUNSETOFFLOAD takes mean. */
struct backend_offloads backend_tap_offloads(unsigned tun_flags);

struct err backend_tap_create(const struct backend_tap_config *config,
			      struct backend **ret_backend) MUST_USE;

#endif
