/* tests/unit/frame/bytes.h: frames written out byte by byte, for tables of them. */
#ifndef TAPVM_TESTS_BYTES_H
#define TAPVM_TESTS_BYTES_H

#include <stdint.h>

/* clang-format off */
#define BE(v) (uint8_t)((v) >> 8), (uint8_t)(v)
#define ETH(type) 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, BE(type)
#define TAG(type) 0x20, 7, BE(type)
#define IP4(words, fragment, proto) \
	0x40 | (words), 0, 0, 60, 0, 1, BE(fragment), 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
#define NOPS 1, 1, 1, 1
#define IP6(next) 0x60, 0, 0, 0, 0, 20, next, 64, \
	0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define EXT(next, units) next, units, 0, 0, 0, 0, 0, 0
#define UNIT 0, 0, 0, 0, 0, 0, 0, 0
#define TCP(words) 0, 80, 0, 81, 0, 0, 0, 1, 0, 0, 0, 2, (words) << 4, 16, 0, 64, 0, 0, 0, 0
#define UDP 0, 80, 0, 81, 0, 12, 0, 0
#define PAYLOAD 0xaa, 0xbb, 0xcc, 0xdd

enum { HOP = 0, ICMP = 1, T = 6, U = 17, ROUTING = 43, FRAGMENT = 44, ICMP6 = 58, DESTINATION = 60 };
#define EXT8(last) EXT(HOP, 0), EXT(HOP, 0), EXT(HOP, 0), EXT(HOP, 0), EXT(HOP, 0), EXT(HOP, 0), EXT(HOP, 0), \
	EXT(last, 0)

#define FRAME(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })
/* clang-format on */

#endif
