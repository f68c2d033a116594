/* devices/tap/steer_priv.h: registers, places on the stack and labels that the parts of the
 * steering program share. */
#ifndef TAPVM_TAP_STEER_PRIV_H
#define TAPVM_TAP_STEER_PRIV_H

#include "devices/frame/hash.h"
#include "devices/frame/headers.h"
#include "devices/frame/parse.h"
#include "devices/tap/bpf.h"
#include "devices/tap/steer_map.h"

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
	HEADER_END = -128, /* offset behind an extension header */
	OPTIONS_AT = -136, /* of the last destination header, if one was seen */
	OPTIONS_END = -144,
	EXTENDED = -152,   /* 1: there are extension headers */
	PROTOCOL = -160,   /* of what begins at MORE behind IP */
	EXTENSIONS = -168, /* counters of loops */
	OPTIONS = -176,
	OPTIONS_SEEN = -184,
	STACK_BOTTOM = OPTIONS_SEEN,
};

/* Where the frame begins, and what it carries if that counts (hash.h, tunnels). */
enum level { OUTER, INNER, LEVELS };

enum label {
	ETHERNET_AT, /* of each level one */
	IPV4_AT = ETHERNET_AT + LEVELS,
	IPV6_AT = IPV4_AT + LEVELS,
	IPV6_CUT = IPV6_AT + LEVELS,          /* the extension headers do not end */
	IPV6_UPPER = IPV6_CUT + LEVELS,       /* behind them */
	IPV4_TRANSPORT = IPV6_UPPER + LEVELS, /* MORE: where it begins */
	IPV6_TRANSPORT,
	IPV6_PLAIN, /* by the packet's own addresses */
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
/* Bytes of the stack, a multiple of 8. */
void steer_copy(struct bpf_program *p, int to, int from, int bytes);
void steer_unless_enabled(struct bpf_program *p, uint32_t type, enum label label);

/* From AT on. */
void steer_ethernet(struct bpf_program *p, enum level level);
void steer_ipv4(struct bpf_program *p, enum level level);
void steer_ipv6(struct bpf_program *p, enum level level);

/* The home address of the last destination header, if it is among the first options, to HOME. */
void steer_home(struct bpf_program *p);

/* To what a tunnel carries whose header begins at MORE, if its type is enabled, else to `none`. */
void steer_tunnel(struct bpf_program *p, unsigned ip_version, enum label none);

#endif
