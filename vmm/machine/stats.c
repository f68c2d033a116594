/* vmm/machine/stats.c: the text of --stats: each NIC's, each disk's, then what the machine costs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/clock.h"
#include "vmm/machine/parts.h"

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

static uint64_t first_frame_ns(const struct running *r)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < r->nic_count; i++) {
		uint64_t t = net_first_tx_ns(r->nic[i].net);

		if (t != 0 && (first == 0 || t < first))
			first = t;
	}
	return first;
}

/* By libvirt's names as far as it has any. */
static void disk_stats(struct text *t, struct blk *b, unsigned i)
{
	struct device_counters d;
	struct blk_stats s;

	blk_stats(b, &s);
	device_counters(blk_device(b), &d);
	text_say(t, "block.%u.rd.reqs=%llu\nblock.%u.rd.bytes=%llu\n", i,
		 (unsigned long long)s.reads, i, (unsigned long long)s.read_bytes);
	text_say(t, "block.%u.wr.reqs=%llu\nblock.%u.wr.bytes=%llu\n", i,
		 (unsigned long long)s.writes, i, (unsigned long long)s.written_bytes);
	text_say(t, "block.%u.fl.reqs=%llu\nblock.%u.errors=%llu\n", i,
		 (unsigned long long)s.flushes, i, (unsigned long long)s.errors);
	text_say(t, "block.%u.kicks=%llu\nblock.%u.interrupts=%llu\n", i,
		 (unsigned long long)s.kicks, i, (unsigned long long)d.signals);
	device_faults(t, "block", i, &d);
}

void stats_text(const struct running *r, char *ret_text, size_t size)
{
	struct text t = { ret_text, size };
	uintptr_t ram = (uintptr_t)r->ram->host;
	uint64_t first = first_frame_ns(r);
	uint64_t lost = r->serial_lost != NULL ? atomic_load(r->serial_lost) : 0;

	text_say(&t, "net.count=%u\n", r->nic_count);
	for (unsigned i = 0; i < r->nic_count; i++)
		nic_stats(&t, &r->nic[i], i);
	if (r->disk_count > 0)
		text_say(&t, "block.count=%u\n", r->disk_count);
	for (unsigned i = 0; i < r->disk_count; i++)
		disk_stats(&t, r->disk[i], i);
	text_say(&t, "machine.pss_kib=%ld\n",
		 pss_kib("/proc/self/smaps_rollup", 0, 0) -
			 pss_kib("/proc/self/smaps", ram, ram + r->ram->bytes));
	if (lost != 0)
		text_say(&t, "machine.serial_lost=%llu\n", (unsigned long long)lost);
	if (first != 0)
		text_say(&t, "machine.first_frame_us=%llu\n",
			 (unsigned long long)(first - r->started_ns) / 1000);
}
