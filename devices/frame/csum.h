/* devices/frame/csum.h: the Internet checksum (RFC 1071). Pure. */
#ifndef TAPVM_FRAME_CSUM_H
#define TAPVM_FRAME_CSUM_H

#include <stdbool.h>
#include <stdint.h>

/* Adds len bytes to a running one's complement sum. An odd len ends it: the last byte is the upper
 * half of a word. */
uint32_t csum_add(uint32_t sum, const uint8_t *bytes, uint32_t len);
uint16_t
csum_fold(uint32_t sum); /* the complement, host order of a big-endian word: store with htons */

/* Finishes a NEEDS_CSUM frame: sums bytes[start, len), stores the complement at start + offset
 * (0 becomes 0xffff for UDP, offset 6). false: the fields lie outside the frame; nothing
 * changed. */
bool csum_finish(uint8_t *bytes, uint32_t len, uint32_t start, uint32_t offset);

#endif
