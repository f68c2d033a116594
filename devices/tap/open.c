/* devices/tap/open.c: the node, TUNSETIFF, and an inherited descriptor.
 * Source: Linux drivers/net/tun.c, __tun_chr_ioctl, tun_set_iff. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/link.h"
#include "devices/tap/netns.h"
#include "devices/tap/tap_priv.h"

enum { TUN_MAJOR = 10, TUN_MINOR = 200, NODE_MODE = 0666 };

struct err tap_node(const struct sys *sys)
{
	int fd = sys->open(TUN_NODE, O_RDWR | O_CLOEXEC, 0);

	if (fd >= 0) {
		(void)sys->close(fd);
		return err_none();
	}
	if (errno != ENOENT)
		return explain_open("open", TUN_NODE, errno);
	if (sys->mkdir("/dev/net", 0755) < 0 && errno != EEXIST)
		return explain_node("make", "/dev/net", errno);
	if (sys->mknod(TUN_NODE, S_IFCHR | NODE_MODE, makedev(TUN_MAJOR, TUN_MINOR)) < 0 &&
	    errno != EEXIST)
		return explain_node("make", TUN_NODE, errno);
	/* mknod's mode is cut by the umask. */
	if (sys->chmod(TUN_NODE, NODE_MODE) < 0)
		return explain_node("set the mode of", TUN_NODE, errno);
	return err_none();
}

static bool exists(const char *name)
{
	return name[0] != '\0' && strchr(name, '%') == NULL && if_nametoindex(name) != 0;
}

static unsigned type_of(enum tap_kind kind) { return kind == TAP_KIND_TUN ? IFF_TUN : IFF_TAP; }

static unsigned wanted_flags(unsigned features, const struct tap_request *r)
{
	return type_of(r->kind) | IFF_NO_PI | IFF_VNET_HDR | (features & IFF_NO_CARRIER) |
	       (r->queues > 1 ? IFF_MULTI_QUEUE : 0u);
}

/* A new descriptor attached to tap->name (or what the kernel makes of it, into tap->name). */
static struct err attach(const struct sys *sys, const struct tap_request *r, struct tap *tap)
{
	struct ifreq request = { 0 };
	unsigned features = 0;
	int fd = sys->open(TUN_NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);

	if (fd < 0)
		return explain_open("open", TUN_NODE, errno);
	/* TUNSETIFF ignores flags that it does not know: asking is the only way to learn of
	 * them. */
	if (sys->ioctl(fd, TUNGETFEATURES, &features) < 0) {
		int why = errno;

		(void)sys->close(fd);
		return explain_open("ask for the features of", TUN_NODE, why);
	}
	if (r->queues > 1 && (features & IFF_MULTI_QUEUE) == 0) {
		(void)sys->close(fd);
		return err_make(ERR_SETUP, 0,
				"%u TAP queues: this kernel's TUN/TAP driver has one: Linux 3.8 or "
				"later is needed",
				r->queues);
	}
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap->name);
	request.ifr_flags = (short)wanted_flags(features, r);
	if (sys->ioctl(fd, TUNSETIFF, &request) < 0) {
		int why = errno;

		(void)sys->close(fd);
		return explain_attach(r->kind, r->queues > 1, tap->name, why);
	}
	(void)snprintf(tap->name, sizeof(tap->name), "%s", request.ifr_name);
	tap->fd[tap->queues++] = fd;
	return err_none();
}

/* TUNGETIFF, whose 0x1000 is IFF_NO_PI, or IFF_NOFILTER: the same bit. A filter that passes
 * everything makes the second false. It takes the place of one that a last user left, and goes
 * again. */
static int ask_flags(const struct sys *sys, int fd, struct ifreq *ret_is)
{
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	struct sock_fprog program = { .len = 1, .filter = &pass };
	bool filtered = sys->ioctl(fd, TUNATTACHFILTER, &program) == 0; /* EINVAL: a TUN */
	int failed = sys->ioctl(fd, TUNGETIFF, ret_is), why = errno;

	if (filtered)
		(void)sys->ioctl(fd, TUNDETACHFILTER, NULL);
	errno = why;
	return failed;
}

/* Of a TUN, which takes no socket filter, rtnetlink knows whether it carries packet information: in
 * the namespace where it is. Not in reach: it is taken to carry none. */
static struct err ask_packet_information(const struct sys *sys, const struct tap *tap,
					 bool *ret_carries)
{
	int theirs = sys->ioctl(tap->fd[0], TUNGETDEVNETNS, NULL), home = -1;
	struct link_info info = { .tun_pi = false };
	struct link *link;
	struct err e;

	*ret_carries = false;
	if (theirs < 0)
		return err_none();
	(void)fcntl(theirs, F_SETFD, FD_CLOEXEC);
	e = netns_current(&home);
	if (!err_is(e) && !err_is(netns_enter(theirs))) {
		if (!err_is(link_open(&link))) {
			if (!err_is(link_get(link, tap->name, &info)))
				*ret_carries = info.tun_pi;
			link_close(link);
		}
		e = netns_enter(home);
	}
	(void)close(theirs);
	if (home >= 0)
		(void)close(home);
	return e;
}

static struct err check_kind(const struct tap *tap, unsigned flags)
{
	bool is_tap = (flags & TUN_TYPE_MASK) == IFF_TAP;

	if (is_tap == (tap->kind == TAP_KIND_TAP))
		return err_none();
	return err_make(ERR_SETUP, 0,
			"descriptor %d: %s is a %s, not a %s: make it by "
			"'ip tuntap add %s mode %s', or take --net %s",
			tap->fd[0], tap->name, is_tap ? "TAP (Ethernet)" : "TUN (IP only)",
			tap_kind_name(tap->kind), tap->name, is_tap ? "tun" : "tap",
			is_tap ? "tap" : "tun");
}

/* What the descriptor is attached to, compared with what we need. */
static struct err check_flags(const struct sys *sys, struct tap *tap)
{
	struct ifreq is = { 0 };
	int fd = tap->fd[0];
	bool carries_pi;
	unsigned flags;
	struct err e;

	if (ask_flags(sys, fd, &is) < 0) {
		if (!tap->inherited)
			return explain_set(tap->kind, "ask what it is", tap->name, errno);
		if (errno == EBADFD)
			return err_make(ERR_SETUP, 0,
					"descriptor %d is an open " TUN_NODE
					" without an interface: "
					"attach it by TUNSETIFF before it is handed over",
					fd);
		return err_make(ERR_SETUP, 0,
				"descriptor %d is not a %s (%s): hand over one of " TUN_NODE, fd,
				tap_kind_name(tap->kind), strerrordesc_np(errno));
	}
	(void)snprintf(tap->name, sizeof(tap->name), "%s", is.ifr_name);
	flags = (unsigned short)is.ifr_flags;
	e = check_kind(tap, flags);
	if (err_is(e))
		return e;
	carries_pi = (flags & IFF_NO_PI) == 0;
	if (tap->kind == TAP_KIND_TUN)
		e = ask_packet_information(sys, tap, &carries_pi);
	if (err_is(e))
		return e;
	if (carries_pi)
		return err_make(ERR_SETUP, 0,
				"descriptor %d: %s carries packet information: attach it with "
				"IFF_NO_PI",
				fd, tap->name);
	if ((flags & IFF_VNET_HDR) == 0)
		return err_make(ERR_SETUP, 0,
				"descriptor %d: %s has no vnet_hdr: attach it with IFF_VNET_HDR",
				fd, tap->name);
	/* It would take what is written, and never have anything to read. */
	if ((flags & IFF_DETACH_QUEUE) != 0)
		return err_make(ERR_SETUP, 0,
				"descriptor %d: this queue of %s is detached: attach it by "
				"TUNSETQUEUE with IFF_ATTACH_QUEUE",
				fd, tap->name);
	return err_none();
}

static struct err inherit(const struct sys *sys, const struct tap_request *r, struct tap *tap)
{
	struct err e;
	int flags = fcntl(r->fd, F_GETFL);

	if (flags < 0)
		return err_make(ERR_USAGE, 0,
				"descriptor %d is not open: hand it over without close-on-exec",
				r->fd);
	if ((flags & O_ACCMODE) != O_RDWR)
		return err_make(ERR_USAGE, 0, "descriptor %d is not open for reading and writing",
				r->fd);
	tap->fd[0] = r->fd;
	tap->queues = 1;
	tap->inherited = true;
	e = check_flags(sys, tap);
	if (!err_is(e) && fcntl(r->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		e = err_make(ERR_SETUP, errno, "make descriptor %d of %s non-blocking", r->fd,
			     tap->name);
	return e;
}

/* Without an owner any user who can open the node may take a persistent TAP. One that was there
 * before keeps the owner that it has. */
static struct err make_persistent(const struct sys *sys, const struct tap_request *r,
				  struct tap *tap)
{
	int64_t owner = r->owner >= 0 ? r->owner : r->persist && tap->made ? (int64_t)getuid() : -1;

	if (owner >= 0 && sys->ioctl(tap->fd[0], TUNSETOWNER, (void *)(uintptr_t)owner) < 0)
		return explain_set(tap->kind, "set the owner", tap->name, errno);
	if (r->group >= 0 && sys->ioctl(tap->fd[0], TUNSETGROUP, (void *)(uintptr_t)r->group) < 0)
		return explain_set(tap->kind, "set the group", tap->name, errno);
	if (r->persist && sys->ioctl(tap->fd[0], TUNSETPERSIST, (void *)(uintptr_t)1) < 0)
		return explain_set(tap->kind, "make persistent", tap->name, errno);
	return err_none();
}

/* A TAP of several queues has room for many who each take some, and would divide its frames between
 * us. The kernel refuses nobody, so its queues are counted, before ours are in and after. */
static struct err check_alone(const struct tap *tap)
{
	struct link_info info = { .tun_queues = 0 };
	struct link *l;

	if (err_is(link_open(&l)))
		return err_none();
	if (err_is(link_get(l, tap->name, &info)))
		info.tun_queues = 0;
	link_close(l);
	return info.tun_queues <= tap->queues ? err_none()
					      : explain_attach(tap->kind, true, tap->name, EBUSY);
}

static struct err open_queues(const struct sys *sys, const struct tap_request *r, struct tap *tap)
{
	const char *name = r->name != NULL ? r->name : "";
	struct err e = err_none();

	if (name[0] != '\0')
		e = tap_name_check(name);
	if (err_is(e))
		return e;
	e = tap_node(sys);
	if (err_is(e))
		return e;
	(void)snprintf(tap->name, sizeof(tap->name), "%s", name);
	tap->made = !exists(name);
	if (r->queues > 1)
		e = check_alone(tap);
	for (unsigned i = 0; i < r->queues && !err_is(e); i++)
		e = attach(sys, r, tap);
	if (!err_is(e) && r->queues > 1)
		e = check_alone(tap);
	if (!err_is(e))
		e = check_flags(sys, tap);
	return e;
}

struct err tap_open(const struct sys *sys, const struct tap_request *request, struct tap *ret_tap)
{
	struct tap tap = { .kind = request->kind };
	struct err e;

	if (request->queues < 1 || request->queues > QUEUE_PAIRS_MAX)
		return err_make(ERR_USAGE, 0, "%u TAP queues: 1 to %d are possible",
				request->queues, QUEUE_PAIRS_MAX);
	e = request->fd >= 0 ? inherit(sys, request, &tap) : open_queues(sys, request, &tap);
	if (!err_is(e))
		e = tap_settle(sys, &tap);
	if (!err_is(e))
		e = make_persistent(sys, request, &tap);
	if (!err_is(e) && tap.queues > 1)
		tap_steer_load(sys, &tap);
	if (err_is(e)) {
		tap_close(sys, &tap);
		return e;
	}
	*ret_tap = tap;
	return err_none();
}

void tap_close(const struct sys *sys, struct tap *tap)
{
	for (unsigned i = tap->queues; i > 0 && !tap->inherited; i--)
		(void)sys->close(tap->fd[i - 1]);
	tap->queues = 0;
	if (tap->steers) {
		(void)sys->close(tap->steer_program);
		(void)sys->close(tap->steer_map);
	}
	tap->steers = false;
}
