/* tests/contract/kind_tap.c: a TAP of the real kernel in a network namespace of our own. Its
 * other side is a packet socket on the interface; to make it block, a veth behind a bridge that
 * lets little through. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tap.h"
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

static struct {
	int fd, index, tap_packet, far_packet;
} side;

static void set_mtu(const char *name)
{
	struct link *l;

	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_set_mtu(l, name, MTU)));
	link_close(l);
}

/* Router solicitations and the like are no part of the test. */
static void without_ipv6(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		(void)close(fd);
	}
}

static void give(struct backend *be, struct vnet_hdr hdr, const uint8_t *bytes, uint32_t len)
{
	uint8_t head[VNET_HDR_BYTES];
	struct iovec iov[] = { { head, PACKET_HDR }, { (void *)(uintptr_t)bytes, len } };
	/* Segmentation goes by the protocol that is said here, not by the frame. */
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = side.index };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2
	};
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	(void)be;
	memcpy(&to.sll_protocol, bytes + 12, sizeof(to.sll_protocol));
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
	const uint8_t probe[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5
	};
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	do {
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through");
		give(be, (struct vnet_hdr){ 0 }, probe, sizeof(probe));
	} while (!host_wait_readable(side.fd, PROBE_MS));
	while (read(side.fd, got, sizeof(got)) > 0)
		continue;
}

static struct backend *make(void)
{
	struct tap_request request = {
		.name = "ct0", .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
	struct backend_tap_config config = { .fd_count = 1, .sys = &sys_host, .name = "ct0" };
	struct backend *be;
	struct tap tap;
	struct err e;

	host_fresh();
	without_ipv6();
	e = tap_open(&sys_host, &request, &tap);
	ck_assert_msg(!err_is(e), "%s", e.text);
	config.fds = tap.fd;
	config.hdr_bytes = tap.hdr_bytes;
	config.carrier = tap.carrier;
	config.offloads.csum = (tap.offloads & TUN_F_CSUM) != 0;
	config.offloads.tso4 = (tap.offloads & TUN_F_TSO4) != 0;
	ck_assert(!err_is(backend_tap_create(&config, &be)));
	side.fd = tap.fd[0];
	set_mtu("ct0");
	host_up("ct0");
	side.index = (int)host_info("ct0").index;
	side.tap_packet = host_packet("ct0", true);
	side.far_packet = -1;
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	await_passing(be);
	return be;
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
	memcpy(ret_bytes, got + PACKET_HDR, (size_t)len < max ? (size_t)len : max);
	*ret_hdr = vnet_hdr_read(head);
	return (int)len;
}

/* A port of a bridge forwards some time after it is up: until the frame that was just written is
 * through. */
static void await_far(void)
{
	uint8_t probe[VNET_HDR_BYTES + 60] = { 0 }, got[sizeof(probe)];
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	uint8_t *number = &probe[VNET_HDR_BYTES + 20];
	bool through = false;

	memcpy(probe + VNET_HDR_BYTES, "\x52\1\1\1\1\1\2\0\0\0\0\1\x88\xb5", 14);
	while (!through) {
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through the bridge");
		(*number)++;
		ck_assert_int_eq(write(side.fd, probe, sizeof(probe)), sizeof(probe));
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
	side.far_packet = host_packet("ct2", true);
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
	.longest_sent = FRAME_MAX,
	.longest_given = MTU + 14,
	.finishes = true,
	.make = make,
	.destroy = destroy,
	.give = give,
	.taken = taken,
	.block = block,
	.link = link_state,
	.end = end,
	.carrier = carrier,
};
