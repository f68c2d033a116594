/* A whole NIC on a TUN of the real kernel: questions are answered, and the worker is woken by
 * nothing but its own transmit; datagrams go both ways between the driver and the host's stack. */
#include <arpa/inet.h>
#include <check.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tun.h"
#include "devices/frame/vnet_hdr.h"
#include "devices/tap/tap.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum {
	SIZE = 64,
	ROOM = 2048,
	ETH = 14,
	ARP_LEN = ETH + 28,
	PAYLOAD = 900,
	UDP_LEN = 42 + PAYLOAD
};

static const uint8_t host_mac[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 },
		     guest_mac[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };
static struct rig r;
static uint64_t buffers;

static void set_up_host(void)
{
	struct ip_prefix address;
	struct link *l;

	ck_assert(!err_is(ip_prefix_parse("10.0.0.1/24", &address)));
	ck_assert(!err_is(link_open(&l)));
	ck_assert(!err_is(link_add_address(l, "wt0", &address)));
	link_close(l);
	host_up("wt0");
}

/* The kernel starts an interface's queue some time after its carrier: what the host sends before
 * that is thrown away. */
static void await_running(void)
{
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;

	while ((host_info("wt0").flags & IFF_RUNNING) == 0) {
		ck_assert_msg(host_now_ms() < deadline, "wt0 does not run");
		(void)poll(NULL, 0, 1);
	}
}

static void setup(void)
{
	const struct tap_request request = {
		.kind = TAP_KIND_TUN, .name = "wt0", .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
	struct backend_tun_config config = {
		.tap = { .fd_count = 1, .sys = &sys_host, .name = "wt0" }
	};
	struct backend *be;
	struct tap tap;

	host_fresh();
	host_without_ipv6();
	ck_assert(!err_is(tap_open(&sys_host, &request, &tap)));
	config.tap.fds = tap.fd;
	config.tap.hdr_bytes = tap.hdr_bytes;
	config.tap.offloads = backend_tap_offloads(tap.offloads);
	config.tap.carrier = tap.carrier;
	memcpy(config.host_mac, host_mac, 6);
	memcpy(config.guest_mac, guest_mac, 6);
	ck_assert(!err_is(backend_tun_create(&config, &be)));
	set_up_host();
	rig_make_on(&r, be, 0);
	rig_up(&r, RIG_ALL, SIZE);
	await_running();
	buffers = rig_post(&r, SIZE / 2, ROOM);
}

static void teardown(void) { rig_end(&r); }

/* The nth frame that came: behind its header, in the buffer that was posted as the nth. */
static const uint8_t *came(unsigned n)
{
	return (const uint8_t *)driver_at(&r.memory, buffers + (uint64_t)n * ROOM) + RIG_HDR;
}

static void ask(uint8_t sender, uint8_t target)
{
	uint8_t frame[ARP_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	memcpy(frame + 6, guest_mac, 6);
	memcpy(frame + 12, "\x08\x06\0\1\x08\0\6\4\0\1", 10);
	memcpy(frame + 22, guest_mac, 6);
	if (sender != 0)
		memcpy(frame + 28, (const uint8_t[]){ 10, 0, 0, sender }, 4);
	memcpy(frame + 38, (const uint8_t[]){ 10, 0, 0, target }, 4);
	rig_send(&r, (struct vnet_hdr){ 0 }, frame, sizeof(frame));
}

/* One at a time, so that the worker sleeps in between; of other addresses than the host's, too. */
START_TEST(each_question_has_its_answer)
{
	for (unsigned i = 0; i < 20; i++) {
		ask(2, (uint8_t)(i + 3));
		rig_await_used(&r, RIG_RX, (uint16_t)(i + 1));
		ck_assert_mem_eq(came(i), guest_mac, 6);
		ck_assert_mem_eq(came(i) + 6, host_mac, 6);
		ck_assert_mem_eq(came(i) + 20, "\0\2", 2);
		ck_assert_mem_eq(came(i) + 28, ((const uint8_t[]){ 10, 0, 0, (uint8_t)(i + 3) }),
				 4);
	}
}
END_TEST

/* The answer to what was asked behind them is the only one. */
START_TEST(a_probe_has_none)
{
	ask(0, 2); /* RFC 5227: is 10.0.0.2 free? */
	ask(2, 2); /* it is mine */
	ask(2, 9);
	rig_await_drops(&r, DROP_TX_NOT_IP, 2);
	rig_await_used(&r, RIG_RX, 1);
	ck_assert_mem_eq(came(0) + 28, "\x0a\0\0\x09", 4);
	ck_assert_uint_eq(rig_stats(&r).rx.packets, 1);
	ck_assert_uint_eq(rig_stats(&r).tx.packets, 1);
}
END_TEST

static int host_socket(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(2000) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.1", &at.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* 10.0.0.2:1000 to 10.0.0.1:2000, its checksum left to the host. */
static void send_datagram(void)
{
	uint8_t frame[UDP_LEN];

	ck_assert_uint_eq(rig_fill_ip(frame, false, false, PAYLOAD), UDP_LEN);
	memcpy(frame, host_mac, 6);
	memcpy(frame + 6, guest_mac, 6);
	frame[ETH + 15] = 2; /* rig_fill_ip has it the other way round: the sums are the same */
	frame[ETH + 19] = 1;
	memcpy(frame + ETH + 22, "\x07\xd0", 2);
	rig_send(&r,
		 (struct vnet_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				    .csum_start = ETH + 20,
				    .csum_offset = 6 },
		 frame, sizeof(frame));
}

START_TEST(a_datagram_there_and_back)
{
	int fd = host_socket();
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t bytes[PAYLOAD + 1];
	const uint8_t *back;

	send_datagram();
	ck_assert(host_wait_readable(fd, HOST_WAIT_MS));
	ck_assert_int_eq(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len),
			 PAYLOAD);
	ck_assert_int_eq(sendto(fd, bytes, PAYLOAD, 0, (struct sockaddr *)&from, from_len),
			 PAYLOAD);
	rig_await_used(&r, RIG_RX, 1);
	back = came(0);
	ck_assert_mem_eq(back, guest_mac, 6);
	ck_assert_mem_eq(back + 6, host_mac, 6);
	ck_assert_mem_eq(back + 12, "\x08\x00\x45", 3);
	ck_assert_mem_eq(back + 42, bytes, PAYLOAD);
	/* Left to us, as the driver agreed to: NEEDS_CSUM at the UDP header. */
	ck_assert_uint_eq(vnet_hdr_read(back - RIG_HDR, VNET_HDR_BYTES).flags,
			  VIRTIO_NET_HDR_F_NEEDS_CSUM);
	ck_assert_uint_eq(vnet_hdr_read(back - RIG_HDR, VNET_HDR_BYTES).csum_start, ETH + 20);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("worker on a TUN");
	TCase *tc = tcase_create("tun");

	if (!host_ready("a NIC on a TUN"))
		return 77;
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_question_has_its_answer);
	tcase_add_test(tc, a_probe_has_none);
	tcase_add_test(tc, a_datagram_there_and_back);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
