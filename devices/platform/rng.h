/* devices/platform/rng.h: the virtio entropy device (virtio 1.4, 5.4): the host's random bytes for
 * a guest that has none of its own yet.
 *
 * One queue, served by the control loop: a guest asks for a few bytes now and then. */
#ifndef TAPVM_PLATFORM_RNG_H
#define TAPVM_PLATFORM_RNG_H

#include "devices/base/sys.h"
#include "devices/virtio/device.h"

struct rng_config {
	const char *name;      /* for log lines; lent */
	struct guest_mem *mem; /* lent */
	struct loop *loop;     /* lent */
	struct log log;
	const struct sys *sys; /* whose getrandom gives the bytes */
};

struct rng;

struct err rng_create(const struct rng_config *config, struct rng **ret_rng) MUST_USE;
void rng_destroy(struct rng *r); /* takes NULL */
struct device *rng_device(struct rng *r);

#endif
