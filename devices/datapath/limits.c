/* devices/datapath/limits.c: what the kernel's data path cannot do, in one table. */
#include "devices/base/uapi_compat.h"
#include "devices/datapath/datapath.h"

static const char split_alone[] = "it knows split rings alone";
static const char no_filter[] = "it filters nothing";
static const char no_hash[] = "it puts no hash into a header";
static const char no_coalescing[] = "it holds no interrupt back";
static const char no_rate[] = "it counts no bytes";
static const char no_tunnel[] = "its header has no room for a tunnel's";

const struct datapath_limit vhost_limits[] = {
	{ VIRTIO_F_RING_PACKED, split_alone },
	{ VIRTIO_F_IN_ORDER, "not every kernel's promises it" },
	{ VIRTIO_NET_F_CTRL_RX, no_filter },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, no_filter },
	{ VIRTIO_NET_F_CTRL_VLAN, no_filter },
	{ VIRTIO_NET_F_RSS, "its pairs are chosen by flow" },
	{ VIRTIO_NET_F_HASH_REPORT, no_hash },
	{ VIRTIO_NET_F_HASH_TUNNEL, no_hash },
	{ VIRTIO_NET_F_NOTF_COAL, no_coalescing },
	{ VIRTIO_NET_F_VQ_NOTF_COAL, no_coalescing },
	{ VIRTIO_NET_F_DEVICE_STATS, "it counts no frames" },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, no_tunnel },
	{ VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, no_tunnel },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, no_tunnel },
	{ VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, no_tunnel },
};
const unsigned vhost_limit_count = ARRAY_LEN(vhost_limits);

/* The first of these; NULL: none. */
static const struct datapath_limit *beyond(const struct features *f)
{
	for (unsigned i = 0; i < vhost_limit_count; i++)
		if (features_has(f, vhost_limits[i].feature))
			return &vhost_limits[i];
	return NULL;
}

static struct err needs_worker(const char *what, const char *value, const char *why)
{
	return err_make(ERR_USAGE, 0, "%s%s is not for vhost-net: %s", what, value, why);
}

struct err datapath_check_vhost(const struct datapath_wish *wish)
{
	const struct datapath_limit *limit = beyond(&wish->switches->on);

	if (wish->tun)
		return needs_worker("a TUN", "", "it moves frames, not packets");
	if (wish->capture)
		return needs_worker("capture", "=", "nobody sees its frames");
	if (wish->rate)
		return needs_worker("rate", "=", no_rate);
	if (limit != NULL)
		return needs_worker(net_feature_name(limit->feature), "=on", limit->why);
	return err_none();
}

struct err datapath_check_agreed(const struct features *accepted)
{
	const struct datapath_limit *limit = beyond(accepted);

	if (limit == NULL)
		return err_none();
	return err_make(ERR_SETUP, 0, "the driver uses %s, and vhost-net cannot: %s",
			net_feature_name(limit->feature), limit->why);
}

struct err datapath_check_rate(const struct net_rate *rate)
{
	if (!net_rate_limits(rate))
		return err_none();
	return err_make(ERR_SETUP, 0, "its rate has a limit, and vhost-net cannot keep it: %s",
			no_rate);
}

void datapath_limit_to_vhost(struct net_switches *switches)
{
	for (unsigned i = 0; i < vhost_limit_count; i++)
		features_set(&switches->off, vhost_limits[i].feature, true);
}
