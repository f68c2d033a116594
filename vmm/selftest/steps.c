/* vmm/selftest/steps.c: what the host side does at each step of docs/selftest.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/selftest/selftest_priv.h"

enum { STEP_MS = 10 * 1000, DATAGRAM = 65536, IP_BYTES = 20, ICMP_BYTES = 8 };
#define GUEST4 "10.77.0.2"
#define HOST4 "10.77.0.1"

struct answer { char *text; size_t size; };

static void yes(struct answer *a) { (void)snprintf(a->text, a->size, "ok"); }
static void no(struct answer *a, const char *why) { (void)snprintf(a->text, a->size, "no %s", why); }

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
	(void)snprintf(a->text, a->size, "ok peer=%s",
		       s->options->no_kvm ? "hosted" : s->options->with != NULL ? s->options->with : "tapvm");
}

/* Waits until the kernel shows the TAP's carrier so. */
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
		if (info.carrier == want) {
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

	if (sscanf(args, "%u %u", &count, &size) != 2 || size < IP_BYTES + ICMP_BYTES || size > 1500) {
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
	ssize_t got = recvfrom(b->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

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

static void end(struct server *s, const char *args, struct answer *a)
{
	(void)args;
	server_drop_background(s);
	yes(a);
}

static const struct { const char *name; void (*run)(struct server *, const char *args, struct answer *a); } steps[] = {
	{ "hello", hello }, { "carrier", carrier },   { "link", link_step }, { "ping4", ping4 },
	{ "udp-echo", udp_echo }, { "end", end },
};

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
