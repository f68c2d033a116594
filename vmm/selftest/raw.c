/* vmm/selftest/raw.c: AF_PACKET on the TAP. */
#include "vmm/selftest/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/base/uapi_compat.h"

enum { ETH = 14, TAG = 4, IP4 = 20, IP6 = 40, HDR = 10, WATCH_MS = 3000, TEST_TYPE = 0x88b5 };
static const uint8_t guest_mac[6] = { 0x02, 0x54, 0x41, 0x50, 0, 2 },
		     host_mac[6] = { 0x02, 0, 0, 0x77, 0, 1 };

static void put16(uint8_t *b, size_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static uint16_t sum(uint32_t start, const uint8_t *b, size_t len)
{
	uint64_t s = start;

	for (size_t i = 0; i + 1 < len; i += 2)
		s += (uint32_t)b[i] << 8 | b[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static int packet_socket(bool vnet_hdr, unsigned protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons((uint16_t)protocol) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1,
	    big = 8 << 20;

	at.sll_ifindex = (int)if_nametoindex(TAP_NAME);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	if (fd < 0 ||
	    (vnet_hdr && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	return fd;
}

/* IP header; returns the pseudo header's sum over l4_len bytes. */
static uint16_t put_ip(uint8_t *ip, bool v6, uint8_t proto, size_t l4_len)
{
	memset(ip, 0, v6 ? IP6 : IP4);
	if (v6) {
		ip[0] = 0x60;
		put16(ip + 4, l4_len);
		ip[6] = proto;
		ip[7] = 64;
		(void)inet_pton(AF_INET6, "fd77::1", ip + 8);
		(void)inet_pton(AF_INET6, "fd77::2", ip + 24);
		return sum((uint32_t)(proto + l4_len), ip + 8, 32);
	}
	ip[0] = 0x45;
	put16(ip + 2, IP4 + l4_len);
	ip[8] = 64;
	ip[9] = proto;
	(void)inet_pton(AF_INET, "10.77.0.1", ip + 12);
	(void)inet_pton(AF_INET, "10.77.0.2", ip + 16);
	put16(ip + 10, (uint16_t)~sum(0, ip, IP4));
	return sum((uint32_t)(proto + l4_len), ip + 12, 8);
}

const char *raw_gso(const struct server *s, const char *kind, size_t payload, unsigned mss)
{
	static uint8_t bytes[HDR + 65600];
	bool v6 = kind[3] == '6', tcp = strncmp(kind, "tcp", 3) == 0;
	size_t eth = s->options->net == TAP_KIND_TUN ? 0 : ETH, ip = v6 ? IP6 : IP4,
	       head = tcp ? 20 : 8, l4_at = eth + ip, all = l4_at + head + payload;
	uint8_t *frame = bytes + HDR, *l4 = frame + l4_at;
	uint16_t pseudo;
	ssize_t done;
	int fd;

	if (payload > 65535 - ip - head)
		return "a payload that no IP packet holds";
	memset(bytes, 0, HDR + l4_at + head);
	bytes[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	bytes[1] = tcp ? (v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4)
		       : VIRTIO_NET_HDR_GSO_UDP_L4;
	memcpy(bytes + 2, &(uint16_t){ (uint16_t)(l4_at + head) }, 2);
	memcpy(bytes + 4, &(uint16_t){ (uint16_t)mss }, 2);
	memcpy(bytes + 6, &(uint16_t){ (uint16_t)l4_at }, 2);
	memcpy(bytes + 8, &(uint16_t){ tcp ? 16 : 6 }, 2);
	if (eth > 0) {
		memcpy(frame, guest_mac, 6);
		memcpy(frame + 6, host_mac, 6);
		put16(frame + 12, v6 ? ETH_P_IPV6 : ETH_P_IP);
	}
	pseudo = put_ip(frame + eth, v6, tcp ? IPPROTO_TCP : IPPROTO_UDP, head + payload);
	put16(l4, 7001);
	put16(l4 + 2, 7002);
	if (tcp) {
		l4[7] = 1; /* sequence 1 */
		l4[12] = 5 << 4;
		l4[13] = 0x10;
		put16(l4 + 14, 0xffff);
	} else {
		put16(l4 + 4, head + payload);
	}
	put16(l4 + (tcp ? 16 : 6), pseudo);
	for (size_t i = 0; i < payload; i++)
		l4[head + i] = pattern_byte(0, i);
	fd = packet_socket(true, 0);
	done = fd < 0 ? -1 : send(fd, bytes, HDR + all, 0);
	if (fd >= 0)
		(void)close(fd);
	return done < 0 ? strerrordesc_np(errno) : NULL;
}

const char *raw_frames(unsigned count, const uint8_t mac[static 6], size_t size, unsigned vlan)
{
	size_t head = vlan != 0 ? ETH + TAG : ETH;
	uint8_t frame[1514];
	int fd = packet_socket(false, 0);
	const char *why = fd < 0 ? "no packet socket could be had" : NULL;

	if (size < head || size > sizeof(frame))
		why = "SIZE is 14, with a tag 18, to 1514";
	for (unsigned n = 0; n < count && why == NULL; n++) {
		memcpy(frame, mac, 6);
		memcpy(frame + 6, host_mac, 6);
		if (vlan != 0) {
			put16(frame + 12, ETH_P_8021Q);
			put16(frame + 14, vlan);
		}
		put16(frame + head - 2, TEST_TYPE);
		for (size_t i = head; i < size; i++)
			frame[i] = pattern_byte(n, i - head);
		if (send(fd, frame, size, 0) < 0)
			why = strerrordesc_np(errno);
	}
	if (fd >= 0)
		(void)close(fd);
	return why;
}

const char *raw_watch(struct server *s, const uint8_t mac[static 6])
{
	(void)mac;
	if (s->raw_fd >= 0)
		(void)close(s->raw_fd);
	s->raw_fd = packet_socket(false, ETH_P_ALL);
	return s->raw_fd < 0 ? "no packet socket could be had" : NULL;
}

const char *raw_seen(struct server *s, const uint8_t mac[static 6])
{
	int64_t deadline = now_ms() + WATCH_MS;
	uint8_t frame[64];

	while (s->raw_fd >= 0 && server_pump(s, s->raw_fd, deadline)) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t got = recvfrom(s->raw_fd, frame, sizeof(frame), 0, (struct sockaddr *)&from,
				       &from_len);

		if (got < ETH || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (memcmp(frame + 6, mac, 6) == 0)
			return NULL;
		if (frame[12] == TEST_TYPE >> 8 && frame[13] == (TEST_TYPE & 0xff))
			return "a test frame from another address came before it";
	}
	return "no such frame came";
}
