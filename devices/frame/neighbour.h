/* devices/frame/neighbour.h: "who has this address?", asked by ARP (RFC 826) or IPv6 neighbour
 * discovery (RFC 4861), and the answer in the name of whoever is asked for: for a link on which
 * everybody but the asker is behind one address. Pure. */
#ifndef TAPVM_FRAME_NEIGHBOUR_H
#define TAPVM_FRAME_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

enum { NEIGHBOUR_ANSWER_MAX = 14 + 40 + 32 };

/* Whether the frame, of which bytes[0, len) are here, asks for somebody else's link-layer address.
 * Not so of those by which a host looks whether its own address is free, or says that it has it: an
 * answer would take the address away from it (RFC 5227, 2.1 and 2.3; RFC 4862, 5.4). These are ARP
 * with the sender 0.0.0.0 or the sender as target, and a solicitation from :: or for its source. */
bool neighbour_asks(const uint8_t *bytes, uint32_t len);

/* The frame that answers one of which neighbour_asks says so: mac is whose they ask for. Returns
 * its length. */
uint32_t neighbour_answer(const uint8_t *question, const uint8_t mac[static 6],
			  uint8_t ret[static NEIGHBOUR_ANSWER_MAX]);

#endif
