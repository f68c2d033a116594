/* vmm/machine/cpus.c: all vCPUs of a machine. The first one enters the kernel; the others wait in
 * KVM until the guest's first one sends for them. The first that ends ends the machine. */
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/base/eventfd.h"
#include "vmm/machine/machine_priv.h"

enum { NOBODY = -1 };

void cpus_init(struct cpus *c, unsigned count, struct bus *bus)
{
	*c = (struct cpus){ .count = count, .bus = bus, .done_fd = -1 };
	atomic_store(&c->first, NOBODY);
	for (unsigned i = 0; i < CPUS_MAX; i++)
		c->vcpu[i] = (struct vcpu){ .all = c, .number = i, .fd = -1 };
}

struct err cpus_open(struct cpus *c, int kvm_fd, const struct vm *vm)
{
	int most = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	struct err e = err_none();

	if (most > 0 && c->count > (unsigned)most)
		return err_make(
			ERR_SETUP, 0,
			"--cpus: this host's KVM gives a machine %d processors at most, not %u",
			most, c->count);
	c->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->done_fd < 0)
		return err_make(ERR_SETUP, errno, "make an eventfd");
	for (unsigned i = 0; i < c->count && !err_is(e); i++)
		e = vcpu_init(&c->vcpu[i], kvm_fd, vm);
	return e;
}

static void on_kick(int number) { (void)number; }

struct err cpus_start(struct cpus *c)
{
	struct sigaction action = { .sa_handler = on_kick };
	struct err e = err_none();

	(void)sigaction(SIGUSR1, &action, NULL);
	for (unsigned i = 0; i < c->count && !err_is(e); i++)
		e = vcpu_start(&c->vcpu[i]);
	return e;
}

void cpus_ended(struct cpus *c, unsigned number)
{
	int nobody = NOBODY;

	(void)atomic_compare_exchange_strong(&c->first, &nobody, (int)number);
	eventfd_poke(c->done_fd);
}

const struct vcpu *cpus_end(const struct cpus *c)
{
	int first = atomic_load(&c->first);

	return &c->vcpu[first == NOBODY ? 0 : first];
}

void cpus_stop(struct cpus *c)
{
	atomic_store(&c->stop, true);
	for (unsigned i = 0; i < c->count; i++)
		vcpu_kick(&c->vcpu[i]);
	for (unsigned i = 0; i < c->count; i++)
		vcpu_join(&c->vcpu[i]);
}

void cpus_close(struct cpus *c)
{
	for (unsigned i = 0; i < c->count; i++)
		vcpu_fini(&c->vcpu[i]);
	if (c->done_fd >= 0)
		(void)close(c->done_fd);
	c->done_fd = -1;
}
