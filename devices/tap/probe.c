/* devices/tap/probe.c: what this TAP really has: nothing is offered to a guest that was not
 * tried. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/tap_priv.h"

enum { HDR_BYTES = 12, HDR_TUNNEL_BYTES = 24 };

static bool offloads_take(const struct sys *sys, int fd, unsigned mask)
{
	return sys->ioctl(fd, TUNSETOFFLOAD, (void *)(uintptr_t)mask) == 0;
}

/* One after the other, each with those that it needs: one refused bit fails the whole call. */
static unsigned probe_offloads(const struct sys *sys, int fd)
{
	static const unsigned steps[] = { TUN_F_CSUM,
					  TUN_F_TSO4,
					  TUN_F_TSO6,
					  TUN_F_TSO_ECN,
					  TUN_F_USO4 | TUN_F_USO6,
					  TUN_F_UDP_TUNNEL_GSO,
					  TUN_F_UDP_TUNNEL_GSO_CSUM };
	unsigned have = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (offloads_take(sys, fd, have | steps[i]))
			have |= steps[i];
	return have;
}

/* Programs stay with a persistent TAP: a filter drops frames, and no counter of the guest says
 * so. Linux before 4.16 knows none. */
static void drop_programs(const struct sys *sys, int fd)
{
	int none = -1;

	(void)sys->ioctl(fd, TUNSETFILTEREBPF, &none);
	(void)sys->ioctl(fd, TUNSETSTEERINGEBPF, &none);
}

static struct err set_header(const struct sys *sys, struct tap *tap, int bytes)
{
	if (sys->ioctl(tap->fd[0], TUNSETVNETHDRSZ, &bytes) < 0)
		return explain_set(tap->kind, "set the vnet_hdr size", tap->name, errno);
	tap->hdr_bytes = (unsigned)bytes;
	return err_none();
}

/* The long header comes before the offload that needs it: with a shorter one tun fails each read,
 * and the frame is lost. Where there is no such offload it goes again. */
static struct err settle_header(const struct sys *sys, struct tap *tap)
{
	int fd = tap->fd[0], little = 1;
	struct err e = set_header(sys, tap, HDR_TUNNEL_BYTES);

	if (err_is(e))
		return e;
	if (sys->ioctl(fd, TUNSETVNETLE, &little) < 0)
		return explain_set(tap->kind, "set little-endian vnet_hdr", tap->name, errno);
	tap->offloads = probe_offloads(sys, fd);
	if (!offloads_take(sys, fd, 0))
		return explain_set(tap->kind, "switch offloads off", tap->name, errno);
	if ((tap->offloads & TUN_F_UDP_TUNNEL_GSO) == 0)
		return set_header(sys, tap, HDR_BYTES);
	return err_none();
}

struct err tap_settle(const struct sys *sys, struct tap *tap)
{
	int fd = tap->fd[0], sndbuf = INT_MAX, carrier = 0;
	struct tun_filter none = { 0 };
	struct err e = settle_header(sys, tap);

	if (err_is(e))
		return e;
	/* A TUN has no addresses to filter by. */
	if (tap->kind == TAP_KIND_TAP && sys->ioctl(fd, TUNSETTXFILTER, &none) < 0)
		return explain_set(tap->kind, "empty the filter", tap->name, errno);
	drop_programs(sys, fd);
	if (sys->ioctl(fd, TUNSETSNDBUF, &sndbuf) < 0)
		return explain_set(tap->kind, "set the send buffer", tap->name, errno);
	/* Linux 5.0 and later; without it the host sees a carrier at all times. */
	tap->carrier = sys->ioctl(fd, TUNSETCARRIER, &carrier) == 0;
	return err_none();
}

struct err tap_features(const struct sys *sys, unsigned *ret_flags)
{
	unsigned flags = 0;
	struct err e = err_none();
	int fd = sys->open(TUN_NODE, O_RDWR | O_CLOEXEC, 0);

	if (fd < 0)
		return explain_open("open", TUN_NODE, errno);
	if (sys->ioctl(fd, TUNGETFEATURES, &flags) < 0)
		e = explain_open("ask for the features of", TUN_NODE, errno);
	(void)sys->close(fd);
	if (!err_is(e))
		*ret_flags = flags;
	return e;
}
