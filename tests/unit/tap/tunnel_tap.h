/* tests/unit/tap/tunnel_tap.h: a TAP, or a TUN, of the real kernel that has UDP tunnel offloads. */
#ifndef TAPVM_TESTS_TUNNEL_TAP_H
#define TAPVM_TESTS_TUNNEL_TAP_H

#include <check.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "devices/backend/tun.h"
#include "devices/base/uapi_compat.h"
#include "devices/tap/tap.h"
#include "tests/host/host.h"

static inline struct err tunnel_tap_open(enum tap_kind kind, const char *name, struct tap *ret_tap)
{
	const struct tap_request request = {
		.kind = kind, .name = name, .fd = -1, .queues = 1, .owner = -1, .group = -1
	};

	return tap_open(&sys_host, &request, ret_tap);
}

static inline struct backend *tunnel_tap_backend(enum tap_kind kind, const char *name)
{
	struct backend_tun_config config = {
		.tap = { .fd_count = 1, .sys = &sys_host, .name = name },
		.host_mac = { 2, 0, 0, 0, 0, 9 },
		.guest_mac = { 2, 0, 0, 0, 0, 1 }
	};
	struct backend *be;
	struct tap tap;

	ck_assert(!err_is(tunnel_tap_open(kind, name, &tap)));
	config.tap.fds = tap.fd;
	config.tap.hdr_bytes = tap.hdr_bytes;
	config.tap.offloads = backend_tap_offloads(tap.offloads);
	config.tap.carrier = tap.carrier;
	ck_assert(!err_is(kind == TAP_KIND_TUN ? backend_tun_create(&config, &be)
					       : backend_tap_create(&config.tap, &be)));
	return be;
}

/* Another such TAP, with a carrier, on a bridge with this one: its descriptor. */
static inline int tunnel_tap_bridge(const char *name)
{
	struct tap tap;
	int on = 1;

	ck_assert(!err_is(tunnel_tap_open(TAP_KIND_TAP, "tb0", &tap)));
	ck_assert_int_eq(ioctl(tap.fd[0], TUNSETCARRIER, &on), 0);
	ck_assert_int_eq(host_add_bridge("tbr"), 0);
	ck_assert_int_eq(host_set_master(name, "tbr"), 0);
	ck_assert_int_eq(host_set_master("tb0", "tbr"), 0);
	host_up(name);
	host_up("tb0");
	host_up("tbr");
	return tap.fd[0];
}

/* Whether there is such a one; else prints "skip: WHAT: why". As host_ready. */
static inline bool tunnel_tap_ready(const char *what)
{
	struct tap tap;
	bool has;
	struct err e;

	if (!host_ready(what))
		return false;
	e = tunnel_tap_open(TAP_KIND_TAP, "", &tap);
	if (err_is(e)) {
		(void)printf("skip: %s: %s\n", what, e.text);
		return false;
	}
	has = (tap.offloads & TUN_F_UDP_TUNNEL_GSO_CSUM) != 0;
	tap_close(&sys_host, &tap);
	if (!has)
		(void)printf("skip: %s: this kernel's TAP has no UDP tunnel offloads\n", what);
	return has;
}

#endif
