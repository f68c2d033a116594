/* devices/platform/cmos.h: the clock in a PC's CMOS memory (Motorola MC146818A), in UTC.
 *
 * A pure function of the time: nothing in it can be set, there is no alarm and no interrupt. Digits
 * are BCD, hours count to 23. All bytes that are no clock are 0. */
#ifndef TAPVM_PLATFORM_CMOS_H
#define TAPVM_PLATFORM_CMOS_H

#include <stdint.h>

enum { CMOS_BYTES = 128 };

/* index: below CMOS_BYTES; now_ns: since 1970. Who has seen no update in progress (register A)
 * has 244 us to read a time that is of one moment. */
uint8_t cmos_read(uint8_t index, uint64_t now_ns);

#endif
