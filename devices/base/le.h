/* devices/base/le.h: little-endian integers as the wire has them, which the compiler will not
 * add to. */
#ifndef TAPVM_BASE_LE_H
#define TAPVM_BASE_LE_H

#include <endian.h>
#include <stdint.h>

typedef struct {
	uint16_t wire;
} le16;
typedef struct {
	uint32_t wire;
} le32;
typedef struct {
	uint64_t wire;
} le64;

static inline uint16_t le16_get(le16 v) { return le16toh(v.wire); }
static inline uint32_t le32_get(le32 v) { return le32toh(v.wire); }
static inline uint64_t le64_get(le64 v) { return le64toh(v.wire); }
static inline le16 le16_put(uint16_t v) { return (le16){ htole16(v) }; }
static inline le32 le32_put(uint32_t v) { return (le32){ htole32(v) }; }
static inline le64 le64_put(uint64_t v) { return (le64){ htole64(v) }; }

#endif
