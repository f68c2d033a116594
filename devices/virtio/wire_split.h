/* devices/virtio/wire_split.h: the split ring as it lies in guest memory (virtio 1.4, 2.7). */
#ifndef TAPVM_VIRTIO_WIRE_SPLIT_H
#define TAPVM_VIRTIO_WIRE_SPLIT_H

#include <assert.h>
#include <stddef.h>

#include "devices/base/le.h"

struct wire_desc {
	le64 addr;
	le32 len;
	le16 flags, next;
};
static_assert(sizeof(struct wire_desc) == 16, "virtio 1.4, 2.7.5");
static_assert(offsetof(struct wire_desc, flags) == 12, "virtio 1.4, 2.7.5");

enum { WIRE_DESC_NEXT = 1, WIRE_DESC_WRITE = 2, WIRE_DESC_INDIRECT = 4 };

/* Available: flags, index, entries, used_event. Used: flags, index, elements, avail_event. */
struct wire_avail {
	le16 flags, index, ring[];
};
struct wire_used_element {
	le32 id, len;
};
struct wire_used {
	le16 flags, index;
	struct wire_used_element ring[];
};
static_assert(sizeof(struct wire_used_element) == 8, "virtio 1.4, 2.7.8");
static_assert(offsetof(struct wire_used, ring) == 4, "virtio 1.4, 2.7.8");

enum { WIRE_AVAIL_NO_INTERRUPT = 1, WIRE_USED_NO_NOTIFY = 1 };

#endif
