/* devices/tap/tap.h: everything privileged about TUN/TAP: the node, TUNSETIFF, what this TAP
 * really has, and errno in words. Makes descriptors ready for backend/tap. Source: Linux
 * drivers/net/tun.c. Threads: the caller's; the network namespace is the calling thread's at
 * open. */
#ifndef TAPVM_TAP_TAP_H
#define TAPVM_TAP_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "devices/base/err.h"
#include "devices/base/limits.h"
#include "devices/base/sys.h"

/* A TAP carries Ethernet frames, a TUN IP packets alone; else they are the same. */
enum tap_kind { TAP_KIND_TAP, TAP_KIND_TUN };
const char *tap_kind_name(enum tap_kind kind); /* "TAP", "TUN" */

struct tap_request {
	enum tap_kind kind;
	const char *name;     /* NULL or "": automatic; "vm%d": a pattern; else this name */
	int fd;               /* an inherited, attached descriptor, or -1 */
	unsigned queues;      /* 1, or more with IFF_MULTI_QUEUE */
	bool persist;         /* make it outlive us; then one that we make always gets an owner */
	int64_t owner, group; /* uid, gid; -1: left as it is, but for the owner of one that we make
				 persistent */
};

struct tap {
	enum tap_kind kind;
	char name[IFNAMSIZ];     /* as the kernel has it */
	int fd[QUEUE_PAIRS_MAX]; /* O_NONBLOCK, O_CLOEXEC; fd[0] is the caller's own number with
				    request.fd */
	unsigned queues;         /* all attached */
	bool made;               /* by us: was not there before */
	bool inherited;          /* request.fd */
	unsigned offloads;       /* TUN_F_* that TUNSETOFFLOAD takes, tried; now set to 0 */
	unsigned hdr_bytes;      /* as set: 12, or 24 with tunnel offloads */
	bool carrier;            /* TUNSETCARRIER works; then it is off now */
	bool steers;             /* there is a program that steers by hash, of several queues */
	int steer_program, steer_map; /* descriptors, O_CLOEXEC; steer_map.h is the map's value */
};

/* Checks a name before the kernel sees it: length, characters, reserved words, patterns. */
struct err tap_name_check(const char *name) MUST_USE;
/* Makes /dev/net/tun (character 10:200, mode 0666) if it is missing and we may. */
struct err tap_node(const struct sys *sys) MUST_USE;
/* Node, open, TUNSETIFF, and everything that a last user may have left set again (TUNGETIFF
 * compared, header size, little-endian, offloads probed then 0, filters empty, carrier off). */
struct err tap_open(const struct sys *sys, const struct tap_request *request,
		    struct tap *ret_tap) MUST_USE;
/* Closes what we opened (not an inherited descriptor). */
void tap_close(const struct sys *sys, struct tap *tap);

/* For doctor: TUNGETFEATURES of a fresh descriptor. */
struct err tap_features(const struct sys *sys, unsigned *ret_flags) MUST_USE;

/* A locally administered unicast address made from a TAP's name and a NIC's index: the same at each
 * start. The pattern of an automatic name counts, not what the kernel made of it. */
void tap_mac(const char *name, unsigned index, uint8_t ret_mac[static 6]);

#endif
