/* tests/host/net.c: interfaces, bridges, a rate limit, and the host's side of an interface. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/tap/link_priv.h"
#include "tests/host/host.h"

enum { SOCKET_BYTES = 64 << 20 };

static struct link *open_link(void)
{
	struct link *l;
	struct err e = link_open(&l);

	ck_assert_msg(!err_is(e), "%s", e.text);
	return l;
}

void host_up(const char *name)
{
	struct link *l = open_link();
	struct err e = link_set_up(l, name, true);

	link_close(l);
	ck_assert_msg(!err_is(e), "%s", e.text);
}

bool host_has(const char *name)
{
	struct link *l = open_link();
	struct link_info info;
	bool there = !err_is(link_get(l, name, &info));

	link_close(l);
	return there;
}

struct link_info host_info(const char *name)
{
	struct link *l = open_link();
	struct link_info info;
	struct err e = link_get(l, name, &info);

	link_close(l);
	ck_assert_msg(!err_is(e), "%s", e.text);
	return info;
}

static int talk(struct link *l, struct nlmsghdr *h)
{
	int why = link_talk(l, h, NULL, NULL);

	link_close(l);
	return why;
}

int host_add_bridge(const char *name)
{
	struct link *l = open_link();
	struct nlmsghdr *h = link_request(l, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;

	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(h, info);
	return talk(l, h);
}

static struct nlmsghdr *change(struct link *l, const char *name)
{
	unsigned index = host_info(name).index;
	struct nlmsghdr *h = link_request(l, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = (int)index;
	return h;
}

int host_set_master(const char *name, const char *master)
{
	struct link *l = open_link();
	struct err e = link_set_master(l, name, master);

	link_close(l);
	return e.sys_errno;
}

int host_rename(const char *name, const char *to)
{
	struct link *l = open_link();
	struct nlmsghdr *h = change(l, name);

	mnl_attr_put_strz(h, IFLA_IFNAME, to);
	return talk(l, h);
}

int host_set_tbf(const char *name, uint32_t bytes_a_second, uint32_t burst, uint32_t limit)
{
	/* A named link layer: then the kernel wants no table of rates. */
	struct tc_tbf_qopt o = { .rate = { .rate = bytes_a_second, .linklayer = 1 /* Ethernet */ },
				 .limit = limit };
	unsigned index = host_info(name).index;
	struct link *l = open_link();
	struct nlmsghdr *h = link_request(l, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
	struct tcmsg *t = mnl_nlmsg_put_extra_header(h, sizeof(*t));
	struct nlattr *options;

	t->tcm_ifindex = (int)index;
	t->tcm_parent = TC_H_ROOT;
	mnl_attr_put_strz(h, TCA_KIND, "tbf");
	options = mnl_attr_nest_start(h, TCA_OPTIONS);
	mnl_attr_put(h, TCA_TBF_PARMS, sizeof(o), &o);
	mnl_attr_put_u32(h, TCA_TBF_BURST, burst);
	mnl_attr_nest_end(h, options);
	return talk(l, h);
}

static int add_vxlan(struct link *l, const char *name, const struct ip_prefix *to, uint16_t port,
		     bool csum)
{
	struct nlmsghdr *h = link_request(l, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data;
	bool v6 = to->family == AF_INET6;

	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "vxlan");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u32(h, IFLA_VXLAN_ID, HOST_VNI);
	mnl_attr_put(h, v6 ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP, v6 ? 16 : 4, &to->addr);
	mnl_attr_put_u16(h, IFLA_VXLAN_PORT, htobe16(port));
	mnl_attr_put_u8(h, IFLA_VXLAN_UDP_CSUM, csum);
	mnl_attr_put_u8(h, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, !csum);
	mnl_attr_put_u8(h, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, !csum);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return talk(l, h);
}

int host_add_vxlan(const char *name, const struct ip_prefix *to, uint16_t port, bool csum)
{
	return add_vxlan(open_link(), name, to, port, csum);
}

bool host_vxlan_ready(const char *what)
{
	const struct ip_prefix nobody = { .family = AF_INET };
	struct link *l;
	struct err e = link_open(&l);
	int why;

	if (err_is(e)) {
		(void)printf("skip: %s: %s\n", what, e.text);
		return false;
	}
	why = add_vxlan(l, "vx0", &nobody, HOST_VNI, true);
	if (why != 0)
		(void)printf("skip: %s: no VXLAN device: %s\n", what, strerrordesc_np(why));
	return why == 0;
}

/* What interfaces that are made from here on begin with. */
static void set_ipv6(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		(void)close(fd);
	}
}

void host_without_ipv6(void) { set_ipv6("/proc/sys/net/ipv6/conf/default/disable_ipv6"); }

void host_without_link_local(void) { set_ipv6("/proc/sys/net/ipv6/conf/default/addr_gen_mode"); }

int host_packet(const char *name, unsigned ethertype, bool vnet_hdr)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)host_info(name).index,
				  .sll_protocol = htobe16((uint16_t)ethertype) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    bytes = SOCKET_BYTES, on = 1;

	ck_assert_msg(fd >= 0, "packet socket: %s", strerrordesc_np(errno));
	if (vnet_hdr)
		ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	ck_assert_msg(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "packet socket on %s: %s",
		      name, strerrordesc_np(errno));
	return fd;
}

bool host_packet_hdr_ready(const char *what)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;
	bool ready = setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0;

	if (!ready)
		(void)printf("skip: %s: no packet socket with a header: %s\n", what,
			     strerrordesc_np(errno));
	if (fd >= 0)
		(void)close(fd);
	return ready;
}

bool host_wait_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}
