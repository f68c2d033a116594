/* tests/host/host.h: the real kernel for tests: namespaces of our own, so that the machine stays
 * as it was, TAPs as another program would leave them, and a packet socket on the host's side of
 * an interface. */
#ifndef TAPVM_TESTS_HOST_H
#define TAPVM_TESTS_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "devices/base/err.h"
#include "devices/tap/link.h"

enum { HOST_WAIT_MS = 10000, HOST_NOBODY = 65534, HOST_ETHERTYPE = 0x88b5 };

/* Whether TAPs can be made in a network namespace of our own; else prints "skip: WHAT: why".
 * From then on the process is in such a namespace. Before the first thread. */
bool host_ready(const char *what);
/* A new, empty network namespace for the calling process. The old one goes with what was in it. */
void host_fresh(void);
/* There: nothing is sent unasked (router solicitations and the like). */
void host_without_ipv6(void);
/* There: nor is it by an interface that has IPv6, but no address of its own. */
void host_without_link_local(void);
/* A mount namespace of our own in which /dev/net is empty. Root only: host_is_root. */
bool host_is_root(void);
void host_empty_dev_net(void);

int64_t host_now_ms(void);
/* Runs `work` in a child process as this user (-1: as we are) and returns what it said. */
struct err host_as(int64_t uid, struct err (*work)(void *self), void *self);
/* A child process of that name that calls `hold` and then waits to be ended by host_release. */
pid_t host_hold(const char *process_name, int (*hold)(void *self), void *self);
void host_release(pid_t pid);

/* TUNSETIFF alone: the descriptor, or -1 and errno. */
int host_tun(const char *name, int flags);
void host_up(const char *name);
struct link_info host_info(const char *name); /* must be there */
bool host_has(const char *name);
/* rtnetlink for what devices/tap does not make. 0 or an errno. */
int host_add_bridge(const char *name);
/* Whose other end is `to`; csum: of the UDP around. */
enum { HOST_VNI = 5 };
int host_add_vxlan(const char *name, const struct ip_prefix *to, uint16_t port, bool csum);
int host_set_master(const char *name, const char *master); /* NULL: none */
int host_rename(const char *name, const char *to);
/* Everything that leaves by `name` at this rate, with a burst and a queue of so many bytes. */
int host_set_tbf(const char *name, uint32_t bytes_a_second, uint32_t burst, uint32_t limit);

/* An AF_PACKET socket on `name` that hears this ethertype. With vnet_hdr: 10 bytes in front. */
int host_packet(const char *name, unsigned ethertype, bool vnet_hdr);
/* Whether such a header is to be had (user-mode emulation knows none); else prints "skip: WHAT:
 * why". */
bool host_packet_hdr_ready(const char *what);
/* Whether the kernel makes such a device; else prints "skip: WHAT: why". After host_ready. */
bool host_vxlan_ready(const char *what);
bool host_wait_readable(int fd, int timeout_ms);

#endif
