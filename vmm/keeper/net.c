/* vmm/keeper/net.c: a NIC in its namespace. The keeper enters, opens, and comes back: a TAP belongs
 * to the namespace in which its descriptor was opened. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/base/sys.h"
#include "devices/tap/netns.h"
#include "devices/tap/tap.h"
#include "vmm/keeper/keeper_priv.h"

struct err net_inherited_check(const struct nic_options nic[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (nic[i].fd >= 0 && fcntl(nic[i].fd, F_GETFD) < 0)
			return err_make(ERR_USAGE, 0,
					"net %u: descriptor %d is not open: hand it over without "
					"close-on-exec",
					i, nic[i].fd);
	return err_none();
}

/* One private namespace a run, shared by its NICs. An ordinary user gets it inside a user namespace
 * of our own, into which we move for good: only if no NIC belongs elsewhere. */
static struct err private_open(struct net_home *home, bool all_private, int *ret_fd)
{
	struct err e = err_none();

	if (home->private < 0) {
		e = netns_private(&home->private);
		if (err_is(e) && e.sys_errno == EPERM && all_private) {
			e = netns_become_root();
			if (!err_is(e))
				e = netns_private(&home->private);
		}
	}
	if (err_is(e))
		return e;
	*ret_fd = fcntl(home->private, F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? err_make(ERR_SETUP, errno, "netns=private") : err_none();
}

/* The namespace of an inherited TAP if it is not ours; -1: ours, or not to be known. *ret_ours. */
static int inherited_netns(int tap_fd, bool *ret_ours)
{
	int theirs = ioctl(tap_fd, TUNGETDEVNETNS);
	struct stat there, here;

	*ret_ours = false;
	if (theirs < 0)
		return -1;
	(void)fcntl(theirs, F_SETFD, FD_CLOEXEC);
	if (fstat(theirs, &there) == 0 && stat("/proc/self/ns/net", &here) == 0)
		*ret_ours = there.st_ino == here.st_ino && there.st_dev == here.st_dev;
	if (!*ret_ours)
		return theirs;
	(void)close(theirs);
	return -1;
}

static struct err go_home(const struct net_home *home) { return netns_enter(home->home); }

static void append(char *line, unsigned size, const char *text)
{
	size_t used = strlen(line);

	(void)snprintf(line + used, size - used, "%s", text);
	err_one_line(line);
}

/* What an inherited TAP is, asked in the namespace where it is; told to the guest as of any
 * other. */
static struct err look_and_watch(struct machine_nic *nic, struct nic_watch *ret_watch, char *line,
				 unsigned line_size)
{
	char text[KEEPER_ADDRESSES];
	struct err e = watch_open(ret_watch, nic->tap.name);

	if (err_is(e))
		return e;
	nic->link_up = ret_watch->up;
	nic->mtu = keeper_mtu(ret_watch->mtu);
	keeper_addresses(ret_watch->link, nic->tap.name, text, sizeof(text));
	append(line, line_size, text);
	(void)snprintf(text, sizeof(text), ", MTU %u", ret_watch->mtu);
	append(line, line_size, text);
	return err_none();
}

/* Out of reach: the link is taken as up, the guest is told no MTU, and the line says so. */
static struct err watch_inherited(const struct net_home *home, struct machine_nic *nic,
				  struct nic_watch *ret_watch, char *line, unsigned line_size)
{
	bool ours;
	int there = inherited_netns(nic->tap.fd[0], &ours);
	struct err watched = err_make(ERR_SETUP, 0, "not in reach");

	if (ours) {
		watched = look_and_watch(nic, ret_watch, line, line_size);
	} else if (there >= 0 && !err_is(netns_enter(there))) {
		struct err e;

		watched = look_and_watch(nic, ret_watch, line, line_size);
		e = go_home(home);
		if (err_is(e)) {
			(void)close(there);
			return e;
		}
	}
	if (there >= 0)
		(void)close(there);
	if (err_is(watched))
		append(line, line_size,
		       ", out of reach in another namespace: its link is taken as up, its MTU is "
		       "not known");
	return err_none();
}

struct hostnet_nic net_hostnet(const struct nic_options *o, const char *tap,
			       const uint8_t mac[static 6])
{
	struct hostnet_nic nic = { .wish = o->host,
				   .tap = tap,
				   .address = o->address,
				   .address_count = o->address_count };

	memcpy(nic.mac, mac, sizeof(nic.mac));
	return nic;
}

static struct err change_host(const struct nic_options *o, unsigned index,
			      const struct machine_nic *nic, struct nic_watch *watch, char *line,
			      unsigned line_size)
{
	const struct hostnet_nic host = net_hostnet(o, nic->tap.name, nic->mac);
	char text[160];
	struct err e = hostnet_open(&host, &watch->changed, text, sizeof(text));

	if (err_is(e))
		return err_within(e, "net %u", index);
	append(line, line_size, text);
	return e;
}

static struct err open_here(const struct nic_options *o, unsigned index,
			    struct machine_nic *ret_nic, struct nic_watch *ret_watch,
			    char *ret_line, unsigned line_size)
{
	struct err e = keeper_nic(o, index, ret_nic, ret_line, line_size);

	if (err_is(e) || o->fd >= 0)
		return e;
	e = watch_open(ret_watch, ret_nic->tap.name);
	if (!err_is(e))
		e = change_host(o, index, ret_nic, ret_watch, ret_line, line_size);
	if (err_is(e))
		net_close(o, ret_nic, ret_watch, true);
	else
		ret_watch->told = ret_nic->link_up; /* what changed between the two is told */
	return e;
}

static struct err open_there(struct net_home *home, const struct nic_options *o, unsigned index,
			     bool all_private, struct machine_nic *ret_nic,
			     struct nic_watch *ret_watch, char *ret_line, unsigned line_size)
{
	bool private = strcmp(o->netns, "private") == 0;
	char where[96];
	int fd;
	struct err e = private ? private_open(home, all_private, &fd) : netns_open(o->netns, &fd);
	struct err back;

	if (err_is(e))
		return err_within(e, "net %u", index);
	/* Only now: private_open may have moved us into a user namespace. */
	if (home->home < 0)
		e = netns_current(&home->home);
	if (!err_is(e))
		e = netns_enter(fd);
	(void)close(fd);
	if (err_is(e))
		return err_within(e, "net %u", index);
	e = open_here(o, index, ret_nic, ret_watch, ret_line, line_size);
	back = go_home(home);
	if (err_is(e))
		return e;
	if (err_is(back)) {
		net_close(o, ret_nic, ret_watch, true);
		return back;
	}
	if (private)
		(void)snprintf(where, sizeof(where),
			       ", in a private namespace (nsenter --net=/proc/%d/fd/%d)", getpid(),
			       home->private);
	else
		(void)snprintf(where, sizeof(where), ", in namespace %s", o->netns);
	append(ret_line, line_size, where);
	return err_none();
}

struct err net_open(struct net_home *home, const struct nic_options *o, unsigned index,
		    bool all_private, struct machine_nic *ret_nic, struct nic_watch *ret_watch,
		    char *ret_line, unsigned line_size)
{
	struct err e;

	*ret_watch = (struct nic_watch){ .up = true, .told = true };
	if (o->fd < 0 && o->netns != NULL)
		return open_there(home, o, index, all_private, ret_nic, ret_watch, ret_line,
				  line_size);
	e = open_here(o, index, ret_nic, ret_watch, ret_line, line_size);
	if (err_is(e) || o->fd < 0)
		return e;
	if (home->home < 0)
		e = netns_current(&home->home);
	if (!err_is(e))
		e = watch_inherited(home, ret_nic, ret_watch, ret_line, line_size);
	if (err_is(e))
		net_close(o, ret_nic, ret_watch, true);
	return e;
}

void net_close(const struct nic_options *o, struct machine_nic *nic, struct nic_watch *watch,
	       bool failed)
{
	hostnet_close(watch->changed);
	watch->changed = NULL;
	watch_close(watch);
	if (failed && o->persist && nic->tap.made && nic->tap.queues > 0)
		(void)sys_host.ioctl(nic->tap.fd[0], TUNSETPERSIST, NULL);
	tap_close(&sys_host, &nic->tap);
	vhost_close(&sys_host, nic);
	if (nic->capture_fd >= 0)
		(void)close(nic->capture_fd);
}

void net_home_close(struct net_home *home)
{
	if (home->home >= 0)
		(void)close(home->home);
	if (home->private >= 0)
		(void)close(home->private);
	*home = (struct net_home){ .home = -1, .private = -1 };
}
