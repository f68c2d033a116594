/* vmm/cli/net_judge.c: which keys of --net do not go together. */
#include "vmm/cli/net_judge.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/datapath/datapath.h"
#include "vmm/cli/host_option.h"

enum { MTU_MIN_IPV6 = 1280 };

/* What the user wrote and only a worker can do. */
static struct err judge_vhost(struct nic_options *nic)
{
	const struct datapath_wish wish = { .switches = &nic->switches,
					    .tun = nic->kind == TAP_KIND_TUN,
					    .capture = nic->capture != NULL,
					    .rate = net_rate_limits(&nic->rate) };
	struct err e = datapath_check_vhost(&wish);

	if (nic->vhost == NIC_VHOST_ON && !err_is(e) && nic->bus == NIC_BUS_MMIO)
		e = err_make(ERR_USAGE, 0, "bus=mmio is not for vhost-net: it needs PCI");
	if (nic->vhost == NIC_VHOST_ON && err_is(e))
		return err_make(ERR_USAGE, 0, "vhost=on: %s; leave one out", e.text);
	nic->vhost_why = e;
	return err_none();
}

static struct err judge_tap(const struct nic_options *nic)
{
	if ((nic->queue_size & (nic->queue_size - 1)) != 0 &&
	    !features_has(&nic->switches.on, VIRTIO_F_RING_PACKED))
		return err_make(ERR_USAGE, 0,
				"queue-size=%u is no power of two, as split rings need it: 256 and "
				"1024 are; or add packed=on",
				nic->queue_size);
	for (unsigned i = 0; i < nic->address_count; i++)
		if (nic->address[i].family == AF_INET6 && nic->mtu != 0 && nic->mtu < MTU_MIN_IPV6)
			return err_make(ERR_USAGE, 0,
					"mtu=%u is too small for IPv6, which needs %d", nic->mtu,
					MTU_MIN_IPV6);
	if ((nic->speed.known || nic->speed.duplex != NET_DUPLEX_UNKNOWN) &&
	    features_has(&nic->switches.off, VIRTIO_NET_F_SPEED_DUPLEX))
		return err_make(ERR_USAGE, 0,
				"speed and duplex are told by speed-duplex, which is off; leave "
				"one out");
	if (nic->persist && nic->netns != NULL && strcmp(nic->netns, "private") == 0)
		return err_make(ERR_USAGE, 0,
				"persist does not go with netns=private, which ends with the run; "
				"leave one out");
	if (nic->has_mac && nic->has_host_mac &&
	    memcmp(nic->mac, nic->host_mac, sizeof(nic->mac)) == 0)
		return err_make(
			ERR_USAGE, 0,
			"mac and host-mac are the same; the guest needs another than its TAP");
	return err_none();
}

struct err net_judge(struct nic_options *nic)
{
	struct err e = judge_tap(nic);

	if (!err_is(e))
		e = host_option_judge(nic);
	return err_is(e) ? e : judge_vhost(nic);
}
