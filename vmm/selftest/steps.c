/* vmm/selftest/steps.c: what the host side does at each step of docs/selftest.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/selftest/judge.h"
#include "vmm/selftest/load.h"
#include "vmm/selftest/raw.h"

enum { STEP_MS = 10 * 1000, DATAGRAM = 65536, IP_BYTES = 20, ICMP_BYTES = 8 };
#define GUEST4 "10.77.0.2"
#define HOST4 "10.77.0.1"

struct answer {
	char *text;
	size_t size;
};

static void yes(struct answer *a) { (void)snprintf(a->text, a->size, "ok"); }
static void no(struct answer *a, const char *why)
{
	(void)snprintf(a->text, a->size, "no %s", why);
}

uint8_t pattern_byte(unsigned n, size_t i) { return (uint8_t)(i * 7 + n * 13 + 5); }

static struct sockaddr_in inet(const char *address, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	(void)inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

/* ---- the steps ---- */

static void hello(struct server *s, const char *args, struct answer *a)
{
	(void)args;
	(void)snprintf(a->text, a->size, "ok peer=%s%s",
		       s->options->no_kvm         ? "hosted"
		       : s->options->with != NULL ? s->options->with
						  : "tapvm",
		       s->options->net == TAP_KIND_TUN ? " tun" : "");
}

/* Waits until the kernel shows the TAP's carrier so. IFF_RUNNING comes after the carrier, and with
 * the queue: before it, what the host's stack sends is thrown away. */
static void carrier(struct server *s, const char *args, struct answer *a)
{
	bool want = strcmp(args, "on") == 0;
	int64_t deadline = now_ms() + STEP_MS;
	struct link_info info;

	do {
		if (err_is(link_get(s->world->link, TAP_NAME, &info))) {
			no(a, "the TAP is gone");
			return;
		}
		if (info.carrier == want && (!want || (info.flags & IFF_RUNNING) != 0)) {
			yes(a);
			return;
		}
	} while (server_pump(s, -1, now_ms() + 5) || (now_ms() < deadline && !s->over));
	no(a, "the carrier did not follow");
}

static void link_step(struct server *s, const char *args, struct answer *a)
{
	struct err e = link_set_up(s->world->link, TAP_NAME, strcmp(args, "up") == 0);

	if (err_is(e))
		no(a, e.text);
	else
		yes(a);
}

static uint16_t inet_sum(const uint8_t *b, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	if (len & 1)
		sum += (uint32_t)b[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* One echo of `size` bytes of IP; NULL: well, else why not. */
static const char *ping_once(struct server *s, int fd, unsigned number, size_t size)
{
	uint8_t out[2048], in[2048 + 64];
	struct sockaddr_in to = inet(GUEST4, 0);
	int64_t deadline = now_ms() + STEP_MS;
	uint16_t sum;

	size -= IP_BYTES;
	memset(out, 0, ICMP_BYTES);
	out[0] = ICMP_ECHO;
	out[4] = 0x54;
	out[6] = (uint8_t)(number >> 8);
	out[7] = (uint8_t)number;
	for (size_t i = ICMP_BYTES; i < size; i++)
		out[i] = pattern_byte(number, i - ICMP_BYTES);
	sum = inet_sum(out, size);
	out[2] = (uint8_t)(sum >> 8);
	out[3] = (uint8_t)sum;
	if (sendto(fd, out, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return strerrordesc_np(errno);
	while (server_pump(s, fd, deadline)) {
		ssize_t got = recv(fd, in, sizeof(in), MSG_DONTWAIT);
		const uint8_t *icmp = in + IP_BYTES;

		if (got < IP_BYTES + ICMP_BYTES || icmp[0] != ICMP_ECHOREPLY || icmp[6] != out[6] ||
		    icmp[7] != out[7])
			continue;
		if ((size_t)got != size + IP_BYTES || memcmp(icmp + 4, out + 4, size - 4) != 0)
			return "a wrong reply came";
		return NULL;
	}
	return "no reply came";
}

static void ping4(struct server *s, const char *args, struct answer *a)
{
	unsigned count, size;
	const char *why = NULL;
	int fd;

	if (sscanf(args, "%u %u", &count, &size) != 2 || size < IP_BYTES + ICMP_BYTES ||
	    size > 1500) {
		no(a, "COUNT and SIZE are wanted");
		return;
	}
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	for (unsigned i = 0; i < count && why == NULL; i++)
		why = ping_once(s, fd, i, size);
	(void)close(fd);
	if (why != NULL)
		no(a, why);
	else
		(void)snprintf(a->text, a->size, "ok %u", count);
}

static void echo_ready(struct server *s, struct background *b)
{
	static uint8_t bytes[DATAGRAM];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t got = recvfrom(b->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from,
			       &from_len);

	(void)s;
	if (got >= 0)
		(void)sendto(b->fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, from_len);
}

/* A UDP socket of the host's, bound to its address on the TAP. -1: the answer says why. */
static int bound(const char *port, struct answer *a)
{
	struct sockaddr_in at = inet(HOST4, (unsigned)strtoul(port, NULL, 10));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), big = 8 << 20;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	no(a, strerrordesc_np(errno));
	(void)close(fd);
	return -1;
}

static void udp_echo(struct server *s, const char *args, struct answer *a)
{
	int fd;

	server_drop_background(s);
	fd = bound(args, a);
	if (fd >= 0 && server_background(s, fd, echo_ready) != NULL)
		yes(a);
}

/* ---- made, seen and judged elsewhere ---- */

static void reply(struct answer *a, const char *why)
{
	if (why == NULL)
		yes(a);
	else
		no(a, why);
}

static void judge_open_step(struct server *s, const char *args, struct answer *a)
{
	char kind[8];
	unsigned port;

	if (sscanf(args, "%7s %u", kind, &port) == 2 && strlen(kind) == 4)
		reply(a, judge_open(s, kind, port));
	else
		no(a, "KIND and PORT are wanted");
}

static void judge_step(struct server *s, const char *args, struct answer *a, bool right)
{
	size_t payload, mss;

	if (sscanf(args, "%zu %zu", &payload, &mss) == 2 && mss > 0)
		judge_take(s, payload, mss, right, a->text, a->size);
	else
		no(a, "PAYLOAD and MSS are wanted");
}
static void judge_right(struct server *s, const char *args, struct answer *a)
{
	judge_step(s, args, a, true);
}
static void judge_wrong(struct server *s, const char *args, struct answer *a)
{
	judge_step(s, args, a, false);
}

static void gso_frame(struct server *s, const char *args, struct answer *a)
{
	char kind[8];
	size_t payload;
	unsigned mss;

	if (sscanf(args, "%7s %zu %u", kind, &payload, &mss) == 3 && strlen(kind) == 4)
		reply(a, raw_gso(s, kind, payload, mss));
	else
		no(a, "KIND, PAYLOAD and MSS are wanted");
}

static bool take_mac(const char *text, uint8_t ret[static 6])
{
	unsigned b[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return false;
	for (unsigned i = 0; i < 6; i++)
		ret[i] = (uint8_t)b[i];
	return true;
}

static void raw_step(struct server *s, const char *args, struct answer *a)
{
	char text[32];
	uint8_t mac[6];
	unsigned count, vlan = 0;
	size_t size;

	(void)s;
	if (sscanf(args, "%u %31s %zu %u", &count, text, &size, &vlan) >= 3 && take_mac(text, mac))
		reply(a, raw_frames(count, mac, size, vlan));
	else
		no(a, "COUNT, MAC and SIZE are wanted");
}

static void watch_step(struct server *s, const char *args, struct answer *a)
{
	uint8_t mac[6];

	reply(a, take_mac(args, mac) ? raw_watch(s, mac) : "a MAC is wanted");
}

static void seen_step(struct server *s, const char *args, struct answer *a)
{
	uint8_t mac[6];

	reply(a, take_mac(args, mac) ? raw_seen(s, mac) : "a MAC is wanted");
}

static void csum_frame(struct server *s, const char *args, struct answer *a)
{
	uint8_t bytes[1000];
	struct sockaddr_in to = inet(GUEST4, 7003);
	int fd = bound("7006", a);

	(void)s, (void)args;
	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern_byte(1, i);
	reply(a, sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)) < 0
			 ? strerrordesc_np(errno)
			 : NULL);
	(void)close(fd);
}

static void flows_step(struct server *s, const char *args, struct answer *a)
{
	unsigned count;

	(void)s;
	if (sscanf(args, "%u", &count) != 1)
		no(a, "COUNT is missing");
	else
		reply(a, load_flows(count));
}

static void flood_step(struct server *s, const char *args, struct answer *a)
{
	unsigned count, size, window;
	int fd;

	if (sscanf(args, "%u %u %u", &count, &size, &window) != 3) {
		no(a, "COUNT, SIZE and WINDOW are wanted");
		return;
	}
	fd = bound("7005", a);
	if (fd < 0)
		return;
	load_flood(s, fd, count, size, window, a->text, a->size);
	(void)close(fd);
}

static void sink(struct server *s, const char *args, struct answer *a)
{
	int fd;

	server_drop_background(s);
	fd = bound(args, a);
	if (fd >= 0 && server_background(s, fd, load_sink_ready) != NULL)
		yes(a);
}

static void sink_count(struct server *s, const char *args, struct answer *a)
{
	const struct background *b = NULL;

	(void)args;
	/* Not always the first: QEMU's monitor is in the background too. */
	for (unsigned i = 0; i < BACKGROUND_MAX; i++)
		if (s->background[i].fd >= 0 && s->background[i].ready == load_sink_ready)
			b = &s->background[i];
	if (b == NULL)
		no(a, "sink comes first");
	else
		(void)snprintf(a->text, a->size, "%s %llu, %llu out of order",
			       b->bad == 0 ? "ok" : "no", (unsigned long long)b->count,
			       (unsigned long long)b->bad);
}

static void end(struct server *s, const char *args, struct answer *a)
{
	(void)args;
	server_drop_background(s);
	yes(a);
}

/* clang-format off */
static const struct { const char *name; void (*run)(struct server *, const char *args, struct answer *a); } steps[] = {
	{ "hello", hello }, { "carrier", carrier }, { "link", link_step }, { "ping4", ping4 },
	{ "udp-echo", udp_echo }, { "judge-open", judge_open_step }, { "judge-take", judge_right },
	{ "judge-wrong", judge_wrong }, { "gso-frame", gso_frame }, { "csum-frame", csum_frame },
	{ "flows", flows_step }, { "flood", flood_step }, { "sink", sink }, { "sink-count", sink_count }, { "raw", raw_step },
	{ "watch", watch_step }, { "seen", seen_step }, { "end", end },
};
/* clang-format on */

void step_run(struct server *s, char *step, char *ret_answer, size_t size)
{
	struct answer a = { ret_answer, size };
	char *args = strchr(step, ' ');

	if (args != NULL)
		*args++ = '\0';
	no(&a, "there is no such step");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (strcmp(steps[i].name, step) == 0)
			steps[i].run(s, args != NULL ? args : step + strlen(step), &a);
}
