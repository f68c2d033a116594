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
#include "vmm/machine/board.h"
#include "vmm/machine/devices.h"
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/places.h"

enum { CLASS_ETHERNET = 0x020000 }; /* PCI: a network controller */

struct machine {
	const struct machine_config *config;
	struct loop *loop;
	struct ram ram;
	struct vm vm;
	struct console console;
	struct bus bus;
	struct board board;
	struct cpus cpus;
	struct nic nic[NICS_MAX];
	struct devices devices;
	struct running running;
	bool over; /* stop was asked, the keeper is gone, or a vCPU has ended */
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
	if (!words_take(m->config, &m->running))
		m->over = true;
}

static void on_vcpu_done(void *self, uint32_t epoll_events)
{
	struct machine *m = self;

	(void)epoll_events;
	m->over = true;
}

/* ---- life ---- */

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
		.hardware = places_hardware(c),
	};
	struct err e = boot_load(m->ram.mem, &request, ret_entry);

	give_back(c->kernel, c->kernel_bytes);
	give_back(c->initrd, c->initrd_bytes);
	return e;
}

static struct err make_nic(struct machine *m, unsigned index, struct log log)
{
	bool pci = places_nic(m->config, index) == PLACE_PCI;
	struct machine_nic nic = m->config->nic[index];
	struct device *d;
	struct err e;

	nic.bus = pci ? NIC_BUS_PCI : NIC_BUS_MMIO;
	e = nic_init(&m->nic[index], &nic, index, m->ram.mem, m->loop, log);
	if (err_is(e))
		return e;
	d = net_device(m->nic[index].net);
	return pci ? board_plug(&m->board, NIC_SLOT + index, d, CLASS_ETHERNET)
		   : board_plug_window(&m->board, index, d);
}

static struct err make_devices(struct machine *m)
{
	const struct log log = { .line = log_line, .self = m };
	struct err e = board_init(&m->board, &m->vm, m->loop, log);

	m->bus.window = m->board.window;
	m->bus.pci = m->board.host;
	for (unsigned i = 0; i < m->config->nic_count && !err_is(e); i++)
		e = make_nic(m, i, log);
	if (!err_is(e))
		e = devices_init(&m->devices, m->config, m->ram.mem, &m->board);
	if (!err_is(e))
		board_power_on(&m->board);
	return e;
}

static struct err watch(struct machine *m)
{
	struct err e = loop_add(m->loop, m->config->keeper_fd, EPOLLIN, on_keeper, m);

	if (!err_is(e))
		e = loop_add(m->loop, m->cpus.done_fd, EPOLLIN, on_vcpu_done, m);
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
		e = make_devices(m);
	if (!err_is(e))
		e = cpus_open(&m->cpus, m->config->kvm_fd, &m->vm);
	if (!err_is(e))
		e = vcpu_enter(&m->cpus.vcpu[0], &entry);
	if (!err_is(e))
		e = watch(m);
	if (!err_is(e))
		e = cpus_start(&m->cpus);
	return e;
}

/* Without a keeper nothing is waited for. */
static void tear_down(struct machine *m)
{
	const struct capture_wait wait = nic_end_wait(m->config->keeper_fd);

	cpus_stop(&m->cpus);
	board_fini(&m->board);
	for (unsigned i = 0; i < m->config->nic_count; i++)
		nic_fini(&m->nic[i], &wait);
	devices_fini(&m->devices);
	console_close(&m->console);
	cpus_close(&m->cpus);
	vm_fini(&m->vm);
	ram_fini(&m->ram);
	loop_destroy(m->loop);
}

void machine_run(const struct machine_config *config)
{
	struct machine m = {
		.config = config,
		.bus.ports.clock = &clock_wall,
		.vm.fd = -1,
	};
	const struct vcpu *end;
	struct err e;

	m.running = (struct running){ .nic = m.nic,
				      .nic_count = config->nic_count,
				      .ram = &m.ram,
				      .started_ns = config->started_ns,
				      .serial_lost = &m.console.lost,
				      .disk = m.devices.disk,
				      .disk_count = config->disk_count };
	cpus_init(&m.cpus, config->cpus, &m.bus);
	console_init(&m.console, config, &m.cpus.stop);
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
	cpus_stop(&m.cpus);
	if (config->stats)
		words_tell_stats(config, &m.running);
	end = cpus_end(&m.cpus);
	words_tell(config, "end %d %u %s", (int)end->end, end->value, end->text);
	tear_down(&m);
}
