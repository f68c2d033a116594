/* vmm/selftest/raw.h: frames made or seen on the TAP or TUN itself, by AF_PACKET. Each returns
 * NULL, or why not. */
#ifndef TAPVM_SELFTEST_RAW_H
#define TAPVM_SELFTEST_RAW_H

#include "vmm/selftest/selftest_priv.h"

/* One super-frame to the guest: kind tcp4, tcp6 or udp4, ports 7001 to 7002, pattern 0, its
 * checksum left to the receiver. Over a TUN without its Ethernet header. */
const char *raw_gso(const struct server *s, const char *kind, size_t payload, unsigned mss);
/* vlan: of an 802.1Q tag; 0: none. */
const char *raw_frames(unsigned count, const uint8_t mac[static 6], size_t size, unsigned vlan);
/* From now on frames with this source address are looked for, coming from the guest. */
const char *raw_watch(struct server *s, const uint8_t mac[static 6]);
const char *raw_seen(struct server *s, const uint8_t mac[static 6]);

#endif
