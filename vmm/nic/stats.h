/* vmm/nic/stats.h: the text of --stats, NAME=VALUE a line. */
#ifndef TAPVM_NIC_STATS_H
#define TAPVM_NIC_STATS_H

#include "vmm/nic/nic.h"

/* Where the next line goes, and how much room is left: what does not fit is cut. */
struct text {
	char *at;
	size_t left;
};
void text_say(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

/* What its driver did wrong, as far as it did: KIND.INDEX.fault.NAME=VALUE. */
void device_faults(struct text *t, const char *kind, unsigned index,
		   const struct device_counters *d);

/* Everything of one NIC: net.INDEX.NAME=VALUE. */
void nic_stats(struct text *t, const struct nic *nic, unsigned index);

#endif
