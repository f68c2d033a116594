/* devices/net/ctrl_steer.c: commands that say which pairs move frames (virtio 1.4, 5.1.9.5.6). */
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/base/le.h"
#include "devices/net/ctrl_priv.h"

/* CTRL-17, CTRL-18. */
bool ctrl_pairs(struct net *n, struct ctrl *c)
{
	le16 wire;
	unsigned pairs;
	bool good;

	if (c->len != sizeof(wire))
		return false;
	memcpy(&wire, c->data, sizeof(wire));
	pairs = le16_get(wire);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > n->config.pairs)
		return false;
	device_pause(n->device);
	good = net_set_pairs(n, pairs);
	device_resume(n->device);
	return good;
}
