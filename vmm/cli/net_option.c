/* vmm/cli/net_option.c: --net tap|tun[,key=value]... */
#include "vmm/cli/net_option.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/net/features.h"
#include "devices/tap/tap.h"
#include "vmm/cli/host_option.h"
#include "vmm/cli/net_judge.h"
#include "vmm/cli/net_switch.h"
#include "vmm/cli/value.h"

enum { MTU_MIN = 68, MTU_MAX = 65521 };

static struct err take_name(void *into, const char *value)
{
	struct nic_options *nic = into;

	nic->tap_name = value;
	return tap_name_check(value);
}

static struct err take_fd(void *into, const char *value)
{
	struct nic_options *nic = into;
	uint64_t fd = 0;
	struct err e = value_number(value, 3, INT32_MAX, &fd);

	if (!err_is(e))
		nic->fd = (int)fd;
	return e;
}

static struct err take_mac(void *into, const char *value)
{
	struct nic_options *nic = into;

	nic->has_mac = true;
	return value_mac(value, nic->mac);
}

static struct err take_host_mac(void *into, const char *value)
{
	struct nic_options *nic = into;

	nic->has_host_mac = true;
	return value_mac(value, nic->host_mac);
}

/* The kernel takes some of these, and gives the interface nothing. */
static bool is_nobodys(const struct ip_prefix *p)
{
	if (p->family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&p->addr.v6) || IN6_IS_ADDR_MULTICAST(&p->addr.v6);
	return p->addr.v4.s_addr == htonl(INADDR_ANY) || IN_MULTICAST(ntohl(p->addr.v4.s_addr)) ||
	       p->addr.v4.s_addr == htonl(INADDR_BROADCAST);
}

static struct err take_ip(void *into, const char *value)
{
	struct nic_options *nic = into;
	struct err e;

	if (nic->address_count == NIC_ADDRESSES_MAX)
		return err_make(ERR_USAGE, 0, "more than %d addresses on one TAP",
				NIC_ADDRESSES_MAX);
	e = ip_prefix_parse(value, &nic->address[nic->address_count]);
	if (!err_is(e) && is_nobodys(&nic->address[nic->address_count]))
		e = err_make(ERR_USAGE, 0,
			     "%s is no address of an interface; write one like 192.168.77.1/24",
			     value);
	if (!err_is(e))
		nic->address_count++;
	return e;
}

static struct err take_mtu(void *into, const char *value)
{
	struct nic_options *nic = into;
	uint64_t mtu = 0;
	struct err e = value_number(value, MTU_MIN, MTU_MAX, &mtu);

	if (!err_is(e))
		nic->mtu = (unsigned)mtu;
	return e;
}

static struct err take_netns(void *into, const char *value)
{
	struct nic_options *nic = into;

	nic->netns = value;
	return err_none();
}

static struct err take_persist(void *into, const char *value)
{
	struct nic_options *nic = into;

	return value_switch(value, &nic->persist);
}

static struct err take_id(const char *value, int64_t *ret_id)
{
	uint64_t id = 0;
	struct err e = value_number(value, 0, UINT32_MAX - 1, &id);

	if (!err_is(e))
		*ret_id = (int64_t)id;
	return e;
}

static struct err take_owner(void *into, const char *value)
{
	struct nic_options *nic = into;

	return take_id(value, &nic->owner);
}

static struct err take_group(void *into, const char *value)
{
	struct nic_options *nic = into;

	return take_id(value, &nic->group);
}

static struct err take_queue_size(void *into, const char *value)
{
	struct nic_options *nic = into;
	uint64_t size = 0;
	struct err e = value_number(value, 2, QUEUE_SIZE_MAX, &size);

	if (!err_is(e))
		nic->queue_size = (unsigned)size;
	return e;
}

static struct err take_queues(void *into, const char *value)
{
	struct nic_options *nic = into;
	uint64_t queues = 0;
	struct err e = value_number(value, 1, QUEUE_PAIRS_MAX, &queues);

	if (!err_is(e))
		nic->queues = (unsigned)queues;
	return e;
}

static struct err take_capture(void *into, const char *value)
{
	struct nic_options *nic = into;

	return value_file(value, &nic->capture);
}

static struct err take_speed(void *into, const char *value)
{
	struct nic_options *nic = into;
	uint64_t mbits = 0;
	struct err e = value_number(value, 0, NET_SPEED_MAX, &mbits);

	nic->speed.known = !err_is(e);
	nic->speed.mbits = (uint32_t)mbits;
	return e;
}

static struct err take_rate(void *into, const char *value)
{
	struct nic_options *nic = into;

	return rate_parse(value, &nic->rate);
}

static struct err take_duplex(void *into, const char *value)
{
	struct nic_options *nic = into;

	if (strcmp(value, "full") == 0)
		nic->speed.duplex = NET_DUPLEX_FULL;
	else if (strcmp(value, "half") == 0)
		nic->speed.duplex = NET_DUPLEX_HALF;
	else
		return err_make(ERR_USAGE, 0, "'%.64s' is neither full nor half", value);
	return err_none();
}

static struct err take_bus(void *into, const char *value)
{
	struct nic_options *nic = into;

	if (strcmp(value, "pci") == 0)
		nic->bus = NIC_BUS_PCI;
	else if (strcmp(value, "mmio") == 0)
		nic->bus = NIC_BUS_MMIO;
	else
		return err_make(ERR_USAGE, 0, "'%.64s' is neither pci nor mmio", value);
	return err_none();
}

static struct err take_vhost(void *into, const char *value)
{
	static const struct {
		const char *value;
		enum nic_vhost means;
	} values[] = { { "off", NIC_VHOST_OFF },
		       { "on", NIC_VHOST_ON },
		       { "auto", NIC_VHOST_AUTO } };
	struct nic_options *nic = into;

	for (unsigned i = 0; i < ARRAY_LEN(values); i++)
		if (strcmp(value, values[i].value) == 0) {
			nic->vhost = values[i].means;
			return err_none();
		}
	return err_make(ERR_USAGE, 0, "'%.64s' is none of on, off and auto", value);
}

/* clang-format off */
static const struct option rows[] = {
	{ .name = "name", .value = "NAME", .take = take_name,
	  .help = "the TAP: this one if it is there, or made; vm%d takes the first free number" },
	{ .name = "fd", .value = "N", .take = take_fd, .with_fd = true,
	  .help = "a TAP opened by whoever started us; not with what is set on a TAP" },
	{ .name = "mac", .value = "MAC", .take = take_mac, .with_fd = true,
	  .help = "the guest's; made from the TAP's name and the NIC's number if left out" },
	{ .name = "host-mac", .value = "MAC", .take = take_host_mac,
	  .help = "the TAP's own address; with a TUN, what the guest sees as its neighbour's" },
	{ .name = "ip", .value = "ADDR/LEN", .take = take_ip, .repeats = true,
	  .help = "an address of the TAP, IPv4 or IPv6; may repeat" },
	{ .name = "dhcp", .value = "on|off", .take = take_dhcp,
	  .help = "the guest gets its address, router and name server by DHCP; needs ip=" },
	{ .name = "guest-ip", .value = "ADDR", .take = take_guest_ip,
	  .help = "the guest's IPv4 address in the network of ip=: by DHCP, and a Linux kernel's ip=" },
	{ .name = "nat", .value = "on|off|IFNAME", .take = take_nat,
	  .help = "the guest goes out by this interface with its address; on: where the default route goes" },
	{ .name = "bridge", .value = "NAME", .take = take_bridge,
	  .help = "the TAP becomes a port of this bridge, of Linux or of Open vSwitch" },
	{ .name = "mtu", .value = "N", .take = take_mtu,
	  .help = "of the TAP, and told to the guest: 68 to 65521" },
	{ .name = "netns", .value = "NAME|private", .take = take_netns,
	  .help = "the TAP's network namespace: by name, a path, or one for this run" },
	{ .name = "persist", .value = "on|off", .take = take_persist,
	  .help = "the TAP stays when we end" },
	{ .name = "owner", .value = "UID", .take = take_owner,
	  .help = "who may attach to the TAP" },
	{ .name = "group", .value = "GID", .take = take_group,
	  .help = "which group may attach to the TAP" },
	{ .name = "speed", .value = "N", .take = take_speed, .with_fd = true,
	  .help = "of the link in Mbit/s, as the guest is told; unknown if left out" },
	{ .name = "duplex", .value = "full|half", .take = take_duplex, .with_fd = true,
	  .help = "of the link, as the guest is told; unknown if left out" },
	{ .name = "bus", .value = "pci|mmio", .take = take_bus, .with_fd = true,
	  .help = "where the guest finds the NIC; pci if left out, mmio for an image with our own ELF note" },
	{ .name = "rate", .value = "[rx:|tx:]BITS[/BURST]", .take = take_rate, .repeats = true, .with_fd = true,
	  .help = "a limit a second, each way or one way: 100M, tx:1G/256K; rx is what the guest receives" },
	{ .name = "vhost", .value = "on|off|auto", .take = take_vhost, .with_fd = true,
	  .help = "frames moved by the kernel; auto: unless a key, the host or the bus is against it; off if left out" },
	{ .name = "queue-size", .value = "N", .take = take_queue_size, .with_fd = true,
	  .help = "descriptors of each queue, 2 to 32768; 256 if left out, in tapvm-vhost-user 32768" },
	{ .name = "queues", .value = "N", .take = take_queues,
	  .help = "queue pairs, 1 to 8; with several the TAP is, or is made, multi_queue" },
	{ .name = "capture", .value = "FILE", .take = take_capture, .with_fd = true,
	  .help = "the guest's frames both ways, as pcapng: a file, or a FIFO that is read" },
};
/* clang-format on */
const struct option_table net_option_table = { .rows = rows, .count = ARRAY_LEN(rows) };

struct nic_options net_option_default(void)
{
	return (struct nic_options){ .fd = -1, .owner = -1, .group = -1 };
}

/* Among the keys, then among the features. */
static const char *nearest_key(const char *word, size_t length)
{
	const char *near = nearest_option(&net_option_table, word, length);
	const char *names[NET_FEATURES_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < net_feature_count; i++)
		if (net_features[i].name != NULL)
			names[count++] = net_features[i].name;
	return near != NULL ? near : nearest(names, count, word, length);
}

static struct err take_piece(char *piece, uint64_t *seen, struct nic_options *nic)
{
	char *equals = strchr(piece, '=');
	size_t length = equals == NULL ? strlen(piece) : (size_t)(equals - piece);
	const char *value = equals == NULL ? NULL : equals + 1;
	const struct option *row = option_find(&net_option_table, piece, length);
	const struct net_feature *feature = net_switch_find(piece, length);
	const char *near;

	if (row != NULL)
		return option_take(&net_option_table, row, seen, row->name, value, nic);
	if (feature != NULL)
		return net_switch_take(feature, value, nic);
	near = nearest_key(piece, length);
	if (length == 0)
		return err_make(ERR_USAGE, 0, "a comma with nothing behind it; leave it out");
	if (near != NULL)
		return err_make(ERR_USAGE, 0, "unknown key %.*s; did you mean %s=?", (int)length,
				piece, near);
	return err_make(ERR_USAGE, 0, "unknown key %.*s; tapvm help run lists them", (int)length,
			piece);
}

/* What is not the interface's may be said of an inherited one too. */
static bool goes_with_fd(const struct nic_options *nic, const struct option *row)
{
	return row->with_fd || (nic->kind == TAP_KIND_TUN && row->take == take_host_mac);
}

static struct err judge_fd(const struct nic_options *nic, uint64_t seen)
{
	for (unsigned i = 0; i < net_option_table.count && nic->fd >= 0; i++)
		if ((seen & (uint64_t)1 << i) != 0 && !goes_with_fd(nic, &rows[i]))
			return err_make(ERR_USAGE, 0,
					"%s does not go with fd: whoever opened fd %d sets it; "
					"leave it out",
					rows[i].name, nic->fd);
	return err_none();
}

struct err net_option_parse(char *text, struct nic_options *ret_nic)
{
	struct nic_options nic = net_option_default();
	char *rest = text;
	char *kind = strsep(&rest, ",");
	uint64_t seen = 0;
	struct err e = err_none();

	if (strcmp(kind, "tun") == 0)
		nic.kind = TAP_KIND_TUN;
	else if (strcmp(kind, "tap") != 0)
		return err_make(ERR_USAGE, 0,
				"unknown kind '%.64s'; it is tap or tun, as in --net "
				"tap,ip=192.168.77.1/24",
				kind);
	while (rest != NULL && !err_is(e))
		e = take_piece(strsep(&rest, ","), &seen, &nic);
	if (!err_is(e))
		e = judge_fd(&nic, seen);
	if (!err_is(e))
		e = net_judge(&nic);
	if (!err_is(e))
		*ret_nic = nic;
	return e;
}
