/* vmm/selftest/load.c: floods and sinks. */
#include "vmm/selftest/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FLOOD_PORT = 7004,
	FLOW_PORT = 7008,
	FLOW_FROM = 7100,
	FLOWS_MAX = 256,
	STALL_MS = 10 * 1000,
	SINK_BURST = 64,
	ACK_EACH = 64
};

/* The TAP's tx_dropped: what its queue had no room for. -1: unknown. */
static long long tap_dropped(void)
{
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	long long dropped = -1;
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *at = strstr(line, TAP_NAME ":");

		if (at != NULL &&
		    sscanf(at + strlen(TAP_NAME ":"),
			   "%*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %lld", &dropped) != 1)
			dropped = -1;
	}
	if (f != NULL)
		(void)fclose(f);
	return dropped;
}

static bool take_acks(int fd, uint32_t *acked)
{
	uint32_t wire;
	bool any = false;

	while (recv(fd, &wire, sizeof(wire), MSG_DONTWAIT) == sizeof(wire)) {
		*acked = ntohl(wire);
		any = true;
	}
	return any;
}

void load_flood(struct server *s, int fd, unsigned count, unsigned size, unsigned window,
		char *ret_text, size_t text_size)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(FLOOD_PORT) };
	uint8_t bytes[1472] = { 0 };
	uint32_t sent = 0, acked = 0;
	long long before = tap_dropped();

	(void)inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	if (size < 4 || size > sizeof(bytes)) {
		(void)snprintf(ret_text, text_size, "no SIZE is 4 to 1472");
		return;
	}
	while (acked < count) {
		while (sent < count && sent - acked < window) {
			uint32_t wire = htonl(sent);

			memcpy(bytes, &wire, sizeof(wire));
			if (sendto(fd, bytes, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
				(void)snprintf(ret_text, text_size, "no %s",
					       strerrordesc_np(errno));
				return;
			}
			sent++;
		}
		if (!take_acks(fd, &acked) && !server_pump(s, fd, now_ms() + STALL_MS)) {
			(void)snprintf(ret_text, text_size,
				       "no only %u of %u were acknowledged, tx_dropped=%lld", acked,
				       sent, tap_dropped() - before);
			return;
		}
	}
	(void)snprintf(ret_text, text_size, "ok tx_dropped=%lld", tap_dropped() - before);
}

static const char *one_flow(unsigned number)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(FLOW_PORT) };
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)(FLOW_FROM + number)) };
	const char *why = NULL;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	(void)inet_pton(AF_INET, "10.77.0.1", &from.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    sendto(fd, &number, sizeof(number), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		why = strerrordesc_np(errno);
	if (fd >= 0)
		(void)close(fd);
	return why;
}

const char *load_flows(unsigned count)
{
	const char *why = count <= FLOWS_MAX ? NULL : "too many flows";

	for (unsigned i = 0; i < count && why == NULL; i++)
		why = one_flow(i);
	return why;
}

void load_sink_ready(struct server *s, struct background *b)
{
	(void)s;
	for (unsigned i = 0; i < SINK_BURST; i++) {
		uint8_t bytes[2048];
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t got = recvfrom(b->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &from_len);
		uint32_t wire;

		if (got < 0)
			return;
		/* The place in the order comes first in each: one lost and its neighbour twice make
		 * the same count. */
		memcpy(&wire, bytes, sizeof(wire));
		b->bad += got < (ssize_t)sizeof(wire) || ntohl(wire) != b->count;
		b->count++;
		wire = htonl((uint32_t)b->count);
		if (b->count % ACK_EACH == 0 || (got > 4 && bytes[4] == 1))
			(void)sendto(b->fd, &wire, sizeof(wire), 0, (struct sockaddr *)&from,
				     from_len);
	}
}
