/* devices/backend/tun.h: a TUN as a backend: IP packets without Ethernet on the descriptor,
 * Ethernet frames in the slots.
 *
 * The guest's link has one neighbour, the host's side, with an address of its own: whoever is asked
 * for by ARP or neighbour solicitation is there (frame/neighbour.h says what is answered). The
 * answers come by recv; has_input tells of them. Where a packet of the host's goes to: group
 * addresses to their MAC, the rest to the guest's address, which is learnt from what it sends, as a
 * bridge does, and is the configured one again whenever the carrier goes off.
 * What is not IP is dropped; a VLAN tag makes a frame such. A checksum that the guest left out must
 * begin behind the Ethernet header. Source: Linux drivers/net/tun.c. */
#ifndef TAPVM_BACKEND_TUN_H
#define TAPVM_BACKEND_TUN_H

#include "devices/backend/tap.h"

struct backend_tun_config {
	struct backend_tap_config tap; /* of a TUN's descriptors */
	uint8_t host_mac[6];           /* what the guest sees as its neighbour */
	uint8_t guest_mac[6];          /* until it sends */
};

struct err backend_tun_create(const struct backend_tun_config *config,
			      struct backend **ret_backend) MUST_USE;

#endif
