/* devices/net/features.h: the features of virtio-net: bit, switch, what each needs, what is
 * offered. Pure. Source: virtio 1.4, 5.1.3 and 6. */
#ifndef TAPVM_NET_FEATURES_H
#define TAPVM_NET_FEATURES_H

#include "devices/base/err.h"
#include "devices/virtio/device.h"

struct net_config;

struct net_feature {
	uint8_t bit;
	const char *name;  /* of its switch, NAME=on|off; NULL: it has none */
	const char *means; /* for the help, and for whoever asks in vain */
	bool usual;        /* offered where it is possible, unless it is switched off */
	bool (*possible)(const struct net_config *config); /* NULL: always */
};
enum { NET_FEATURES_MAX = 128 };
extern const struct net_feature net_features[];
extern const unsigned net_feature_count;
/* Of its switch; words that will do for one that has none. */
const char *net_feature_name(unsigned bit);

/* What the user wrote: bits switched on, and bits switched off. The rest is as usual. */
struct net_switches {
	struct features on, off;
};

/* What the guest is told of the link; nothing is held to it. */
enum { NET_SPEED_MAX = 0x7fffffff };
struct net_speed {
	bool known;
	uint32_t mbits; /* a second, up to NET_SPEED_MAX */
	enum { NET_DUPLEX_UNKNOWN, NET_DUPLEX_HALF, NET_DUPLEX_FULL } duplex;
};

/* What a driver is offered: possible, usual or switched on, and with all that it needs (CORE-11,
 * CORE-12). */
struct features net_offer(const struct net_config *config);
/* A feature that was switched on and cannot be offered: says which, and what it lacks. Several
 * pairs of which no driver could make use are one more such case. */
struct err net_offer_check(const struct net_config *config) MUST_USE;
/* Takes off whatever lacks what it needs, and what stands on that. */
void net_features_trim(struct features *f);
/* Does an accepted set hold together? (CORE-16) */
bool net_features_ok(const struct features *accepted);

#endif
