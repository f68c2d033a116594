/* devices/frame/filter.c: receive filtering by destination address and VLAN. */
#include "devices/frame/filter.h"

#include <string.h>

#include "devices/frame/headers.h"

static bool listed(const uint8_t table[][6], unsigned count, const uint8_t *address)
{
	for (unsigned i = 0; i < count; i++)
		if (memcmp(table[i], address, 6) == 0)
			return true;
	return false;
}

/* CTRL-05, CTRL-06, CTRL-10, CTRL-12: what keeps a kind out is stronger than what lets it in;
 * multicast modes are not about broadcast. */
static bool address_passes(const struct filter *f, const uint8_t *to)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (memcmp(to, broadcast, 6) == 0)
		return !f->no_broadcast;
	if ((to[0] & 1) != 0)
		return !f->no_multicast &&
		       (!f->active || f->all_multicast || f->multicast_overflow ||
			listed(f->multicast, f->multicast_count, to));
	return !f->no_unicast &&
	       (!f->active || f->all_unicast || f->unicast_overflow || memcmp(to, f->mac, 6) == 0 ||
		listed(f->unicast, f->unicast_count, to));
}

/* CTRL-13: the outer tag, if it is a customer's (802.1Q): a driver has no command that names a
 * service tag. */
static bool vlan_passes(const struct filter *f, const uint8_t *bytes, uint32_t len)
{
	unsigned id;

	if (!f->by_vlan || len < ETH_BYTES + 2 || be16_read(bytes + ETH_TYPE) != TYPE_VLAN)
		return true;
	id = be16_read(bytes + ETH_BYTES) & 0x0fff;
	return (f->vlan[id / 64] >> (id % 64) & 1) != 0;
}

/* CTRL-04: promiscuous lets in everything, whatever the other modes say. */
bool filter_passes(const struct filter *f, const uint8_t *bytes, uint32_t len)
{
	return f->promiscuous || (address_passes(f, bytes) && vlan_passes(f, bytes, len));
}

void filter_set_vlan(struct filter *f, uint16_t id, bool on)
{
	uint64_t bit = UINT64_C(1) << (id % 64), *word = &f->vlan[id / 64];

	*word = on ? *word | bit : *word & ~bit;
}
