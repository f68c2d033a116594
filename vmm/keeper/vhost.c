/* vmm/keeper/vhost.c: opens /dev/vhost-net, which the machine may not. The machine becomes its
 * owner: the kernel's thread works in the memory of whoever does. */
#include <errno.h>
#include <fcntl.h>

#include "vmm/keeper/keeper_priv.h"

#define VHOST_NODE "/dev/vhost-net"

static struct err explain(int why)
{
	switch (why) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return err_make(ERR_SETUP, why,
				"open " VHOST_NODE " (modprobe vhost_net brings it, or vhost=off)");
	case EACCES:
	case EPERM:
		return err_make(ERR_SETUP, why,
				"open " VHOST_NODE " (root may, and its group; or vhost=off)");
	default: return err_make(ERR_SETUP, why, "open " VHOST_NODE);
	}
}

struct err vhost_open(const struct sys *sys, const struct nic_options *o, struct machine_nic *nic)
{
	struct err e = err_none();

	nic->vhost_why = o->vhost_why;
	if (o->vhost == NIC_VHOST_OFF || err_is(o->vhost_why))
		return e;
	while (nic->vhost_fds < nic->tap.queues && !err_is(e)) {
		int fd = sys->open(VHOST_NODE, O_RDWR | O_CLOEXEC, 0);

		if (fd < 0)
			e = explain(errno);
		else
			nic->vhost_fd[nic->vhost_fds++] = fd;
	}
	if (!err_is(e))
		return e;
	vhost_close(sys, nic);
	if (o->vhost == NIC_VHOST_ON)
		return err_within(e, "vhost=on");
	nic->vhost_why = e;
	return err_none();
}

void vhost_close(const struct sys *sys, struct machine_nic *nic)
{
	while (nic->vhost_fds > 0)
		(void)sys->close(nic->vhost_fd[--nic->vhost_fds]);
}
