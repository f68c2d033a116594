/* devices/base/limits.h: how many queue pairs a NIC may have. Every table of queues goes by it;
 * virtio itself ends at 32768, a TAP at 256. */
#ifndef TAPVM_BASE_LIMITS_H
#define TAPVM_BASE_LIMITS_H

enum { QUEUE_PAIRS_MAX = 8 };

#endif
