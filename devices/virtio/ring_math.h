/* devices/virtio/ring_math.h: arithmetic on free-running 16-bit indices. Pure. */
#ifndef TAPVM_VIRTIO_RING_MATH_H
#define TAPVM_VIRTIO_RING_MATH_H

#include <stdbool.h>
#include <stdint.h>

/* How far `to` is ahead of `from`. */
static inline uint16_t ring_distance(uint16_t from, uint16_t to) { return (uint16_t)(to - from); }

/* SPLIT-23: did the index pass `event` on its way from `old` to `now`? */
static inline bool ring_event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

#endif
