/* tests/contract/kind_tap.c: a TAP, and a TUN, of the real kernel in a network namespace of our
 * own. Its other side is a packet socket on the interface; to make a TAP block, a veth behind a
 * bridge that lets little through. A TUN is no port of a bridge, and what the host takes for itself
 * is no longer charged to it: that it blocks is left to test_tun.c. */
#include <check.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tun.h"
#include "devices/base/uapi_compat.h"
#include "devices/frame/vnet_hdr.h"
#include "devices/tap/tap.h"
#include "tests/contract/kind.h"
#include "tests/host/host.h"

enum {
	MTU = 65521, /* the most that a TAP takes */
	PACKET_HDR = 10,
	LONGEST = FRAME_MAX + PACKET_HDR,
	SNDBUF = 6000,
	SLOW = 4000,
	FAST = 100 * 1000 * 1000,
	BURST = 2000,
	LIMIT = 1 << 20,
	NOTHING_MS = 200,
	PROBE_MS = 20,
};

#define ONE_MAC 2, 0, 0, 0, 0, 9

static struct {
	uint32_t hdr_bytes; /* of the TAP */
	uint32_t skip;      /* bytes of a frame that its other side does not see */
	int fd, index, tap_packet, far_packet;
} side;

static void set_mtu(const char *name)
{
	struct link *l;

	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_set_mtu(l, name, MTU)));
	link_close(l);
}

static void give(struct backend *be, struct vnet_hdr hdr, const uint8_t *bytes, uint32_t len)
{
	uint8_t head[VNET_HDR_BYTES];
	struct iovec iov[] = { { head, PACKET_HDR },
			       { (void *)(uintptr_t)(bytes + side.skip), len - side.skip } };
	/* Segmentation goes by the protocol that is said here, not by the frame. */
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = side.index };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2
	};
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	(void)be;
	memcpy(&to.sll_protocol, bytes + 12, sizeof(to.sll_protocol));
	if (hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		hdr.csum_start = (uint16_t)(hdr.csum_start - side.skip);
	if (hdr.hdr_len > 0)
		hdr.hdr_len = (uint16_t)(hdr.hdr_len - side.skip);
	vnet_hdr_write(hdr, head, sizeof(head));
	/* ENETDOWN is told once after the link was down. */
	while (sendmsg(side.tap_packet, &m, 0) < 0)
		ck_assert_msg((errno == ENOBUFS || errno == EAGAIN || errno == ENETDOWN) &&
				      host_now_ms() < deadline,
			      "give %u bytes: %s", len, strerrordesc_np(errno));
}

/* The kernel starts an interface's queue some time after its carrier: until a frame has come
 * through. */
static void await_passing(struct backend *be)
{
	static uint8_t got[LONGEST];
	const uint8_t probe[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0,
				    0,    0,    0,    1,    0x08, 0x00, 0x45 };
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	do {
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through");
		give(be, (struct vnet_hdr){ 0 }, probe, sizeof(probe));
	} while (!host_wait_readable(side.fd, PROBE_MS));
	while (read(side.fd, got, sizeof(got)) > 0)
		continue;
}

static struct backend *make(enum tap_kind tap_kind, unsigned queues)
{
	struct tap_request request = { .kind = tap_kind,
				       .name = "ct0",
				       .fd = -1,
				       .queues = queues,
				       .owner = -1,
				       .group = -1 };
	struct backend_tun_config config = {
		.tap = { .fd_count = queues, .sys = &sys_host, .name = "ct0" },
		.host_mac = { ONE_MAC },
		.guest_mac = { ONE_MAC },
	};
	struct backend *be;
	struct tap tap;
	struct err e;

	host_fresh();
	host_without_ipv6();
	e = tap_open(&sys_host, &request, &tap);
	ck_assert_msg(!err_is(e), "%s", e.text);
	config.tap.fds = tap.fd;
	config.tap.hdr_bytes = side.hdr_bytes = tap.hdr_bytes;
	config.tap.carrier = tap.carrier;
	config.tap.offloads = backend_tap_offloads(tap.offloads);
	e = tap_kind == TAP_KIND_TUN ? backend_tun_create(&config, &be)
				     : backend_tap_create(&config.tap, &be);
	ck_assert_msg(!err_is(e), "%s", e.text);
	side.skip = tap_kind == TAP_KIND_TUN ? FRAME_MIN : 0;
	side.fd = tap.fd[0];
	set_mtu("ct0");
	host_up("ct0");
	/* Until frames pass they are looked for in the first queue alone. */
	for (unsigned i = queues; i-- > 1;)
		ck_assert(!err_is(be->ops->set_queue(be, i, false)));
	side.index = (int)host_info("ct0").index;
	side.tap_packet =
		host_packet("ct0", tap_kind == TAP_KIND_TUN ? ETH_P_IP : HOST_ETHERTYPE, true);
	side.far_packet = -1;
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	await_passing(be);
	for (unsigned i = 1; i < queues; i++)
		ck_assert(!err_is(be->ops->set_queue(be, i, true)));
	return be;
}

static struct backend *make_tap_queues(unsigned queues) { return make(TAP_KIND_TAP, queues); }
static struct backend *make_tun_queues(unsigned queues) { return make(TAP_KIND_TUN, queues); }
static struct backend *make_tap(void) { return make(TAP_KIND_TAP, 1); }
static struct backend *make_tun(void) { return make(TAP_KIND_TUN, 1); }

/* One address for both ends: a frame is the same on its way in and on its way out. */
static void dress_ip(uint8_t *frame, uint32_t len)
{
	static const uint8_t head[] = { ONE_MAC, ONE_MAC, 0x08, 0x00, 0x45 };

	memcpy(frame, head, len < sizeof(head) ? len : sizeof(head));
	/* Of a destination that is no group's. */
	if (len >= FRAME_MIN + 20)
		frame[FRAME_MIN + 16] = 10;
}

static void destroy(struct backend *be)
{
	be->ops->destroy(be);
	ck_assert_int_eq(close(side.tap_packet), 0);
	if (side.far_packet >= 0)
		ck_assert_int_eq(close(side.far_packet), 0);
}

static int taken(struct backend *be, struct vnet_hdr *ret_hdr, uint8_t *ret_bytes, uint32_t max)
{
	static uint8_t got[LONGEST];
	uint8_t head[VNET_HDR_BYTES] = { 0 }; /* num_buffers is not on the wire */
	int fd = side.far_packet >= 0 ? side.far_packet : side.tap_packet;
	ssize_t len;

	(void)be;
	/* What was sent is queued before send returns, but for a slow way: that is waited for. */
	if (!host_wait_readable(fd, side.far_packet >= 0 ? HOST_WAIT_MS : NOTHING_MS))
		return -1;
	len = recv(fd, got, sizeof(got), MSG_DONTWAIT);
	ck_assert_msg(len >= PACKET_HDR, "packet socket: %s", strerrordesc_np(errno));
	len -= PACKET_HDR;
	memcpy(head, got, PACKET_HDR);
	if (side.skip > 0)
		dress_ip(ret_bytes, side.skip);
	ret_bytes += side.skip;
	max -= side.skip;
	memcpy(ret_bytes, got + PACKET_HDR, (size_t)len < max ? (size_t)len : max);
	*ret_hdr = vnet_hdr_read(head, VNET_HDR_BYTES);
	if (ret_hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		ret_hdr->csum_start = (uint16_t)(ret_hdr->csum_start + side.skip);
	return (int)((size_t)len + side.skip);
}

/* A port of a bridge forwards some time after it is up: until the frame that was just written is
 * through. */
static void await_far(void)
{
	uint8_t probe[VNET_HDR_MAX + 60] = { 0 }, got[sizeof(probe)];
	ssize_t len = side.hdr_bytes + 60;
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	uint8_t *number = &probe[side.hdr_bytes + 20];
	bool through = false;

	memcpy(probe + side.hdr_bytes, "\x52\1\1\1\1\1\2\0\0\0\0\1\x88\xb5", 14);
	while (!through) {
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through the bridge");
		(*number)++;
		ck_assert_int_eq(write(side.fd, probe, (size_t)len), len);
		(void)host_wait_readable(side.far_packet, PROBE_MS);
		while (recv(side.far_packet, got, sizeof(got), MSG_DONTWAIT) > 0)
			through = got[PACKET_HDR + 20] == *number;
	}
}

static void block(struct backend *be, bool on)
{
	int sndbuf = SNDBUF;
	struct link *l;

	(void)be;
	if (!on) {
		ck_assert_int_eq(host_set_tbf("ct1", FAST, BURST, LIMIT), 0);
		return;
	}
	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_add_veth(l, "ct1", "ct2", -1)));
	link_close(l);
	ck_assert_int_eq(host_add_bridge("ctbr"), 0);
	ck_assert_int_eq(host_set_master("ct0", "ctbr"), 0);
	ck_assert_int_eq(host_set_master("ct1", "ctbr"), 0);
	host_up("ct2");
	host_up("ct1");
	host_up("ctbr");
	side.far_packet = host_packet("ct2", HOST_ETHERTYPE, true);
	await_far();
	ck_assert_int_eq(host_set_tbf("ct1", SLOW, BURST, LIMIT), 0);
	ck_assert_int_eq(ioctl(side.fd, TUNSETSNDBUF, &sndbuf), 0);
}

static void link_state(struct backend *be, bool up)
{
	struct link *l;

	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_set_up(l, "ct0", up)));
	link_close(l);
	if (up)
		await_passing(be);
}

static void end(struct backend *be)
{
	struct link *l;

	(void)be;
	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_del(l, "ct0")));
	link_close(l);
}

static bool carrier(struct backend *be)
{
	(void)be;
	return host_info("ct0").carrier;
}

const struct kind kind_tap = {
	.name = "tap",
	.shortest = FRAME_MIN,
	.longest_sent = FRAME_MAX,
	.longest_given = MTU + 14,
	.short_why = DROP_TX_REFUSED,
	.by_flow = true,
	.finishes = true,
	.make = make_tap,
	.make_queues = make_tap_queues,
	.destroy = destroy,
	.give = give,
	.taken = taken,
	.block = block,
	.link = link_state,
	.end = end,
	.carrier = carrier,
};

const struct kind kind_tun = {
	.name = "tun",
	.shortest = FRAME_MIN + 20,
	.longest_sent = FRAME_MAX,
	.longest_given = MTU + 14,
	.short_why = DROP_TX_NOT_IP,
	.by_flow = true,
	.finishes = true,
	.dress = dress_ip,
	.make = make_tun,
	.make_queues = make_tun_queues,
	.destroy = destroy,
	.give = give,
	.taken = taken,
	.link = link_state,
	.end = end,
	.carrier = carrier,
};
