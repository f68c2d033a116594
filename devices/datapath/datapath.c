/* devices/datapath/datapath.c: hands the queues to workers or to the kernel, and from one to the
 * other. */
#include "devices/datapath/datapath.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/datapath/vhost_net.h"
#include "devices/datapath/worker.h"

struct datapath {
	struct workers *workers;
	struct vhost_net *vhost; /* NULL: none */
	struct net *net;
	struct device *device; /* its */
	struct log log;
	struct log_limit log_limit;
	char name[32];
	enum path wanted;       /* with the device's mutex */
	_Atomic enum path path; /* which has the queues, or had them last */
	struct err why;         /* not the kernel, though it was wanted */
};

const char *path_name(enum path path)
{
	static const char *const name[] = { [PATH_WORKER] = "worker", [PATH_VHOST] = "vhost" };

	return name[path];
}

enum path datapath_path(const struct datapath *dp) { return atomic_load(&dp->path); }
bool datapath_has_vhost(const struct datapath *dp) { return dp->vhost != NULL; }

/* ---- struct runner_ops ---- */

static void runner_stop(void *self)
{
	struct datapath *dp = self;

	if (dp->path == PATH_VHOST)
		vhost_net_pause(dp->vhost);
	else
		workers_runner.stop(dp->workers);
}

static void runner_pause(void *self)
{
	struct datapath *dp = self;

	if (dp->path == PATH_VHOST)
		vhost_net_pause(dp->vhost);
	else
		workers_runner.pause(dp->workers);
}

/* Whoever has paused lets go of everything before the other begins. */
static struct err try_vhost(struct datapath *dp)
{
	struct err e = datapath_check_agreed(device_accepted(dp->device));

	if (!err_is(e))
		e = datapath_check_rate(net_rate(dp->net));
	if (!err_is(e) && !device_by_message(dp->device))
		e = err_make(ERR_SETUP, 0,
			     "vhost-net needs a driver that is told by MSI-X, and this one is not");
	if (err_is(e))
		return e;
	runner_stop(dp);
	return vhost_net_run(dp->vhost);
}

static void run(struct datapath *dp)
{
	dp->why = dp->wanted == PATH_VHOST ? try_vhost(dp) : err_none();
	dp->path = dp->wanted == PATH_VHOST && !err_is(dp->why) ? PATH_VHOST : PATH_WORKER;
	if (dp->path == PATH_WORKER)
		workers_runner.resume(dp->workers);
}

static void say_why(struct datapath *dp)
{
	if (err_is(dp->why))
		log_limited(&dp->log, &dp->log_limit, "%s: a worker moves its frames: %s", dp->name,
			    dp->why.text);
}

/* Whoever asked for the kernel has why not as an answer; when it does not take back what it had,
 * nobody asked. */
static void runner_resume(void *self)
{
	struct datapath *dp = self;
	bool was_kernels = dp->path == PATH_VHOST;

	run(dp);
	if (was_kernels)
		say_why(dp);
}

static void runner_start(void *self)
{
	struct datapath *dp = self;

	run(dp);
	say_why(dp);
}

static bool runner_move_kick(void *self, unsigned index, int old, int fd)
{
	struct datapath *dp = self;

	return workers_runner.move_kick(dp->workers, index, old, fd);
}

static void runner_move_call(void *self, unsigned index)
{
	struct datapath *dp = self;

	if (dp->vhost != NULL)
		vhost_net_move_call(dp->vhost, index);
}

const struct runner_ops datapath_runner = {
	.start = runner_start,
	.pause = runner_pause,
	.resume = runner_resume,
	.stop = runner_stop,
	.move_kick = runner_move_kick,
	.move_call = runner_move_call,
};

struct err datapath_switch(struct datapath *dp, enum path to)
{
	struct err e;

	if (to == PATH_VHOST && dp->vhost == NULL)
		return err_make(ERR_USAGE, 0, "%s has no vhost-net; start it with vhost=on",
				dp->name);
	device_lock(dp->device);
	device_pause(dp->device);
	dp->wanted = to;
	dp->why = err_none();
	device_resume(dp->device);
	e = dp->why;
	device_unlock(dp->device);
	return e;
}

/* ---- life ---- */

struct err datapath_create(const struct datapath_config *config, struct datapath **ret_datapath)
{
	struct datapath *dp = calloc(1, sizeof(*dp));
	struct err e;

	if (dp == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make the data path of %s", config->name);
	dp->log = config->log;
	(void)snprintf(dp->name, sizeof(dp->name), "%s", config->name);
	dp->wanted = config->vhost_fds != NULL ? PATH_VHOST : PATH_WORKER;
	e = workers_create(config->pairs, &dp->workers);
	if (!err_is(e) && config->vhost_fds != NULL)
		e = vhost_net_create(config, &dp->vhost);
	if (err_is(e)) {
		datapath_destroy(dp);
		return e;
	}
	*ret_datapath = dp;
	return e;
}

void datapath_destroy(struct datapath *dp)
{
	if (dp == NULL)
		return;
	vhost_net_destroy(dp->vhost);
	workers_destroy(dp->workers);
	free(dp);
}

struct err datapath_attach(struct datapath *dp, struct net *n)
{
	struct err e = workers_attach(dp->workers, n);

	dp->net = n;
	dp->device = net_device(n);
	if (!err_is(e) && dp->vhost != NULL)
		e = vhost_net_attach(dp->vhost, n);
	return e;
}
