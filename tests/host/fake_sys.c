/* tests/host/fake_sys.c: a scripted kernel. */
#include "tests/host/fake_sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "devices/base/err.h"
#include "devices/base/uapi_compat.h"

struct fake fake;

static struct {
	const char *what;
	unsigned nth;
	int err;
} failing;
static int next_fd;
static bool is_open[FAKE_CALLS];
static char attached_name[IFNAMSIZ];
static int attached_flags;
static bool filtered;

void fake_reset(void)
{
	fake = (struct fake){
		.dir = true, .node = true, .features = 0x7173, .offloads = 0x7f, .is_flags = -1
	};
	memset(&failing, 0, sizeof(failing));
	memset(is_open, 0, sizeof(is_open));
	next_fd = 0;
	filtered = false;
	(void)snprintf(attached_name, sizeof(attached_name), "inherited0");
	attached_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
}

void fake_fail(const char *what, unsigned nth, int err)
{
	failing.what = what;
	failing.nth = nth;
	failing.err = err;
}

static bool begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

unsigned fake_count(const char *what)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fake.call_count; i++)
		count += begins(fake.call[i], what);
	return count;
}

int fake_place(const char *what, unsigned nth)
{
	for (unsigned i = 0; i < fake.call_count; i++)
		if (begins(fake.call[i], what) && --nth == 0)
			return (int)i;
	return -1;
}

/* Records a call. false: it is the one that fails, errno says why. */
static bool called(const char *format, ...) PRINTF_LIKE(1, 2);
static bool called(const char *format, ...)
{
	char *line = fake.call[fake.call_count % FAKE_CALLS];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, FAKE_LINE, format, args);
	va_end(args);
	fake.call_count++;
	if (failing.err != 0 && begins(line, failing.what) && --failing.nth == 0) {
		errno = failing.err;
		failing.err = 0;
		return false;
	}
	return true;
}

static int refuse(int why)
{
	errno = why;
	return -1;
}

static int new_fd(void)
{
	fake.open_fds++;
	is_open[next_fd] = true;
	return FAKE_FD + next_fd++;
}

static int fake_open(const char *path, int flags, mode_t mode)
{
	(void)flags;
	(void)mode;
	if (!called("open %s", path))
		return -1;
	if (!fake.node)
		return refuse(ENOENT);
	return new_fd();
}

static int fake_close(int fd)
{
	bool ours = fd >= FAKE_FD && fd < FAKE_FD + FAKE_CALLS && is_open[fd - FAKE_FD];

	(void)called("close %d", fd);
	if (!ours) {
		fake.bad_closes++;
		return refuse(EBADF);
	}
	is_open[fd - FAKE_FD] = false;
	fake.open_fds--;
	return 0;
}

static int fake_mkdir(const char *path, mode_t mode)
{
	if (!called("mkdir %s %o", path, mode))
		return -1;
	if (fake.dir)
		return refuse(EEXIST);
	fake.dir = true;
	return 0;
}

static int fake_mknod(const char *path, mode_t mode, dev_t device)
{
	if (!called("mknod %s %o %u:%u", path, mode, major(device), minor(device)))
		return -1;
	if (!fake.dir)
		return refuse(ENOENT);
	if (fake.node)
		return refuse(EEXIST);
	fake.node = true;
	return 0;
}

static int fake_chmod(const char *path, mode_t mode)
{
	return called("chmod %s %o", path, mode) ? 0 : -1;
}

/* ---- ioctls: each a line of the table, the argument in the record ---- */

static int on_features(void *arg)
{
	if (!called("TUNGETFEATURES"))
		return -1;
	memcpy(arg, &fake.features, sizeof(fake.features));
	return 0;
}

static int on_attach(void *arg)
{
	struct ifreq *r = arg;

	if (!called("TUNSETIFF %s %#x", r->ifr_name, (unsigned)(unsigned short)r->ifr_flags))
		return -1;
	attached_flags = (unsigned short)r->ifr_flags & ~IFF_NO_CARRIER; /* as tun does */
	if (fake.picked != NULL)
		(void)snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", fake.picked);
	(void)snprintf(attached_name, sizeof(attached_name), "%s", r->ifr_name);
	return 0;
}

static int on_ask(void *arg)
{
	struct ifreq *r = arg;

	if (!called("TUNGETIFF"))
		return -1;
	(void)snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", attached_name);
	r->ifr_flags = (short)(fake.is_flags >= 0 ? fake.is_flags : attached_flags);
	if (!filtered) /* the same bit as IFF_NO_PI */
		r->ifr_flags = (short)((unsigned short)r->ifr_flags | IFF_NOFILTER);
	return 0;
}

static int on_attach_filter(void *arg)
{
	(void)arg;
	if (!called("TUNATTACHFILTER"))
		return -1;
	if (fake.is_flags >= 0 && (fake.is_flags & TUN_TYPE_MASK) != IFF_TAP)
		return refuse(EINVAL);
	filtered = true;
	return 0;
}

static int on_detach_filter(void *arg)
{
	(void)arg;
	if (!called("TUNDETACHFILTER"))
		return -1;
	filtered = false;
	return 0;
}

/* Linux drivers/net/tun.c, set_offload: what is left over is EINVAL. */
static int on_offload(void *arg)
{
	unsigned mask = (unsigned)(uintptr_t)arg, uso = TUN_F_USO4 | TUN_F_USO6;

	if (!called("TUNSETOFFLOAD %#x", mask))
		return -1;
	if ((mask & ~fake.offloads) != 0 || (mask != 0 && (mask & TUN_F_CSUM) == 0) ||
	    ((mask & TUN_F_TSO_ECN) != 0 && (mask & (TUN_F_TSO4 | TUN_F_TSO6)) == 0) ||
	    ((mask & uso) != 0 && (mask & uso) != uso) ||
	    ((mask & TUN_F_UDP_TUNNEL_GSO) != 0 && (mask & (TUN_F_TSO4 | TUN_F_TSO6 | uso)) == 0) ||
	    ((mask & TUN_F_UDP_TUNNEL_GSO_CSUM) != 0 && (mask & TUN_F_UDP_TUNNEL_GSO) == 0))
		return refuse(EINVAL);
	return 0;
}

static int on_filter(void *arg)
{
	const struct tun_filter *f = arg;

	return called("TUNSETTXFILTER %u", f->count) ? 0 : -1;
}

/* int_at: the argument is a pointer to an int; else it is the value. */
static const struct {
	unsigned long request;
	const char *name;
	bool int_at;
	int (*on)(void *arg);
} ioctls[] = {
	{ TUNGETFEATURES, "", false, on_features },
	{ TUNSETIFF, "", false, on_attach },
	{ TUNGETIFF, "", false, on_ask },
	{ TUNATTACHFILTER, "", false, on_attach_filter },
	{ TUNDETACHFILTER, "", false, on_detach_filter },
	{ TUNSETOFFLOAD, "", false, on_offload },
	{ TUNSETTXFILTER, "", false, on_filter },
	{ TUNSETVNETHDRSZ, "TUNSETVNETHDRSZ", true, NULL },
	{ TUNSETVNETLE, "TUNSETVNETLE", true, NULL },
	{ TUNSETFILTEREBPF, "TUNSETFILTEREBPF", true, NULL },
	{ TUNSETSTEERINGEBPF, "TUNSETSTEERINGEBPF", true, NULL },
	{ TUNSETSNDBUF, "TUNSETSNDBUF", true, NULL },
	{ TUNSETCARRIER, "TUNSETCARRIER", true, NULL },
	{ TUNSETOWNER, "TUNSETOWNER", false, NULL },
	{ TUNSETGROUP, "TUNSETGROUP", false, NULL },
	{ TUNSETPERSIST, "TUNSETPERSIST", false, NULL },
};

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	for (size_t i = 0; i < ARRAY_LEN(ioctls); i++) {
		int value = (int)(intptr_t)arg;

		if (ioctls[i].request != request)
			continue;
		if (ioctls[i].on != NULL)
			return ioctls[i].on(arg);
		if (ioctls[i].int_at)
			memcpy(&value, arg, sizeof(value));
		return called("%s %d", ioctls[i].name, value) ? 0 : -1;
	}
	(void)called("ioctl %#lx", request);
	return refuse(EINVAL);
}

static int fake_bpf(int command, union bpf_attr *attr, unsigned size)
{
	(void)attr, (void)size;
	return called("bpf %d", command) ? new_fd() : -1;
}

const struct sys fake_sys = {
	.open = fake_open,
	.close = fake_close,
	.ioctl = fake_ioctl,
	.mknod = fake_mknod,
	.mkdir = fake_mkdir,
	.chmod = fake_chmod,
	.bpf = fake_bpf,
};
