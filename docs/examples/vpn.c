/* docs/examples/vpn.c: a point-to-point VPN over UDP. A TUN on each side: a packet that the host's
 * stack sends by it goes to the peer as a datagram, and a datagram of the peer's is given to the
 * stack. Made of the library's public headers; README.md beside this says how it is run.
 * It hides nothing and proves nothing: whoever is on the way can read packets, and make some. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "devices/backend/tap.h"
#include "devices/base/loop.h"
#include "devices/tap/link.h"
#include "devices/tap/tap.h"

enum { MTU = 1400 }; /* with the headers around it still below 1500 */

static struct vpn {
	struct tap tun;
	struct backend *be; /* no backend_tun: Ethernet is of no use here */
	int udp;
	struct batch batch;
	uint8_t slot[BATCH_MAX][SLOT_BYTES];
} vpn;

static void check(struct err e)
{
	if (!err_is(e))
		return;
	(void)fprintf(stderr, "vpn: %s\n", e.text);
	exit(1);
}

/* ---- packets ---- */

/* What the peer cannot take is lost, as on any link. */
static void on_tun(void *self, uint32_t epoll_events)
{
	bool more;

	(void)self, (void)epoll_events;
	for (unsigned i = 0; i < BATCH_MAX; i++)
		vpn.batch.frame[i].bytes = vpn.slot[i] + VNET_HDR_MAX;
	vpn.be->ops->recv(vpn.be, 0, &vpn.batch, BATCH_MAX, &more);
	for (unsigned i = 0; i < vpn.batch.count; i++) {
		const struct frame *f = &vpn.batch.frame[i];

		if (f->fate == FATE_OPEN)
			(void)!send(vpn.udp, f->bytes, f->len, MSG_DONTWAIT);
	}
	if (vpn.be->ops->gone(vpn.be))
		check(err_make(ERR_SETUP, 0, "%s was deleted", vpn.tun.name));
}

/* ECONNREFUSED says that the peer was not there for an earlier one: it may be, for this. */
static void on_udp(void *self, uint32_t epoll_events)
{
	(void)self, (void)epoll_events;
	for (vpn.batch.count = 0; vpn.batch.count < BATCH_MAX;) {
		uint8_t *bytes = vpn.slot[vpn.batch.count] + VNET_HDR_MAX;
		ssize_t got = recv(vpn.udp, bytes, READ_MAX, MSG_DONTWAIT);

		if (got < 0 && errno == ECONNREFUSED)
			continue;
		if (got < 0)
			break;
		vpn.batch.frame[vpn.batch.count++] = (struct frame){ .bytes = bytes,
								     .local = (uint32_t)got,
								     .len = (uint32_t)got };
	}
	/* What is no packet, the kernel refuses. */
	vpn.be->ops->send(vpn.be, 0, &vpn.batch);
}

/* ---- set-up ---- */

static void open_tun(const char *name)
{
	const struct tap_request request = {
		.kind = TAP_KIND_TUN, .name = name, .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
	struct backend_tap_config config = {
		.fds = vpn.tun.fd, .fd_count = 1, .sys = &sys_host, .name = name
	};

	check(tap_open(&sys_host, &request, &vpn.tun));
	config.hdr_bytes = vpn.tun.hdr_bytes;
	config.carrier = vpn.tun.carrier;
	check(backend_tap_create(&config, &vpn.be));
	check(vpn.be->ops->set_carrier(vpn.be, true));
}

static void set_up(const char *address, char *const routes[])
{
	struct ip_prefix p;
	struct link *link;

	check(ip_prefix_parse(address, &p));
	check(link_open(&link));
	check(link_set_mtu(link, vpn.tun.name, MTU));
	check(link_add_address(link, vpn.tun.name, &p));
	check(link_set_up(link, vpn.tun.name, true));
	for (; *routes != NULL; routes++) {
		check(ip_prefix_parse(*routes, &p));
		check(link_add_route(link, vpn.tun.name, &p, NULL));
	}
	link_close(link);
}

static uint16_t port_of(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*end != '\0' || port == 0 || port > UINT16_MAX)
		check(err_make(ERR_USAGE, 0, "%s is no port", text));
	return (uint16_t)port;
}

/* Connected: only the peer is heard. */
static void open_udp(const char *local, const char *peer, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port_of(port)) };
	const char *const ends[] = { local, peer };

	vpn.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned i = 0; i < 2; i++) {
		if (inet_pton(AF_INET, ends[i], &a.sin_addr) != 1)
			check(err_make(ERR_USAGE, 0, "%s is no IPv4 address", ends[i]));
		if ((i == 0 ? bind(vpn.udp, (struct sockaddr *)&a, sizeof(a))
			    : connect(vpn.udp, (struct sockaddr *)&a, sizeof(a))) < 0)
			check(err_make(ERR_SETUP, errno, "use %s, port %s", ends[i], port));
	}
}

int main(int argc, char *argv[])
{
	struct loop *loop;

	if (argc < 6)
		check(err_make(ERR_USAGE, 0,
			       "usage: vpn TUN ADDRESS/LEN LOCAL PEER PORT [ROUTE]..."));
	open_tun(argv[1]);
	set_up(argv[2], &argv[6]);
	open_udp(argv[3], argv[4], argv[5]);
	check(loop_create(&loop));
	check(loop_add(loop, vpn.be->ops->poll_fd(vpn.be, 0), EPOLLIN, on_tun, NULL));
	check(loop_add(loop, vpn.udp, EPOLLIN, on_udp, NULL));
	(void)printf("%s: %s to %s, port %s\n", vpn.tun.name, argv[3], argv[4], argv[5]);
	(void)fflush(stdout);
	for (;;)
		check(loop_once(loop, -1));
}
