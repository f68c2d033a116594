/* devices/virtio/wire_packed.h: the packed ring as it lies in guest memory (virtio 1.4, 2.8). */
#ifndef TAPVM_VIRTIO_WIRE_PACKED_H
#define TAPVM_VIRTIO_WIRE_PACKED_H

#include <assert.h>
#include <stddef.h>

#include "devices/base/le.h"

struct wire_packed_desc {
	le64 addr;
	le32 len;
	le16 id, flags;
};
static_assert(sizeof(struct wire_packed_desc) == 16, "virtio 1.4, 2.8.13");
static_assert(offsetof(struct wire_packed_desc, flags) == 14, "virtio 1.4, 2.8.13");

/* Beside WIRE_DESC_NEXT, _WRITE and _INDIRECT, which are those of the split ring. */
enum { WIRE_PACKED_AVAIL = 1 << 7, WIRE_PACKED_USED = 1 << 15 };

/* An event structure is one little-endian word: position and wrap bit in the lower half, flags in
 * the upper (virtio 1.4, 2.8.14). */
enum {
	WIRE_EVENT_ENABLE = 0,
	WIRE_EVENT_DISABLE = 1,
	WIRE_EVENT_DESC = 2, /* at that position: with EVENT_IDX alone */
	WIRE_EVENT_WRAP = 1 << 15,
};

#endif
