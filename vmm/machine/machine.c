/* vmm/machine/machine.c: puts one machine together, and runs its control loop to the end. */
#include "vmm/machine/machine.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/boot/boot.h"
#include "vmm/machine/machine_priv.h"

struct machine {
	const struct machine_config *config;
	struct loop *loop;
	struct ram ram;
	struct vm vm;
	struct console console;
	struct bus bus;
	struct vcpu vcpu;
	struct nic nic[NICS_MAX];
	bool over; /* stop was asked, the keeper is gone, or the vCPU has ended */
};

static void log_line(void *self, const char *text)
{
	const struct machine *m = self;

	words_tell(m->config, "log %s", text);
}

/* ---- the keeper ---- */

static void on_keeper(void *self, uint32_t epoll_events)
{
	struct machine *m = self;

	(void)epoll_events;
	if (!words_take(m->config, m->nic))
		m->over = true;
}

static void on_vcpu_done(void *self, uint32_t epoll_events)
{
	struct machine *m = self;

	(void)epoll_events;
	m->over = true;
}

/* ---- life ---- */

static struct err make_eventfd(int *ret_fd)
{
	*ret_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *ret_fd >= 0 ? err_none() : err_make(ERR_SETUP, errno, "make an eventfd");
}

static struct err make_serial(struct machine *m)
{
	struct err e = console_open(&m->console);

	if (!err_is(e))
		e = vm_interrupt(&m->vm, SERIAL_GSI, m->console.irq_fd);
	m->bus.serial = m->console.serial;
	return e;
}

/* A file's pages are read once: kept, they would count as the machine's own memory. */
static void give_back(const uint8_t *file, uint64_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)file + page - 1) & ~(page - 1),
		  to = ((uintptr_t)file + bytes) & ~(page - 1);

	if (from < to)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

static struct err load(struct machine *m, struct boot_entry *ret_entry)
{
	const struct machine_config *c = m->config;
	const struct initrd initrd = { c->initrd, c->initrd_bytes, c->initrd_name };
	const struct boot_request request = {
		.kernel = c->kernel,
		.kernel_bytes = c->kernel_bytes,
		.kernel_name = c->kernel_name,
		.initrd = c->initrd != NULL ? &initrd : NULL,
		.append = c->append,
		.memory_bytes = m->ram.bytes,
		.hardware = { .cpus = 1, .mmio_nics = (uint8_t)((1u << c->nic_count) - 1) },
	};
	struct err e = boot_load(m->ram.mem, &request, ret_entry);

	give_back(c->kernel, c->kernel_bytes);
	give_back(c->initrd, c->initrd_bytes);
	return e;
}

static struct err make_nics(struct machine *m)
{
	const struct log log = { .line = log_line, .self = m };
	struct err e = err_none();

	for (unsigned i = 0; i < m->config->nic_count && !err_is(e); i++) {
		e = nic_init(&m->nic[i], &m->config->nic[i], i, m->ram.mem, m->loop, log);
		if (!err_is(e))
			e = mmio_create(net_device(m->nic[i].net), &m->bus.mmio[i]);
		if (!err_is(e))
			e = vm_wire(&m->vm, &m->nic[i], i);
		m->bus.nics = i + 1;
	}
	return e;
}

static struct err watch(struct machine *m)
{
	struct err e = loop_add(m->loop, m->config->keeper_fd, EPOLLIN, on_keeper, m);

	if (!err_is(e))
		e = loop_add(m->loop, m->vcpu.done_fd, EPOLLIN, on_vcpu_done, m);
	if (!err_is(e))
		e = console_watch(&m->console, m->loop);
	return e;
}

static struct err set_up(struct machine *m)
{
	struct boot_entry entry = { .mode = BOOT_PVH };
	struct err e = loop_create(&m->loop);

	if (!err_is(e))
		e = ram_init(&m->ram, m->config->memory_bytes);
	if (!err_is(e))
		e = load(m, &entry);
	if (!err_is(e))
		e = vm_init(&m->vm, m->config->kvm_fd, &m->ram);
	if (!err_is(e))
		e = make_serial(m);
	if (!err_is(e))
		e = make_nics(m);
	if (!err_is(e))
		e = make_eventfd(&m->vcpu.done_fd);
	if (!err_is(e))
		e = vcpu_init(&m->vcpu, m->config->kvm_fd, &m->vm, &m->bus);
	if (!err_is(e))
		e = vcpu_enter(&m->vcpu, &entry);
	if (!err_is(e))
		e = watch(m);
	if (!err_is(e))
		e = vcpu_start(&m->vcpu);
	return e;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* Without a keeper nothing is waited for. */
static void tear_down(struct machine *m)
{
	const struct capture_wait wait = nic_end_wait(m->config->keeper_fd);

	vcpu_stop(&m->vcpu);
	for (unsigned i = 0; i < m->config->nic_count; i++) {
		mmio_destroy(m->bus.mmio[i]);
		nic_fini(&m->nic[i], &wait);
	}
	console_close(&m->console);
	vcpu_fini(&m->vcpu);
	vm_fini(&m->vm);
	ram_fini(&m->ram);
	loop_destroy(m->loop);
	close_fd(m->vcpu.done_fd);
}

void machine_run(const struct machine_config *config)
{
	struct machine m = { .config = config, .vm.fd = -1, .vcpu.fd = -1, .vcpu.done_fd = -1 };
	struct err e;

	console_init(&m.console, config, &m.vcpu.stop);
	/* One arena: the workers allocate nothing, and each arena costs memory. */
	(void)mallopt(M_ARENA_MAX, 1);
	e = set_up(&m);
	if (err_is(e)) {
		words_tell(config, "error %d %s", (int)e.kind, e.text);
		tear_down(&m);
		words_tell(config, "end %d 0 ", (int)MACHINE_END_ERROR);
		return;
	}
	words_tell(config, "running");
	while (!m.over && !err_is(e))
		e = loop_once(m.loop, -1);
	vcpu_stop(&m.vcpu);
	if (config->stats)
		words_tell_stats(config, m.nic, &m.ram, atomic_load(&m.console.lost));
	words_tell(config, "end %d %u %s", (int)m.vcpu.end, m.vcpu.value, m.vcpu.text);
	tear_down(&m);
}
