/* vmm/selftest/judge.c: what arrives in J, behind a veth that neither sums nor cuts for anybody:
 * each frame is judged by its bytes alone. A local socket would take wrong sums and uncut
 * frames. */
#include "vmm/selftest/judge.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/tap/netns.h"

enum {
	ETH = 14,
	IP4 = 20,
	IP6 = 40,
	UDP = 8,
	TCP = 20,
	FRAME_LIMIT = 1514,
	JUDGE_MS = 3000,
	BUFFER = 8 << 20
};

static uint16_t be16(const uint8_t *b) { return (uint16_t)(b[0] << 8 | b[1]); }
static uint32_t be32(const uint8_t *b) { return (uint32_t)be16(b) << 16 | be16(b + 2); }

/* The sum of 16-bit words, folded; an odd last byte is the high one. */
static uint16_t sum(uint32_t start, const uint8_t *b, size_t len)
{
	uint64_t s = start;

	for (size_t i = 0; i + 1 < len; i += 2)
		s += be16(b + i);
	if (len & 1)
		s += (uint32_t)b[len - 1] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

struct judged judge_frame(const struct judge_want *want, const uint8_t *frame, size_t len)
{
	struct judged j = { .ours = false };
	const uint8_t *ip = frame + ETH, *l4;
	size_t head = want->v6 ? IP6 : IP4, l4_head = want->tcp ? TCP : UDP, all;
	uint8_t proto = want->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint32_t pseudo;

	if (len < ETH + head + l4_head || be16(frame + 12) != (want->v6 ? ETH_P_IPV6 : ETH_P_IP))
		return j;
	all = want->v6 ? head + be16(ip + 4) : be16(ip + 2);
	l4 = ip + head;
	if ((want->v6 ? ip[6] : ip[9]) != proto || be16(l4 + 2) != want->port)
		return j;
	j.ours = true;
	if (all > len - ETH || all < head + l4_head || len > FRAME_LIMIT ||
	    (!want->v6 && sum(0, ip, IP4) != 0xffff)) {
		j.fault = len > FRAME_LIMIT ? "a frame was not cut" : "a wrong IP header";
		return j;
	}
	pseudo =
		sum((uint32_t)(proto + all - head), want->v6 ? ip + 8 : ip + 12, want->v6 ? 32 : 8);
	j.sum_right = sum(pseudo, l4, all - head) == 0xffff;
	if (!want->tcp && be16(l4 + 4) != all - head)
		j.fault = "a wrong UDP length";
	j.payload = l4 + (want->tcp ? (size_t)(l4[12] >> 4) * 4 : UDP);
	if (j.payload > ip + all) {
		j.fault = "a wrong TCP header";
		return j;
	}
	j.payload_len = (size_t)(ip + all - j.payload);
	j.sequence = want->tcp ? be32(l4 + 4) : 0;
	return j;
}

const char *judge_open(struct server *s, const char *kind, unsigned port)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int big = BUFFER;
	struct err e = netns_enter(s->world->judge_ns), back;

	if (err_is(e))
		return "the judge's namespace could not be entered";
	if (s->judge_fd >= 0)
		(void)close(s->judge_fd);
	s->judge_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sll_ifindex = (int)if_nametoindex("judge1");
	(void)setsockopt(s->judge_fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	if (bind(s->judge_fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		(void)close(s->judge_fd);
		s->judge_fd = -1;
	}
	back = netns_enter(s->world->host_ns);
	s->judge_port = port;
	s->judge_tcp = strncmp(kind, "tcp", 3) == 0;
	s->judge_v6 = kind[3] == '6';
	return s->judge_fd < 0 || err_is(back) ? "no packet socket could be had" : NULL;
}

/* The next frame of ours, judged. false: none came in time. */
static bool next(struct server *s, uint8_t *bytes, size_t size, int64_t deadline,
		 struct judged *ret)
{
	const struct judge_want want = { s->judge_v6, s->judge_tcp, s->judge_port };

	while (server_pump(s, s->judge_fd, deadline)) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t got =
			recvfrom(s->judge_fd, bytes, size, 0, (struct sockaddr *)&from, &from_len);

		if (got < 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		*ret = judge_frame(&want, bytes, (size_t)got);
		if (ret->ours)
			return true;
	}
	return false;
}

/* The segment that begins at payload byte `done`; NULL: well. */
static const char *segment_fault(const struct server *s, const struct judged *j, size_t done,
				 size_t payload, size_t mss, bool right)
{
	size_t left = payload - done;

	if (j->fault != NULL)
		return j->fault;
	if (j->sum_right != right)
		return right ? "a wrong checksum" : "a right checksum, out of a wrong one";
	if (s->judge_tcp && j->sequence != done + 1)
		return "a wrong sequence number";
	/* As it was asked for: the number of frames alone is the same for many sizes. */
	if (j->payload_len != (left < mss ? left : mss))
		return "a wrong size";
	for (size_t i = 0; i < j->payload_len; i++)
		if (j->payload[i] != pattern_byte(0, done + i))
			return "wrong contents";
	return NULL;
}

void judge_take(struct server *s, size_t payload, size_t mss, bool right, char *ret_text,
		size_t size)
{
	static uint8_t bytes[70000];
	unsigned frames = (unsigned)((payload + mss - 1) / mss);
	int64_t deadline = now_ms() + JUDGE_MS;
	const char *fault = s->judge_fd < 0 ? "judge-open comes first" : NULL;
	unsigned seen = 0;
	size_t done = 0;
	struct judged j;

	while (fault == NULL && seen < frames && next(s, bytes, sizeof(bytes), deadline, &j)) {
		seen++;
		fault = segment_fault(s, &j, done, payload, mss, right);
		done += j.payload_len;
	}
	if (fault == NULL && seen != frames) {
		(void)snprintf(ret_text, size, "no %u of %u frames, %zu of %zu bytes came", seen,
			       frames, done, payload);
		return;
	}
	if (fault != NULL)
		(void)snprintf(ret_text, size, "no %s in frame %u", fault, seen);
	else
		(void)snprintf(ret_text, size, "ok %u frames, checksums %s", seen,
			       right ? "right" : "wrong");
}
