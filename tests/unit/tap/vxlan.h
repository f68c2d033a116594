/* tests/unit/tap/vxlan.h: a whole NIC on a TAP of the real kernel, behind which the kernel's own
 * VXLAN device has its other end. */
#ifndef TAPVM_TESTS_VXLAN_H
#define TAPVM_TESTS_VXLAN_H

#include <check.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/frame/gso.h"
#include "devices/frame/vnet_hdr.h"
#include "tests/driver/rig.h"
#include "tests/driver/tunnel_frame.h"
#include "tests/host/host.h"
#include "tests/unit/tap/tunnel_tap.h"

enum {
	SIZE = 64,
	PORT = 4789,
	GSO_SIZE = 1000,
	SEGMENTS = 20,
	PAYLOAD = (SEGMENTS - 1) * GSO_SIZE + 501,
	LONGEST = TUNNEL_HEADERS_MAX + PAYLOAD,
	HDR = 24,
	ROOM = (HDR + LONGEST + 15) / 16 * 16,
	PACKET_HDR = 10,
	GUEST_TUNNELS = 0x6, /* of RIG_TUNNELS */
};
static const uint64_t hashing =
	RIG_BIT(VIRTIO_NET_F_HASH_REPORT) | RIG_BIT(VIRTIO_NET_F_HASH_TUNNEL);

#define VXLAN .port = PORT, .head_len = 8, .head = { 0x08, [6] = HOST_VNI }
static const struct tunnel_shape shapes[] = {
	{ "TCP4 in 4", false, true, false, true, VXLAN },
	{ "TCP6 in 4", false, true, true, true, VXLAN },
	{ "UDP4 in 4", false, true, false, false, VXLAN },
	{ "UDP6 in 4", false, true, true, false, VXLAN },
	{ "TCP4 in 6", true, true, false, true, VXLAN },
	{ "TCP6 in 6", true, true, true, true, VXLAN },
	{ "UDP4 in 6", true, true, false, false, VXLAN },
	{ "UDP6 in 6", true, true, true, false, VXLAN },
	{ "TCP4 in 4, no checksum around it", false, false, false, true, VXLAN },
	{ "TCP6 in 4, no checksum around it", false, false, true, true, VXLAN },
	{ "UDP4 in 4, no checksum around it", false, false, false, false, VXLAN },
	{ "UDP6 in 4, no checksum around it", false, false, true, false, VXLAN },
	{ "TCP4 in 6, no checksum around it", true, false, false, true, VXLAN },
	{ "TCP6 in 6, no checksum around it", true, false, true, true, VXLAN },
	{ "UDP4 in 6, no checksum around it", true, false, false, false, VXLAN },
	{ "UDP6 in 6, no checksum around it", true, false, true, false, VXLAN },
};

static struct rig r;
static const struct tunnel_shape *shape;
static struct tunnel_places at;
static int inside; /* a packet socket on the VXLAN device */
static uint8_t super[LONGEST], sent_head[VNET_HDR_BYTES];
static uint32_t super_len;

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	ck_assert(!err_is(ip_prefix_parse(text, &p)));
	return p;
}

/* An IPv6 address is the host's some time after it was given: until a socket hears itself by it. */
static void await_local(const struct ip_prefix *who)
{
	struct sockaddr_in6 self = { .sin6_family = AF_INET6, .sin6_addr = who->addr.v6 };
	socklen_t len = sizeof(self);
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&self, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&self, &len), 0);
	do {
		ck_assert_msg(host_now_ms() < deadline, "an address does not become the host's");
		(void)sendto(fd, "", 1, 0, (const struct sockaddr *)&self, len);
	} while (!host_wait_readable(fd, 1));
	ck_assert_int_eq(close(fd), 0);
}

/* Ours are the loopback's: an interface with addresses of its own says so to multicast routers. */
static void set_up_host(enum tap_kind kind)
{
	static const uint8_t guest_mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct ip_prefix here = prefix(shape->outer_v6 ? "fd09::1" : "10.9.0.1"),
			 there = prefix(shape->outer_v6 ? "fd09::2" : "10.9.0.2");
	struct link *l;

	host_up("lo");
	host_up("vt0");
	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_add_address(l, "lo", &here)));
	ck_assert(!err_is(link_add_route(l, "vt0", &there, NULL)));
	if (kind == TAP_KIND_TAP)
		ck_assert(!err_is(link_add_neighbour(l, "vt0", &there, guest_mac)));
	link_close(l);
	if (shape->outer_v6)
		await_local(&here);
	ck_assert_int_eq(host_add_vxlan("vx0", &there, PORT, shape->csum), 0);
	host_up("vx0");
	inside = host_packet("vx0", shape->inner_v6 ? ETH_P_IPV6 : ETH_P_IP, true);
}

/* The kernel starts an interface's queue some time after its carrier. */
static void await_running(void)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	while ((host_info("vt0").flags & IFF_RUNNING) == 0) {
		ck_assert_msg(host_now_ms() < deadline, "vt0 does not run");
		(void)poll(NULL, 0, 1);
	}
}

static void up(enum tap_kind kind, const struct tunnel_shape *s, uint32_t features)
{
	shape = s;
	at = tunnel_places(s);
	super_len = tunnel_fill(super, s, PAYLOAD);
	host_fresh();
	host_without_link_local();
	rig_make_on(&r, tunnel_tap_backend(kind, "vt0"), hashing);
	set_up_host(kind);
	r.wanted_high = features;
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(r.accepted_high,
			  kind == TAP_KIND_TUN ? features & GUEST_TUNNELS : features);
	await_running();
}

static void down(void)
{
	rig_end(&r);
	ck_assert_int_eq(close(inside), 0);
}

/* To the VXLAN device, behind a header of a packet socket. */
static void host_sends(struct vnet_hdr hdr, const uint8_t *bytes, uint32_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)host_info("vx0").index };
	struct iovec iov[] = { { sent_head, PACKET_HDR }, { (void *)(uintptr_t)bytes, len } };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2
	};

	memcpy(&to.sll_protocol, bytes + 12, sizeof(to.sll_protocol));
	vnet_hdr_write(hdr, sent_head, sizeof(sent_head));
	ck_assert_int_eq(sendmsg(inside, &m, 0), (ssize_t)(PACKET_HDR + len));
}

/* What the tunnel carries, as it is before it has one. */
static void host_sends_super(void)
{
	struct vnet_hdr h = tunnel_header(shape, GSO_SIZE);

	h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h.gso_type &= (uint8_t)~GSO_TUNNEL;
	h.hdr_len = (uint16_t)(h.hdr_len - at.inner);
	h.csum_start = (uint16_t)(h.csum_start - at.inner);
	host_sends(h, super + at.inner, super_len - at.inner);
}

/* Of buffers that were posted together. */
static uint8_t *received(uint64_t gpa, unsigned index)
{
	return driver_at(&r.memory, gpa + (uint64_t)index * ROOM);
}

#endif
