/* vmm/machine/vcpu.c: one vCPU on a thread of its own. vCPU ioctls are made on that thread only. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm/machine/cpuid.h"
#include "vmm/machine/machine_priv.h"

#define CR0_PG (1u << 31) /* too large for an enumerator */
enum {
	CPUID_ENTRIES = 256,
	CODE = 0xb, /* types of segments */
	DATA = 0x3,
	CR0_PE = 1 << 0,
	CR0_ET = 1 << 4,
	CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	STACK_BYTES = 128 * 1024,
	RESET_RIP = 0xfff0,
	SIGNAL_AGAIN_NS = 5000000,
	SECOND_NS = 1000000000,
	MISC_ENABLE = 0x1a0, /* an MSR */
	FAST_STRINGS = 1 << 0,
};

/* ---- set-up ---- */

static struct err set_cpuid(int kvm_fd, const struct vcpu *v)
{
	size_t bytes = sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *c = calloc(1, bytes);
	struct cpuid_request request = {
		.cpu = v->number,
		.cpus = v->all->count,
		.tsc_deadline = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
		.room = CPUID_ENTRIES,
	};
	bool supported;
	int why = 0;

	if (c == NULL)
		return err_make(ERR_SETUP, ENOMEM, "KVM: read what processors it supports");
	c->nent = CPUID_ENTRIES;
	supported = ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c) == 0;
	if (supported)
		cpuid_fit(c, &request);
	if (!supported || ioctl(v->fd, KVM_SET_CPUID2, c) < 0)
		why = errno;
	free(c);
	return why == 0 ? err_none()
			: err_make(ERR_SETUP, why, "KVM: set the processor's features");
}

/* As firmware does: after a reset KVM has them off, and then Linux on Intel copies without "rep
 * movsb" (arch/x86/kernel/cpu/intel.c). A KVM that lacks the register has a slower guest, that is
 * all. */
static struct err set_fast_strings(const struct vcpu *v)
{
	struct kvm_msrs *m = calloc(1, sizeof(*m) + sizeof(m->entries[0]));

	if (m == NULL)
		return err_make(ERR_SETUP, ENOMEM, "KVM: set the processor's registers");
	m->nmsrs = 1;
	m->entries[0].index = MISC_ENABLE;
	if (ioctl(v->fd, KVM_GET_MSRS, m) == 1) {
		m->entries[0].data |= FAST_STRINGS;
		(void)ioctl(v->fd, KVM_SET_MSRS, m);
	}
	free(m);
	return err_none();
}

struct err vcpu_init(struct vcpu *v, int kvm_fd, const struct vm *vm)
{
	int bytes = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct err e;
	void *run;

	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, v->number);
	if (v->fd < 0 || bytes < 0)
		return err_make(ERR_SETUP, errno, "KVM: make virtual processor %u", v->number);
	run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return err_make(ERR_SETUP, errno, "KVM: map a virtual processor");
	v->run = run;
	v->run_bytes = (size_t)bytes;
	e = set_cpuid(kvm_fd, v);
	return err_is(e) ? e : set_fast_strings(v);
}

void vcpu_fini(struct vcpu *v)
{
	if (v->run != NULL)
		(void)munmap(v->run, v->run_bytes);
	if (v->fd >= 0)
		(void)close(v->fd);
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){ .limit = UINT32_MAX,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .s = 1,
				     .db = 1,
				     .g = 1 };
}

/* 32-bit mode without paging. */
static void enter_pvh(struct kvm_sregs *s)
{
	s->cs = flat(0x8, CODE);
	s->ds = s->es = s->fs = s->gs = s->ss = flat(0x10, DATA);
	s->cr0 = CR0_PE | CR0_ET;
	s->cr3 = s->cr4 = s->efer = 0;
}

/* 64-bit mode, by the tables of boot. */
static void enter_64(struct kvm_sregs *s, const struct entry64 *entry)
{
	s->cs = flat(CODE64_SELECTOR, CODE);
	s->cs.l = 1;
	s->cs.db = 0;
	s->ds = s->es = s->fs = s->gs = s->ss = flat(DATA64_SELECTOR, DATA);
	s->gdt = (struct kvm_dtable){ .base = entry->gdt, .limit = entry->gdt_limit };
	s->cr0 = CR0_PG | CR0_PE | CR0_ET;
	s->cr3 = entry->cr3;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
}

struct err vcpu_enter(struct vcpu *v, const struct boot_entry *entry)
{
	bool pvh = entry->mode == BOOT_PVH;
	struct kvm_regs regs = { .rip = pvh ? entry->entry : entry->entry64.rip,
				 .rbx = pvh ? entry->start_info : 0,
				 .rsi = pvh ? 0 : entry->entry64.rsi,
				 .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return err_make(ERR_SETUP, errno, "KVM: read the processor's state");
	s.tr = (struct kvm_segment){ .limit = 0x67, .type = 0xb, .present = 1 };
	if (pvh)
		enter_pvh(&s);
	else
		enter_64(&s, &entry->entry64);
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0 || ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
		return err_make(ERR_SETUP, errno, "KVM: set the processor's state");
	return err_none();
}

/* ---- the run ---- */

/* The value of an I/O of 1, 2 or 4 bytes. */
static uint32_t get_value(const uint8_t *at, unsigned width)
{
	uint32_t v = 0;

	memcpy(&v, at, width);
	return v;
}

static struct guest_end on_io(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	uint8_t *at = (uint8_t *)v->run + run->io.data_offset;
	unsigned width = run->io.size;
	struct guest_end end = { .kind = GUEST_GOES_ON };

	for (uint32_t i = 0; i < run->io.count && end.kind == GUEST_GOES_ON; i++, at += width) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			end = bus_port_write(v->all->bus, run->io.port, get_value(at, width),
					     width);
		} else {
			uint32_t value = bus_port_read(v->all->bus, run->io.port, width);

			memcpy(at, &value, width);
		}
	}
	return end;
}

static void on_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (run->mmio.is_write)
		bus_mmio_write(v->all->bus, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	else
		bus_mmio_read(v->all->bus, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

/* What KVM could not emulate. */
static void add_instruction(struct vcpu *v, size_t used)
{
	const struct kvm_run *run = v->run;
	unsigned count = run->emulation_failure.insn_size;

	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
	    run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
	    run->emulation_failure.ndata < 3 ||
	    (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) ==
		    0)
		return;
	if (count > sizeof(run->emulation_failure.insn_bytes))
		count = sizeof(run->emulation_failure.insn_bytes);
	for (unsigned i = 0; i < count && used < sizeof(v->text); i++)
		used += (size_t)snprintf(v->text + used, sizeof(v->text) - used, "%s %02x",
					 i == 0 ? ", instruction" : "",
					 run->emulation_failure.insn_bytes[i]);
}

/* One line: what happened, where. After a triple fault KVM on AMD has reset the processor
 * already. */
static void crash(struct vcpu *v, const char *what)
{
	struct kvm_regs regs = { 0 };
	struct kvm_sregs sregs = { 0 };
	unsigned reason = v->run->exit_reason;
	const char *note = "";
	int used;

	(void)ioctl(v->fd, KVM_GET_REGS, &regs);
	(void)ioctl(v->fd, KVM_GET_SREGS, &sregs);
	v->end = MACHINE_END_CRASH;
	if (reason == KVM_EXIT_SHUTDOWN && regs.rip == RESET_RIP)
		note = " (as after a reset: this KVM tells no more)";
	used = snprintf(v->text, sizeof(v->text), "%s (exit reason %u), rip %#llx, cr2 %#llx%s",
			what, reason, (unsigned long long)regs.rip, (unsigned long long)sregs.cr2,
			note);
	if (used > 0)
		add_instruction(v, (size_t)used);
}

static void crash_numbered(struct vcpu *v, const char *what, uint64_t number)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "%s %llu", what, (unsigned long long)number);
	crash(v, text);
}

/* One exit. false: the vCPU has ended. */
static bool handle_exit(struct vcpu *v)
{
	struct guest_end end = { .kind = GUEST_GOES_ON };

	switch (v->run->exit_reason) {
	case KVM_EXIT_IO: end = on_io(v); break;
	case KVM_EXIT_MMIO: on_mmio(v); break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_HLT: break;
	case KVM_EXIT_SHUTDOWN: crash(v, "triple fault"); return false;
	case KVM_EXIT_INTERNAL_ERROR:
		crash_numbered(v, "emulation failure, suberror", v->run->internal.suberror);
		return false;
	case KVM_EXIT_FAIL_ENTRY:
		crash_numbered(v, "failed entry, reason",
			       v->run->fail_entry.hardware_entry_failure_reason);
		return false;
	default: crash(v, "unexpected exit"); return false;
	}
	switch (end.kind) {
	case GUEST_GOES_ON: return true;
	case GUEST_VERDICT:
		v->end = MACHINE_END_VERDICT;
		v->value = end.value;
		return false;
	case GUEST_PANIC: v->end = MACHINE_END_PANIC; return false;
	case GUEST_RESET: v->end = MACHINE_END_RESET; return false;
	}
	return false;
}

static void run(struct vcpu *v)
{
	v->end = MACHINE_END_STOPPED;
	while (!atomic_load(&v->all->stop)) {
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			crash_numbered(v, "KVM_RUN failed, errno", (uint64_t)errno);
			return;
		}
		if (!handle_exit(v))
			return;
	}
}

static void *thread_main(void *arg)
{
	struct vcpu *v = arg;
	sigset_t kick;

	(void)sigemptyset(&kick);
	(void)sigaddset(&kick, SIGUSR1);
	(void)pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	run(v);
	cpus_ended(v->all, v->number);
	return NULL;
}

struct err vcpu_start(struct vcpu *v)
{
	pthread_attr_t attr;
	int why;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	why = pthread_create(&v->thread, &attr, thread_main, v);
	(void)pthread_attr_destroy(&attr);
	v->started = why == 0;
	return why == 0 ? err_none() : err_make(ERR_SETUP, why, "start a virtual processor");
}

/* immediate_exit for a KVM_RUN that is about to begin, the signal for one that runs, and for a
 * write to the serial line that waits. */
void vcpu_kick(struct vcpu *v)
{
	if (!v->started)
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	(void)pthread_kill(v->thread, SIGUSR1);
}

/* A wait may begin just after the first signal, so it is sent again. */
void vcpu_join(struct vcpu *v)
{
	struct timespec until;

	while (v->started) {
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SIGNAL_AGAIN_NS;
		if (until.tv_nsec >= SECOND_NS) {
			until.tv_sec++;
			until.tv_nsec -= SECOND_NS;
		}
		if (pthread_timedjoin_np(v->thread, NULL, &until) == ETIMEDOUT)
			vcpu_kick(v);
		else
			v->started = false;
	}
}
