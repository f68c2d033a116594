/* vmm/nic/stats.c: libvirt's names and struct for what libvirt knows, the account below it. */
#include "vmm/nic/stats.h"

#include <libvirt/libvirt.h>
#include <stdarg.h>
#include <stdio.h>

void text_say(struct text *t, const char *format, ...)
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

void device_faults(struct text *t, const char *kind, unsigned index,
		   const struct device_counters *d)
{
	for (unsigned f = 0; f < DEVICE_FAULTS; f++)
		if (d->fault[f] > 0)
			text_say(t, "%s.%u.fault.%s=%llu\n", kind, index,
				 device_fault_name((enum device_fault)f),
				 (unsigned long long)d->fault[f]);
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

/* In bits a second, as it is set. */
static void rate(struct text *t, unsigned i, const char *way, const struct rate_limit *limit,
		 uint64_t waits)
{
	if (limit->bytes_a_second != 0)
		text_say(t, "net.%u.rate.%s=%llu\nnet.%u.rate.%s_waits=%llu\n", i, way,
			 (unsigned long long)limit->bytes_a_second * 8, i, way,
			 (unsigned long long)waits);
}

static void cost(struct text *t, unsigned i, const char *what, uint64_t count, uint64_t frames)
{
	text_say(t, "net.%u.%s=%llu\nnet.%u.%s_per_frame=%.2f\n", i, what,
		 (unsigned long long)count, i, what,
		 frames > 0 ? (double)count / (double)frames : 0.0);
}

void nic_stats(struct text *t, const struct nic *nic, unsigned i)
{
	struct net_stats s;
	struct device_counters d;
	virDomainInterfaceStatsStruct v;
	uint64_t frames, kicks;

	net_stats(nic->net, &s);
	device_counters(net_device(nic->net), &d);
	v = libvirt_stats(&s);
	text_say(t, "net.%u.name=%s\nnet.%u.path=%s\n", i, nic->name, i,
		 path_name(datapath_path(nic->datapath)));
	text_say(t,
		 "net.%u.rx.bytes=%lld\nnet.%u.rx.pkts=%lld\nnet.%u.rx.errs=%lld\nnet.%u.rx.drop=%"
		 "lld\n",
		 i, v.rx_bytes, i, v.rx_packets, i, v.rx_errs, i, v.rx_drop);
	text_say(t,
		 "net.%u.tx.bytes=%lld\nnet.%u.tx.pkts=%lld\nnet.%u.tx.errs=%lld\nnet.%u.tx.drop=%"
		 "lld\n",
		 i, v.tx_bytes, i, v.tx_packets, i, v.tx_errs, i, v.tx_drop);
	for (unsigned why = 1; why < DROP_REASONS; why++)
		if (s.drop[why] > 0)
			text_say(t, "net.%u.dropped.%s=%llu\n", i, drop_name((enum drop_reason)why),
				 (unsigned long long)s.drop[why]);
	device_faults(t, "net", i, &d);
	frames = s.rx.packets + s.tx.packets;
	text_say(t, "net.%u.rx.read=%llu\nnet.%u.rx.held=%llu\nnet.%u.tx.taken=%llu\n", i,
		 (unsigned long long)s.rx_read, i, (unsigned long long)s.rx_held, i,
		 (unsigned long long)s.tx_taken);
	text_say(t, "net.%u.rx.cut=%llu\nnet.%u.rx.segments=%llu\n", i,
		 (unsigned long long)s.rx_cut, i, (unsigned long long)s.rx_segments);
	text_say(t, "net.%u.unaccounted=%lld\n", i, (long long)s.unaccounted);
	kicks = s.kicks_rx + s.kicks_tx + d.kicks;
	cost(t, i, "kicks", kicks, frames);
	cost(t, i, "interrupts", d.signals, frames);
	cost(t, i, "syscalls", s.syscalls, frames);
	rate(t, i, "rx", &net_rate(nic->net)->rx, s.rate_waits_rx);
	rate(t, i, "tx", &net_rate(nic->net)->tx, s.rate_waits_tx);
	if (nic->capture != NULL)
		text_say(t, "net.%u.capture.frames=%llu\nnet.%u.capture.lost=%llu\n", i,
			 (unsigned long long)s.capture.frames, i,
			 (unsigned long long)s.capture.lost);
}
