/* devices/backend/tap_steer.c: what a TAP's steering program goes by, set in the map that we share
 * with it. A frame that comes while it is written goes by a mixture of both; each queue that it can
 * be given to is in one of them. */
#include "devices/backend/tap_steer.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "devices/tap/steer_map.h"

static_assert((int)STEER_TABLE_MAX == (int)STEERING_TABLE_MAX,
	      "the program's table is the device's");

struct err tap_steer_open(int map_fd, struct steer_map **ret_map)
{
	void *at =
		mmap(NULL, sizeof(struct steer_map), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	if (at == MAP_FAILED)
		return err_make(ERR_SETUP, errno, "map the table of a steering program");
	*ret_map = at;
	return err_none();
}

void tap_steer_close(struct steer_map *map)
{
	if (map != NULL)
		(void)munmap(map, sizeof(*map));
}

void tap_steer_fill(struct steer_map *map, const struct backend_steering *s, const uint16_t *place)
{
	map->hash = s->hash;
	map->mask = s->mask;
	map->unclassified = place[s->unclassified];
	for (unsigned i = 0; i <= s->mask; i++)
		map->queue[i] = place[s->queue[i]];
}
