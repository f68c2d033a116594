/* devices/net/ctrl_announce.c: asking the driver to tell the network where it is (virtio 1.4,
 * 5.1.9.5.4). */
#include "devices/net/ctrl_priv.h"

/* CTRL-16: only a driver that agreed to all that it takes is asked, and it is told of the change.
 */
bool net_announce(struct net *n)
{
	bool asked;

	device_lock(n->device);
	asked = n->announces;
	if (asked) {
		device_config_begin(n->device);
		n->announce = true;
		device_config_end(n->device, true);
	}
	device_unlock(n->device);
	return asked;
}

/* CTRL-15: clear before the command is used; clear already is as good. */
bool ctrl_announce_ack(struct net *n, struct ctrl *c)
{
	if (c->len != 0)
		return false;
	device_config_begin(n->device);
	n->announce = false;
	device_config_end(n->device, false);
	return true;
}
