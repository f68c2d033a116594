/* vmm/machine/stats.c: the text of --stats: libvirt's names and struct for what libvirt knows, the
 * account below it, then what the machine costs. */
#include <libvirt/libvirt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/clock.h"
#include "vmm/machine/parts.h"

struct text {
	char *at;
	size_t left;
};

static void say(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= t->left)
		n = t->left > 0 ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (size_t)n;
}

/* rx is what the guest received. */
static virDomainInterfaceStatsStruct libvirt_stats(const struct net_stats *s)
{
	return (virDomainInterfaceStatsStruct){
		.rx_bytes = (long long)s->rx.bytes,
		.rx_packets = (long long)s->rx.packets,
		.rx_errs = (long long)s->rx.errors,
		.rx_drop = (long long)s->rx.drops,
		.tx_bytes = (long long)s->tx.bytes,
		.tx_packets = (long long)s->tx.packets,
		.tx_errs = (long long)s->tx.errors,
		.tx_drop = (long long)s->tx.drops,
	};
}

static void cost(struct text *t, unsigned i, const char *what, uint64_t count, uint64_t frames)
{
	say(t, "net.%u.%s=%llu\nnet.%u.%s_per_frame=%.2f\n", i, what, (unsigned long long)count, i,
	    what, frames > 0 ? (double)count / (double)frames : 0.0);
}

static void nic_stats(struct text *t, const struct nic *nic, unsigned i)
{
	struct net_stats s;
	struct device_counters d;
	virDomainInterfaceStatsStruct v;
	uint64_t frames, kicks;

	net_stats(nic->net, &s);
	device_counters(net_device(nic->net), &d);
	v = libvirt_stats(&s);
	say(t, "net.%u.name=%s\n", i, nic->name);
	say(t,
	    "net.%u.rx.bytes=%lld\nnet.%u.rx.pkts=%lld\nnet.%u.rx.errs=%lld\nnet.%u.rx.drop=%lld\n",
	    i, v.rx_bytes, i, v.rx_packets, i, v.rx_errs, i, v.rx_drop);
	say(t,
	    "net.%u.tx.bytes=%lld\nnet.%u.tx.pkts=%lld\nnet.%u.tx.errs=%lld\nnet.%u.tx.drop=%lld\n",
	    i, v.tx_bytes, i, v.tx_packets, i, v.tx_errs, i, v.tx_drop);
	for (unsigned why = 1; why < DROP_REASONS; why++)
		if (s.drop[why] > 0)
			say(t, "net.%u.dropped.%s=%llu\n", i, drop_name((enum drop_reason)why),
			    (unsigned long long)s.drop[why]);
	for (unsigned f = 0; f < DEVICE_FAULTS; f++)
		if (d.fault[f] > 0)
			say(t, "net.%u.fault.%s=%llu\n", i, device_fault_name((enum device_fault)f),
			    (unsigned long long)d.fault[f]);
	frames = s.rx.packets + s.tx.packets;
	say(t, "net.%u.rx.read=%llu\nnet.%u.rx.held=%llu\nnet.%u.tx.taken=%llu\n", i,
	    (unsigned long long)s.rx_read, i, (unsigned long long)s.rx_held, i,
	    (unsigned long long)s.tx_taken);
	say(t, "net.%u.rx.cut=%llu\nnet.%u.rx.segments=%llu\n", i, (unsigned long long)s.rx_cut, i,
	    (unsigned long long)s.rx_segments);
	say(t, "net.%u.unaccounted=%lld\n", i, (long long)s.unaccounted);
	kicks = s.kicks_rx + s.kicks_tx + d.kicks;
	cost(t, i, "kicks", kicks, frames);
	cost(t, i, "interrupts", d.signals, frames);
	cost(t, i, "syscalls", s.syscalls, frames);
}

/* Sums "Pss:" lines of a /proc file, all or those of the mapping that begins with `mapping`.
 * KiB. */
static long pss_kib(const char *path, uintptr_t from, uintptr_t to)
{
	FILE *f = fopen(path, "re");
	char line[256];
	bool inside = from == 0;
	long sum = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		unsigned long begin, end;

		if (from != 0 && sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			inside = begin >= from && end <= to;
		else if (inside && strncmp(line, "Pss:", 4) == 0)
			sum += strtol(line + 4, NULL, 10);
	}
	if (f != NULL)
		(void)fclose(f);
	return sum;
}

static uint64_t first_frame_ns(const struct stats_request *r)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < r->nic_count; i++) {
		uint64_t t = net_first_tx_ns(r->nic[i].net);

		if (t != 0 && (first == 0 || t < first))
			first = t;
	}
	return first;
}

void stats_text(const struct stats_request *r, char *ret_text, size_t size)
{
	struct text t = { ret_text, size };
	uintptr_t ram = (uintptr_t)r->ram->host;
	uint64_t first = first_frame_ns(r);

	say(&t, "net.count=%u\n", r->nic_count);
	for (unsigned i = 0; i < r->nic_count; i++)
		nic_stats(&t, &r->nic[i], i);
	say(&t, "machine.pss_kib=%ld\n",
	    pss_kib("/proc/self/smaps_rollup", 0, 0) -
		    pss_kib("/proc/self/smaps", ram, ram + r->ram->bytes));
	if (r->serial_lost != 0)
		say(&t, "machine.serial_lost=%llu\n", (unsigned long long)r->serial_lost);
	if (first != 0)
		say(&t, "machine.first_frame_us=%llu\n",
		    (unsigned long long)(first - r->started_ns) / 1000);
}
