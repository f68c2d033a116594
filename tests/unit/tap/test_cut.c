/* Super-frames of all kinds, cut by us and by the kernel, for a TAP that takes none: the same
 * frames, byte for byte. */
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/frame/csum.h"
#include "devices/frame/segment.h"
#include "devices/frame/vnet_hdr.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"
#include "tests/unit/tap/tunnel_tap.h"

enum {
	FRAMES = 250,
	SLOT = 66000,
	HDR = 24,
	PROBE_MS = 20,
	ETH = 14,
	UDP_BYTES = 8,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DESTINATION = 60,
	CWR = 0x80,
	ECN = VIRTIO_NET_HDR_GSO_ECN,
};

/* One IP packet: where its header and what it carries begin. */
struct packet {
	bool v6;
	uint8_t protocol;
	uint32_t ip, l4;
};

static int near_fd, far_fd;
static uint8_t bytes[SLOT], segment_bytes[SLOT], wire[HDR + SLOT], got[HDR + SLOT];
static struct frame super;
static uint32_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static void put16(uint32_t at, uint32_t v)
{
	bytes[at] = (uint8_t)(v >> 8);
	bytes[at + 1] = (uint8_t)v;
}

static uint32_t sum(uint32_t start, uint32_t at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		start += i % 2 == 0 ? (uint32_t)bytes[at + i] << 8 : bytes[at + i];
	while (start >> 16 != 0)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* ---- headers, from the outside in; each returns where the next begins ---- */

static uint32_t put_ipv4(const struct packet *p)
{
	uint32_t len = 20 + (any(3) == 0 ? 4 * any(11) : 0);

	memset(bytes + p->ip, 0, 20);
	memset(bytes + p->ip + 20, 1, len - 20); /* no-operations */
	bytes[p->ip] = (uint8_t)(0x40 | len / 4);
	bytes[p->ip + 1] = (uint8_t)any(256);
	put16(p->ip + 4, any(65536));
	bytes[p->ip + 6] = any(2) == 0 ? 0x40 : 0;
	bytes[p->ip + 8] = 64;
	bytes[p->ip + 9] = p->protocol;
	memcpy(bytes + p->ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	return p->ip + len;
}

static uint32_t put_ipv6(const struct packet *p)
{
	uint32_t at = p->ip + 40, next = p->ip + 6;

	memset(bytes + p->ip, 0, 40);
	bytes[p->ip] = 0x60;
	bytes[p->ip + 7] = 64;
	bytes[p->ip + 8] = bytes[p->ip + 24] = 0xfd;
	bytes[p->ip + 39] = 2;
	for (uint32_t count = any(3) == 0 ? any(3) : 0; count > 0; count--) {
		uint32_t more = any(2);

		bytes[next] = PROTO_DESTINATION;
		next = at;
		memset(bytes + at, 0, 8 + 8 * more);
		bytes[at + 1] = (uint8_t)more;
		bytes[at + 2] = 1; /* padding */
		bytes[at + 3] = (uint8_t)(4 + 8 * more);
		at += 8 + 8 * more;
	}
	bytes[next] = p->protocol;
	return at;
}

static struct packet put_ip(uint32_t at, uint8_t protocol)
{
	struct packet p = { .v6 = any(2) == 0, .protocol = protocol, .ip = at };

	put16(at - 2, p.v6 ? 0x86dd : 0x0800);
	p.l4 = p.v6 ? put_ipv6(&p) : put_ipv4(&p);
	return p;
}

/* VXLAN or GENEVE, whose options do not matter, and the Ethernet header of what is in it. */
static uint32_t put_tunnel(const struct packet *p)
{
	uint32_t head = p->l4 + UDP_BYTES, options = 4 * any(4);

	put16(p->l4, any(65536));
	put16(p->l4 + 2, any(2) == 0 ? 4789 : 6081);
	memset(bytes + head, 0, 8 + options);
	bytes[head] = (uint8_t)(options / 4);
	put16(head + 2, 0x6558);
	memset(bytes + head + 8 + options, 3, 12);
	return head + 8 + options + ETH;
}

static uint32_t put_l4(const struct packet *p)
{
	uint32_t len = 20 + (any(3) == 0 ? 4 * any(11) : 0);

	if (p->protocol == PROTO_UDP) {
		memset(bytes + p->l4, 0, UDP_BYTES);
		return p->l4 + UDP_BYTES;
	}
	memset(bytes + p->l4, 0, 20);
	memset(bytes + p->l4 + 20, 1, len - 20); /* no-operations */
	for (uint32_t i = 4; i < 12; i++)
		bytes[p->l4 + i] = (uint8_t)any(256);
	if (any(2) == 0)
		memset(bytes + p->l4 + 4, 0xff, 3); /* its numbers go round */
	bytes[p->l4 + 12] = (uint8_t)(len / 4 << 4);
	bytes[p->l4 + 13] = (uint8_t)(0x10 | any(2) * 0x08 | any(2) * 0x01 | any(2) * CWR);
	return p->l4 + len;
}

/* Lengths, IP's checksum, and the pseudo header's sum, or 0, in the transport header. */
static void finish(const struct packet *p, uint32_t end, uint32_t csum_offset, bool csum)
{
	uint32_t len = end - p->l4;

	if (p->v6) {
		put16(p->ip + 4, end - p->ip - 40);
	} else {
		put16(p->ip + 2, end - p->ip);
		put16(p->ip + 10, ~sum(0, p->ip, p->l4 - p->ip) & 0xffff);
	}
	if (p->protocol == PROTO_UDP)
		put16(p->l4 + 4, len);
	put16(p->l4 + csum_offset,
	      csum ? sum(p->protocol + len, p->ip + (p->v6 ? 8 : 12), p->v6 ? 32 : 8) : 0);
}

static void make_super(void)
{
	bool tagged = any(3) == 0, tunnel = any(2) == 0, open_csum = any(2) == 0;
	uint8_t protocol = any(2) == 0 ? PROTO_TCP : PROTO_UDP;
	struct packet outer = { 0 }, p;
	struct vnet_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	uint32_t at = ETH, payload;

	rig_fill(bytes, ETH, 0);
	memcpy(bytes + 12, "\x81\0\0\5", 4);
	at += tagged ? 4 : 0;
	if (tunnel) {
		outer = put_ip(at, PROTO_UDP);
		at = put_tunnel(&outer);
	}
	p = put_ip(at, protocol);
	h.gso_size = (uint16_t)(200 + any(1200));
	h.csum_start = (uint16_t)p.l4;
	h.csum_offset = protocol == PROTO_TCP ? 16 : 6;
	h.gso_type = protocol == PROTO_UDP ? VIRTIO_NET_HDR_GSO_UDP_L4
		     : p.v6                ? VIRTIO_NET_HDR_GSO_TCPV6
					   : VIRTIO_NET_HDR_GSO_TCPV4;
	at = put_l4(&p);
	h.hdr_len = (uint16_t)at;
	payload = 1u + h.gso_size + any(20u * h.gso_size);
	for (uint32_t i = 0; i < payload; i++)
		bytes[at + i] = (uint8_t)any(256);
	at += payload;
	if (protocol == PROTO_TCP && (bytes[p.l4 + 13] & CWR) != 0)
		h.gso_type |= ECN;
	finish(&p, at, h.csum_offset, true);
	if (tunnel) {
		finish(&outer, at, 6, open_csum);
		h.flags |= open_csum ? VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM : 0;
		h.gso_type |= outer.v6 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6
				       : VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4;
		h.outer_th_offset = (uint16_t)outer.l4;
		h.inner_nh_offset = (uint16_t)p.ip;
	}
	super = (struct frame){ .hdr = h, .bytes = bytes, .local = at, .len = at };
}

/* ---- both ways ---- */

static void far_sends(const struct frame *f)
{
	vnet_hdr_write(f->hdr, wire, HDR);
	memcpy(wire + HDR, f->bytes, f->len);
	ck_assert_int_eq(write(far_fd, wire, HDR + f->len), (ssize_t)(HDR + f->len));
}

/* The bridge says things of its own. */
static uint32_t near_reads(const uint8_t *like)
{
	ssize_t len;

	do {
		ck_assert(host_wait_readable(near_fd, HOST_WAIT_MS));
		len = read(near_fd, got, sizeof(got));
		ck_assert_int_ge(len, HDR + ETH);
	} while (memcmp(got + HDR + 6, like + 6, 8) != 0);
	return (uint32_t)len - HDR;
}

static bool comes_through(const struct frame *probe)
{
	far_sends(probe);
	return host_wait_readable(near_fd, PROBE_MS) &&
	       read(near_fd, got, sizeof(got)) == (ssize_t)(HDR + probe->len) &&
	       memcmp(got + HDR, probe->bytes, probe->len) == 0;
}

static void setup(void)
{
	struct frame probe = { .bytes = bytes, .local = 60, .len = 60 };
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	struct tap tap;
	int on = 1;

	host_fresh();
	host_without_ipv6();
	ck_assert(!err_is(tunnel_tap_open(TAP_KIND_TAP, "ta0", &tap)));
	near_fd = tap.fd[0];
	ck_assert_int_eq(ioctl(near_fd, TUNSETCARRIER, &on), 0);
	far_fd = tunnel_tap_bridge("ta0");
	rig_fill(bytes, 60, 0);
	while (!comes_through(&probe))
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through the bridge");
}

static void teardown(void)
{
	ck_assert_int_eq(close(near_fd), 0);
	ck_assert_int_eq(close(far_fd), 0);
}

/* rule: NET-36 NET-38 NET-42 */
START_TEST(as_the_kernel_does)
{
	seed = (uint32_t)_i * 7919 + 1;
	for (unsigned n = 0; n < FRAMES; n++) {
		struct frame segment = { .bytes = segment_bytes };
		struct segmenter cutter;

		make_super();
		far_sends(&super);
		ck_assert_msg(segment_begin(&cutter, &super), "frame %u", n);
		for (unsigned i = 0; segment_next(&cutter, &segment); i++) {
			uint32_t len = near_reads(bytes);

			ck_assert(csum_finish(segment.bytes, segment.len, segment.hdr.csum_start,
					      segment.hdr.csum_offset));
			ck_assert_msg(got[0] == 0 && len == segment.len &&
					      memcmp(got + HDR, segment.bytes, len) == 0,
				      "frame %u of type %#x, segment %u of %u bytes", n,
				      super.hdr.gso_type, i, segment.len);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cut");
	TCase *tc = tcase_create("cut");

	if (!tunnel_tap_ready("super-frames cut by us and by the kernel"))
		return 77;
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, as_the_kernel_does, 0, 4);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
