/* devices/tap/steer_priv.h: registers, places on the stack and labels that the parts of the
 * steering program share. */
#ifndef TAPVM_TAP_STEER_PRIV_H
#define TAPVM_TAP_STEER_PRIV_H

#include "devices/frame/hash.h"
#include "devices/frame/parse.h"
#include "devices/tap/bpf.h"
#include "devices/tap/steer_map.h"

enum { PROTO_GRE = 47, PROTO_TCP = 6, PROTO_UDP = 17, UDP_BYTES = 8 };

/* Registers that a helper's call leaves alone. */
enum {
	FRAME = BPF_REG_6, /* the skb */
	MAP = BPF_REG_7,   /* struct steer_map */
	AT = BPF_REG_8,    /* offset of what is looked at, and as said where it is used */
	MORE = BPF_REG_9,  /* as said where it is used */
};

/* On the stack, below BPF_REG_10. */
enum {
	INPUT = -40,  /* HASH_INPUT_MAX bytes: addresses, then ports */
	SMALL = -48,  /* 8 bytes: a type, a length, a short header */
	HEADER = -88, /* the IP header */
	HOME = -120,  /* of IPv6: the addresses that take the place of the packet's own, or these */
	OPTION = -128,     /* an option's type and length */
	HEADER_END = -136, /* offset behind an extension header */
	HOME_FOUND = -144, /* 1: a home address option was there */
	EXTENDED = -152,   /* 1: there are extension headers */
	PROTOCOL = -160,
	STACK_BOTTOM = PROTOCOL,
};

/* Where the frame begins, and what it carries if that counts (hash.h, tunnels). */
enum level { OUTER, INNER, LEVELS };

enum label {
	ETHERNET_AT, /* of each level one */
	IPV4_AT = ETHERNET_AT + LEVELS,
	IPV6_AT = IPV4_AT + LEVELS,
	IPV6_CUT = IPV6_AT + LEVELS,    /* the extension headers do not end */
	IPV6_UPPER = IPV6_CUT + LEVELS, /* behind them */
	IPV4_NO_TUNNEL = IPV6_UPPER + LEVELS,
	IPV6_NO_TUNNEL,
	IPV4_TRANSPORT, /* MORE: where it begins */
	IPV6_TRANSPORT, /* and AT: its kind */
	IPV6_PLAIN,     /* by the packet's own addresses */
	HOME_ALONE,
	HOME_PORTS,
	IPV4_ALONE, /* without ports: if that type is enabled */
	IPV4_HASH_ALONE,
	IPV4_PORTS,
	IPV4_HASH,
	IPV6_ALONE,
	IPV6_HASH_ALONE,
	IPV6_PORTS,
	IPV6_HASH,
	PICK,
	UNCLASSIFIED,
	END,
	LABELS
};
_Static_assert((int)LABELS <= (int)BPF_LABELS_MAX, "places of the labels");

/* `bytes` of the frame from register `at` + offset on to the stack; beyond its end: to `label`. */
void steer_fetch(struct bpf_program *p, unsigned at, int32_t offset, int to, int32_t bytes,
		 enum label beyond);
/* Register `to`: bytes of the frame from register `at` on. */
void steer_left_from(struct bpf_program *p, unsigned to, unsigned at);
void steer_unless_enabled(struct bpf_program *p, uint32_t type, enum label label);

/* To the level's Ethernet header at AT, with room for tags more tags than those seen. */
void steer_ethernet(struct bpf_program *p, enum level level);
void steer_ipv4(struct bpf_program *p, enum level level);
void steer_ipv6(struct bpf_program *p, enum level level);

/* To what a tunnel whose header begins at MORE carries, if its type is enabled; BPF_REG_1: the
 * protocol of that header, which stays in PROTOCOL. Else: to `none`. */
void steer_tunnel(struct bpf_program *p, unsigned ip_version, enum label none);

#endif
