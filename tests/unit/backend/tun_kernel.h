/* tests/unit/backend/tun_kernel.h: a TUN backend on the scripted kernel of tap_kernel.h. */
#ifndef TAPVM_TESTS_TUN_KERNEL_H
#define TAPVM_TESTS_TUN_KERNEL_H

#include <linux/virtio_net.h>

#include "devices/backend/tun.h"
#include "tests/driver/suite.h"
#include "tests/unit/backend/tap_kernel.h"

enum { ETH = 14, PACKET = LEN - ETH };

static const uint8_t host_mac[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
		     guest_mac[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

static void setup_on(const struct sys *sys)
{
	struct backend_tun_config c = { .tap = config() };

	c.tap.sys = sys;
	memset(&kernel, 0, sizeof(kernel));
	memset(&seen, 0, sizeof(seen));
	memcpy(c.host_mac, host_mac, 6);
	memcpy(c.guest_mac, guest_mac, 6);
	ck_assert(!err_is(backend_tun_create(&c, &be)));
}

/* FRAMES frames of LEN bytes with IPv4 in them, from the guest's address. */
static void fill_ip(void)
{
	fill();
	for (unsigned i = 0; i < FRAMES; i++) {
		uint8_t *b = batch.frame[i].bytes;

		memcpy(b, host_mac, 6);
		memcpy(b + 6, guest_mac, 6);
		memcpy(b + 12, "\x08\x00\x45", 3);
	}
}

static unsigned receive(unsigned max, bool *ret_more)
{
	for (unsigned i = 0; i < FRAMES; i++)
		batch.frame[i] = (struct frame){ .bytes = slots[i] + VNET_HDR_MAX };
	be->ops->recv(be, 0, &batch, max, ret_more);
	for (unsigned i = 0; i < FRAMES; i++)
		ck_assert_ptr_eq(batch.frame[i].bytes, slots[i] + VNET_HDR_MAX);
	return batch.count;
}

#endif
