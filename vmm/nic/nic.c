/* vmm/nic/nic.c: puts one NIC together. */
#include "vmm/nic/nic.h"

#include "devices/backend/tap.h"
#include "devices/base/uapi_compat.h"

static struct backend_offloads offloads_of(unsigned tun_flags)
{
	return (struct backend_offloads){
		.csum = (tun_flags & TUN_F_CSUM) != 0,
		.tso4 = (tun_flags & TUN_F_TSO4) != 0,
		.tso6 = (tun_flags & TUN_F_TSO6) != 0,
		.ecn = (tun_flags & TUN_F_TSO_ECN) != 0,
		.uso = (tun_flags & TUN_F_USO4) != 0 && (tun_flags & TUN_F_USO6) != 0,
	};
}

struct err nic_init(struct nic *nic, const struct machine_nic *config, unsigned index,
		    struct guest_mem *mem, struct loop *loop, struct log log)
{
	struct backend_tap_config tap = {
		.fds = config->tap.fd,
		.fd_count = config->tap.queues,
		.hdr_bytes = config->tap.hdr_bytes,
		.offloads = offloads_of(config->tap.offloads),
		.carrier = config->tap.carrier,
		.sys = &sys_host,
		.log = log,
		.name = config->tap.name,
	};
	struct net_config net = {
		.name = config->tap.name,
		.mtu = config->mtu,
		.queue_size = config->queue_size,
		.switches = config->switches,
		.pairs = 1,
		.mem = mem,
		.loop = loop,
		.log = log,
		.link_up = config->link_up,
	};
	struct err e;

	nic->name = config->tap.name;
	e = backend_tap_create(&tap, &nic->backend);
	if (!err_is(e))
		e = workers_create(net.pairs, &nic->workers);
	for (unsigned i = 0; i < sizeof(net.mac); i++)
		net.mac[i] = config->mac[i];
	net.backend = nic->backend;
	if (!err_is(e))
		e = net_create(&net, &workers_runner, nic->workers, &nic->net);
	if (!err_is(e))
		e = workers_attach(nic->workers, nic->net);
	return err_is(e) ? err_within(e, "NIC %u", index) : e;
}

void nic_fini(struct nic *nic)
{
	net_destroy(nic->net);
	workers_destroy(nic->workers);
	if (nic->backend != NULL)
		nic->backend->ops->destroy(nic->backend);
}
