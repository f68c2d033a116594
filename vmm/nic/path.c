/* vmm/nic/path.c: which data path a NIC begins with, and the other one later. */
#include "vmm/nic/nic.h"

/* What vhost=auto has decided is told once, whichever way. */
static void say(const struct datapath_config *c, unsigned index, const char *what, const char *why)
{
	struct log_limit once = { 0 };

	log_limited(&c->log, &once, "net %u: vhost=auto: %s%s", index, what, why);
}

static struct err by_worker(const struct datapath_config *c, unsigned index, const char *why,
			    struct datapath **ret_datapath)
{
	say(c, index, "a worker moves its frames: ", why);
	return datapath_create(c, ret_datapath);
}

/* The kernel's end with those of the TAP if they are not taken. */
static void close_all(const struct machine_nic *config, const struct sys *sys)
{
	for (unsigned i = 0; i < config->vhost_fds; i++)
		(void)sys->close(config->vhost_fd[i]);
}

struct err nic_path_create(const struct machine_nic *config, unsigned index,
			   const struct datapath_config *common, struct datapath **ret_datapath)
{
	struct datapath_config with = *common;
	struct err e = err_none();

	if (config->vhost == NIC_VHOST_OFF)
		return datapath_create(common, ret_datapath);
	with.vhost_fds = config->vhost_fd;
	if (config->vhost_fds == 0)
		return by_worker(common, index, config->vhost_why.text, ret_datapath);
	if (config->bus != NIC_BUS_PCI)
		e = err_make(ERR_USAGE, 0, "vhost-net needs a NIC on PCI, as bus=pci makes it");
	if (!err_is(e))
		e = datapath_create(&with, ret_datapath);
	if (!err_is(e) && config->vhost == NIC_VHOST_AUTO)
		say(common, index, "vhost-net moves its frames", "");
	if (!err_is(e))
		return e;
	close_all(config, common->sys);
	return config->vhost == NIC_VHOST_AUTO ? by_worker(common, index, e.text, ret_datapath)
					       : err_within(e, "vhost=on");
}

struct err nic_set_path(struct nic *nic, enum path to)
{
	return datapath_switch(nic->datapath, to);
}
