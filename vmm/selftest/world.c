/* vmm/selftest/world.c: the namespaces of the self test, H with the TAP and J behind a veth. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "vmm/selftest/selftest_priv.h"

/* A setting under /proc/sys/net of the namespace that we are in. */
static struct err set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : write(fd, value, strlen(value));
	int why = errno;

	if (fd >= 0)
		(void)close(fd);
	return done < 0 ? err_make(ERR_SETUP, why, "set %s", path) : err_none();
}

/* One of the old ethtool switches of an interface of this namespace: off. */
static struct err offload_off(const char *name, uint32_t command)
{
	struct ethtool_value value = { .cmd = command, .data = 0 };
	struct ifreq request = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int done, why;

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	done = ioctl(fd, SIOCETHTOOL, &request);
	why = errno;
	(void)close(fd);
	return done < 0 ? err_make(ERR_SETUP, why, "switch an offload of %s off", name)
			: err_none();
}

static struct err plain(const char *name)
{
	static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM,
					     ETHTOOL_SGRO };
	struct err e = err_none();

	for (size_t i = 0; i < ARRAY_LEN(commands) && !err_is(e); i++)
		e = offload_off(name, commands[i]);
	return e;
}

static struct err address(struct link *l, const char *name, const char *text)
{
	struct ip_prefix p;
	struct err e = ip_prefix_parse(text, &p);

	return err_is(e) ? e : link_add_address(l, name, &p);
}

static struct err route(struct link *l, const char *name, const char *to, const char *by)
{
	struct ip_prefix net, gateway;
	struct err e = ip_prefix_parse(to, &net);

	if (!err_is(e))
		e = ip_prefix_parse(by, &gateway);
	return err_is(e) ? e : link_add_route(l, name, &net, &gateway);
}

/* Quiet: nothing unasked is sent when an interface comes up. */
static struct err quiet(void)
{
	static const char *const zeros[] = {
		"/proc/sys/net/ipv6/conf/default/accept_ra",
		"/proc/sys/net/ipv6/conf/default/router_solicitations",
		"/proc/sys/net/ipv6/conf/default/accept_dad",
	};
	struct err e = err_none();

	for (size_t i = 0; i < ARRAY_LEN(zeros) && !err_is(e); i++)
		e = set(zeros[i], "0");
	return e;
}

static struct err make_host(struct world *w, const struct selftest_options *o)
{
	static const uint8_t host_mac[6] = { 0x02, 0, 0, 0x77, 0, 1 },
			     mac[6] = { 0x02, 0x54, 0x41, 0x50, 0, 2 };
	struct nic_options nic = { .kind = o->net,
				   .tap_name = TAP_NAME,
				   .fd = -1,
				   .has_mac = true,
				   .has_host_mac = true,
				   .mtu = 1500,
				   .capture = o->capture,
				   .owner = -1,
				   .group = -1,
				   .address_count = 2,
				   /* QEMU is handed one. */
				   .queues = o->with != NULL ? 1 : 2 };
	struct err e = quiet();

	memcpy(nic.mac, mac, sizeof(mac));
	memcpy(nic.host_mac, host_mac, sizeof(host_mac));
	if (!err_is(e))
		e = ip_prefix_parse("10.77.0.1/24", &nic.address[0]);
	if (!err_is(e))
		e = ip_prefix_parse("fd77::1/64", &nic.address[1]);
	if (!err_is(e))
		e = set("/proc/sys/net/ipv4/ip_forward", "1");
	if (!err_is(e))
		e = set("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	if (!err_is(e))
		e = keeper_nic(&nic, 0, &w->nic, w->line, sizeof(w->line));
	return e;
}

static struct err make_judge_inside(struct link *l)
{
	struct err e = plain("judge1");

	if (!err_is(e))
		e = address(l, "judge1", "10.78.0.2/24");
	if (!err_is(e))
		e = address(l, "judge1", "fd78::2/64");
	if (!err_is(e))
		e = link_set_up(l, "judge1", true);
	if (!err_is(e))
		e = route(l, "judge1", "10.77.0.0/24", "10.78.0.1");
	if (!err_is(e))
		e = route(l, "judge1", "fd77::/64", "fd78::1");
	return e;
}

static struct err make_judge(struct world *w)
{
	struct link *l;
	struct err e = link_add_veth(w->link, "judge0", "judge1", w->judge_ns), back;

	if (!err_is(e))
		e = plain("judge0");
	if (!err_is(e))
		e = address(w->link, "judge0", "10.78.0.1/24");
	if (!err_is(e))
		e = address(w->link, "judge0", "fd78::1/64");
	if (!err_is(e))
		e = link_set_up(w->link, "judge0", true);
	if (err_is(e))
		return e;
	e = netns_enter(w->judge_ns);
	if (err_is(e))
		return e;
	e = quiet();
	if (!err_is(e))
		e = link_open(&l);
	if (!err_is(e)) {
		e = make_judge_inside(l);
		link_close(l);
	}
	back = netns_enter(w->host_ns);
	return err_is(e) ? e : back;
}

struct err world_make(struct world *w, const struct selftest_options *o)
{
	struct err e = err_none();

	*w = (struct world){ .home_ns = -1, .host_ns = -1, .judge_ns = -1 };
	if (geteuid() != 0)
		e = netns_become_root();
	if (!err_is(e))
		e = netns_current(&w->home_ns);
	if (!err_is(e))
		e = netns_private(&w->host_ns);
	if (!err_is(e))
		e = netns_private(&w->judge_ns);
	if (!err_is(e))
		e = netns_enter(w->host_ns);
	if (!err_is(e))
		e = link_open(&w->link);
	if (!err_is(e))
		e = make_host(w, o);
	if (!err_is(e))
		e = make_judge(w);
	if (err_is(e))
		world_end(w);
	return e;
}

/* Namespaces and what is in them go with their last descriptor and process. */
void world_end(struct world *w)
{
	struct err back = w->home_ns >= 0 ? netns_enter(w->home_ns) : err_none();
	const int fds[] = { w->home_ns, w->host_ns, w->judge_ns };

	(void)back;
	link_close(w->link);
	w->link = NULL;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	w->home_ns = w->host_ns = w->judge_ns = -1;
}
