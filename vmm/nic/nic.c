/* vmm/nic/nic.c: puts one NIC together. */
#include "vmm/nic/nic.h"

#include <string.h>

#include "devices/backend/tun.h"
#include "devices/base/clock.h"

enum { END_WAIT_NS = 1000000000 };

static struct err make_backend(const struct machine_nic *config, struct log log,
			       struct backend **ret_backend)
{
	struct backend_tun_config tun = {
		.tap = { .fds = config->tap.fd,
			 .fd_count = config->tap.queues,
			 .hdr_bytes = config->tap.hdr_bytes,
			 .offloads = backend_tap_offloads(config->tap.offloads),
			 .carrier = config->tap.carrier,
			 .steers = config->tap.steers,
			 .steer_program = config->tap.steer_program,
			 .steer_map = config->tap.steer_map,
			 .sys = &sys_host,
			 .log = log,
			 .name = config->tap.name },
	};

	if (config->tap.kind == TAP_KIND_TAP)
		return backend_tap_create(&tun.tap, ret_backend);
	memcpy(tun.host_mac, config->host_mac, sizeof(tun.host_mac));
	memcpy(tun.guest_mac, config->mac, sizeof(tun.guest_mac));
	return backend_tun_create(&tun, ret_backend);
}

struct err nic_init(struct nic *nic, const struct machine_nic *config, unsigned index,
		    struct guest_mem *mem, struct loop *loop, struct log log)
{
	struct net_config net = {
		.name = config->tap.name,
		.mtu = config->mtu,
		.queue_size = config->queue_size,
		.switches = config->switches,
		.pairs = config->tap.queues,
		.speed = config->speed,
		.rate = config->rate,
		.mem = mem,
		.loop = loop,
		.log = log,
		.link_up = config->link_up,
	};
	struct err e;

	memcpy(nic->name, config->tap.name, sizeof(nic->name));
	e = make_backend(config, log, &nic->backend);
	if (!err_is(e))
		e = nic_path_create(config, index,
				    &(struct datapath_config){ .pairs = net.pairs,
							       .sys = &sys_host,
							       .mem = mem,
							       .loop = loop,
							       .log = log,
							       .name = net.name },
				    &nic->datapath);
	if (!err_is(e) && datapath_has_vhost(nic->datapath))
		datapath_limit_to_vhost(&net.switches);
	memcpy(net.mac, config->mac, sizeof(net.mac));
	net.backend = nic->backend;
	if (!err_is(e) && config->capture_fd >= 0)
		e = capture_create(&(struct capture_config){ .fd = config->capture_fd,
							     .name = config->tap.name,
							     .pairs = net.pairs,
							     .loop = loop,
							     .log = log },
				   &nic->capture);
	net.capture = nic->capture;
	if (!err_is(e))
		e = net_create(&net, &datapath_runner, nic->datapath, &nic->net);
	if (!err_is(e))
		e = datapath_attach(nic->datapath, nic->net);
	return err_is(e) ? err_within(e, "net %u", index) : e;
}

struct capture_wait nic_end_wait(int cancel_fd)
{
	return (struct capture_wait){ clock_now_ns(&clock_host) + END_WAIT_NS, cancel_fd };
}

void nic_fini(struct nic *nic, const struct capture_wait *wait)
{
	net_destroy(nic->net);
	datapath_destroy(nic->datapath);
	if (nic->backend != NULL)
		nic->backend->ops->destroy(nic->backend);
	capture_destroy(nic->capture, wait);
}
