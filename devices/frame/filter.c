/* devices/frame/filter.c: receive filtering by destination address. */
#include "devices/frame/filter.h"

#include <string.h>

static bool listed(const uint8_t table[][6], unsigned count, const uint8_t *address)
{
	for (unsigned i = 0; i < count; i++)
		if (memcmp(table[i], address, 6) == 0)
			return true;
	return false;
}

/* CTRL-04, CTRL-05, CTRL-10, CTRL-12. */
bool filter_passes(const struct filter *f, const uint8_t destination[static 6])
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!f->active || f->promiscuous || memcmp(destination, broadcast, 6) == 0)
		return true;
	if ((destination[0] & 1) != 0)
		return f->all_multicast || f->multicast_overflow ||
		       listed(f->multicast, f->multicast_count, destination);
	return f->unicast_overflow || memcmp(destination, f->mac, 6) == 0 ||
	       listed(f->unicast, f->unicast_count, destination);
}
